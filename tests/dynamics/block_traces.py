"""Executions of blocks for the native memory simulation, by hand and at random, and the comparison with the slow reference."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

from instsim.dynamics.address_operations import FIRST_TEMPORARY, NO_REGISTER, Operation
from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, ProgramWord, SiteWord, StepKind, Tally, TraceWord, UseWord
from instsim.dynamics.memory_programs import Operations, program_words
from instsim.dynamics.memory_simulation import settle_all
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access, MemorySystem
from tests.dynamics.compiled import Simulation, compile_function
from tests.dynamics.memory_reference import Reference

__all__ = [
    "CYCLES",
    "FLASH",
    "RAM",
    "Native",
    "SingleBlock",
    "Step",
    "Trace",
    "block_traces",
    "check_against_reference",
    "check_counts",
    "fetch",
    "loop_traces",
    "operation",
]

_SITES = 64
FLASH = ((0x1000, 0x3000),)
RAM = ((0x2000_0000, 0x2000_1000),)
CYCLES = st.integers(0, 24).map(lambda quarters: quarters / 4)


class Step(NamedTuple):
    """An access of a block: cycles from the block's start, site, whether it pairs with the read before it, words and bytes of each."""

    access: Access
    address: int
    offset: float = 0.0
    site: int = 0
    pairs: bool = False
    words: int = 1
    size: int = 4


Trace = list[tuple[list[Step], float, bool]]


class Native:
    """The native simulation of some systems, fed with blocks: each data access goes to the address in a register of its own.

    Blocks get code of their own after so many looks at their records, 0 for never.
    """

    def __init__(self, *systems: MemorySystem, looks: int = 0, **room_words: int) -> None:
        self.states = [SystemState(system, _SITES, **room_words) for system in systems]
        self.addresses = np.array([state.address for state in self.states], np.uint64)
        self.scratch = np.zeros(NO_REGISTER + 1, np.uint32)
        self.pages = np.zeros(1 << 20, np.uint64)
        self.trace = np.zeros(TraceWord.WORDS, np.uint64)
        self.trace[TraceWord.SYSTEMS], self.trace[TraceWord.SYSTEMS_LENGTH] = self.addresses.ctypes.data, len(systems)
        self.trace[TraceWord.SYSTEM] = self.states[0].address
        self.trace[TraceWord.SCRATCH] = self.trace[TraceWord.REGISTERS] = self.scratch.ctypes.data
        self.trace[TraceWord.PAGES] = self.pages.ctypes.data
        self.room = np.zeros(1 << 16, np.uint64)
        self.trace[TraceWord.ROOM], self.trace[TraceWord.ROOM_END] = self.room.ctypes.data, self.room.ctypes.data + self.room.nbytes
        self.simulation = Simulation(self.trace, looks)
        self.programs: dict[object, Any] = {}

    def run_block(self, accesses: list[Step], cycles: float, *, jumped: bool) -> int:
        key = (*(step if step.access is Access.FETCH else step._replace(address=0) for step in accesses), cycles)
        if key not in self.programs:
            self.programs[key] = self._program(accesses, cycles)
        for register, step in enumerate(accesses):
            self.scratch[register] = step.address
        return self.simulation.run(self.programs[key], jumped=jumped)

    def settle(self) -> None:
        compile_function(settle_all, (64,), 0)(self.trace.ctypes.data)

    def _program(self, accesses: list[Step], cycles: float) -> Any:
        words, paths = [], []
        for register, step in enumerate(accesses):
            fetches = step.access is Access.FETCH
            kind = {Access.FETCH: StepKind.FETCH, Access.READ: Operation.READ, Access.WRITE: Operation.WRITE}[step.access]
            first = int.from_bytes(bytes((kind, NO_REGISTER, register, NO_REGISTER, 0, step.size, step.words, 0)), "little")
            when = round(step.offset * TICKS_PER_CYCLE) | int(step.pairs) << 32
            words.append((kind if fetches else first, (step.address if fetches else 0) | step.site << 32, when))
            paths.append([state.fetch_path(step.address) if fetches else 0 for state in self.states])
        return np.array(program_words(Operations(words, paths, round(cycles * TICKS_PER_CYCLE)), len(self.states), 4), np.uint64)

    def stall(self, system: int = 0) -> list[float]:
        self.settle()
        return list(self.states[system].sites[:, 0] / TICKS_PER_CYCLE)


