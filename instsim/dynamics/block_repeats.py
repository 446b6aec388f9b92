"""Executions of blocks that find what they found before, in machine code: most of a run.

When all lines of a block are in their caches, an execution costs what an earlier one did, as long as every access stays inside the line (or the
stretch of memory without a path) where it was then, and the lines are still in their places. So a block gets one record for each access and each
step to an address (`QuickWord`), once; an execution that passes their checks only counts (`UseWord.REPEATS`), and what it did to tallies and sites
is added up when somebody asks (`settle`). An access that has moved on to another line of the same path moves its record; if that line is not there,
and the block's code comes through another cache, it is brought, and what that takes is added. All else is left to
`instsim.dynamics.memory_simulation`, which follows access by access.

Where code is read ahead behind hits, too, an execution repeats while nothing is left to be read ahead behind its lines.

When the lines of code were used last is noted once for the whole block, and spread to the lines before the next one has to make room.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_operations import Operation
from instsim.dynamics.cache_accesses import arrival, bring_line, find_line, path_of
from instsim.dynamics.memory_layout import (
    END_OF_LIST,
    FINER_BITS,
    MIXED,
    OPERATION_WORDS,
    RANGE_GRAIN_BYTES,
    SKIP_BIT,
    CacheWord,
    FetchWord,
    PathWord,
    ProgramWord,
    QuickWord,
    SiteWord,
    StepKind,
    SystemWord,
    Tally,
    TraceWord,
    UseWord,
)
from instsim.dynamics.memory_system import Replacement
from instsim.dynamics.native_words import in_line, octets, out_of_line, words, words32
from instsim.dynamics.repeat_code import write_code
from instsim.dynamics.step_records import count_steps, lay_operation, lay_step, take_steps

__all__ = ["count_executions", "learn", "repeats", "repeats_from", "settle"]

_MASK = 0xFFFFFFFF
_OPERATION_BYTES, _QUICK_BYTES, _PATH_BYTES, _SITE_BYTES = 8 * OPERATION_WORDS, 8 * QuickWord.WORDS, 8 * PathWord.WORDS, 8 * SiteWord.WORDS
_PAGE_BYTES = 4096
_OTHERWISE = 1
"""No record: an access of a block goes another way than before, or its line cannot be brought by itself."""
_WAIT_AGAIN = 4
"""Executions that are followed access by access before a block that went other ways is learned anew."""


@in_line
def repeats(use_address: Any, system: Any, state: Any) -> Any:
    """Tell whether an execution of a block does what the last one did, but for lines that data accesses bring; then it has happened."""
    use = words(use_address)
    records, end = use[UseWord.QUICK], use[UseWord.QUICK_END]
    if records == 0:
        return False
    filling = 0
    if system[SystemWord.NOW] < system[SystemWord.QUIET_FROM]:
        filling = system[SystemWord.FILLING_PLACE]
        if system[SystemWord.FILLING_CACHE] in {use[UseWord.CACHE], 0}:
            return False
    if use[UseWord.EVICTIONS] != words(use[UseWord.CACHE])[CacheWord.EVICTIONS] and not _all_in_place(use):
        return False
    if records != end and not _go_along(records, use_address, system, state, filling):
        return False
    _count_repeat(use_address, system)
    if use[UseWord.LOOKS] != 0:
        use[UseWord.LOOKS] -= 1
        if use[UseWord.LOOKS] == 0:
            write_code(use_address, system, state)
    return True


def repeats_from(record: Any, use_address: Any, system: Any, state: Any) -> Any:
    """Tell what `repeats` does of an execution whose steps and accesses were looked at up to a record, and whose fetches find their lines."""
    filling = system[SystemWord.FILLING_PLACE] if system[SystemWord.NOW] < system[SystemWord.QUIET_FROM] else 0
    if not _go_along(record, use_address, system, state, filling):
        return False
    _count_repeat(use_address, system)
    return True


def _count_repeat(use_address: Any, system: Any) -> None:
    """Count an execution that repeats."""
    use = words(use_address)
    if use[UseWord.REPEATS] == 0:
        use[UseWord.NEXT_REPEATED] = system[SystemWord.REPEATED]
        system[SystemWord.REPEATED] = use_address
    use[UseWord.REPEATS] += 1
    words(use[UseWord.CACHE])[CacheWord.LAST_LINE] = use[UseWord.LAST_LINE]
    system[SystemWord.NOW] += use[UseWord.TICKS]
    if system[SystemWord.CLOCK] != use[UseWord.USED_AT] + use[UseWord.LENGTH]:
        _note_uses(use_address, system)


def _note_uses(use_address: Any, system: Any) -> None:
    """Note that the lines of a block are used; not needed if nobody used the caches since they were used last."""
    use = words(use_address)
    _stamp(use[UseWord.ACCESSES], use[UseWord.QUICK_END], system)
    use[UseWord.USED_AT] = system[SystemWord.CLOCK] + 1
    system[SystemWord.CLOCK] += 1 + use[UseWord.LENGTH]
    cache = words(use[UseWord.CACHE])
    if use[UseWord.NEXT] == 0 and cache[CacheWord.REPLACEMENT] == Replacement.LRU:
        use[UseWord.NEXT] = cache[CacheWord.LISTED]
        cache[CacheWord.LISTED] = use_address


def _go_along(at: Any, use_address: Any, system: Any, state: Any, filling: Any) -> Any:
    """Look at the steps and accesses of a block from the record `at` on; tell whether all find their lines, or those were brought."""
    use = words(use_address)
    if at < use[UseWord.ACCESSES]:
        take_steps(use[UseWord.QUICK], use[UseWord.ACCESSES], state)
        at = use[UseWord.ACCESSES]
    missing = _look(at, use_address, system, filling)
    if missing == _OTHERWISE:
        return False
    if missing != 0:
        _bring_lines(missing, use_address, system)
    return True


def _inside(quick: Any) -> Any:
    """Return how far an access is behind the start of the line, or stretch, where it was before."""
    base, index = words32(quick[QuickWord.BASE])[0], words32(quick[QuickWord.INDEX])[0]
    return (base + (index << quick[QuickWord.SHIFT]) - quick[QuickWord.LOW]) & _MASK


def _is_elsewhere(quick: Any, inside: Any) -> Any:
    """Tell whether an access has left its line, or lies in two words, or the line is gone."""
    return inside > quick[QuickWord.LIMIT] or inside & quick[QuickWord.ALIGN] != 0 or words(quick[QuickWord.PLACE])[0] != quick[QuickWord.TAG]


def _address(quick: Any, inside: Any) -> Any:
    """Return the address of an access."""
    return (inside + quick[QuickWord.LOW] + quick[QuickWord.CONSTANT]) & _MASK


def _look(at: Any, use_address: Any, system: Any, filling: Any) -> Any:
    """Return 0 if all data accesses of a block from the record `at` on find their lines, else the first that does not, or `_OTHERWISE`."""
    end = words(use_address)[UseWord.QUICK_END]
    missing = 0
    while at < end:
        quick = words(at)
        inside = _inside(quick)
        address = _address(quick, inside)
        is_absent = False
        if _is_elsewhere(quick, inside):
            if path_of(system, address, quick[QuickWord.KIND]) != quick[QuickWord.FOUND]:
                _forget(use_address, system)
                return _OTHERWISE
            is_absent = not _put(at, address, system)
            # The uses of the lines are to be noted, although nobody may have used the caches since the last time.
            system[SystemWord.CLOCK] += 1
        if is_absent or quick[QuickWord.PLACE] == filling:
            if not _can_bring(quick, address, use_address, system):
                return _OTHERWISE
            if missing == 0 and (is_absent or _waits(quick, address, system) != 0):
                missing = at
        at += _QUICK_BYTES
    return missing


def _can_bring(quick: Any, address: Any, use_address: Any, system: Any) -> Any:
    """Tell whether an access is of one word, and of another cache than the block's code."""
    if quick[QuickWord.FOUND] == 0 or quick[QuickWord.COUNT] != 1 or address & quick[QuickWord.ALIGN] != 0 or system[SystemWord.STREAMS] > 1:
        return False
    cache = words(system[SystemWord.PATHS] + (quick[QuickWord.FOUND] - 1) * _PATH_BYTES)[PathWord.CACHE]
    return cache != words(use_address)[UseWord.CACHE] and words(cache)[CacheWord.FOLLOWED] == 0


