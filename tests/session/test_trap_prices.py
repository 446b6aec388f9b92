"""What RISC-V traps cost: the tables against the simulated cores, and traps that firmware takes."""

from __future__ import annotations

import csv

import pytest

from instsim.cost import load_core
from instsim.cost.explain import explain
from instsim.resources import firmware_elf
from instsim.session.facade import estimate
from instsim.session.request import Request
from tests.emulate.bundled import path_of

with (firmware_elf() / "rtl" / "traps.csv").open(encoding="utf-8", newline="") as stream:
    SIMULATED = [(row["core"], int(row["ecall_and_mret"]), int(row["interrupt_and_mret"])) for row in csv.DictReader(stream)]


@pytest.mark.parametrize(("core", "ecall_and_mret", "interrupt_and_mret"), SIMULATED)
def test_tables_price_traps_as_the_simulated_cores_take_them(core: str, ecall_and_mret: int, interrupt_and_mret: int) -> None:
    table = load_core(core)
    system, entry = table.classes["system"], table.events["interrupt-entry"]
    assert system.cycles + entry.cycles == interrupt_and_mret
    # One price stands for both instructions.
    assert abs(2 * system.cycles - ecall_and_mret) <= 1


def test_interrupts_are_priced_by_entry_and_calls_as_instructions() -> None:
    found = estimate(path_of("exceptions-traps", "rv32imc"), Request(board="generic-rv32", core="hazard3", use_cache=False))
    uses = found.run.exceptions
    interrupts = sum(use.entries for use in uses if use.number >> 31)
    calls = sum(use.entries for use in uses if not use.number >> 31)
    assert interrupts
    assert calls
    events = {event.name: event for event in found.events}
    assert events["interrupt-entry"].count == interrupts
    assert events["interrupt-entry"].cycles == 2 * interrupts
    # Every trap ends in an mret, and every call is an instruction of the same class.
    assert events["class:system"].count >= interrupts + 2 * calls


def test_the_price_of_an_entry_says_where_it_comes_from() -> None:
    assert "instsim-rtl" in str(explain(load_core("ibex-small"), "interrupt-entry"))
