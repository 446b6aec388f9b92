"""The memory simulation in machine code: what the accesses of one block cost on a memory system.

It gives `instsim.dynamics.memory_system` its meaning; the tests hold a slow reference against it.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_computation import compute
from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.dynamics.memory_layout import (
    HINTS,
    MIXED,
    OPERATION_WORDS,
    TICKS_PER_CYCLE,
    CacheWord,
    FetchWord,
    PathWord,
    PortWord,
    ProgramWord,
    RangeWord,
    SiteWord,
    StepKind,
    SystemWord,
    Tally,
    TraceWord,
)
from instsim.dynamics.memory_system import Access, Replacement
from instsim.dynamics.native_words import octets, words, words32

__all__ = ["change_phase", "simulate_block"]

_MASK = 0xFFFFFFFF
_CYCLE = TICKS_PER_CYCLE
_NO_REGISTER = NO_REGISTER

_HINTS, _HINTS_LENGTH = int(CacheWord.HINTS), HINTS
_LINE_SHIFT, _SET_MASK, _WAYS, _REPLACEMENT, _CLOCK, _RANDOM, _LAST_LINE, _PLACES = (
    int(CacheWord.LINE_SHIFT),
    int(CacheWord.SET_MASK),
    int(CacheWord.WAYS),
    int(CacheWord.REPLACEMENT),
    int(CacheWord.CLOCK),
    int(CacheWord.RANDOM),
    int(CacheWord.LAST_LINE),
    int(CacheWord.WORDS),
)
_LRU, _RANDOMLY = int(Replacement.LRU), int(Replacement.RANDOM)
_CACHE, _PORT, _MISS, _FURTHER, _WORD_SHIFT, _LAST_WORD = (
    int(PathWord.CACHE),
    int(PathWord.PORT),
    int(PathWord.MISS),
    int(PathWord.FURTHER),
    int(PathWord.WORD_SHIFT),
    int(PathWord.LAST_WORD),
)
_PREFETCH, _PREFETCHED, _ABORTS, _ACCESS = (
    int(PathWord.PREFETCH),
    int(PathWord.PREFETCHED),
    int(PathWord.ABORTS),
    int(PathWord.ACCESS),
)
_AHEAD_LINE, _AHEAD_AT = int(CacheWord.AHEAD_LINE), int(CacheWord.AHEAD_AT)
_PATH_BYTES = 8 * int(PathWord.WORDS)
_BUSY, _FILL_CACHE, _FILL_LINE, _FILL_WORD, _FILL_AT, _AHEAD_PATH = (
    int(PortWord.BUSY_UNTIL),
    int(PortWord.FILL_CACHE),
    int(PortWord.FILL_LINE),
    int(PortWord.FILL_WORD),
    int(PortWord.FILL_AT),
    int(PortWord.AHEAD_PATH),
)
_NOW, _READ_MAP, _WRITE_MAP, _RANGES, _RANGES_LENGTH, _PATHS = (
    int(SystemWord.NOW),
    int(SystemWord.READ_MAP),
    int(SystemWord.WRITE_MAP),
    int(SystemWord.RANGES),
    int(SystemWord.RANGES_LENGTH),
    int(SystemWord.PATHS),
)
_LEAD, _CROSSING, _LAST_READ, _REDIRECTED, _TALLIES, _SITES = (
    int(SystemWord.FETCH_LEAD),
    int(SystemWord.CROSSING),
    int(SystemWord.LAST_READ_PATH),
    int(SystemWord.REDIRECTED_AT),
    int(SystemWord.TALLIES),
    int(SystemWord.SITES),
)
_START, _STOP, _KIND_OF_RANGE, _PATH_OF_RANGE, _RANGE_BYTES = (
    int(RangeWord.START),
    int(RangeWord.STOP),
    int(RangeWord.ACCESS),
    int(RangeWord.PATH),
    8 * int(RangeWord.WORDS),
)
_ACCESSES, _MISSES, _READ_AHEAD, _STALL, _TALLY_WORDS = (
    int(Tally.ACCESSES),
    int(Tally.MISSES),
    int(Tally.READ_AHEAD),
    int(Tally.STALL),
    int(Tally.WORDS),
)
_LENGTH, _TICKS, _COPIES, _SAMPLED, _HEAD_BYTES = (
    int(ProgramWord.LENGTH),
    int(ProgramWord.TICKS),
    int(ProgramWord.COPIES),
    int(ProgramWord.SAMPLED),
    8 * int(ProgramWord.WORDS),
)
_SITE_STALL, _SITE_MISSES, _SPLIT, _SITE_BYTES = int(SiteWord.STALL), int(SiteWord.MISSES), int(SiteWord.SPLIT), 8 * int(SiteWord.WORDS)
_OPERATION_BYTES = 8 * OPERATION_WORDS
_SYSTEMS, _SYSTEMS_LENGTH, _REGISTERS, _SCRATCH, _PAGES, _WARMING, _FETCH_BYTES = (
    int(TraceWord.SYSTEMS),
    int(TraceWord.SYSTEMS_LENGTH),
    int(TraceWord.REGISTERS_ADDRESS),
    int(TraceWord.SCRATCH),
    int(TraceWord.PAGES),
    int(TraceWord.WARMING),
    int(TraceWord.SLOT_BYTES),
)
_PHASE, _SAMPLING, _WINDOW, _GAP, _WARM_UP = (
    int(TraceWord.PHASE),
    int(TraceWord.SAMPLING),
    int(TraceWord.WINDOW),
    int(TraceWord.GAP),
    int(TraceWord.WARM_UP),
)
_SPARE_TALLIES, _SPARE_SITES, _CHECKED_TALLIES, _CHECKED_SITES = (
    int(SystemWord.SPARE_TALLIES),
    int(SystemWord.SPARE_SITES),
    int(SystemWord.CHECKED_TALLIES),
    int(SystemWord.CHECKED_SITES),
)
_FETCH_PATH, _FETCH_CACHE, _FETCH_LINE, _FETCH_PLACE, _FETCH_PORT, _FETCH_TALLY, _SLOT_WORDS = (
    int(FetchWord.PATH),
    int(FetchWord.CACHE),
    int(FetchWord.LINE),
    int(FetchWord.PLACE),
    int(FetchWord.PORT),
    int(FetchWord.TALLY),
    int(FetchWord.WORDS),
)
_READS, _WRITES = int(Access.READ), int(Access.WRITE)
_FETCH = int(StepKind.FETCH)
_MIXED = MIXED
_READ, _WRITE = int(Operation.READ), int(Operation.WRITE)


def _find(cache: Any, line: Any) -> Any:
    """Return the address of a line's place in a cache, 0 if it is not there."""
    head = words(cache)
    hint = words(cache + (8 * _HINTS) + ((line & (_HINTS_LENGTH - 1)) << 3))
    at = hint[0]
    if at != 0 and words(at)[0] == line + 1:
        return at
    ways = head[_WAYS]
    at = cache + (8 * _PLACES) + (line & head[_SET_MASK]) * ways * 16
    for _ in range(ways):
        if words(at)[0] == line + 1:
            hint[0] = at
            return at
        at += 16
    return 0


