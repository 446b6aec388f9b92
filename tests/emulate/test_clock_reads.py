"""Firmware that reads a clock twice within one translated block is told how long the instructions between took."""

from __future__ import annotations

from contextlib import closing

import pytest

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.access_place import AccessPlace
from instsim.emulate.machine import Machine, StopReason
from tests.emulate.riscv_assembler import C_NOP, SELF_LOOP, assemble, machine_of
from tests.emulate.thumb_program import CODE, machine_of_thumb

PRICE = 3
"""Cycles of each two bytes of code."""
NOP = 0xBF00
DWT_CYCCNT, SYST_CSR = 0xE0001004, 0xE000E010
LATEST = 1000


def price(_address: int, code: bytes) -> float:
    return PRICE * len(code) / 2


def thumb_machine(halves: list[int], r0: int, priced: bool = True) -> Machine:
    return machine_of_thumb(halves, (r0,), devices=((0xE0000000, 0x100000),), block_cycles=price if priced else None)


def run_thumb(halves: list[int], r0: int, priced: bool = True) -> Machine:
    machine = thumb_machine(halves, r0, priced)
    machine.run(LATEST)
    return machine


def registers(machine: Machine) -> list[int]:
    return [machine.engine.read_register(number) for number in machine.engine.registers.general]


LDR_R1, LDR_R2, LDR_R3, LOOP = 0x6801, 0x6802, 0x6803, 0xE7FE


def test_two_reads_of_the_cycle_counter_in_a_block_are_apart_by_what_lies_between() -> None:
    with closing(run_thumb([NOP, LDR_R1, NOP, NOP, NOP, LDR_R2, LDR_R3, NOP, NOP, LOOP], DWT_CYCCNT)) as machine:
        values = registers(machine)
    assert values[1:4] == [1 * PRICE, 5 * PRICE, 6 * PRICE]


def test_accesses_to_devices_use_a_budget_up() -> None:
    with closing(thumb_machine([NOP, LDR_R1, 0xE7FC], DWT_CYCCNT)) as machine:
        stops = [machine.run(30_000_000, None, 1000) for _ in range(2)]
        assert [stop.reason for stop in stops] == [StopReason.BUDGET] * 2
        assert stops[0].message == "1,000 accesses to devices"
        assert machine.counters.ticks == 2 * 1000 * 3 * PRICE * TICKS_PER_CYCLE


def test_without_prices_a_block_passes_evenly() -> None:
    with closing(run_thumb([NOP, LDR_R1, NOP, NOP, NOP, LDR_R2, LDR_R3, NOP, NOP, LOOP], DWT_CYCCNT, priced=False)) as machine:
        values = registers(machine)
    assert values[1:4] == [1, 5, 6]


def test_code_that_is_translated_anew_is_told_the_same_times() -> None:
    halves = [NOP, LDR_R1, NOP, LDR_R2, 0xE7FA]  # again and again
    with closing(thumb_machine(halves, DWT_CYCCNT)) as machine:
        for until in (200, 400):
            machine.run(until)
            values = registers(machine)
            assert values[2] - values[1] == 2 * PRICE
            assert until - 2 * 5 * PRICE < values[2] < until + 5 * PRICE
            # Other instructions may come to lie where these were translated to.
            assert machine._ahead
            machine.engine.forget_all_code()
            assert not machine._ahead


def test_a_device_that_no_load_or_store_reaches_leaves_the_program_counter_alone() -> None:
    seen: list[tuple[int, int]] = []
    with closing(thumb_machine([LDR_R1, NOP, NOP, 0xE7FF, NOP, NOP, LOOP], DWT_CYCCNT)) as machine:
        hooked = CODE + 10

        def ask(_address: int) -> None:
            machine.engine.read_device(DWT_CYCCNT, 4)
            seen.append((machine.tell_cycles(), machine.engine.pc))

        machine.engine.on_instruction(hooked, ask)
        machine.run(LATEST)
    # The second block runs: all of it counts.
    assert seen == [(7 * PRICE, hooked)]


def test_a_read_inside_an_it_block_leaves_the_conditions_of_later_instructions_alone() -> None:
    # cmp r0, #0; ittt ne: all three run, and nothing behind them has a condition.
    halves = [0x2800, 0xBF1E, LDR_R1, LDR_R2, 0x2405, 0x2506, 0x2607, LOOP]
    with closing(run_thumb(halves, DWT_CYCCNT)) as machine:
        values = registers(machine)
    assert values[2] - values[1] == PRICE
    assert values[4:7] == [5, 6, 7]


def test_systick_counts_down_within_a_block() -> None:
    # str r5 (reload), str r5 (value), str r4 (control) at r0 + 4, 8, 0; then reads of the value at r0 + 8.
    start = [0x25FF, 0x6045, 0x6085, 0x2405, 0x6004]
    with closing(run_thumb([*start, 0x6881, NOP, NOP, 0x6882, LOOP], SYST_CSR)) as machine:
        values = registers(machine)
    assert values[1] - values[2] == 3 * PRICE


def test_two_reads_of_mcycle_are_apart_by_what_lies_between_whatever_comes_behind() -> None:
    read_x5, read_x6 = (0xB0002073 | register << 7 for register in (5, 6))
    with closing(machine_of(assemble(read_x5, *[C_NOP] * 6, read_x6, *[C_NOP] * 20, SELF_LOOP))) as machine:
        machine.run(LATEST)
        values = registers(machine)
    # A cycle for every two bytes: the read itself and six short instructions.
    assert values[6] - values[5] == 2 + 6


def test_a_host_that_does_not_tell_the_instruction_gives_the_end_of_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AccessPlace, "pc", lambda *_: None)
    with closing(run_thumb([NOP, LDR_R1, NOP, LDR_R2, LOOP], DWT_CYCCNT)) as machine:
        values = registers(machine)
    assert values[1:3] == [5 * PRICE, 5 * PRICE]