def operation(
    kind: int,
    target: int = 0,
    base: int = NO_REGISTER,
    index: int = NO_REGISTER,
    shift: int = 0,
    size: int = 4,
    words: int = 1,
    signed: int = 0,
) -> int:
    """Return the first word of an operation."""
    return int.from_bytes(bytes((kind, target, base, index, shift, size, words, signed)), "little")


def fetch(address: int, site: int) -> tuple[int, int, int]:
    """Return the fetch that a block begins with."""
    return (int(StepKind.FETCH), address | site << 32, 0)


class SingleBlock:
    """A block of operations on one system, and the memory that its loads see; it gets code of its own after so many looks, 0 for never."""

    def __init__(self, system: MemorySystem, operations: list[tuple[int, int, int]], ticks: int, looks: int = 0) -> None:
        self.state = SystemState(system, 16)
        self.address = np.array([self.state.address], np.uint64)
        self.scratch = np.zeros(NO_REGISTER + 1, np.uint32)
        self.registers = self.scratch[:FIRST_TEMPORARY]
        self.memory = np.zeros(1024, np.uint32)
        self.pages = np.zeros(1 << 20, np.uint64)
        self.pages[RAM[0][0] >> 12] = self.memory.ctypes.data
        self.room = np.zeros(1 << 12, np.uint64)
        self.trace = np.zeros(TraceWord.WORDS, np.uint64)
        self.trace[TraceWord.SYSTEM], self.trace[TraceWord.SYSTEMS], self.trace[TraceWord.SYSTEMS_LENGTH] = (
            self.address[0],
            self.address.ctypes.data,
            1,
        )
        self.trace[TraceWord.REGISTERS], self.trace[TraceWord.SCRATCH] = self.registers.ctypes.data, self.scratch.ctypes.data
        self.trace[TraceWord.PAGES] = self.pages.ctypes.data
        self.trace[TraceWord.ROOM], self.trace[TraceWord.ROOM_END] = self.room.ctypes.data, self.room.ctypes.data + self.room.nbytes
        self.simulation = Simulation(self.trace, looks)
        paths = [[self.state.fetch_path(second & 0xFFFFFFFF) if first == StepKind.FETCH else 0] for first, second, _ in operations]
        self.program = np.array(program_words(Operations(operations, paths, ticks), 1, 4), np.uint64)

    def run(self) -> None:
        self.simulation.run(self.program, jumped=False)

    def use(self, word: UseWord) -> int:
        return int(self.program[ProgramWord.WORDS + word])

    def settle(self) -> None:
        compile_function(settle_all, (64,), 0)(self.trace.ctypes.data)

    def stalls(self) -> list[float]:
        self.settle()
        return [float(ticks) / TICKS_PER_CYCLE for ticks in self.state.sites[:, SiteWord.STALL]]


def _moved(step: Step, distance: int, is_elsewhere: int) -> Step:
    """Return a data access behind where it was, a read perhaps of the other memory."""
    if step.access is Access.FETCH:
        return step
    return step._replace(address=step.address + distance ^ 0x2000_1000 * (step.access is Access.READ and is_elsewhere))