def _waits(quick: Any, address: Any, system: Any) -> Any:
    """Return for how many ticks more than usual an access waits for its word of a line that is there."""
    path = words(system[SystemWord.PATHS] + (quick[QuickWord.FOUND] - 1) * _PATH_BYTES)
    usual = system[SystemWord.NOW] + quick[QuickWord.WHEN] + path[PathWord.ACCESS]
    return max(arrival(path, path[PathWord.CACHE], address, system[SystemWord.NOW] + quick[QuickWord.WHEN]), usual) - usual


@out_of_line
def _bring_lines(missing: Any, use_address: Any, system: Any) -> None:
    """Bring the lines that are not there, the first of them at the record `missing`, and wait for words; no access of the block goes otherwise."""
    use = words(use_address)
    at = missing
    while at < use[UseWord.QUICK_END]:
        quick = words(at)
        inside = _inside(quick)
        address = _address(quick, inside)
        stall, missed = 0, 0
        # What another one brought may have taken this one's place, or be what it needs.
        if _is_elsewhere(quick, inside) and (at == missing or not _put(at, address, system)):
            _stamp(use[UseWord.ACCESSES], at, system)
            system[SystemWord.CLOCK] += use[UseWord.LENGTH]
            path_address = system[SystemWord.PATHS] + (quick[QuickWord.FOUND] - 1) * _PATH_BYTES
            counts = words(system[SystemWord.TALLIES] + (quick[QuickWord.FOUND] - 1) * (8 * Tally.WORDS))
            result = bring_line(path_address, address, system[SystemWord.NOW] + quick[QuickWord.WHEN], counts, system)
            # The access itself is one of the repeating ones.
            stall, missed = (result >> 1) - words(path_address)[PathWord.ACCESS], result & 1
            _put(at, address, system)
        elif quick[QuickWord.PLACE] == system[SystemWord.FILLING_PLACE] and quick[QuickWord.FOUND] != 0:
            stall = _waits(quick, address, system)
        if stall | missed:
            words(system[SystemWord.TALLIES] + (quick[QuickWord.FOUND] - 1) * (8 * Tally.WORDS))[Tally.STALL] += stall
            counts = words(system[SystemWord.SITES] + quick[QuickWord.SITE] * _SITE_BYTES)
            counts[SiteWord.STALL] += stall
            counts[SiteWord.MISSES] += missed
            system[SystemWord.NOW] += stall
        at += _QUICK_BYTES


