"""Lines of caches and words behind ports in machine code: what one access finds, brings and waits for."""

from __future__ import annotations

from typing import Any

from instsim.dynamics.memory_layout import (
    END_OF_LIST,
    FINER_BITS,
    HINTS,
    MIXED,
    OPERATION_WORDS,
    SKIP_BIT,
    TICKS_PER_CYCLE,
    CacheWord,
    FetchWord,
    PathWord,
    PortWord,
    ProgramWord,
    RangeWord,
    StepKind,
    SystemWord,
    Tally,
    UseWord,
)
from instsim.dynamics.memory_system import Replacement
from instsim.dynamics.native_words import octets, out_of_line, words

__all__ = ["access", "arrival", "bring_line", "find_line", "next_random", "path_of"]

_CYCLE = TICKS_PER_CYCLE
_OPERATION_BYTES, _RANGE_BYTES = 8 * OPERATION_WORDS, 8 * RangeWord.WORDS


def next_random(value: Any) -> Any:
    """Return the number behind one in a random sequence (xorshift64)."""
    value ^= value << 13
    value ^= value >> 7
    value ^= value << 17
    return value


def path_of(system: Any, address: Any, kind: Any) -> Any:
    """Return one more than the path that a data access takes, 0 for none; `kind` is the operation's."""
    found = octets(system[SystemWord.READ_MAP + kind])[address >> 12]
    if found == MIXED:
        found = 0
        at = system[SystemWord.RANGES]
        for _ in range(system[SystemWord.RANGES_LENGTH]):
            stretch = words(at)
            if stretch[RangeWord.ACCESS] == kind + 1 and stretch[RangeWord.START] <= address < stretch[RangeWord.STOP]:
                return stretch[RangeWord.PATH] + 1
            at += _RANGE_BYTES
    return found


def find_line(cache: Any, line: Any) -> Any:
    """Return the address of a line's place in a cache, 0 if it is not there."""
    head = words(cache)
    hint = words(cache + (8 * CacheWord.HINTS) + ((line & (HINTS - 1)) << 3))
    at = hint[0]
    if at != 0 and words(at)[0] == line + 1:
        return at
    ways = head[CacheWord.WAYS]
    at = cache + (8 * CacheWord.WORDS) + (line & head[CacheWord.SET_MASK]) * ways * 16
    for _ in range(ways):
        if words(at)[0] == line + 1:
            hint[0] = at
            return at
        at += 16
    return 0


def _install(cache: Any, line: Any, system: Any) -> Any:
    """Put a line into a cache; return its place."""
    head = words(cache)
    if head[CacheWord.LISTED] != END_OF_LIST:
        _note_fetches(cache)
    ways = head[CacheWord.WAYS]
    first = cache + (8 * CacheWord.WORDS) + (line & head[CacheWord.SET_MASK]) * ways * 16
    # The place that was used longest ago, or the first empty one, which is as good as used at 0. Without branches, which nobody could predict.
    chosen, oldest = first, words(first)[1]
    for way in range(1, ways):
        at = first + (way << 4)
        used_at = words(at)[1]
        chosen = at if used_at < oldest else chosen
        oldest = min(oldest, used_at)
    empty = words(chosen)[0] == 0
    if not empty and head[CacheWord.REPLACEMENT] == Replacement.RANDOM:
        head[CacheWord.RANDOM] = next_random(head[CacheWord.RANDOM])
        chosen = first + (head[CacheWord.RANDOM] >> 33) % ways * 16
    if words(chosen)[0] != 0:
        head[CacheWord.EVICTIONS] += 1
    system[SystemWord.CLOCK] += 1
    words(chosen)[0] = line + 1
    words(cache + (8 * CacheWord.HINTS) + ((line & (HINTS - 1)) << 3))[0] = chosen
    words(chosen)[1] = system[SystemWord.CLOCK]
    return chosen