@st.composite
def block_traces(draw: st.DrawFn) -> Trace:
    """Some blocks, in an order where they come again and again, with addresses that stay or move on a little."""
    blocks = []
    for _ in range(draw(st.integers(1, 6))):
        offset = 0.0
        accesses = []
        reads = False
        for site in range(draw(st.integers(0, 6))):
            access = draw(st.sampled_from(list(Access)))
            base = 0x2000_0000 if access is Access.WRITE or (access is Access.READ and draw(st.booleans())) else 0x1000
            size = 4 if access is Access.FETCH else draw(st.sampled_from([1, 2, 4]))
            pairs = access is Access.READ and reads and draw(st.booleans())
            words = 1 if access is Access.FETCH else draw(st.sampled_from([1, 1, 1, 3]))
            accesses.append(Step(access, base + 4 * draw(st.integers(0, 60)), offset, site, pairs, words, size))
            reads |= access is Access.READ
            offset += draw(CYCLES)
        blocks.append((accesses, offset + draw(CYCLES)))
    trace: Trace = []
    for number in draw(st.lists(st.integers(0, 5), min_size=1, max_size=12)):
        accesses, cycles = blocks[number % len(blocks)]
        stride = draw(st.sampled_from([0, 0, 1, 2, 4, 16]))
        moving = draw(st.integers(0, 63))
        elsewhere = draw(st.integers(0, 63)) if draw(st.integers(0, 5)) == 0 else 0
        for time in range(draw(st.integers(1, 8))):
            places = range(len(accesses))
            moved = [_moved(accesses[i], stride * time * (moving >> i & 1), elsewhere >> i & 1) for i in places]
            trace.append((moved, cycles, draw(st.booleans())))
    return trace


@st.composite
def loop_traces(draw: st.DrawFn) -> Trace:
    """Return a few blocks of adjoining lines that come again and again; now and then data are read from the other memory."""
    steps = st.sampled_from([1.0, 2.0, 0.5, 4.0])
    blocks = []
    for number in range(draw(st.integers(1, 4))):
        accesses, offset = [], 0.0
        first = draw(st.integers(0, 14))
        for line in range(first, first + draw(st.integers(0, 3))):
            accesses.append(Step(Access.FETCH, 0x1040 + 8 * line, offset, 8 * number + len(accesses)))
            offset += draw(steps)
            if draw(st.booleans()):
                accesses.append(Step(Access.READ, 0x2000 + 8 * line, offset, 8 * number + len(accesses)))
                offset += draw(steps)
        blocks.append((accesses, offset + draw(st.sampled_from([0.0, 1.0, 2.0]))))
    order = draw(st.lists(st.integers(0, len(blocks) - 1), min_size=1, max_size=6))
    trace: Trace = []
    for moves in draw(st.lists(st.sampled_from([0, 0, 0, 0x1FFF_E000]), min_size=4, max_size=16)):
        for number in order:
            accesses, cycles = blocks[number]
            trace.append(([_in_other_memory(step, moves) for step in accesses], cycles, False))
    return trace


def _in_other_memory(step: Step, distance: int) -> Step:
    return step if step.access is Access.FETCH else step._replace(address=step.address + distance)


def _word_by_word(accesses: list[Step]) -> list[tuple[Access, int, float, int, bool, int]]:
    return [
        (step.access, step.address + step.size * word, step.offset + word, step.site, step.pairs, step.size)
        for step in accesses
        for word in range(step.words)
    ]


def check_against_reference(native: Native, trace: Trace) -> None:
    """Run executions of blocks natively and in the reference; all that is counted has to agree on each system."""
    references = [Reference(state.system) for state in native.states]
    ticks = 0
    for number, (accesses, cycles, jumped) in enumerate(trace):
        ticks += native.run_block(accesses, cycles, jumped=jumped) + round(cycles * TICKS_PER_CYCLE)
        for reference in references:
            reference.run_block(_word_by_word(accesses), cycles, jumped=jumped)
        if number % 8 == 0:
            native.settle()
    native.settle()
    assert ticks == native.states[0].now_ticks
    for state, reference in zip(native.states, references, strict=True):
        check_counts(state, reference)


def check_counts(state: SystemState, reference: Reference) -> None:
    """Check that a system counted, and took as long, as the reference says."""
    sites = state.sites
    assert {site: sites[site, SiteWord.STALL] / TICKS_PER_CYCLE for site in reference.stalls} == pytest.approx(reference.stalls)
    assert {site: int(sites[site, SiteWord.MISSES]) for site in reference.misses} == reference.misses
    assert {site: int(sites[site, SiteWord.SPLIT]) for site in reference.splits} == reference.splits
    assert state.now_ticks == round(reference.now * TICKS_PER_CYCLE)
    assert [tuple(tally) for tally in state.tallies[:, [Tally.ACCESSES, Tally.MISSES, Tally.READ_AHEAD]].tolist()] == reference.tallies