@out_of_line
def _all_in_place(use: Any) -> Any:
    """Tell whether a cache holds all lines that a block fetches, looking at each, and nothing is to be read ahead behind them."""
    program, cache = use[UseWord.PROGRAM], words(use[UseWord.CACHE])
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
            if cache[CacheWord.FOLLOWED] != 0 and _reads_ahead(slot, cache):
                return False
        at += _OPERATION_BYTES
    use[UseWord.EVICTIONS] = cache[CacheWord.EVICTIONS]
    return True


def _reads_ahead(slot: Any, cache: Any) -> Any:
    """Tell whether a fetch that finds its line begins to read the next one ahead."""
    if slot[FetchWord.PATH] == 0 or words(slot[FetchWord.PATH])[PathWord.PREFETCH] != 1:
        return False
    next_line = slot[FetchWord.LINE]
    return cache[CacheWord.AHEAD_LINE] != next_line + 1 and find_line(slot[FetchWord.CACHE], next_line) == 0


def _stamp(at: Any, end: Any, system: Any) -> None:
    """Note the uses of lines by data accesses."""
    began = system[SystemWord.CLOCK] + 1
    while at < end:
        words(words(at)[QuickWord.STAMP])[0] = began + words(at)[QuickWord.POSITION]
        at += _QUICK_BYTES


def _put(quick_address: Any, address: Any, system: Any) -> Any:
    """Put an access where it goes on its path; return False if its line is not there, or not one line."""
    quick = words(quick_address)
    if address & quick[QuickWord.ALIGN] != 0:
        return False
    is_mixed = octets(system[SystemWord.READ_MAP + quick[QuickWord.KIND]])[address >> 12] == MIXED
    length = RANGE_GRAIN_BYTES if is_mixed else _PAGE_BYTES
    if quick[QuickWord.FOUND] == 0:
        quick[QuickWord.PLACE] = quick_address + 8 * QuickWord.TAG
    else:
        path = words(system[SystemWord.PATHS] + (quick[QuickWord.FOUND] - 1) * _PATH_BYTES)
        cache = path[PathWord.CACHE]
        if cache == 0 or words(cache)[CacheWord.FOLLOWED] != 0:
            return False
        line = address >> words(cache)[CacheWord.LINE_SHIFT]
        place = find_line(cache, line)
        if place == 0:
            return False
        length = min(length, 1 << words(cache)[CacheWord.LINE_SHIFT])
        quick[QuickWord.PLACE] = place
        quick[QuickWord.TAG] = line + 1
        if words(cache)[CacheWord.REPLACEMENT] == Replacement.LRU:
            quick[QuickWord.STAMP] = place + 8
    bytes_behind = quick[QuickWord.BYTES] - 1
    inside = address & (length - 1)
    if inside + bytes_behind >= length:
        return False
    quick[QuickWord.LOW] = (address - inside - quick[QuickWord.CONSTANT]) & _MASK
    quick[QuickWord.LIMIT] = length - 1 - bytes_behind
    return True


@out_of_line
def _forget(use_address: Any, system: Any) -> None:
    """Follow a block access by access for a while."""
    settle(system)
    use = words(use_address)
    use[UseWord.QUICK], use[UseWord.CODE] = 0, 0
    use[UseWord.WAIT] = _WAIT_AGAIN


