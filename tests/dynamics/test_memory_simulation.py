"""The native memory simulation against hand-computed traces and against a slow reference on random ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, SiteWord, StepKind, Tally, TraceWord
from instsim.dynamics.memory_programs import Operations, program_words
from instsim.dynamics.memory_simulation import settle_all, simulate_block
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path, Replacement
from instsim.emulate.sparse import code_room
from tests.dynamics.compiled import compile_function
from tests.dynamics.memory_reference import Reference

_SITES = 64
_FLASH = ((0x1000, 0x3000),)
_RAM = ((0x2000_0000, 0x2000_1000),)


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

    def __init__(self, *systems: MemorySystem, looks: int = 0) -> None:
        self.simulate = compile_function(simulate_block, (64, 64, 64))
        self.states = [SystemState(system, _SITES) for system in systems]
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
        self.code = code_room(1 << 18)
        self.trace[TraceWord.CODE], self.trace[TraceWord.CODE_END] = self.code.ctypes.data, self.code.ctypes.data + self.code.size
        self.trace[TraceWord.LOOKS] = looks if self.code.size else 0
        self.programs: dict[object, Any] = {}

    def run_block(self, accesses: list[Step], cycles: float, *, jumped: bool) -> int:
        key = (*(step if step.access is Access.FETCH else step._replace(address=0) for step in accesses), cycles)
        if key not in self.programs:
            self.programs[key] = self._program(accesses, cycles)
        for register, step in enumerate(accesses):
            self.scratch[register] = step.address
        return int(self.simulate(self.programs[key].ctypes.data, self.trace.ctypes.data, jumped))

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


def _flash(**figures: Any) -> Path:
    return Path("flash", figures.pop("access", Access.READ), _FLASH, **{"port": "flash", "miss_cycles": 5.0, "word_bytes": 8, **figures})


def _read(address: int, offset: float = 0.0, site: int = 0) -> Step:
    return Step(Access.READ, address, offset, site)


def _fetch(address: int, offset: float = 0.0, site: int = 0) -> Step:
    return Step(Access.FETCH, address, offset, site)


def test_an_access_that_no_path_covers_is_free() -> None:
    native = Native(MemorySystem("m", (), (_flash(),)))
    assert native.run_block([_read(0x2000_0000)], 1, jumped=True) == 0


def test_a_streaming_line_gives_the_word_asked_for_first_and_holds_its_port() -> None:
    # 5 wait states: word 1 after 5 cycles, then words 2, 3, 0 after 6 more each; a read of another line waits until the port is free.
    native = Native(MemorySystem("m", (Cache("d", 32, 1, 8),), (_flash(cache="d", further_word_cycles=6.0),)))
    native.run_block([_read(0x1008, 0, 0), _read(0x1010, 1, 1), _read(0x1000, 2, 2), _read(0x1040, 3, 3)], 4, jumped=True)
    # The word after: asked for at 6, there at 11. Word 0: asked for at 12, there at 5 + 18 = 23. Port free at 24, asked at 24: arrives 5 later.
    assert native.stall()[:4] == [5.0, 5.0, 11.0, 5.0]


def test_line_buffers_read_ahead_while_the_core_executes() -> None:
    system = MemorySystem("m", (Cache("buffers", 8, 1, 4),), (_flash(access=Access.FETCH, cache="buffers", miss_cycles=2.0, prefetch=True),))
    native = Native(system)
    native.run_block([_fetch(0x1000, 0, 0), _fetch(0x1008, 2, 1), _fetch(0x1010, 6, 2)], 8, jumped=True)
    # First: 2. Next one is begun at 3 and there at 5; wanted at 2 + 2 = 4. The third is begun at 6 and there at 8; wanted at 3 + 6 = 9.
    assert native.stall()[:3] == [2.0, 1.0, 0.0]


def test_a_data_read_aborts_what_is_read_ahead_which_begins_anew_behind_it() -> None:
    fetch = _flash(access=Access.FETCH, cache="buffers", miss_cycles=2.0, prefetch=True)
    system = MemorySystem("m", (Cache("buffers", 8, 1, 4),), (fetch, _flash(miss_cycles=2.0, aborts_prefetch=True)))
    native = Native(system)
    native.run_block([_fetch(0x1000, 0, 0), _read(0x2000, 2, 1), _fetch(0x1008, 4, 2)], 8, jumped=True)
    # The next line is begun at 3. Data, wanted at 4, are there at 6; the line is begun again at 7 and there at 9; wanted at 4 + 4 = 8.
    assert native.stall()[:3] == [2.0, 2.0, 1.0]


def test_accesses_whose_bytes_lie_in_two_words_are_counted_wherever_they_go() -> None:
    native = Native(MemorySystem("m", (), (_flash(),)))
    block = [_read(0x1000, 0, 0), _read(0x1001, 1, 1), _read(0x2000_0003, 2, 2), Step(Access.WRITE, 0x2000_0002, 3.0, 3)]
    native.run_block(block, 4, jumped=True)
    native.run_block(block[1:2], 1, jumped=True)
    native.settle()
    assert list(native.states[0].sites[:4, SiteWord.SPLIT]) == [0, 2, 1, 1]


def test_what_reads_ahead_behind_the_cache_sees_misses_only_of_fetches_and_reads_alike() -> None:
    behind = {"cache": "c", "port": None, "prefetch": True, "prefetched_cycles": 1.0, "prefetch_behind_misses": True}
    native = Native(MemorySystem("m", (Cache("c", 16, 8, 1),), (_flash(access=Access.FETCH, **behind), _flash(**behind))))
    accesses = [_read(0x1000, 0, 0), _fetch(0x1040, 0, 1), _fetch(0x1050, 20, 2), _read(0x1060, 40, 3), _read(0x1000, 60, 4), _read(0x1070, 80, 5)]
    native.run_block(accesses, 99, jumped=True)
    # The line behind 0x1040 is read ahead, then the one behind that, whoever wants them; the hit on 0x1000 reads nothing ahead.
    assert native.stall()[:6] == [5.0, 5.0, 1.0, 1.0, 0.0, 1.0]


def test_the_least_recently_used_line_makes_room() -> None:
    native = Native(MemorySystem("m", (Cache("d", 32, 2, 2),), (_flash(cache="d", port=None),)))
    lines = [0x1000, 0x1040, 0x1000, 0x1080, 0x1000, 0x1040]  # all in set 0
    native.run_block([_read(address, 0, site) for site, address in enumerate(lines)], 1, jumped=True)
    assert native.stall()[:6] == [5, 5, 0, 5, 0, 5]


def test_the_first_line_in_makes_room_where_the_cache_says_so() -> None:
    native = Native(MemorySystem("m", (Cache("d", 32, 2, 2, Replacement.FIFO),), (_flash(cache="d", port=None),)))
    lines = [0x1000, 0x1040, 0x1000, 0x1080, 0x1000, 0x1040]
    native.run_block([_read(address, 0, site) for site, address in enumerate(lines)], 1, jumped=True)
    assert native.stall()[:6] == [5, 5, 0, 5, 5, 5]


def test_fetching_ahead_hides_a_stall_but_not_behind_a_jump() -> None:
    system = MemorySystem("m", (Cache("i", 32, 1, 4),), (_flash(access=Access.FETCH, cache="i", port=None),), fetch_lead_cycles=3.0)
    native = Native(system)
    native.run_block([_fetch(0x1000, 0, 0), _fetch(0x1020, 2, 1), _fetch(0x1040, 20, 2)], 30, jumped=True)
    # The second line is asked for no earlier than the jump: at 0 instead of 5 + 2 - 3.
    assert native.stall()[:3] == [5.0, 2.0, 2.0]


def test_paired_loads_from_two_memories_cost_a_crossing() -> None:
    system = MemorySystem("m", (), (_flash(miss_cycles=0.0, port=None),), crossing_cycles=1.0)
    native = Native(system)
    accesses = [_read(0x1000, 0, 0), Step(Access.READ, 0x2000_0000, 1.0, 1, pairs=True), Step(Access.READ, 0x2000_0004, 2.0, 2, pairs=True)]
    native.run_block(accesses, 3, jumped=True)
    assert native.stall()[:3] == [0.0, 1.0, 0.0]


def test_several_systems_are_fed_by_one_run() -> None:
    slow, fast = (MemorySystem(f"{waits}", (), (_flash(miss_cycles=waits, port=None),)) for waits in (5.0, 2.0))
    native = Native(slow, fast)
    assert native.run_block([_read(0x1000)], 1, jumped=True) == 5 * TICKS_PER_CYCLE
    assert [native.stall(0)[0], native.stall(1)[0]] == [5.0, 2.0]


_REPLACEMENTS = st.sampled_from([Replacement.LRU, Replacement.FIFO])
_CYCLES = st.integers(0, 24).map(lambda quarters: quarters / 4)


@st.composite
def _systems(draw: st.DrawFn) -> MemorySystem:
    def cache(name: str) -> Cache:
        return Cache(name, draw(st.sampled_from([8, 16, 32])), draw(st.sampled_from([1, 2, 4])), draw(st.integers(1, 4)), draw(_REPLACEMENTS))

    caches = (cache("a"), cache("b"))
    paths = []
    for access, ranges in ((Access.FETCH, _FLASH), (Access.READ, _FLASH), (Access.READ, _RAM), (Access.WRITE, _RAM)):
        name = draw(st.sampled_from(["a", "b", None]))
        port = draw(st.sampled_from(["x", "y", None]))
        streams = port is not None and name is not None and draw(st.booleans())
        paths.append(
            Path(
                "flash" if ranges is _FLASH else "ram",
                access,
                ranges,
                name,
                port,
                draw(_CYCLES),
                8,
                draw(st.sampled_from([1.0, 3.0, 6.0])) if streams else 0.0,
                prefetch=name is not None and draw(st.booleans()),
                prefetched_cycles=draw(st.sampled_from([0.0, 1.0])),
                aborts_prefetch=draw(st.booleans()),
                access_cycles=draw(st.sampled_from([0.0, 0.0, 0.5])),
                prefetch_behind_misses=draw(st.booleans()),
            )
        )
    return MemorySystem("m", caches, tuple(paths), draw(st.sampled_from([0.0, 3.0])), draw(st.sampled_from([0.0, 1.0])))


def _moved(step: Step, distance: int, is_elsewhere: int) -> Step:
    """Return a data access behind where it was, a read perhaps of the other memory."""
    if step.access is Access.FETCH:
        return step
    return step._replace(address=step.address + distance ^ 0x2000_1000 * (step.access is Access.READ and is_elsewhere))


@st.composite
def _traces(draw: st.DrawFn) -> Trace:
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
            offset += draw(_CYCLES)
        blocks.append((accesses, offset + draw(_CYCLES)))
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


def _word_by_word(accesses: list[Step]) -> list[tuple[Access, int, float, int, bool, int]]:
    return [
        (step.access, step.address + step.size * word, step.offset + word, step.site, step.pairs, step.size)
        for step in accesses
        for word in range(step.words)
    ]


@settings(max_examples=600, deadline=None)
@given(_systems(), _traces(), st.sampled_from([0, 1]))
def test_it_agrees_with_the_reference(system: MemorySystem, trace: Trace, looks: int) -> None:
    native, reference = Native(system, looks=looks), Reference(system)
    for accesses, cycles, jumped in trace:
        native.run_block(accesses, cycles, jumped=jumped)
        reference.run_block(_word_by_word(accesses), cycles, jumped=jumped)
    native.settle()
    sites = native.states[0].sites
    assert {site: sites[site, SiteWord.STALL] / TICKS_PER_CYCLE for site in reference.stalls} == pytest.approx(reference.stalls)
    assert {site: int(sites[site, SiteWord.MISSES]) for site in reference.misses} == reference.misses
    assert {site: int(sites[site, SiteWord.SPLIT]) for site in reference.splits} == reference.splits
    assert native.states[0].now_ticks == round(reference.now * TICKS_PER_CYCLE)
    assert [tuple(tally) for tally in native.states[0].tallies[:, [Tally.ACCESSES, Tally.MISSES, Tally.READ_AHEAD]].tolist()] == reference.tallies
