"""The memory simulation in machine code: what the accesses of one block cost on a memory system.

It gives `instsim.dynamics.memory_system` its meaning; the tests hold a slow reference against it.

Most blocks find all lines of their code in the cache. Then nothing happens at their fetches but that lines are used, so they are skipped: that
no line of a block has gone is known from the cache's count of evictions, and when it used them last is noted once for the whole block
(`UseWord`), and spread to the lines before the next one has to make room.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_computation import compute, register
from instsim.dynamics.address_operations import Operation
from instsim.dynamics.cache_accesses import FINER_BITS, access, find_line, note_fetches
from instsim.dynamics.memory_layout import (
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
    SiteWord,
    StepKind,
    SystemWord,
    Tally,
    TraceWord,
    UseWord,
)
from instsim.dynamics.memory_system import Replacement
from instsim.dynamics.native_words import octets, out_of_line, words, words32

__all__ = ["change_phase", "simulate_block"]

_MASK = 0xFFFFFFFF
_CYCLE = TICKS_PER_CYCLE
_PATH_BYTES, _RANGE_BYTES, _SITE_BYTES = 8 * PathWord.WORDS, 8 * RangeWord.WORDS, 8 * SiteWord.WORDS
_OPERATION_BYTES, _USE_BYTES = 8 * OPERATION_WORDS, 8 * UseWord.WORDS
_EVERY_USE = 1


def _is_at_hand(slot: Any, at: Any) -> Any:
    """Tell whether a fetch finds its line whole and in the place where it was before; then it costs nothing, and the line counts as used."""
    cache = slot[FetchWord.CACHE]
    if cache == 0:
        return False
    if slot[FetchWord.PORT] != 0 and words(slot[FetchWord.PORT])[PortWord.BUSY_UNTIL] > at:
        return False
    head = words(cache)
    line = slot[FetchWord.LINE]
    if head[CacheWord.LAST_LINE] == line:
        return True
    place = slot[FetchWord.PLACE]
    if place == 0 or words(place)[0] != line:
        return False
    head[CacheWord.LAST_LINE] = line
    if head[CacheWord.REPLACEMENT] == Replacement.LRU:
        head[CacheWord.CLOCK] += 1
        words(place)[1] = head[CacheWord.CLOCK]
    return True


def _all_in_place(use: Any) -> Any:
    """Tell whether a cache holds all lines that a block fetches, looking at each."""
    program = use[UseWord.PROGRAM]
    at = program + words(program)[ProgramWord.START]
    end = program + words(program)[ProgramWord.END]
    while at < end:
        if words(at)[0] & 255 == StepKind.FETCH:
            slot = words(at + (words(at)[2] >> SKIP_BIT) + use[UseWord.SLOT])
            if slot[FetchWord.PATH] != 0 and (slot[FetchWord.PLACE] == 0 or words(slot[FetchWord.PLACE])[0] != slot[FetchWord.LINE]):
                place = find_line(use[UseWord.CACHE], slot[FetchWord.LINE] - 1)
                if place == 0:
                    return False
                slot[FetchWord.PLACE] = place
        at += _OPERATION_BYTES
    use[UseWord.EVICTIONS] = words(use[UseWord.CACHE])[CacheWord.EVICTIONS] + 1
    return True


def _begin_skipping(use: Any, system: Any) -> Any:
    """Tell whether the fetches of a block can be skipped, because each finds its line whole."""
    if use[UseWord.CAN_SKIP] == 0:
        return False
    cache = use[UseWord.CACHE]
    if cache == 0:
        return True
    if use[UseWord.PORT] != 0:
        port = words(use[UseWord.PORT])
        if port[PortWord.FILL_CACHE] == cache and port[PortWord.BUSY_UNTIL] + system[SystemWord.FETCH_LEAD] > system[SystemWord.NOW]:
            return False
    if use[UseWord.EVICTIONS] != words(cache)[CacheWord.EVICTIONS] + 1 and not _all_in_place(use):
        return False
    words(cache)[CacheWord.LAST_LINE] = 0
    return True


def _stop_skipping(use: Any, system: Any, at: Any, began: Any) -> None:
    """Account for the fetches before an operation, because it may send lines away."""
    words(system[SystemWord.TALLIES] + use[UseWord.TALLY])[Tally.ACCESSES] += note_fetches(use, at, began)
    words(use[UseWord.CACHE])[CacheWord.CLOCK] = began + ((at - use[UseWord.PROGRAM] + _OPERATION_BYTES) << FINER_BITS)


def _end_skipping(use_address: Any, system: Any, began: Any) -> None:
    """Account for all fetches of a block."""
    use = words(use_address)
    words(system[SystemWord.TALLIES] + use[UseWord.TALLY])[Tally.ACCESSES] += use[UseWord.FETCHES]
    head = words(use[UseWord.CACHE])
    if head[CacheWord.REPLACEMENT] == Replacement.LRU:
        use[UseWord.USED_AT] = began
        head[CacheWord.CLOCK] = began + (words(use[UseWord.PROGRAM])[ProgramWord.END] << FINER_BITS)
        if use[UseWord.NEXT] == 0:
            use[UseWord.NEXT] = head[CacheWord.LISTED]
            head[CacheWord.LISTED] = use_address


def _skip_all(use_address: Any, system: Any) -> None:
    """Account for a block that does nothing but fetch; if nobody used the cache since its last execution, its lines still are the last ones used."""
    use = words(use_address)
    clock = words(use[UseWord.CACHE])[CacheWord.CLOCK]
    if clock == use[UseWord.USED_AT] + (words(use[UseWord.PROGRAM])[ProgramWord.END] << FINER_BITS):
        words(system[SystemWord.TALLIES] + use[UseWord.TALLY])[Tally.ACCESSES] += use[UseWord.FETCHES]
    else:
        _end_skipping(use_address, system, clock + 1)


def _path_of(head: Any, address: Any, kind: Any) -> Any:
    """Return one more than the path that a data access takes, 0 for none; `kind` is the operation's."""
    found = octets(head[SystemWord.READ_MAP + kind])[address >> 12]
    if found == MIXED:
        found = 0
        at = head[SystemWord.RANGES]
        for _ in range(head[SystemWord.RANGES_LENGTH]):
            stretch = words(at)
            if stretch[RangeWord.ACCESS] == kind + 1 and stretch[RangeWord.START] <= address < stretch[RangeWord.STOP]:
                return stretch[RangeWord.PATH] + 1
            at += _RANGE_BYTES
    return found