def _install(cache: Any, line: Any) -> None:
    """Put a line into a cache."""
    head = words(cache)
    ways = head[_WAYS]
    first = cache + (8 * _PLACES) + (line & head[_SET_MASK]) * ways * 16
    chosen = first
    oldest = words(first)[1]
    empty = words(first)[0] == 0
    at = first + 16
    for _ in range(ways - 1):
        if not empty:
            place = words(at)
            if place[0] == 0:
                empty = True
                chosen = at
            elif place[1] < oldest:
                oldest = place[1]
                chosen = at
        at += 16
    if not empty and head[_REPLACEMENT] == _RANDOMLY:
        value = head[_RANDOM]
        value ^= value << 13
        value ^= value >> 7
        value ^= value << 17
        head[_RANDOM] = value
        chosen = first + (value >> 33) % ways * 16
    head[_CLOCK] += 1
    words(chosen)[0] = line + 1
    words(chosen)[1] = head[_CLOCK]


def _read_ahead(path_address: Any, line: Any, at: Any) -> None:
    """Begin to read a line ahead, as soon as the port is free."""
    path = words(path_address)
    head = words(path[_CACHE])
    if head[_AHEAD_LINE] == line + 1 or _find(path[_CACHE], line) != 0:
        return
    begin = at
    if path[_PORT] != 0:
        port = words(path[_PORT])
        begin = max(begin, port[_BUSY])
        port[_BUSY] = begin + path[_MISS]
        port[_AHEAD_PATH] = path_address
    head[_AHEAD_LINE] = line + 1
    head[_AHEAD_AT] = begin + path[_MISS]


