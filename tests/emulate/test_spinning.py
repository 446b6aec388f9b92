"""Loops that wait are told from loops that compute: by the state that comes back, on every core, however often one looks."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from instsim.emulate import spinning
from instsim.emulate.devices.pl011 import Pl011
from instsim.emulate.machine import Machine, Stop, StopReason
from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.emulate.spec import DeviceSpec, InterruptSpec, MachineSpec
from instsim.emulate.spinning import SpinWatch
from instsim.errors import RunError
from instsim.image import FirmwareImage
from instsim.profile import BlockProfile
from instsim.profile.file import profile_bytes
from tests.emulate.bundled import chip, entry, image_of, manifest

ARM = ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33")
CORES = (*ARM, "rv32imc")
CLINT = 0x02000000
TICKS, NO_TICKS, DEVICE_FLAG, TWO_REGISTERS, REGISTER_WORK, MEMORY_WORK, FLOAT_WORK, CALLS, FIFO, YIELDS, YIELDS_FOR_EVER, YIELD_WORK = range(12)
TICK_CYCLES = 50_000
BUDGET = 2_000_000_000


def waits(core: str, case: int) -> FirmwareImage:
    """The image of loops with a case chosen."""
    image = image_of("exceptions-waits", core)
    chosen = image.symbol("chosen")
    assert chosen is not None
    segments = []
    for segment in image.segments:
        place, data = chosen.address - segment.virtual_address, segment.data
        if 0 <= place < len(data):
            data = data[:place] + struct.pack("<I", case) + data[place + 4 :]
        segments.append(replace(segment, data=data))
    return replace(image, segments=tuple(segments))


def chip_with(core: str, *devices: tuple[str, int, dict[str, Any]]) -> MachineSpec:
    spec = chip(core)
    if core == "rv32imc":
        spec = replace(spec, device_windows=(*spec.device_windows, (CLINT, 0x10000)), interrupts=InterruptSpec(clint=CLINT))
    base = 0x60001000 if core == "rv32imc" else 0x40001000
    specs = tuple(DeviceSpec(model, model, base + offset, 0x10, parameters=tuple(sorted(p.items()))) for model, offset, p in devices)
    return replace(spec, devices=specs)


@pytest.fixture
def always_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look from the first block on, and again as soon as one look has ended."""
    monkeypatch.setattr(spinning, "_FIRST_LOOK_TICKS", 1)
    monkeypatch.setattr(spinning, "_LONGEST_TICKS", 1)


def run(image: FirmwareImage, spec: MachineSpec, *, watched: bool, counted: bool = False, budget: int = BUDGET) -> tuple[Machine, Stop]:
    machine = Machine(image, spec)
    if watched:
        machine.spin = SpinWatch(machine, lambda: counted)
    return machine, machine.run(budget)


def profile(image: FirmwareImage, core: str, request: RegionRequest) -> BlockProfile:
    return profile_image(image, chip_with(core), RunOptions(request, budget_cycles=BUDGET))


@pytest.mark.parametrize(("case", "said"), [(TICKS, "a thousand ticks\n"), (YIELDS, "twelve ticks\n")])
@pytest.mark.parametrize("core", CORES)
def test_time_passes_from_tick_to_tick_as_if_every_pass_had_run(core: str, case: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spinning, "_FIRST_LOOK_TICKS", 1 << 20)
    image = waits(core, case)
    skipping, stop = run(image, chip_with(core), watched=True)
    plain, plain_stop = run(image, chip_with(core), watched=False)
    assert stop.reason is plain_stop.reason is StopReason.EXIT
    assert skipping.semihosting.text == plain.semihosting.text == said
    assert skipping.counters.ticks == plain.counters.ticks
    assert skipping.idle_ticks > 0.5 * skipping.counters.ticks
    passes = "ticks_so_far", "wait_for_ticks", "yield_for_ticks", "on_yield"
    assert executions(skipping, *passes) < 0.5 * executions(plain, *passes)
    assert executions(skipping, "on_tick", "timer_entry") == executions(plain, "on_tick", "timer_entry")


