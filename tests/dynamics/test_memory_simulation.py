"""The native memory simulation against hand-computed traces and against a slow reference on random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, SiteWord, StepKind, TraceWord
from instsim.dynamics.memory_programs import Operations, lay_out
from instsim.dynamics.memory_simulation import simulate_block
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path, Replacement
from tests.dynamics.compiled import compile_function
from tests.dynamics.memory_reference import Reference

_SITES = 64
_FLASH = ((0x1000, 0x3000),)
_RAM = ((0x2000_0000, 0x2000_1000),)

Trace = list[tuple[list[tuple[Access, int, float, int, bool]], float, bool]]


class Native:
    """The native simulation of some systems, fed with blocks whose addresses are known."""

    def __init__(self, *systems: MemorySystem) -> None:
        self.simulate = compile_function(simulate_block, (64, 64, 64))
        self.states = [SystemState(system, _SITES) for system in systems]
        self.addresses = np.array([state.address for state in self.states], np.uint64)
        self.scratch = np.zeros(NO_REGISTER + 1, np.uint32)
        self.pages = np.zeros(1 << 20, np.uint64)
        self.trace = np.zeros(TraceWord.WORDS, np.uint64)
        self.trace[TraceWord.SYSTEMS], self.trace[TraceWord.SYSTEMS_LENGTH] = self.addresses.ctypes.data, len(systems)
        self.trace[TraceWord.SCRATCH] = self.scratch.ctypes.data
        self.trace[TraceWord.PAGES] = self.pages.ctypes.data
        self.programs: dict[object, int] = {}
        self.kept: list[Any] = []

    def run_block(self, accesses: list[tuple[Access, int, float, int, bool]], cycles: float, *, jumped: bool) -> int:
        key = (*accesses, cycles)
        if key not in self.programs:
            self.programs[key] = self._program(accesses, cycles)
        return int(self.simulate(self.programs[key], self.trace.ctypes.data, jumped))

    def _program(self, accesses: list[tuple[Access, int, float, int, bool]], cycles: float) -> int:
        words, paths = [], []
        for access, address, offset, site, pairs in accesses:
            kind = {Access.FETCH: StepKind.FETCH, Access.READ: Operation.READ, Access.WRITE: Operation.WRITE}[access]
            first = int.from_bytes(bytes((kind, NO_REGISTER, NO_REGISTER, NO_REGISTER, 0, 4, 1, 0)), "little")
            words.append((kind if access is Access.FETCH else first, address | site << 32, round(offset * TICKS_PER_CYCLE) | int(pairs) << 32))
            paths.append([state.fetch_path(address) if access is Access.FETCH else 0 for state in self.states])
        return lay_out([Operations(words, paths, round(cycles * TICKS_PER_CYCLE))], self.states, self._room)[0]

    def _room(self, length: int) -> Any:
        self.kept.append(np.zeros(length, np.uint64))
        return self.kept[-1]

    def stall(self, system: int = 0) -> list[float]:
        return list(self.states[system].sites[:, 0] / TICKS_PER_CYCLE)


def _flash(**figures: Any) -> Path:
    return Path("flash", figures.pop("access", Access.READ), _FLASH, **{"port": "flash", "miss_cycles": 5.0, "word_bytes": 8, **figures})


def _read(address: int, offset: float = 0.0, site: int = 0) -> tuple[Access, int, float, int, bool]:
    return (Access.READ, address, offset, site, False)


def _fetch(address: int, offset: float = 0.0, site: int = 0) -> tuple[Access, int, float, int, bool]:
    return (Access.FETCH, address, offset, site, False)


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
    block = [_read(0x1000, 0, 0), _read(0x1001, 1, 1), _read(0x2000_0003, 2, 2), (Access.WRITE, 0x2000_0002, 3.0, 3, False)]
    native.run_block(block, 4, jumped=True)
    native.run_block(block[1:2], 1, jumped=True)
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
    accesses = [_read(0x1000, 0, 0), (Access.READ, 0x2000_0000, 1.0, 1, True), (Access.READ, 0x2000_0004, 2.0, 2, True)]
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


@st.composite
def _traces(draw: st.DrawFn) -> Trace:
    """Some blocks, in an order where they come again and again."""
    blocks = []
    for _ in range(draw(st.integers(1, 8))):
        offset = 0.0
        accesses = []
        for site in range(draw(st.integers(0, 8))):
            access = draw(st.sampled_from(list(Access)))
            base = 0x2000_0000 if access is Access.WRITE or (access is Access.READ and draw(st.booleans())) else 0x1000
            accesses.append((access, base + 4 * draw(st.integers(0, 60)), offset, site, draw(st.booleans())))
            offset += draw(_CYCLES)
        blocks.append((accesses, offset + draw(_CYCLES)))
    return [(*blocks[number % len(blocks)], draw(st.booleans())) for number in draw(st.lists(st.integers(0, 7), min_size=1, max_size=40))]


@settings(max_examples=400, deadline=None)
@given(_systems(), _traces())
def test_it_agrees_with_the_reference(system: MemorySystem, trace: Trace) -> None:
    native, reference = Native(system), Reference(system)
    for accesses, cycles, jumped in trace:
        native.run_block(accesses, cycles, jumped=jumped)
        reference.run_block(accesses, cycles, jumped=jumped)
    sites = native.states[0].sites
    assert {site: sites[site, 0] / TICKS_PER_CYCLE for site in reference.stalls} == pytest.approx(reference.stalls)
    assert {site: int(sites[site, 1]) for site in reference.misses} == reference.misses
    assert native.states[0].now_ticks == round(reference.now * TICKS_PER_CYCLE)
