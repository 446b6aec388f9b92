"""Blocks that repeat in the native memory simulation: that they do, and that steps to addresses give them the same addresses every time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instsim.dynamics.address_operations import FIRST_TEMPORARY, NO_REGISTER, Operation
from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, UseWord
from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path, Replacement
from tests.dynamics.block_traces import (
    FLASH,
    Native,
    SingleBlock,
    Step,
    Trace,
    block_traces,
    check_against_reference,
    fetch,
    loop_traces,
    operation,
)
from tests.dynamics.memory_reference import Reference

CODE, TABLE, RAM = 0x1000, 0x8000, 0x2000_0000
SYSTEM = MemorySystem(
    "m",
    (Cache("code", 16, 1, 4), Cache("data", 16, 2, 2)),
    (
        Path("flash", Access.FETCH, ((CODE, CODE + 0x1000),), "code", "flash", 5.0),
        Path("flash", Access.READ, ((TABLE, TABLE + 0x1000),), "data", "flash", 5.0, further_word_cycles=3.0),
    ),
    crossing_cycles=1.0,
)


SMALL_SYSTEM = MemorySystem(
    "s",
    (Cache("code", 16, 1, 4),),
    (
        Path("flash", Access.FETCH, ((CODE, CODE + 0x1000),), "code", "flash", 5.0, prefetch=True),
        Path("flash", Access.READ, ((TABLE, TABLE + 0x1000),), None, "flash", 5.0, aborts_prefetch=True),
    ),
)
"""Its passages are learned (`instsim.dynamics.passages`)."""


def test_an_execution_that_finds_what_an_earlier_one_found_is_only_counted() -> None:
    block = SingleBlock(SYSTEM, [fetch(CODE, 0), (operation(Operation.READ, base=0), 1 << 32, TICKS_PER_CYCLE)], 4 * TICKS_PER_CYCLE)
    block.registers[0] = TABLE
    for _ in range(10):
        block.run()
    # Two are followed: the first brings both lines, the second learns that they are there.
    assert block.use(UseWord.REPEATS) == 8
    assert block.stalls()[:2] == [5.0, 5.0]
    assert block.use(UseWord.REPEATS) == 0
    assert [tuple(tally) for tally in block.state.tallies[:, :2].tolist()] == [(10, 1), (10, 1)]


def test_a_line_that_is_missing_is_brought_while_the_block_repeats() -> None:
    block = SingleBlock(SYSTEM, [fetch(CODE, 0), (operation(Operation.READ, base=0), 1 << 32, TICKS_PER_CYCLE)], 40 * TICKS_PER_CYCLE)
    for execution in range(10):
        block.registers[0] = TABLE + 16 * execution
        block.run()
    assert block.use(UseWord.REPEATS) == 8
    assert block.stalls()[1] == 10 * 5.0


def test_an_access_that_goes_another_way_is_followed_and_learned_anew() -> None:
    block = SingleBlock(SYSTEM, [fetch(CODE, 0), (operation(Operation.READ, base=0), 1 << 32, TICKS_PER_CYCLE)], 40 * TICKS_PER_CYCLE)
    for execution in range(20):
        block.registers[0] = TABLE if execution < 5 else RAM
        block.run()
    # Behind the one that goes another way four more are followed before the block is learned.
    assert block.use(UseWord.REPEATS) == 20 - 5 - 1 - 4
    assert block.stalls()[1] == 5.0
    assert block.state.tallies[1, 0] == 5


@pytest.mark.parametrize(("kind", "has_code"), [(Operation.ADD, True), (Operation.SHIFT_RIGHT, False)])
def test_a_block_gets_code_of_its_own_if_all_its_steps_are_frequent_ones(kind: Operation, has_code: bool) -> None:
    step = (operation(kind, target=FIRST_TEMPORARY, base=0), 0, 0)
    read = (operation(Operation.READ, base=FIRST_TEMPORARY), TABLE | 1 << 32, TICKS_PER_CYCLE)
    block = SingleBlock(SYSTEM, [fetch(CODE, 0), step, read], 4 * TICKS_PER_CYCLE, looks=3)
    if not block.simulation.code.size:
        pytest.skip("no code can be written on this host")
    for execution in range(10):
        assert (block.use(UseWord.CODE) != 0) == (has_code and execution >= 5)
        block.run()
    assert block.use(UseWord.REPEATS) == 8
    assert block.stalls()[:2] == [5.0, 5.0]


def test_code_follows_an_access_to_another_line_and_to_one_that_is_missing() -> None:
    block = SingleBlock(
        SYSTEM, [fetch(CODE, 0), (operation(Operation.READ, base=0), TABLE | 1 << 32, TICKS_PER_CYCLE)], 40 * TICKS_PER_CYCLE, looks=1
    )
    for execution in range(64):
        block.registers[0] = 4 * execution
        block.run()
    assert block.use(UseWord.REPEATS) == 62
    assert block.stalls()[1] == 16 * 5.0
    assert [tuple(tally) for tally in block.state.tallies[:, :2].tolist()] == [(64, 1), (64, 16)]


FOLLOWED_SYSTEM = MemorySystem(
    "f", (Cache("code", 16, 1, 16),), (Path("flash", Access.FETCH, ((CODE, CODE + 0x1000),), "code", "flash", 5.0, prefetch=True),)
)
"""It reads ahead behind hits, too."""


def test_a_block_repeats_while_the_line_behind_it_is_being_read_ahead_or_there() -> None:
    block = SingleBlock(FOLLOWED_SYSTEM, [fetch(CODE, 0)], 40 * TICKS_PER_CYCLE)
    for _ in range(10):
        block.run()
    assert block.use(UseWord.REPEATS) == 8
    assert block.stalls()[0] == 5.0
    assert block.state.tallies[0, :3].tolist() == [10, 1, 0]


def _check_in_order(system: MemorySystem, blocks: dict[str, list[Step]], order: str, cycles: float) -> None:
    for looks in (0, 1):
        check_against_reference(Native(system, looks=looks), [(blocks[name], cycles, True) for name in order])


def test_a_block_whose_next_line_is_no_longer_read_ahead_reads_it_ahead_again() -> None:
    # The last A does so, behind the Bs, and D, which reads data over the same port, has to wait.
    reads = Path("flash", Access.READ, ((TABLE, TABLE + 0x1000),), None, "flash", 5.0)
    blocks = {"A": [Step(Access.FETCH, CODE, 0.0, 0)], "B": [Step(Access.FETCH, CODE + 0x100, 0.0, 1)], "D": [Step(Access.READ, TABLE, 0.0, 2)]}
    _check_in_order(replace(FOLLOWED_SYSTEM, paths=(*FOLLOWED_SYSTEM.paths, reads)), blocks, 8 * "A" + 8 * "B" + "AD", 2.0)


def test_a_line_counts_as_used_behind_a_block_that_repeats() -> None:
    # E, which never repeats, uses its line behind A: when two more lines come, that of A makes room, not that of E.
    data = Path("flash", Access.READ, ((TABLE, TABLE + 0x1000),), "data", "flash", 5.0)
    system = MemorySystem("m", (Cache("code", 16, 1, 3), Cache("data", 16, 1, 1)), (*FOLLOWED_SYSTEM.paths, data))
    blocks = {
        name: [Step(Access.FETCH, CODE + place, 0.0, site)] for site, (name, place) in enumerate({"A": 0, "b": 16, "X": 0x200, "Y": 0x300}.items())
    }
    blocks["E"] = [Step(Access.FETCH, CODE + 0x100, 0.0, 4), Step(Access.READ, RAM + 2, 0.0, 5)]
    _check_in_order(system, blocks, "bAAAAAEAEAEAEXYA", 40.0)


@st.composite
def _followed_systems(draw: st.DrawFn) -> MemorySystem:
    """Return a system that reads code ahead behind hits, too; so much is cached that its situations are not learned."""
    ways = draw(st.sampled_from([2, 4, 16]))
    sets = 16 // ways * draw(st.sampled_from([1, 2]))
    code = Cache("code", draw(st.sampled_from([8, 16])), sets, ways, draw(st.sampled_from([Replacement.LRU, Replacement.FIFO])))
    data = Cache("data", 16, 1, draw(st.integers(1, 4)))
    port = draw(st.sampled_from(["x", "x", None]))
    near, far = ((0x1000, 0x1080),), ((0x1080, 0x3000),)
    ahead = {"prefetch": True, "prefetched_cycles": draw(st.sampled_from([0.0, 1.0])), "aborts_prefetch": draw(st.booleans())}
    return MemorySystem(
        "m",
        (code, data),
        (
            Path("near", Access.FETCH, near, "code", port, 5.0, **ahead),
            Path("far", Access.FETCH, far, "code", port, 3.0, prefetch=draw(st.booleans()), prefetch_behind_misses=draw(st.booleans())),
            Path(
                "flash",
                Access.READ,
                FLASH,
                draw(st.sampled_from(["data", "data", "code", None])),
                draw(st.sampled_from(["x", "x", "y", None])),
                draw(st.sampled_from([2.0, 5.0])),
                aborts_prefetch=draw(st.booleans()),
            ),
        ),
        draw(st.sampled_from([0.0, 3.0])),
    )


@settings(max_examples=400, deadline=None)
@given(_followed_systems(), st.one_of(loop_traces(), block_traces()), st.sampled_from([0, 1]))
def test_what_reads_ahead_behind_hits_agrees_with_the_reference(system: MemorySystem, trace: Trace, looks: int) -> None:
    check_against_reference(Native(system, looks=looks), trace)


KINDS = [
    Operation.ADD,
    Operation.MULTIPLY,
    Operation.LOAD,
    Operation.AND,
    Operation.OR,
    Operation.XOR,
    Operation.CLEAR,
    Operation.SET,
    Operation.SUBTRACT,
    Operation.SHIFT_RIGHT,
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(FIRST_TEMPORARY, FIRST_TEMPORARY + 2),
        st.sampled_from([0, 1, 2, FIRST_TEMPORARY, FIRST_TEMPORARY + 1, FIRST_TEMPORARY + 2]),
        st.sampled_from([0, 1, 2, FIRST_TEMPORARY, FIRST_TEMPORARY + 1, NO_REGISTER]),
        st.integers(0, 3),
        st.sampled_from([1, 2, 4]),
        st.integers(0, 1),
        st.integers(0, 64),
    ),
    max_size=8,
)
VALUES = st.lists(st.integers(0, 40), min_size=3, max_size=3)


def _result(step: tuple[int, ...], values: dict[int, int], memory: Any) -> int:
    kind, _, base, index, shift, size, signed, constant = step
    left, shifted = values.get(base, 0), (values.get(index, 0) << shift) & 0xFFFFFFFF
    other = constant if index == NO_REGISTER else shifted
    if kind == Operation.LOAD:
        place = (left + shifted + constant) & 0xFFFFFFFF
        held = memory.tobytes()[place - RAM :][:size] if RAM <= place < RAM + 4092 else b""
        return int.from_bytes(held, "little", signed=bool(signed)) & 0xFFFFFFFF
    results = {
        Operation.ADD: left + shifted + constant,
        Operation.MULTIPLY: left * values.get(index, 0),
        Operation.AND: left & other,
        Operation.OR: left | other,
        Operation.XOR: left ^ other,
        Operation.CLEAR: left & ~other,
        Operation.SET: constant,
        Operation.SUBTRACT: left - shifted - constant,
        Operation.SHIFT_RIGHT: left >> (other & 255) if other & 255 < 32 else 0,
    }
    return results[Operation(kind)] & 0xFFFFFFFF


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([SYSTEM, SMALL_SYSTEM]),
    STEPS,
    st.lists(st.integers(0, 8), min_size=1, max_size=3),
    st.lists(VALUES, min_size=6, max_size=16),
    st.sampled_from([0, 1, 3]),
)
def test_steps_lead_to_the_same_addresses_whether_a_block_repeats_or_not(
    system: MemorySystem, steps: list[tuple[int, ...]], places: list[int], executions: list[list[int]], looks: int
) -> None:
    operations: list[tuple[int, int, int]] = [fetch(CODE, 0)]
    for place in range(len(steps) + 1):
        for site, at in enumerate(places, 1):
            if min(at, len(steps)) == place:
                read = operation(Operation.READ, base=FIRST_TEMPORARY + site - 1, size=1)
                operations.append((read, TABLE | site << 32, site * TICKS_PER_CYCLE))
        if place < len(steps):
            kind, target, base, index, shift, size, signed, constant = steps[place]
            operations.append((operation(kind, target, base, index, shift, size, 1, signed), constant, 0))
    block, reference = SingleBlock(system, operations, 20 * TICKS_PER_CYCLE, looks), Reference(system)
    block.memory[:] = np.arange(1024) % 251
    for registers in executions:
        block.registers[:3] = registers[0], registers[1], RAM + 4 * registers[2]
        values = dict(enumerate(block.registers.tolist()))
        values |= dict.fromkeys(range(FIRST_TEMPORARY, FIRST_TEMPORARY + 3), 0)
        block.scratch[FIRST_TEMPORARY:] = 0
        accesses = [(Access.FETCH, CODE, 0.0, 0, False, 4)]
        for first, second, when in operations[1:]:
            kind, target, base, index, shift, size, _, signed = first.to_bytes(8, "little")
            if kind == Operation.READ:
                address = ((second & 0xFFFFFFFF) + values[base]) & 0xFFFFFFFF
                accesses.append((Access.READ, address, when / TICKS_PER_CYCLE, second >> 32, False, 1))
            else:
                values[target] = _result((kind, target, base, index, shift, size, signed, second), values, block.memory)
        block.run()
        reference.run_block(accesses, 20.0, jumped=False)
    stalls = block.stalls()
    assert {site: stalls[site] for site in reference.stalls} == pytest.approx(reference.stalls)
    assert block.state.now_ticks == round(reference.now * TICKS_PER_CYCLE)