def _hits(path: Any, address: Any, at: Any, skipped: Any, time: Any) -> Any:
    """Tell whether a data access finds its line whole and where its kind was found last; then the line counts as used.

    In the cache `skipped`, whose fetches are skipped at the moment, the time of use is given.
    """
    cache = path[PathWord.CACHE]
    if cache == 0 or path[PathWord.PREFETCH] == _EVERY_USE:
        return False
    if path[PathWord.FURTHER] != 0 and words(path[PathWord.PORT])[PortWord.BUSY_UNTIL] > at:
        return False
    head = words(cache)
    line = address >> head[CacheWord.LINE_SHIFT]
    if head[CacheWord.LAST_LINE] == line + 1:
        return True
    place = words(cache + 8 * CacheWord.HINTS + ((line & (HINTS - 1)) << 3))[0]
    if place == 0 or words(place)[0] != line + 1:
        return False
    if cache == skipped:
        if head[CacheWord.REPLACEMENT] == Replacement.LRU:
            words(place)[1] = time
        return True
    head[CacheWord.LAST_LINE] = line + 1
    if head[CacheWord.REPLACEMENT] == Replacement.LRU:
        head[CacheWord.CLOCK] += 1
        words(place)[1] = head[CacheWord.CLOCK]
    return True


def _fetch(operation: Any, slot: Any, system: Any) -> None:
    """Let one fetch happen."""
    second = operation[1]
    needed = system[SystemWord.NOW] + (operation[2] & _MASK)
    tally = system[SystemWord.TALLIES] + slot[FetchWord.TALLY]
    if _is_at_hand(slot, needed - min(needed, system[SystemWord.FETCH_LEAD])):
        words(tally)[Tally.ACCESSES] += 1
        return
    lead = min(system[SystemWord.FETCH_LEAD], needed - min(needed, system[SystemWord.REDIRECTED_AT]))
    result = access(slot[FetchWord.PATH], second & _MASK, needed - lead, tally)
    if slot[FetchWord.CACHE] != 0:
        slot[FetchWord.PLACE] = find_line(slot[FetchWord.CACHE], slot[FetchWord.LINE] - 1)
    stall = result >> 1
    hidden = min(stall, lead)
    stall -= hidden
    if stall | (result & 1):
        _charge(system, second >> 32, stall, result & 1)
    if hidden:
        words(tally)[Tally.STALL] -= hidden


