"""Executions of blocks on small systems that go as an earlier one did, in machine code: most of a run where little is cached.

What a block does to a system that caches a few lines of code, and no data, depends on the situation that it finds (`instsim.dynamics.situations`) and
on which path each of its data accesses takes, not on their addresses. So the first execution of a block in a situation is followed access by access,
and noted (`PassageWord`): how long it took, who was charged, and the situation behind it. Another one that begins there only has to look whether
each access stays on its path (`WayWord`); what it did to tallies and sites is added up when somebody asks (`settle_passages`).

When the room for all this is full, everything is forgotten and learned anew.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.dynamics.block_repeats import count_executions
from instsim.dynamics.memory_layout import (
    END_OF_LIST,
    OPERATION_WORDS,
    ProgramWord,
    QuickWord,
    RangeWord,
    SiteWord,
    StepKind,
    SystemWord,
    UseWord,
)
from instsim.dynamics.native_words import in_line, out_of_line, words, words32
from instsim.dynamics.passage_layout import CheckWord, PassageWord, SituationWord, WayWord
from instsim.dynamics.situations import find_situation, forget_situations, restore
from instsim.dynamics.step_records import count_steps, home, lay_step, take_steps

__all__ = ["begin_passage", "end_passage", "note", "passes", "settle_passages"]

_MASK = 0xFFFFFFFF
_OPERATION_BYTES, _STEP_BYTES, _CHECK_BYTES = 8 * OPERATION_WORDS, 8 * QuickWord.WORDS, 8 * CheckWord.WORDS
_RANGE_BYTES, _SITE_BYTES, _NOTE_BYTES = 8 * RangeWord.WORDS, 8 * SiteWord.WORDS, 16
_WORD_BYTES = 4
_NO_REGISTERS = NO_REGISTER | NO_REGISTER << 8


@in_line
def passes(program: Any, system: Any, state: Any) -> Any:
    """Tell whether an execution of a block is a passage that is known; then it has happened."""
    if system[SystemWord.SITUATION] == 0:
        return False
    at = words(system[SystemWord.SITUATION])[SituationWord.PASSAGES]
    while at != 0:
        passage = words(at)
        if passage[PassageWord.PROGRAM] == program and _goes(passage[PassageWord.WAY], state):
            if passage[PassageWord.TIMES] == 0:
                passage[PassageWord.NEXT_PASSED] = system[SystemWord.PASSED]
                system[SystemWord.PASSED] = at
            passage[PassageWord.TIMES] += 1
            system[SystemWord.NOW] += passage[PassageWord.TICKS]
            system[SystemWord.SITUATION] = passage[PassageWord.TARGET]
            return True
        at = passage[PassageWord.NEXT]
    return False


@in_line
def _goes(way_address: Any, state: Any) -> Any:
    """Tell whether all data accesses of a block go a way."""
    way = words(way_address)
    at, end = way[WayWord.CHECKS], way[WayWord.END]
    take_steps(way[WayWord.STEPS], at, state)
    while at < end:
        check = words(at)
        inside = (_sum(check) - check[CheckWord.LOW]) & _MASK
        if inside > check[CheckWord.LIMIT] or inside & check[CheckWord.ALIGN] != 0:
            return False
        at += _CHECK_BYTES
    return True


def _sum(check: Any) -> Any:
    """Return what a check is about."""
    return words32(check[CheckWord.BASE])[0] + (words32(check[CheckWord.INDEX])[0] << check[CheckWord.SHIFT])


@out_of_line
def begin_passage(program: Any, use_address: Any, system: Any, state: Any) -> Any:
    """Bring caches and ports up to date before a block is followed; return the passage that is to be learned, 0 if it cannot be."""
    if system[SystemWord.SITUATION] != 0:
        restore(system)
    most = _most_bytes(program, system)
    if system[SystemWord.SITUATIONS_FREE] + most > system[SystemWord.SITUATIONS_END]:
        _forget(system)
    if system[SystemWord.SITUATION] == 0 and system[SystemWord.SITUATIONS_FREE] + most <= system[SystemWord.SITUATIONS_END]:
        system[SystemWord.SITUATION] = find_situation(system)
    way = 0 if system[SystemWord.SITUATION] == 0 else _way(program, use_address, system, state)
    if way == 0:
        system[SystemWord.SITUATION] = 0
        return 0
    address = system[SystemWord.SITUATIONS_FREE]
    passage = words(address)
    passage[PassageWord.PROGRAM], passage[PassageWord.USE], passage[PassageWord.WAY] = program, use_address, way
    passage[PassageWord.TICKS] = system[SystemWord.NOW]
    tallies = address + 8 * PassageWord.TALLIES
    for index in range(system[SystemWord.TALLIES_LENGTH]):
        words(tallies)[index] = 0
    # While it is followed, what is counted goes to the passage.
    passage[PassageWord.TARGET] = system[SystemWord.TALLIES]
    system[SystemWord.TALLIES] = tallies
    system[SystemWord.NOTES] = tallies + 8 * system[SystemWord.TALLIES_LENGTH]
    return address


def note(site: Any, stall: Any, missed: Any, system: Any) -> None:
    """Note that an access of the passage that is being learned stalled or missed."""
    written = words(system[SystemWord.NOTES])
    written[0], written[1] = site << 1 | missed, stall
    system[SystemWord.NOTES] += _NOTE_BYTES


@out_of_line
def end_passage(address: Any, system: Any) -> None:
    """Keep a passage that was begun; it counts as passed once."""
    passage = words(address)
    system[SystemWord.TALLIES] = passage[PassageWord.TARGET]
    passage[PassageWord.NOTES_END] = system[SystemWord.NOTES]
    system[SystemWord.SITUATIONS_FREE] = system[SystemWord.NOTES]
    system[SystemWord.NOTES] = 0
    passage[PassageWord.TICKS] = system[SystemWord.NOW] - passage[PassageWord.TICKS]
    passage[PassageWord.TIMES], passage[PassageWord.NEXT_PASSED] = 1, system[SystemWord.PASSED]
    system[SystemWord.PASSED] = address
    begin = words(system[SystemWord.SITUATION])
    passage[PassageWord.NEXT] = begin[SituationWord.PASSAGES]
    begin[SituationWord.PASSAGES] = address
    passage[PassageWord.TARGET] = find_situation(system)
    system[SystemWord.SITUATION] = passage[PassageWord.TARGET]


def _most_bytes(program: Any, system: Any) -> Any:
    """Return the most room that a passage of a block may take, with situations before and behind it, and its way."""
    at = program + words(program)[ProgramWord.START]
    end = program + words(program)[ProgramWord.END]
    most = 8 * (PassageWord.TALLIES + system[SystemWord.TALLIES_LENGTH] + WayWord.WORDS)
    most += 16 * (SituationWord.CONTENT + system[SystemWord.SITUATION_WORDS])
    while at < end:
        first = words(at)[0]
        if first & 255 <= Operation.WRITE:
            most += (first >> 48 & 255) * _NOTE_BYTES + _CHECK_BYTES
        else:
            most += _NOTE_BYTES if first & 255 == StepKind.FETCH else _STEP_BYTES
        at += _OPERATION_BYTES
    return most


@out_of_line
def _forget(system: Any) -> None:
    """Forget all situations, passages and ways."""
    settle_passages(system)
    at = system[SystemWord.WAYS]
    while at != 0:
        words(words(at)[WayWord.USE])[UseWord.WAYS] = 0
        at = words(at)[WayWord.NEXT_KNOWN]
    system[SystemWord.WAYS] = 0
    forget_situations(system)


def _way(program: Any, use_address: Any, system: Any, state: Any) -> Any:
    """Return the way that the data accesses of a block go now, 0 if one of them lies in two words or two memories."""
    use = words(use_address)
    at = use[UseWord.WAYS]
    while at != 0:
        if _goes(at, state):
            return at
        at = words(at)[WayWord.NEXT]
    address = system[SystemWord.SITUATIONS_FREE]
    end = _lay_way(address, program, system, state)
    if end == 0:
        return 0
    way = words(address)
    way[WayWord.END], way[WayWord.NEXT], way[WayWord.USE], way[WayWord.NEXT_KNOWN] = end, use[UseWord.WAYS], use_address, system[SystemWord.WAYS]
    use[UseWord.WAYS] = address
    system[SystemWord.WAYS] = address
    system[SystemWord.SITUATIONS_FREE] = end
    return address


def _lay_way(address: Any, program: Any, system: Any, state: Any) -> Any:
    """Lay down steps and checks of a way; return where they end."""
    at = program + words(program)[ProgramWord.START]
    end = program + words(program)[ProgramWord.END]
    steps = address + 8 * WayWord.WORDS
    checks = steps + count_steps(at, end) * _STEP_BYTES
    step, check = steps, checks
    while at < end:
        operation = words(at)
        kind = operation[0] & 255
        if kind <= Operation.WRITE:
            words(check)[CheckWord.BASE] = home(operation[0] >> 16 & 255, steps, step, state)
            words(check)[CheckWord.INDEX] = home(operation[0] >> 24 & 255, steps, step, state)
            check = _lay_check(operation, checks, check, system)
            if check == 0:
                return 0
        elif kind != StepKind.FETCH:
            lay_step(step, operation, steps, state)
            step += _STEP_BYTES
        at += _OPERATION_BYTES
    # Without checks nobody asks for the steps.
    words(address)[WayWord.STEPS] = steps if check > checks else checks
    words(address)[WayWord.CHECKS] = checks
    return check


def _lay_check(operation: Any, checks: Any, free: Any, system: Any) -> Any:
    """Complete the check that keeps a data access on its path, or make it part of an earlier one; return where checks end now, 0: there is none."""
    first, base, index = operation[0], words(free)[CheckWord.BASE], words(free)[CheckWord.INDEX]
    kind, size = first & 255, first >> 40 & 255
    length = size * (first >> 48 & 255)
    shift = first >> 32 & 63
    total = words32(base)[0] + (words32(index)[0] << shift)
    address = (operation[1] + total) & _MASK
    check = words(free)
    _find_stretch(check, address, kind, system)
    start, stop = check[CheckWord.LOW], check[CheckWord.LIMIT]
    align = min(size, _WORD_BYTES) - 1
    if size > _WORD_BYTES or address & align != 0 or address + length > stop:
        return 0
    is_known = first >> 16 & 0xFFFF == _NO_REGISTERS
    if is_known or (align == 0 and stop - start > _MASK):
        return free
    below, above = address - start, stop - length - address
    at = checks
    while at < free and not (words(at)[CheckWord.BASE] == base and words(at)[CheckWord.INDEX] == index and words(at)[CheckWord.SHIFT] == shift):
        at += _CHECK_BYTES
    check = words(at)
    if at < free:
        below_before = (total - check[CheckWord.LOW]) & _MASK
        below, above = min(below, below_before), min(above, check[CheckWord.LIMIT] - below_before)
        align = max(align, check[CheckWord.ALIGN])
    else:
        check[CheckWord.SHIFT] = shift
        free += _CHECK_BYTES
    # The least value is as far from a word's start as the sum is now.
    below -= below & align
    check[CheckWord.LOW], check[CheckWord.LIMIT], check[CheckWord.ALIGN] = (total - below) & _MASK, below + above, align
    return free


def _find_stretch(check: Any, address: Any, kind: Any, system: Any) -> None:
    """Find the addresses around one that are on the same path, or on none; note where they start and stop."""
    start, stop = 0, 1 << 32
    at = system[SystemWord.RANGES]
    for _ in range(system[SystemWord.RANGES_LENGTH]):
        stretch = words(at)
        at += _RANGE_BYTES
        if stretch[RangeWord.ACCESS] == kind + 1:
            if stretch[RangeWord.STOP] <= address:
                start = max(start, stretch[RangeWord.STOP])
            elif address < stretch[RangeWord.START]:
                stop = min(stop, stretch[RangeWord.START])
            else:
                start, stop = max(start, stretch[RangeWord.START]), min(stop, stretch[RangeWord.STOP])
    check[CheckWord.LOW], check[CheckWord.LIMIT] = start, stop


@out_of_line
def settle_passages(system: Any) -> None:
    """Add what was only counted of passages to tallies and sites."""
    if system[SystemWord.SITUATIONS] == 0:
        return
    at = system[SystemWord.PASSED]
    system[SystemWord.PASSED] = END_OF_LIST
    while at != END_OF_LIST:
        passage = words(at)
        times = passage[PassageWord.TIMES]
        passage[PassageWord.TIMES] = 0
        count_executions(words(passage[PassageWord.USE]), system, times)
        length = system[SystemWord.TALLIES_LENGTH]
        for index in range(length):
            words(system[SystemWord.TALLIES])[index] += times * passage[PassageWord.TALLIES + index]
        written = at + 8 * (PassageWord.TALLIES + length)
        while written < passage[PassageWord.NOTES_END]:
            counts = words(system[SystemWord.SITES] + (words(written)[0] >> 1) * _SITE_BYTES)
            counts[SiteWord.STALL] += times * words(written)[1]
            counts[SiteWord.MISSES] += times * (words(written)[0] & 1)
            written += _NOTE_BYTES
        at = passage[PassageWord.NEXT_PASSED]