def _demand(path_address: Any, line: Any, word: Any, at: Any) -> Any:
    """Ask a port for a word; return the tick at which it arrives."""
    path = words(path_address)
    if path[_PORT] == 0:
        return at + path[_MISS]
    port = words(path[_PORT])
    begin = at
    ended = 0
    if port[_BUSY] > at:
        if port[_AHEAD_PATH] != 0 and path[_ABORTS] != 0:
            ended = port[_AHEAD_PATH]
        else:
            begin = port[_BUSY]
    arrival = begin + path[_MISS]
    port[_AHEAD_PATH] = 0
    port[_BUSY] = arrival + _CYCLE
    if path[_CACHE] != 0 and path[_FURTHER] != 0:
        port[_FILL_CACHE] = path[_CACHE]
        port[_FILL_LINE] = line + 1
        port[_FILL_WORD] = word
        port[_FILL_AT] = arrival
        port[_BUSY] += path[_LAST_WORD] * path[_FURTHER]
    if ended != 0:
        other = words(ended)
        head = words(other[_CACHE])
        if ended == path_address:
            head[_AHEAD_LINE] = 0
        else:
            head[_AHEAD_AT] = port[_BUSY] + other[_MISS]
            port[_AHEAD_PATH] = ended
            port[_BUSY] = head[_AHEAD_AT]
    return arrival


def _access(path_address: Any, address: Any, at: Any, tally: Any) -> Any:
    """Let one access happen; return its stall in ticks, shifted left by one, and whether it missed in the lowest bit."""
    path = words(path_address)
    counts = words(tally)
    counts[_ACCESSES] += 1
    stall = path[_ACCESS]
    cache = path[_CACHE]
    if cache == 0:
        stall += _demand(path_address, 0, 0, at) - at
        counts[_MISSES] += 1
        counts[_STALL] += stall
        return (stall << 1) | 1
    head = words(cache)
    line = address >> head[_LINE_SHIFT]
    missed = 0
    if head[_LAST_LINE] != line + 1:
        head[_LAST_LINE] = line + 1
        ahead = path[_PREFETCH] != 0
        place = _find(cache, line)
        if place != 0:
            ahead = path[_PREFETCH] == 1
            if head[_REPLACEMENT] == _LRU:
                head[_CLOCK] += 1
                words(place)[1] = head[_CLOCK]
        elif head[_AHEAD_LINE] == line + 1:
            arrival = max(head[_AHEAD_AT], at + path[_PREFETCHED])
            stall += arrival - at
            head[_AHEAD_LINE] = 0
            if path[_PORT] != 0 and words(path[_PORT])[_AHEAD_PATH] == path_address:
                words(path[_PORT])[_AHEAD_PATH] = 0
            counts[_READ_AHEAD] += 1
            _install(cache, line)
        else:
            word = (address >> path[_WORD_SHIFT]) & path[_LAST_WORD]
            stall += _demand(path_address, line, word, at) - at
            missed = 1
            counts[_MISSES] += 1
            _install(cache, line)
        if ahead:
            _read_ahead(path_address, line + 1, at + stall + _CYCLE)
    if missed == 0 and path[_FURTHER] != 0:
        port = words(path[_PORT])
        if port[_BUSY] > at and port[_FILL_LINE] == line + 1 and port[_FILL_CACHE] == cache:
            word = (address >> path[_WORD_SHIFT]) & path[_LAST_WORD]
            arrival = port[_FILL_AT] + ((word - port[_FILL_WORD]) & path[_LAST_WORD]) * path[_FURTHER]
            if arrival > at + stall:
                stall = arrival - at
    counts[_STALL] += stall
    return (stall << 1) | missed