def _charge(system: Any, site: Any, stall: Any, missed: Any) -> None:
    """Charge a site, and let the time pass."""
    counts = words(system[SystemWord.SITES] + site * _SITE_BYTES)
    counts[SiteWord.STALL] += stall
    counts[SiteWord.MISSES] += missed
    system[SystemWord.NOW] += stall


@out_of_line
def _access_data(at: Any, use: Any, system: Any, registers: Any, scratch: Any, began: Any) -> Any:  # noqa: PLR0917 -- by position
    """Let a data access happen; return whether fetches may still be skipped. `began` is as in `_note_fetches`, 0 if they are not."""
    operation = words(at)
    first, second, third = operation[0], operation[1], operation[2]
    kind, size = first & 1, first >> 40 & 255
    address = _address(first, second, registers, scratch)
    skipped = use[UseWord.CACHE] if began != 0 else 0
    ticks = third & _MASK
    for number in range(first >> 48 & 255):
        found = _path_of(system, address, kind)
        stall = 0
        missed = 0
        if found != 0:
            path = system[SystemWord.PATHS] + (found - 1) * _PATH_BYTES
            tally = system[SystemWord.TALLIES] + (found - 1) * (8 * Tally.WORDS)
            when = system[SystemWord.NOW] + ticks
            if _hits(words(path), address, when, skipped, began + ((at - use[UseWord.PROGRAM]) << FINER_BITS) + number):
                words(tally)[Tally.ACCESSES] += 1
                stall = words(path)[PathWord.ACCESS]
                words(tally)[Tally.STALL] += stall
            else:
                if skipped != 0 and words(path)[PathWord.CACHE] == skipped:
                    _stop_skipping(use, system, at, began)
                    skipped = 0
                result = access(path, address, when, tally)
                stall = result >> 1
                missed = result & 1
        if system[SystemWord.CROSSING] != 0 and kind == Operation.READ:
            if third >> 32 & 1 and found != (0 if third >> 33 & 1 else system[SystemWord.LAST_READ_PATH]):
                stall += system[SystemWord.CROSSING]
            system[SystemWord.LAST_READ_PATH] = found
        if stall | missed:
            _charge(system, second >> 32, stall, missed)
        if (address & 3) + size > 4:
            words(system[SystemWord.SITES] + (second >> 32) * _SITE_BYTES)[SiteWord.SPLIT] += 1
        address = (address + size) & _MASK
        ticks += _CYCLE
    return began == 0 or skipped != 0


def _address(first: Any, second: Any, registers: Any, scratch: Any) -> Any:
    """Return the address of a data access."""
    index = register(registers, scratch, first >> 24 & 255) << (first >> 32 & 31)
    return (second + register(registers, scratch, first >> 16 & 255) + index) & _MASK


def _is_free(first: Any, second: Any, system: Any, registers: Any) -> Any:
    """Tell whether a plain access takes no path and lies in one word."""
    address = (second + words32(registers)[first >> 16 & 255]) & _MASK
    return octets(system[SystemWord.READ_MAP + (first & 1)])[address >> 12] == 0 and (address & 3) + (first >> 40 & 255) <= 4


def _is_quick(at: Any, use: Any, system: Any, registers: Any, scratch: Any, began: Any) -> Any:  # noqa: PLR0917 -- by position
    """Tell whether a data access is one of the many that cost nothing, or no more than each on its path; then it has happened."""
    operation = words(at)
    first, second = operation[0], operation[1]
    if first >> 48 & 255 != 1:
        return False
    address = _address(first, second, registers, scratch)
    found = octets(system[SystemWord.READ_MAP + (first & 1)])[address >> 12]
    if (address & 3) + (first >> 40 & 255) > 4 or found == MIXED:
        return False
    if first & 1 == Operation.READ:
        if operation[2] >> 32 & 1 and found != (0 if operation[2] >> 33 & 1 else system[SystemWord.LAST_READ_PATH]):
            return False
        system[SystemWord.LAST_READ_PATH] = found
    if found == 0:
        return True
    path = words(system[SystemWord.PATHS] + (found - 1) * _PATH_BYTES)
    skipped = use[UseWord.CACHE]
    if not _hits(path, address, system[SystemWord.NOW] + (operation[2] & _MASK), skipped, began + ((at - use[UseWord.PROGRAM]) << FINER_BITS)):
        return False
    counts = words(system[SystemWord.TALLIES] + (found - 1) * (8 * Tally.WORDS))
    counts[Tally.ACCESSES] += 1
    if path[PathWord.ACCESS] != 0:
        counts[Tally.STALL] += path[PathWord.ACCESS]
        _charge(system, second >> 32, path[PathWord.ACCESS], 0)
    return True


