"""Exceptions on every core: bundled programs that check themselves, what the profile says of them, and the same again."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from instsim.emulate.faults_arm import TRAP_FAULTS
from instsim.emulate.machine import Machine, StopReason
from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.emulate.spec import InterruptSpec, MachineSpec
from instsim.profile import BlockProfile
from instsim.profile.file import profile_bytes, profile_from_bytes
from tests.emulate.bundled import chip, entry, image_of, manifest
from tests.emulate.riscv_assembler import machine_of

PROGRAMS = [(image["name"], image["core"]) for image in manifest() if image["name"].startswith("exceptions")]
ARM = ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33")
BUDGET = 100_000_000
CLINT = 0x02000000


def chip_with_interrupts(core: str) -> MachineSpec:
    spec = chip(core)
    if core != "rv32imc":
        return spec
    return replace(spec, device_windows=(*spec.device_windows, (CLINT, 0x10000)), interrupts=InterruptSpec(clint=CLINT))


def whole_run(name: str, core: str) -> BlockProfile:
    return profile_image(image_of(name, core), chip_with_interrupts(core), RunOptions(RegionRequest(RegionRule.WHOLE_RUN), budget_cycles=BUDGET))


@cache
def profile_of(name: str, core: str) -> BlockProfile:
    return whole_run(name, core)


def uses(profile: BlockProfile, name: str) -> Any:
    return next(use for use in profile.run.exceptions if use.name == name)


@pytest.mark.parametrize(("name", "core"), PROGRAMS)
def test_program_prints_what_it_checked(name: str, core: str) -> None:
    expected = entry(name, core)
    machine = Machine(image_of(name, core), chip_with_interrupts(core))
    stop = machine.run(BUDGET)
    assert machine.semihosting.text == expected["expected_stdout"]
    assert stop.reason is {"exit": StopReason.EXIT, "fault": StopReason.FAULT, "deadlock": StopReason.DEADLOCK}[expected["outcome"]], stop
    if expected["outcome"] == "exit":
        assert machine.semihosting.exit_code == 0


@pytest.mark.parametrize(("name", "core"), [p for p in PROGRAMS if entry(*p)["outcome"] == "exit"])
def test_two_runs_give_the_same_bytes(name: str, core: str) -> None:
    assert profile_bytes(profile_of(name, core)) == profile_bytes(whole_run(name, core))


@pytest.mark.parametrize("core", ARM)
def test_tail_chained_handlers_stack_once(core: str) -> None:
    """Nine exceptions pend together: one entry, eight chained, one return."""
    run = profile_of("exceptions-nested", core).run
    entries = sum(use.entries for use in run.exceptions)
    assert entries == sum(use.returns for use in run.exceptions)
    assert sum(use.tail_chained for use in run.exceptions) >= 9
    pendsv = uses(profile_of("exceptions-nested", core), "PendSV")
    assert (pendsv.entries, pendsv.tail_chained) == (0, 1)


@pytest.mark.parametrize("core", ARM)
def test_interrupts_have_a_row_of_their_own(core: str) -> None:
    """What the timer's handler ran is charged to it alone: the rest equals the same call without interrupts, jumps included."""
    image = image_of("exceptions-interrupted", core)
    workload = image.symbol("workload")
    assert workload is not None

    def call_of_main(number: int) -> BlockProfile:
        region = RegionRequest(RegionRule.SYMBOL, workload.address, call=number, fall_back=False)
        return profile_image(image, chip_with_interrupts(core), RunOptions(region, budget_cycles=BUDGET))

    alone, disturbed = call_of_main(1), call_of_main(2)
    assert not alone.kernels
    assert [kernel.name for kernel in disturbed.kernels] == ["(interrupts)"]
    assert disturbed.kernels[0].executions == sum(use.entries for use in disturbed.run.exceptions) > 1000

    def instructions(profile: BlockProfile, row: int) -> dict[int, int]:
        bytes_run: dict[int, int] = {}
        for address, size, count in zip(profile.addresses.tolist(), profile.sizes.tolist(), profile.executions[row].tolist(), strict=True):
            for half in range(address, address + size, 2):
                bytes_run[half] = bytes_run.get(half, 0) + count
        return {half: count for half, count in bytes_run.items() if count}

    assert instructions(disturbed, 0) == instructions(alone, 0)
    taken_alone = int((alone.executions[0] - alone.fallthroughs[0]).sum())
    assert int((disturbed.executions[0] - disturbed.fallthroughs[0]).sum()) == taken_alone


@pytest.mark.parametrize("core", ARM)
def test_sleep_is_counted_apart(core: str) -> None:
    run = profile_of("exceptions-sleep", core).run
    assert 2_190_000 < run.idle_cycles < 2_210_000
    assert uses(profile_of("exceptions-sleep", core), "SysTick").entries == 25