def executions(machine: Machine, *names: str) -> int:
    """How often blocks of functions ran."""
    spans = [(s.address, s.address + s.size) for s in machine.image.symbols if s.name in names]
    inside = np.array([any(start <= address < stop for start, stop in spans) for address in machine.counters.addresses.tolist()])
    return int(machine.counters.counts()[0][inside].sum())


@pytest.mark.parametrize("core", CORES)
def test_a_region_that_waits_is_measured_whole(core: str) -> None:
    """The time of a region is real, whatever it spends it on: the profile is that of a run in which nobody looks for loops."""
    image = waits(core, TICKS)
    function = image.symbol("wait_for_ticks")
    assert function is not None
    request = RegionRequest(RegionRule.SYMBOL, function.address, fall_back=False)
    watched = profile(image, core, request)
    assert any("waits in loops for at least" in text and "wait_for_ticks" in text for text in watched.run.warnings)
    assert watched.run.idle_cycles == 0
    plain, _ = run(image, chip_with(core), watched=False)
    assert int(watched.executions.sum()) > 0.9 * executions(plain, "wait_for_ticks", "ticks_so_far")


@pytest.mark.parametrize("core", CORES)
def test_a_region_behind_a_wait_is_not_changed_by_it(core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = waits(core, TICKS)
    function = image.symbol("print_text")
    assert function is not None
    request = RegionRequest(RegionRule.SYMBOL, function.address, fall_back=False)
    skipping = profile(image, core, request)
    monkeypatch.setattr(spinning, "_FIRST_LOOK_TICKS", 1 << 60)
    plain = profile(image, core, request)
    assert replace_run(skipping) == replace_run(plain)


def replace_run(found: BlockProfile) -> bytes:
    """The profile without what a run says of the time before its region."""
    return profile_bytes(replace(found, run=replace(found.run, total_instructions=0, warnings=())))


def test_the_same_waits_give_the_same_bytes() -> None:
    image = waits("cortex-m4", TICKS)
    request = RegionRequest(RegionRule.KERNELS)
    first, second = (profile(image, "cortex-m4", request) for _ in range(2))
    assert profile_bytes(first) == profile_bytes(second)
    assert first.run.idle_cycles > 500 * TICK_CYCLES
    assert any("waited in loops through" in text and "wait_for_ticks" in text for text in first.run.warnings)


@pytest.mark.parametrize("core", CORES)
def test_a_wait_that_nothing_can_end_stops_and_names_what_is_read(core: str) -> None:
    machine, stop = run(waits(core, NO_TICKS), chip_with(core), watched=True)
    assert stop.reason is StopReason.WAITING
    assert "never_set (0x" in stop.message
    assert machine.counters.ticks < 2 * spinning._FIRST_LOOK_TICKS
    wait = machine.image.symbol("wait_for_ever")
    assert wait is not None
    assert wait.address <= stop.pc < wait.address + wait.size


@pytest.mark.parametrize("core", CORES)
def test_giving_way_for_ever_where_nothing_is_due_is_waiting(core: str) -> None:
    machine, stop = run(waits(core, YIELDS_FOR_EVER), chip_with(core), watched=True)
    assert stop.reason is StopReason.WAITING
    assert "gives way by exceptions" in stop.message
    assert machine.counters.ticks < 2 * spinning._FIRST_LOOK_TICKS


@pytest.mark.usefixtures("always_looking")
@pytest.mark.parametrize("core", CORES)
def test_work_in_a_handler_that_a_loop_calls_by_an_exception_is_work(core: str) -> None:
    image = waits(core, YIELD_WORK)
    watched, stop = run(image, chip_with(core), watched=True)
    plain, _ = run(image, chip_with(core), watched=False)
    assert stop.reason is StopReason.EXIT
    assert (watched.semihosting.text, watched.counters.ticks) == (plain.semihosting.text, plain.counters.ticks)
    assert watched.idle_ticks == 0
    assert np.array_equal(watched.counters.counts(), plain.counters.counts())


@pytest.mark.parametrize("core", CORES)
def test_a_flag_of_a_modelled_device_that_never_comes_is_named(core: str) -> None:
    machine, stop = run(waits(core, DEVICE_FLAG), chip_with(core, ("constant", 0, {"value": 0x5})), watched=True)
    assert stop.reason is StopReason.WAITING
    assert "(constant+0x0) as 0x5" in stop.message
    assert not machine.devices.polled


@pytest.mark.parametrize("core", CORES)
def test_two_unmodelled_registers_asked_in_turn_are_named(core: str) -> None:
    """Nobody tries other values where two registers are read one after the other."""
    _, stop = run(waits(core, TWO_REGISTERS), chip_with(core), watched=True)
    assert stop.reason is StopReason.WAITING
    base = 0x60001100 if core == "rv32imc" else 0x40001100
    assert f"{base:#010x} as 0x0" in stop.message
    assert f"{base + 4:#010x} as 0x0" in stop.message


@pytest.mark.usefixtures("always_looking")
@pytest.mark.parametrize("core", CORES)
def test_values_are_tried_before_an_unmodelled_register_counts_as_waited_for(core: str) -> None:
    machine, stop = run(waits(core, DEVICE_FLAG), chip_with(core), watched=True)
    assert stop.reason is StopReason.EXIT
    assert machine.devices.polled


@pytest.mark.usefixtures("always_looking")
@pytest.mark.parametrize("core", CORES)
def test_a_queue_of_equal_characters_is_read_to_its_end(core: str) -> None:
    image, spec = waits(core, FIFO), chip_with(core, ("pl011", 0x200, {}))
    spec = replace(spec, devices=tuple(replace(device, size=0x80) for device in spec.devices))
    machine = Machine(image, spec)
    port = machine.devices.around.devices["pl011"]
    assert isinstance(port, Pl011)
    for _ in range(12):
        port.receive(ord("a"))
    machine.spin = SpinWatch(machine, lambda: False)
    assert machine.run(BUDGET).reason is StopReason.EXIT
    assert machine.semihosting.text == "read to the end\n"


WORK = [(core, case) for core in CORES for case in (REGISTER_WORK, MEMORY_WORK, FLOAT_WORK) if case != FLOAT_WORK or core in ARM[1:]]


@pytest.mark.parametrize(("core", "case"), WORK)
def test_a_computing_loop_is_never_taken_for_one_that_waits(core: str, case: int) -> None:
    """Its state changes in one register, in one word of memory, or in one floating-point register, and in nothing else."""
    image = waits(core, case)
    watched, stop = run(image, chip_with(core), watched=True)
    plain, _ = run(image, chip_with(core), watched=False)
    assert stop.reason is StopReason.EXIT
    assert watched.semihosting.text == plain.semihosting.text
    assert watched.counters.ticks == plain.counters.ticks > spinning._FIRST_LOOK_TICKS
    assert watched.idle_ticks == 0
    assert np.array_equal(watched.counters.counts(), plain.counters.counts())


def test_calls_that_are_being_counted_are_no_wait() -> None:
    """A loop without effects calls a function; the region is a call of it that comes long after the loop could have been recognised."""
    image = waits("cortex-m4", CALLS)
    function = image.symbol("called_again_and_again")
    assert function is not None
    ran = profile(image, "cortex-m4", RegionRequest(RegionRule.SYMBOL, function.address, call=200_000, fall_back=False))
    assert ran.run.stop_reason == "region-done"
    with pytest.raises(RunError, match="never comes"):
        profile(image, "cortex-m4", RegionRequest(RegionRule.SYMBOL, image.symbol("wait_for_ever").address, fall_back=False))  # type: ignore[union-attr]


SMALL = [
    (image["name"], image["core"])
    for image in manifest()
    if image["outcome"] == "exit" and image["name"].startswith(("exceptions-", "divide", "calls", "floating", "predicated", "code-in-ram"))
]


@pytest.mark.usefixtures("always_looking")
@pytest.mark.parametrize(("name", "core"), [each for each in SMALL if each[0] != "exceptions-waits"])
def test_looking_all_the_time_changes_nothing_that_firmware_does(name: str, core: str) -> None:
    machine, stop = run(image_of(name, core), chip_with(core), watched=True, budget=100_000)
    plain, plain_stop = run(image_of(name, core), chip_with(core), watched=False, budget=100_000)
    assert (stop.reason, machine.semihosting.text, machine.counters.ticks) == (plain_stop.reason, plain.semihosting.text, plain.counters.ticks)
    if stop.reason is StopReason.EXIT:
        assert machine.semihosting.text == entry(name, core)["expected_stdout"]