def _is_at_hand(slot: Any, at: Any) -> Any:
    """Tell whether a fetch finds its line whole and in the place where it was before; then it costs nothing, and the line counts as used."""
    cache = slot[_FETCH_CACHE]
    if cache == 0:
        return False
    if slot[_FETCH_PORT] != 0 and words(slot[_FETCH_PORT])[_BUSY] > at:
        return False
    head = words(cache)
    line = slot[_FETCH_LINE]
    if head[_LAST_LINE] == line:
        return True
    place = slot[_FETCH_PLACE]
    if place == 0 or words(place)[0] != line:
        return False
    head[_LAST_LINE] = line
    if head[_REPLACEMENT] == _LRU:
        head[_CLOCK] += 1
        words(place)[1] = head[_CLOCK]
    return True


def _path_of(system: Any, address: Any, kind: Any) -> Any:
    """Return one more than the path that a data access takes, 0 for none."""
    head = words(system)
    where = head[_READ_MAP] if kind == _READS else head[_WRITE_MAP]
    found = octets(where)[address >> 12]
    if found == _MIXED:
        found = 0
        at = head[_RANGES]
        for _ in range(head[_RANGES_LENGTH]):
            stretch = words(at)
            if stretch[_KIND_OF_RANGE] == kind and stretch[_START] <= address < stretch[_STOP]:
                return stretch[_PATH_OF_RANGE] + 1
            at += _RANGE_BYTES
    return found


