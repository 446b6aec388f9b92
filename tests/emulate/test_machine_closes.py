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
from tests.emulate.bundled import chip, image_of


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