def test_sleep_of_risc_v_neither_loses_nor_repeats_instructions() -> None:
    """Unicorn leaves a block in its middle at wfi; what follows it counts once."""
    profile = profile_of("exceptions-traps", "rv32imc")
    # The timer is set for 50,000 cycles behind a read of its time; from that read to the end of the wfi's block are 48 bytes, a cycle for every two.
    assert profile.run.idle_cycles == 50_000 - 24
    image = image_of("exceptions-traps", "rv32imc")
    main = image.symbol("main")
    assert main is not None
    inside = (profile.addresses >= main.address) & (profile.addresses < main.address + main.size)
    code_once = profile.block_executions[inside]
    assert (code_once >= 0).all()
    assert int(np.sort(code_once)[0]) == 1


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7", "cortex-m33"])
def test_floating_point_frames_are_saved_lazily(core: str) -> None:
    """SysTick's handler asks for a switch and touches no floating-point register; PendSV's does, behind it."""
    profile = profile_of("exceptions-scheduler", core)
    tick = uses(profile, "SysTick")
    assert tick.float_frames > 1000
    assert tick.float_saves <= tick.float_frames
    assert profile_of("exceptions-nested", core).run.exceptions[0].float_frames == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fault-unhandled", "undefined instruction (UsageFault, CFSR 0x00010000: UNDEFINSTR)"),
        ("nested-fault", "undefined instruction (UsageFault, CFSR 0x00010000: UNDEFINSTR; in the handler of exception 6, UsageFault)"),
        ("no-handler", "an endless loop that does nothing (a branch to itself) in the handler of exception 15"),
        (
            "no-stack",
            "an exception needs 32 bytes of stack at 0x5fffffe0, where there is no RAM (BusFault, CFSR 0x00001000: STKERR)",
        ),
    ],
)
def test_trouble_is_decoded(name: str, message: str) -> None:
    machine = Machine(image_of(f"exceptions-{name}", "cortex-m4"), chip("cortex-m4"))
    assert machine.run(BUDGET).message == message


@pytest.mark.parametrize(("active", "said"), [((2,), "locks up"), ((3,), "locks up"), ((16,), "in the handler of exception 16"), ((), "UNDEFINSTR)")])
def test_faults_in_handlers_say_where_and_whether_the_core_locks_up(active: tuple[int, ...], said: str) -> None:
    assert said in TRAP_FAULTS[1].describe("", None, has_own_exceptions=True, active=active)


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_prices_of_entries_let_time_pass(core: str) -> None:
    """A hundred cycles more an entry end the run later."""
    cycles = []
    for entry_cycles in (12.0, 112.0):
        spec = chip_with_interrupts(core)
        spec = replace(spec, interrupts=replace(spec.interrupts, cycles=replace(spec.interrupts.cycles, entry=entry_cycles)))
        machine = Machine(image_of("exceptions-scheduler", core), spec)
        assert machine.run(BUDGET).reason is StopReason.EXIT
        cycles.append(machine.now_cycles())
    assert cycles[1] > cycles[0] * 1.02


def test_exceptions_survive_a_saved_profile() -> None:
    profile = profile_of("exceptions-scheduler", "cortex-m4")
    loaded = profile_from_bytes(profile_bytes(profile), "saved")
    assert loaded.run == profile.run


def test_interrupts_from_events() -> None:
    """A device's line, driven by scheduled events, reaches the handler as often as it pends."""
    machine = Machine(image_of("exceptions-nested", "cortex-m4"), chip("cortex-m4"))
    assert machine.run(BUDGET).reason is StopReason.EXIT
    times: list[int] = []
    machine.events.schedule(machine.counters.ticks + 128, partial(times.append, 2))
    machine.events.schedule(machine.counters.ticks + 64, partial(times.append, 1))
    cancelled = machine.events.schedule(machine.counters.ticks + 64, partial(times.append, 9))
    machine.events.cancel(cancelled)
    machine.events.fire_due(machine.counters.ticks + 128)
    assert times == [1, 2]
    assert machine.events.next_ticks is None


@pytest.mark.parametrize(
    ("code", "is_stuck"), [(b"\x6f\x00\x00\x00", True), (b"\x01\xa0", True), (b"\x6f\x00\x20\x14", False), (b"\x01\xa0\x6f\x00", True)]
)
def test_only_a_branch_to_itself_is_an_endless_loop(code: bytes, is_stuck: bool) -> None:
    """A jump forward by 0x142 has the lower half of a jump to itself, and stands in tables of vectors."""
    machine = machine_of(code.ljust(8, b"\0"))
    assert bool(machine.processor.stuck_at(machine.next_pc)) == is_stuck
