"""A machine that ran gives its memory back at once, not when the garbage collector gets to it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from instsim.emulate import run as run_module
from instsim.emulate.machine import Machine
from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.emulate.short_way import ShortWay
from tests.emulate.bundled import chip, image_of
from tests.emulate.riscv_assembler import SELF_LOOP, assemble, machine_of, registers, set_registers, wide


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_unicorn_and_the_chips_memory_go_with_the_run(core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    handles, held = [], []

    class Watched(Machine):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            handles.append(self.engine.uc._uch)
            held.extend([weakref.ref(self.memory.banks[0]), weakref.ref(self.counters._records)])

    monkeypatch.setattr(run_module, "Machine", Watched)
    profile = profile_image(image_of("divide", core), chip(core), RunOptions(RegionRequest(RegionRule.WHOLE_RUN)))
    assert profile.executions.sum() > 0
    assert [handle.value for handle in handles] == [None]
    assert [found() for found in held] == [None, None]


@pytest.mark.usefixtures("without_collector")
def test_a_closed_machine_leaves_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    # The native code for extensions finds its machine by Unicorn's handle, which another machine may get when this one is gone.
    tables = []
    enter = ShortWay.enter

    def watched(way: ShortWay, *arguments: object) -> bool:
        tables.append(way._table)
        return enter(way, *arguments)

    monkeypatch.setattr(ShortWay, "enter", watched)
    machine = machine_of(assemble(wide("sh1add", 10, 11, 12), SELF_LOOP))
    set_registers(machine, {11: 3, 12: 100})
    machine.run(20_000)
    assert registers(machine)[10] == 106
    if not tables:
        pytest.skip("no short way on this host")
    handle = machine.engine.handle
    assert handle in tables[0]
    machine.close()
    assert handle not in tables[0]


def test_a_machine_that_nobody_closed_goes_with_the_collector() -> None:
    machine = machine_of(assemble(wide("sh1add", 10, 11, 12), SELF_LOOP))
    machine.run(20_000)
    seen = weakref.ref(machine)
    del machine
    gc.collect()
    assert seen() is None
