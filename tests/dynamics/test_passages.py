"""Passages of blocks through the situations of a small system: that they are learned, and that a run by them agrees with the slow reference."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, SystemWord
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path, Replacement
from instsim.dynamics.passage_layout import BUCKETS
from tests.dynamics.block_traces import (
    FLASH,
    RAM,
    Native,
    SingleBlock,
    Step,
    Trace,
    block_traces,
    check_against_reference,
    check_counts,
    fetch,
    loop_traces,
    operation,
)
from tests.dynamics.memory_reference import Reference

CODE, TABLE = 0x1000, 0x2000
BUFFERS = Path("flash", Access.FETCH, FLASH, "buffers", "flash", 2.0, prefetch=True)
UNCACHED = Path("flash", Access.READ, FLASH, None, "flash", 2.0, aborts_prefetch=True)
SYSTEM = MemorySystem("m", (Cache("buffers", 8, 1, 4),), (BUFFERS, UNCACHED))
LOOP = [Step(Access.FETCH, CODE, 0.0, 0), Step(Access.FETCH, CODE + 8, 4.0, 1), Step(Access.READ, TABLE, 6.0, 2)]


def _learned(state: SystemState) -> int:
    """Return how many bytes are taken by what was learned."""
    head = (ctypes.c_uint64 * SystemWord.WORDS).from_address(state.address)
    return int(head[SystemWord.SITUATIONS_FREE]) - int(head[SystemWord.SITUATIONS]) - 8 * BUCKETS


def test_a_loop_that_comes_back_to_its_situation_is_only_counted_wherever_its_data_lie() -> None:
    native, reference = Native(SYSTEM), Reference(SYSTEM)
    learned = []
    for execution in range(50):
        accesses = [*LOOP[:2], LOOP[2]._replace(address=TABLE + 4 * execution)]
        native.run_block(accesses, 8.0, jumped=True)
        reference.run_block([(step.access, step.address, step.offset, step.site, False, 4) for step in accesses], 8.0, jumped=True)
        learned.append(_learned(native.states[0]))
    assert learned[3] == learned[-1]
    native.settle()
    check_counts(native.states[0], reference)


def test_data_in_another_memory_are_another_way_and_both_are_remembered() -> None:
    native = Native(SYSTEM)
    learned = []
    for execution in range(40):
        place = TABLE if execution % 2 else 0x2000_0000
        native.run_block([*LOOP[:2], LOOP[2]._replace(address=place)], 8.0, jumped=True)
        learned.append(_learned(native.states[0]))
    assert learned[8] == learned[-1]
    assert native.stall()[2] == 20 * 2.0


def test_a_block_whose_access_lies_in_two_words_is_followed_each_time() -> None:
    native = Native(SYSTEM)
    for _ in range(10):
        native.run_block([Step(Access.READ, TABLE + 2, 0.0, 0)], 8.0, jumped=True)
    native.settle()
    assert native.states[0].sites[0].tolist() == [10 * 2 * TICKS_PER_CYCLE, 10, 10]


@pytest.mark.parametrize(
    "system",
    [
        MemorySystem("many lines", (Cache("buffers", 8, 1, 16),), (BUFFERS, UNCACHED)),
        MemorySystem("cached data", (Cache("buffers", 8, 1, 4),), (BUFFERS, Path("flash", Access.READ, FLASH, "buffers", "flash", 2.0))),
        MemorySystem("at random", (Cache("buffers", 8, 1, 4, Replacement.RANDOM),), (BUFFERS, UNCACHED)),
        MemorySystem("fetched ahead", SYSTEM.caches, SYSTEM.paths, fetch_lead_cycles=3.0),
        MemorySystem("no paths"),
    ],
    ids=lambda system: system.name,
)
def test_nothing_is_learned_of_systems_that_are_not_small(system: MemorySystem) -> None:
    native = Native(system)
    for _ in range(10):
        native.run_block(LOOP, 8.0, jumped=True)
    head = (ctypes.c_uint64 * SystemWord.WORDS).from_address(native.states[0].address)
    assert head[SystemWord.SITUATIONS] == 0


@st.composite
def _small_systems(draw: st.DrawFn) -> MemorySystem:
    """Return a system with a row of buffers or two, perhaps in sets, for fetches only."""
    replacement = st.sampled_from([Replacement.LRU, Replacement.FIFO])
    shapes = st.sampled_from([(1, 4), (1, 2), (1, 1), (2, 2), (2, 1)])
    caches = [Cache(name, draw(st.sampled_from([8, 16])), *draw(shapes), draw(replacement)) for name in ("a", "b")]
    paths = []
    for access, ranges, place in (
        (Access.FETCH, ((0x1000, 0x1080),), "a"),
        (Access.FETCH, ((0x1080, 0x3000),), draw(st.sampled_from(["a", "b"]))),
        (Access.READ, FLASH, None),
        (draw(st.sampled_from([Access.READ, Access.WRITE])), RAM, None),
    ):
        paths.append(
            Path(
                f"{len(paths)}",
                access,
                ranges,
                draw(st.sampled_from([place, place, place, None])),
                draw(st.sampled_from(["x", "x", "x", "y", None])),
                draw(st.sampled_from([2.0, 5.0, 1.0, 0.25])),
                prefetch=place is not None and draw(st.sampled_from([True, True, False])),
                prefetched_cycles=draw(st.sampled_from([0.0, 0.0, 1.0])),
                aborts_prefetch=draw(st.booleans()),
                access_cycles=draw(st.sampled_from([0.0, 0.0, 0.5])),
                prefetch_behind_misses=draw(st.sampled_from([False, False, True])),
            )
        )
    return MemorySystem("m", tuple(caches), tuple(paths), 0.0, draw(st.sampled_from([0.0, 1.0])))


ROOMS = st.sampled_from([1 << 16, BUCKETS + 500, BUCKETS + 150, BUCKETS])
"""From more than enough over what a few passages or one need to none."""


@settings(max_examples=600, deadline=None)
@given(st.lists(_small_systems(), min_size=1, max_size=2), st.one_of(loop_traces(), block_traces()), ROOMS)
def test_it_agrees_with_the_reference(systems: list[MemorySystem], trace: Trace, room: int) -> None:
    check_against_reference(Native(*systems, situation_room_words=room), trace)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([1, 2, 4]), st.integers(1, 3), st.integers(-12, 12), st.booleans()), min_size=1, max_size=5
    ),
    st.sampled_from([0x1000, 0x3000, 1 << 32]),
    st.lists(st.tuples(st.integers(-32, 32), st.integers(-32, 32)), min_size=10, max_size=40),
)
def test_accesses_that_share_a_register_stay_on_their_paths_together(
    accesses: list[tuple[int, int, int, int, bool]], edge: int, distances: list[tuple[int, int]]
) -> None:
    operations = [fetch(CODE, 0)]
    for site, (base, size, words, distance, is_index) in enumerate(accesses, 1):
        registers = (NO_REGISTER, base) if is_index else (base, NO_REGISTER)
        first = operation(Operation.READ, 0, *registers, 0, size, words)
        operations.append((first, distance & 0xFFFFFFFF | site << 32, 2 * site * TICKS_PER_CYCLE))
    block, reference = SingleBlock(SYSTEM, operations, 20 * TICKS_PER_CYCLE), Reference(SYSTEM)
    for values in distances:
        block.registers[:2] = [edge + value & 0xFFFFFFFF for value in values]
        block.run()
        steps = [(Access.FETCH, CODE, 0.0, 0, False, 4)]
        for site, (base, size, words, distance, _) in enumerate(accesses, 1):
            start = edge + values[base] + distance
            steps += [(Access.READ, start + size * word & 0xFFFFFFFF, 2.0 * site + word, site, False, size) for word in range(words)]
        reference.run_block(steps, 20.0, jumped=False)
    block.settle()
    check_counts(block.state, reference)
