"""Operands of divides are counted exactly, past Unicorn's list of hooks and through it, whoever else watches."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

import pytest

from instsim.dynamics.divider import pack_operands
from instsim.emulate import divides
from instsim.emulate.direct_divides import DirectDivides
from instsim.emulate.machine import Machine
from tests.emulate.riscv_assembler import SELF_LOOP, addi, assemble, bne, machine_of, set_registers, wide
from tests.emulate.thumb_program import CODE, machine_of_thumb

DIVISOR, TIMES = 3, 40
THUMB_UDIV, THUMB_SDIV = CODE, CODE + 8
THUMB_CODE = (
    *(0xFBB0, 0xF4F1),  # again: udiv r4, r0, r1
    0x07C5,  # lsls r5, r0, #31
    0xBF08,  # it eq
    *(0xFB90, 0xF6F1),  # sdiveq r6, r0, r1
    0x3801,  # subs r0, #1
    0xD1F7,  # bne again
    0xE7FE,  # b .
    0xBF00,
    0xBF00,
)
RISCV_DIV = 0x10000000 + 4


@pytest.fixture(params=["direct", "hooks"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "hooks":
        monkeypatch.setattr(divides, "open_direct_divides", lambda *_: None)


def thumb_machine() -> Machine:
    return machine_of_thumb(THUMB_CODE, (TIMES, DIVISOR))


def riscv_machine() -> Machine:
    """Counts x5 down, dividing it by x6, between instructions that Unicorn does not know."""
    divide = 0x02000033 | 4 << 12 | 7 << 7 | 5 << 15 | 6 << 20
    machine = machine_of(assemble(wide("sh1add", 8, 5, 6), divide, wide("cpop", 9, 5), addi(5, 5, -1), bne(5, 0, -16), SELF_LOOP))
    set_registers(machine, {5: TIMES, 6: DIVISOR})
    return machine


def expected(values: range, *, signed: bool) -> Counter[int]:
    return Counter(pack_operands(value, DIVISOR, signed) for value in values)


IN_THUMB = {
    THUMB_UDIV: expected(range(1, TIMES + 1), signed=False),
    # Only where its condition holds: even dividends.
    THUMB_SDIV: expected(range(2, TIMES + 1, 2), signed=True),
}
IN_RISCV = {RISCV_DIV: expected(range(1, TIMES + 1), signed=True)}


def test_divides_in_it_blocks_count_where_their_condition_holds() -> None:
    with closing(thumb_machine()) as machine:
        machine.run(10_000)
        assert machine.divides == IN_THUMB


def test_divides_among_instructions_that_unicorn_does_not_know() -> None:
    with closing(riscv_machine()) as machine:
        machine.run(10_000)
        assert machine.divides == IN_RISCV


@pytest.mark.parametrize("cycles_before", [0, 60])
def test_who_watches_a_divide_is_called_too(cycles_before: int) -> None:
    seen: Counter[int] = Counter()
    with closing(thumb_machine()) as machine:
        machine.run(cycles_before)
        ran = sum(counts.total() for counts in machine.divides.values())
        for address in (THUMB_UDIV, THUMB_SDIV):
            machine.engine.on_instruction(address, lambda at: seen.update([at]))
            machine.engine.forget_code(address)
        machine.run(10_000)
        assert machine.divides == IN_THUMB
        assert seen.total() == TIMES + TIMES // 2 - ran
        assert ran > 0 or not cycles_before


def test_machines_in_turn_count_their_own() -> None:
    machines = [thumb_machine(), riscv_machine(), thumb_machine()]
    for cycles in range(20, 1000, 20):
        for machine in machines:
            machine.run(cycles)
    assert [machine.divides for machine in machines] == [IN_THUMB, IN_RISCV, IN_THUMB]
    for machine in machines:
        machine.close()


def test_counts_go_back() -> None:
    with closing(thumb_machine()) as machine:
        machine.run(60)
        before = machine.divides
        machine.run(10_000)
        machine.restore_divides(before)
        assert machine.divides == before != IN_THUMB


def test_a_closed_machine_leaves_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another machine may get the same handle.
    tables = []
    enter = DirectDivides.enter

    def watched(way: DirectDivides, *arguments: object) -> bool:
        tables.append(way._table)
        return enter(way, *arguments)

    monkeypatch.setattr(DirectDivides, "enter", watched)
    machine = thumb_machine()
    machine.run(10_000)
    if not tables:
        pytest.skip("no direct way on this host, or not asked for")
    handle = machine.engine.handle
    assert handle in tables[0]
    machine.close()
    assert handle not in tables[0]