def _read_ahead(path_address: Any, line: Any, at: Any) -> None:
    """Begin to read a line ahead, as soon as the port is free."""
    path = words(path_address)
    head = words(path[PathWord.CACHE])
    if head[CacheWord.AHEAD_LINE] == line + 1 or find_line(path[PathWord.CACHE], line) != 0:
        return
    begin = at
    if path[PathWord.PORT] != 0:
        port = words(path[PathWord.PORT])
        begin = max(begin, port[PortWord.BUSY_UNTIL])
        port[PortWord.BUSY_UNTIL] = begin + path[PathWord.MISS]
        port[PortWord.AHEAD_PATH] = path_address
    head[CacheWord.AHEAD_LINE] = line + 1
    head[CacheWord.EVICTIONS] += head[CacheWord.FOLLOWED]
    head[CacheWord.AHEAD_AT] = begin + path[PathWord.MISS]


def _note_filling(path: Any, until: Any, at: Any, system: Any) -> None:
    """Note which cache a line begins to arrive for."""
    is_alone = system[SystemWord.QUIET_FROM] <= at or (
        system[SystemWord.FILLING_CACHE] != 0 and system[SystemWord.FILLING_PORT] == path[PathWord.PORT]
    )
    system[SystemWord.FILLING_CACHE] = path[PathWord.CACHE] if is_alone else 0
    system[SystemWord.FILLING_PORT] = path[PathWord.PORT]
    system[SystemWord.QUIET_FROM] = max(system[SystemWord.QUIET_FROM], until)


def _demand(path_address: Any, line: Any, word: Any, at: Any, system: Any) -> Any:
    """Ask a port for a word; return the tick at which it arrives."""
    path = words(path_address)
    if path[PathWord.PORT] == 0:
        return at + path[PathWord.MISS]
    port = words(path[PathWord.PORT])
    begin = at
    ended = 0
    if port[PortWord.BUSY_UNTIL] > at:
        if port[PortWord.AHEAD_PATH] != 0 and path[PathWord.ABORTS] != 0:
            ended = port[PortWord.AHEAD_PATH]
        else:
            begin = port[PortWord.BUSY_UNTIL]
    arrival = begin + path[PathWord.MISS]
    port[PortWord.AHEAD_PATH] = 0
    port[PortWord.BUSY_UNTIL] = arrival + _CYCLE
    if path[PathWord.CACHE] != 0 and path[PathWord.FURTHER] != 0:
        port[PortWord.FILL_CACHE] = path[PathWord.CACHE]
        port[PortWord.FILL_LINE] = line + 1
        port[PortWord.FILL_WORD] = word
        port[PortWord.FILL_AT] = arrival
        port[PortWord.BUSY_UNTIL] += path[PathWord.LAST_WORD] * path[PathWord.FURTHER]
        _note_filling(path, port[PortWord.BUSY_UNTIL] + system[SystemWord.FETCH_LEAD], at, system)
    if ended != 0:
        other = words(ended)
        head = words(other[PathWord.CACHE])
        if ended == path_address:
            head[CacheWord.AHEAD_LINE] = 0
            head[CacheWord.EVICTIONS] += head[CacheWord.FOLLOWED]
        else:
            head[CacheWord.AHEAD_AT] = port[PortWord.BUSY_UNTIL] + other[PathWord.MISS]
            port[PortWord.AHEAD_PATH] = ended
            port[PortWord.BUSY_UNTIL] = head[CacheWord.AHEAD_AT]
    return arrival


def arrival(path: Any, cache: Any, address: Any, at: Any) -> Any:
    """Return the tick at which a word comes whose line is there but may still be arriving, 0 if it is not."""
    if path[PathWord.FURTHER] == 0:
        return 0
    port = words(path[PathWord.PORT])
    line = address >> words(cache)[CacheWord.LINE_SHIFT]
    if port[PortWord.BUSY_UNTIL] <= at or port[PortWord.FILL_LINE] != line + 1 or port[PortWord.FILL_CACHE] != cache:
        return 0
    word = (address >> path[PathWord.WORD_SHIFT]) & path[PathWord.LAST_WORD]
    return port[PortWord.FILL_AT] + ((word - port[PortWord.FILL_WORD]) & path[PathWord.LAST_WORD]) * path[PathWord.FURTHER]


