"""A machine that is put back runs on as it did before."""

from __future__ import annotations

import numpy as np
import pytest

from instsim.emulate.checkpoint import Checkpoint
from instsim.emulate.instruction_hooks import InstructionHooks
from instsim.emulate.machine import Machine
from instsim.emulate.printed import printed_text
from tests.emulate.bundled import chip, image_of

_BUDGET_CYCLES = 50_000_000
PROGRAMS = (
    ("exceptions-scheduler", "cortex-m4"),
    ("exceptions-scheduler", "rv32imc"),
    ("exceptions-nested", "cortex-m7"),
    ("exceptions-sleep", "cortex-m0plus"),
    ("exceptions-traps", "rv32imc"),
    ("counters", "rv32imc"),
    ("divide", "cortex-m33"),
    ("dispatch-s28-nested", "cortex-m4"),
)


def end_of(machine: Machine) -> tuple[object, ...]:
    """Everything that tells how a run went."""
    stop = machine.run(_BUDGET_CYCLES)
    counters = machine.counters
    ran = {
        (address, size): count
        for address, size, count in zip(counters.addresses.tolist(), counters.sizes.tolist(), counters.counts()[0].tolist(), strict=True)
        if count
    }
    ram = tuple(bank.bytes.tobytes() for bank in machine.memory.banks if bank.spec.name == "ram")
    interrupts = machine.processor.log.snapshot()
    return stop.reason, stop.pc, printed_text(machine), counters.ticks, machine.idle_ticks, ran, ram, machine.divides, interrupts


@pytest.mark.parametrize(("name", "core"), PROGRAMS)
@pytest.mark.parametrize("at", [0.0, 0.3, 0.8])
def test_a_machine_goes_on_from_where_it_is_put_back_to(name: str, core: str, at: float) -> None:
    whole = Machine(image_of(name, core), chip(core))
    end_of(whole)
    once, machine = (Machine(image_of(name, core), chip(core)) for _ in range(2))
    if at:
        once.run(int(at * whole.now_cycles()))
        machine.run(int(at * whole.now_cycles()))
    wanted = end_of(once)
    checkpoint = Checkpoint(machine)
    for _ in range(3):
        found = end_of(machine)
        assert found[:5] == wanted[:5]
        assert found[6:] == wanted[6:]
        assert sum(found[5].values()) == sum(wanted[5].values())  # type: ignore[attr-defined]
        checkpoint.restore()


def test_hooks_can_be_exchanged_without_translating_code_anew() -> None:
    machine = Machine(image_of("calls", "cortex-m4"), chip("cortex-m4"))
    hooks, checkpoint = InstructionHooks(machine.engine), Checkpoint(machine)
    met: list[list[int]] = []
    for _ in range(2):
        checkpoint.restore()
        hooks.clear()
        met.append([])
        hooks.add(machine.start, met[-1].append)
        hooks.add(machine.start, met[-1].append)
        machine.run(_BUDGET_CYCLES)
    checkpoint.restore()
    hooks.clear()
    machine.run(_BUDGET_CYCLES)
    assert met == [[machine.start] * 2] * 2
    assert np.all(machine.counters.counts()[0] >= 0)