def _run(program: Any, use_address: Any, system: Any, state: Any) -> None:
    """Let the accesses of one execution of a block happen on one system."""
    head, use = words(program), words(use_address)
    scratch = state[TraceWord.SCRATCH]
    registers = state[TraceWord.REGISTERS_ADDRESS] if state[TraceWord.REGISTERS_ADDRESS] != 0 else scratch
    pages = state[TraceWord.PAGES]
    end = program + head[ProgramWord.END]
    at = program + head[ProgramWord.START]
    if _begin_skipping(use, system):
        cache = use[UseWord.CACHE]
        if head[ProgramWord.DATA] == head[ProgramWord.END]:
            if cache != 0:
                _skip_all(use_address, system)
            system[SystemWord.NOW] += head[ProgramWord.TICKS]
            return
        began = words(cache)[CacheWord.CLOCK] + 1 if cache != 0 else 0
        skips = True
        at = program + head[ProgramWord.DATA]
        while at < end and skips:
            operation = words(at)
            first = operation[0]
            if first & StepKind.PLAIN and _is_free(first, operation[1], system, registers) and operation[2] >> 32 & 1 == 0:
                system[SystemWord.LAST_READ_PATH] = 0
            elif first & (255 ^ StepKind.PLAIN) > Operation.WRITE:
                compute(first & 255, first, operation[1] & _MASK, registers, scratch, pages)
            elif not _is_quick(at, use, system, registers, scratch, began):
                skips = _access_data(at, use, system, registers, scratch, began)
            at += operation[2] >> SKIP_BIT if skips else _OPERATION_BYTES
        if skips and cache != 0:
            _end_skipping(use_address, system, began)
    while at < end:
        operation = words(at)
        kind = operation[0] & (255 ^ StepKind.PLAIN)
        if kind == StepKind.FETCH:
            slot = words(at + (operation[2] >> SKIP_BIT) + use[UseWord.SLOT])
            if slot[FetchWord.PATH] != 0:
                _fetch(operation, slot, system)
        elif kind > Operation.WRITE:
            compute(kind, operation[0], operation[1] & _MASK, registers, scratch, pages)
        else:
            _access_data(at, use, system, registers, scratch, 0)
        at += _OPERATION_BYTES
    system[SystemWord.NOW] += head[ProgramWord.TICKS]


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
    state, head = words(trace), words(program)
    if state[TraceWord.WARMING] == 0:
        head[ProgramWord.SAMPLED] += 1
    systems = words(state[TraceWord.SYSTEMS])
    before = words(systems[0])[SystemWord.NOW]
    use = program + 8 * ProgramWord.WORDS
    for number in range(state[TraceWord.SYSTEMS_LENGTH]):
        system = words(systems[number])
        if jumped:
            system[SystemWord.REDIRECTED_AT] = system[SystemWord.NOW]
        _run(program, use, system, state)
        use += _USE_BYTES
    return words(systems[0])[SystemWord.NOW] - before - head[ProgramWord.TICKS]


@out_of_line
def change_phase(trace: Any, now: Any) -> Any:
    """Go from warm-up to counting, from there to the gap, and from there to the next warm-up.

    Returns
    -------
    uint64
        Tick from which blocks are simulated.
    """
    state = words(trace)
    if state[TraceWord.GAP] == 0:
        state[TraceWord.PHASE_END] = ~0
        return now
    if state[TraceWord.WARMING] != 0:
        state[TraceWord.WARMING] = 0
        state[TraceWord.PHASE_END] = now + state[TraceWord.WINDOW]
    elif state[TraceWord.IN_GAP] == 0:
        state[TraceWord.IN_GAP] = 1
        return now + state[TraceWord.GAP]
    else:
        state[TraceWord.IN_GAP] = 0
        state[TraceWord.WARMING] = 1
        state[TraceWord.PHASE_END] = now + state[TraceWord.WARM_UP]
    systems = words(state[TraceWord.SYSTEMS])
    for number in range(state[TraceWord.SYSTEMS_LENGTH]):
        system = words(systems[number])
        counted = state[TraceWord.WARMING] == 0
        system[SystemWord.TALLIES] = system[SystemWord.CHECKED_TALLIES] if counted else system[SystemWord.SPARE_TALLIES]
        system[SystemWord.SITES] = system[SystemWord.CHECKED_SITES] if counted else system[SystemWord.SPARE_SITES]
    return now