@out_of_line
def bring_line(path_address: Any, address: Any, at: Any, counts: Any, system: Any) -> Any:
    """Bring a line that is not in its cache; return what `access` does: if it was being read ahead, nothing missed."""
    path = words(path_address)
    cache = path[PathWord.CACHE]
    head = words(cache)
    line = address >> head[CacheWord.LINE_SHIFT]
    stall = path[PathWord.ACCESS]
    missed = 0
    if head[CacheWord.AHEAD_LINE] == line + 1:
        stall += max(head[CacheWord.AHEAD_AT], at + path[PathWord.PREFETCHED]) - at
        head[CacheWord.AHEAD_LINE] = 0
        if path[PathWord.PORT] != 0 and words(path[PathWord.PORT])[PortWord.AHEAD_PATH] == path_address:
            words(path[PathWord.PORT])[PortWord.AHEAD_PATH] = 0
        counts[Tally.READ_AHEAD] += 1
        _install(cache, line, system)
    else:
        word = (address >> path[PathWord.WORD_SHIFT]) & path[PathWord.LAST_WORD]
        stall += _demand(path_address, line, word, at, system) - at
        missed = 1
        counts[Tally.MISSES] += 1
        system[SystemWord.FILLING_PLACE] = _install(cache, line, system)
    if path[PathWord.PREFETCH] != 0:
        _read_ahead(path_address, line + 1, at + stall + _CYCLE)
    return (stall << 1) | missed


def access(path_address: Any, address: Any, at: Any, tally: Any, system: Any) -> Any:
    """Let one access happen; return its stall in ticks, shifted left by one, and whether it missed in the lowest bit."""
    path = words(path_address)
    counts = words(tally)
    counts[Tally.ACCESSES] += 1
    stall = path[PathWord.ACCESS]
    cache = path[PathWord.CACHE]
    if cache == 0:
        stall += _demand(path_address, 0, 0, at, system) - at
        counts[Tally.MISSES] += 1
        counts[Tally.STALL] += stall
        return (stall << 1) | 1
    head = words(cache)
    line = address >> head[CacheWord.LINE_SHIFT]
    if head[CacheWord.LAST_LINE] != line + 1 or head[CacheWord.FOLLOWED] == 0:
        head[CacheWord.LAST_LINE] = line + 1
        place = find_line(cache, line)
        if place == 0:
            result = bring_line(path_address, address, at, counts, system)
            counts[Tally.STALL] += result >> 1
            return result
        if head[CacheWord.REPLACEMENT] == Replacement.LRU:
            system[SystemWord.CLOCK] += 1
            words(place)[1] = system[SystemWord.CLOCK]
        if path[PathWord.PREFETCH] == 1:
            _read_ahead(path_address, line + 1, at + stall + _CYCLE)
    arrives_at = arrival(path, cache, address, at)
    if arrives_at > at + stall:
        stall = arrives_at - at
    counts[Tally.STALL] += stall
    return stall << 1


def _note_fetches(cache: Any) -> None:
    """Bring the times of use of the lines that blocks fetched up to date."""
    use_address = words(cache)[CacheWord.LISTED]
    while use_address != END_OF_LIST:
        use = words(use_address)
        program = use[UseWord.PROGRAM]
        at = program + words(program)[ProgramWord.START]
        while at < program + words(program)[ProgramWord.END]:
            if words(at)[0] & 255 == StepKind.FETCH:
                slot = words(at + (words(at)[2] >> SKIP_BIT) + use[UseWord.SLOT])
                if slot[FetchWord.PATH] != 0:
                    place = words(slot[FetchWord.PLACE])
                    place[1] = max(place[1], use[UseWord.USED_AT] + ((at - program) << FINER_BITS))
            at += _OPERATION_BYTES
        use_address = use[UseWord.NEXT]
        use[UseWord.NEXT] = 0
    words(cache)[CacheWord.LISTED] = END_OF_LIST