def simulate_block(program: Any, trace: Any, jumped: Any) -> Any:
    """Let the accesses of one execution of a block happen on every system.

    Parameters
    ----------
    program : uint64
        Address of the block's program.
    trace : uint64
        Address of the machine's `TraceWord` state; registers are those at the block's start.
    jumped : bool
        Whether control jumped to the block.

    Returns
    -------
    uint64
        Stall on the first system, in ticks.
    """
    state = words(trace)
    head = words(program)
    if state[_WARMING] == 0:
        head[_SAMPLED] += 1
    registers = state[_REGISTERS]
    if registers == 0:
        # The hook has asked for them.
        registers = state[_SCRATCH]
    elif head[_COPIES] != 0:
        here, there = words(registers), words(state[_SCRATCH])
        for pair in range(16):
            there[pair] = here[pair]
        registers = state[_SCRATCH]
    pages = state[_PAGES]
    systems = words(state[_SYSTEMS])
    count = state[_SYSTEMS_LENGTH]
    for number in range(count):
        system = words(systems[number])
        if jumped:
            system[_REDIRECTED] = system[_NOW]
    before = words(systems[0])[_NOW]
    at = program + _HEAD_BYTES
    for _ in range(head[_LENGTH]):
        operation = words(at)
        at += _OPERATION_BYTES
        first, second, third = operation[0], operation[1], operation[2]
        kind = first & 255
        if kind == _FETCH:
            address = second & _MASK
            site = second >> 32
            offset = third & _MASK
            for number in range(count):
                slot = words(at + number * (8 * _SLOT_WORDS))
                path = slot[_FETCH_PATH]
                if path != 0:
                    system = words(systems[number])
                    needed = system[_NOW] + offset
                    tally = system[_TALLIES] + slot[_FETCH_TALLY]
                    if _is_at_hand(slot, needed - min(needed, system[_LEAD])):
                        words(tally)[_ACCESSES] += 1
                        continue
                    lead = min(system[_LEAD], needed - min(needed, system[_REDIRECTED]))
                    result = _access(path, address, needed - lead, tally)
                    if slot[_FETCH_CACHE] != 0:
                        slot[_FETCH_PLACE] = _find(slot[_FETCH_CACHE], slot[_FETCH_LINE] - 1)
                    stall = result >> 1
                    hidden = min(stall, lead)
                    stall -= hidden
                    if stall | (result & 1):
                        counts = words(system[_SITES] + site * _SITE_BYTES)
                        counts[_SITE_STALL] += stall
                        counts[_SITE_MISSES] += result & 1
                        system[_NOW] += stall
                    if hidden:
                        words(tally)[_STALL] -= hidden
            at += state[_FETCH_BYTES]
        elif kind <= _WRITE:
            base, index = (first >> 16) & 255, (first >> 24) & 255
            address = second & _MASK
            if base != _NO_REGISTER:
                address += words32(registers)[base]
            if index != _NO_REGISTER:
                address += words32(registers)[index] << ((first >> 32) & 31)
            address &= _MASK
            size = (first >> 40) & 255
            length = (first >> 48) & 255
            access = _READS if kind == _READ else _WRITES
            site = second >> 32
            offset = third & _MASK
            for number in range(count):
                system = words(systems[number])
                word = address
                ticks = offset
                for _ in range(length):
                    found = _path_of(systems[number], word, access)
                    stall = 0
                    missed = 0
                    if found != 0:
                        path = system[_PATHS] + (found - 1) * _PATH_BYTES
                        result = _access(path, word, system[_NOW] + ticks, system[_TALLIES] + (found - 1) * (8 * _TALLY_WORDS))
                        stall = result >> 1
                        missed = result & 1
                    if access == _READS:
                        if (third >> 32) & 1 and found != system[_LAST_READ]:
                            stall += system[_CROSSING]
                        system[_LAST_READ] = found
                    if stall | missed:
                        counts = words(system[_SITES] + site * _SITE_BYTES)
                        counts[_SITE_STALL] += stall
                        counts[_SITE_MISSES] += missed
                        system[_NOW] += stall
                    if (word & 3) + size > 4:
                        words(system[_SITES] + site * _SITE_BYTES)[_SPLIT] += 1
                    word = (word + size) & _MASK
                    ticks += _CYCLE
        else:
            compute(kind, first, second & _MASK, registers, pages)
    stalled = words(systems[0])[_NOW] - before
    for number in range(count):
        words(systems[number])[_NOW] += head[_TICKS]
    return stalled


def change_phase(trace: Any) -> None:
    """Go from warm-up to counting, from there to the gap, and from there to the next warm-up."""
    state = words(trace)
    systems = words(state[_SYSTEMS])
    if state[_GAP] == 0:
        state[_PHASE] = ~0
        return
    if state[_WARMING] != 0:
        state[_WARMING] = 0
        state[_PHASE] = state[_WINDOW]
    elif state[_SAMPLING] != 0:
        state[_SAMPLING] = 0
        state[_PHASE] = state[_GAP]
    else:
        state[_SAMPLING] = 1
        state[_WARMING] = 1
        state[_PHASE] = state[_WARM_UP]
    for number in range(state[_SYSTEMS_LENGTH]):
        system = words(systems[number])
        counted = state[_WARMING] == 0
        system[_TALLIES] = system[_CHECKED_TALLIES] if counted else system[_SPARE_TALLIES]
        system[_SITES] = system[_CHECKED_SITES] if counted else system[_SPARE_SITES]
