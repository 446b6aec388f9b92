"""The native memory simulation against hand-computed traces and against a slow reference on random ones."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, SiteWord
from instsim.dynamics.memory_system import Access, Cache, MemorySystem, Path, Replacement
from tests.dynamics.block_traces import CYCLES, FLASH, RAM, Native, Step, Trace, block_traces, check_against_reference


def _flash(**figures: Any) -> Path:
    return Path("flash", figures.pop("access", Access.READ), FLASH, **{"port": "flash", "miss_cycles": 5.0, "word_bytes": 8, **figures})


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


@st.composite
def _systems(draw: st.DrawFn) -> MemorySystem:
    def cache(name: str) -> Cache:
        return Cache(name, draw(st.sampled_from([8, 16, 32])), draw(st.sampled_from([1, 2, 4])), draw(st.integers(1, 4)), draw(_REPLACEMENTS))

    caches = (cache("a"), cache("b"))
    paths = []
    for access, ranges in ((Access.FETCH, FLASH), (Access.READ, FLASH), (Access.READ, RAM), (Access.WRITE, RAM)):
        name = draw(st.sampled_from(["a", "b", None]))
        port = draw(st.sampled_from(["x", "y", None]))
        streams = port is not None and name is not None and draw(st.booleans())
        paths.append(
            Path(
                "flash" if ranges is FLASH else "ram",
                access,
                ranges,
                name,
                port,
                draw(CYCLES),
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


@settings(max_examples=600, deadline=None)
@given(_systems(), block_traces(), st.sampled_from([0, 1]))
def test_it_agrees_with_the_reference(system: MemorySystem, trace: Trace, looks: int) -> None:
    check_against_reference(Native(system, looks=looks), trace)