@out_of_line
def learn(program: Any, use_address: Any, system: Any, state: Any) -> None:
    """Learn what a block does that was just followed access by access, if its lines are there now."""
    use = words(use_address)
    records = use[UseWord.RECORDS]
    end = program + words(program)[ProgramWord.END]
    at = program + words(program)[ProgramWord.START]
    if records == 0:
        # Room is taken once, for all times that the block is learned.
        records = state[TraceWord.ROOM]
        behind = records + (end - at) // _OPERATION_BYTES * _QUICK_BYTES
        if behind > state[TraceWord.ROOM_END]:
            use[UseWord.CAN_REPEAT] = 0
            return
        use[UseWord.RECORDS] = records
        state[TraceWord.ROOM] = behind
    stalls, last_read = 0, 0
    step = records
    accesses = records + count_steps(at, end) * _QUICK_BYTES
    quick_address = accesses
    while at < end:
        operation = words(at)
        first, constant = operation[0], operation[1] & _MASK
        kind, size, count = first & 255, first >> 40 & 255, first >> 48 & 255
        if kind != StepKind.FETCH:
            if kind > Operation.WRITE:
                lay_step(step, operation, records, state)
                step += _QUICK_BYTES
            else:
                lay_operation(quick_address, operation, records, step, state)
                quick = words(quick_address)
                address = (constant + words32(quick[QuickWord.BASE])[0] + (words32(quick[QuickWord.INDEX])[0] << quick[QuickWord.SHIFT])) & _MASK
                found = path_of(system, address, kind)
                quick[QuickWord.STAMP], quick[QuickWord.POSITION] = quick_address + 8 * QuickWord.UNUSED, (at - program) << FINER_BITS
                quick[QuickWord.WHEN] = (operation[2] & _MASK) + stalls
                quick[QuickWord.FOUND], quick[QuickWord.ALIGN], quick[QuickWord.BYTES] = found, min(size, 4) - 1, size * count
                quick[QuickWord.COUNT], quick[QuickWord.SITE] = count, operation[1] >> 32
                if size > 4 or not _put(quick_address, address, system):
                    use[UseWord.WAIT] = _WAIT_AGAIN
                    return
                stall = 0 if found == 0 else count * words(system[SystemWord.PATHS] + (found - 1) * _PATH_BYTES)[PathWord.ACCESS]
                if kind == Operation.READ:
                    for _ in range(count):
                        if operation[2] >> 32 & 1 and found != (0 if operation[2] >> 33 & 1 else last_read):
                            stall += system[SystemWord.CROSSING]
                        last_read = found
                quick[QuickWord.STALL] = stall
                stalls += stall
                quick_address += _QUICK_BYTES
        at += _OPERATION_BYTES
    if use[UseWord.CACHE] != system[SystemWord.NO_CACHE] and not _all_in_place(use):
        use[UseWord.WAIT] = _WAIT_AGAIN
        return
    use[UseWord.QUICK], use[UseWord.ACCESSES], use[UseWord.QUICK_END] = records, accesses, quick_address
    use[UseWord.TICKS] = words(program)[ProgramWord.TICKS] + stalls
    use[UseWord.LOOKS] = state[TraceWord.LOOKS]
    system[SystemWord.CLOCK] += 1


def count_executions(use: Any, system: Any, times: Any) -> None:
    """Count executions whose stalls count."""
    if system[SystemWord.TALLIES] == system[SystemWord.CHECKED_TALLIES]:
        use[UseWord.COUNTED] += times


def settle(system: Any) -> None:
    """Add what was only counted to tallies and sites."""
    at = system[SystemWord.REPEATED]
    system[SystemWord.REPEATED] = END_OF_LIST
    while at != END_OF_LIST:
        use = words(at)
        times = use[UseWord.REPEATS]
        use[UseWord.REPEATS] = 0
        count_executions(use, system, times)
        if use[UseWord.FETCHES] != 0:
            words(system[SystemWord.TALLIES] + use[UseWord.TALLY])[Tally.ACCESSES] += times * use[UseWord.FETCHES]
        quick_address = use[UseWord.ACCESSES]
        while quick_address < use[UseWord.QUICK_END]:
            quick = words(quick_address)
            accesses = times * quick[QuickWord.COUNT]
            if quick[QuickWord.FOUND] != 0:
                path = words(system[SystemWord.PATHS] + (quick[QuickWord.FOUND] - 1) * _PATH_BYTES)
                tally = words(system[SystemWord.TALLIES] + (quick[QuickWord.FOUND] - 1) * (8 * Tally.WORDS))
                tally[Tally.ACCESSES] += accesses
                tally[Tally.STALL] += accesses * path[PathWord.ACCESS]
            words(system[SystemWord.SITES] + quick[QuickWord.SITE] * _SITE_BYTES)[SiteWord.STALL] += times * quick[QuickWord.STALL]
            quick_address += _QUICK_BYTES
        at = use[UseWord.NEXT_REPEATED]
