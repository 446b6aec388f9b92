"""The memory simulation in machine code: what the accesses of one block cost on a memory system.

It gives `instsim.dynamics.memory_system` its meaning; the tests hold a slow reference against it. Here a block's accesses are followed one by one;
`instsim.dynamics.block_repeats` and, on small systems, `instsim.dynamics.passages` spare that most executions.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_computation import compute, register
from instsim.dynamics.address_operations import Operation
from instsim.dynamics.block_repeats import count_executions, learn, repeats, repeats_from, settle
from instsim.dynamics.cache_accesses import access, find_line, next_random, path_of
from instsim.dynamics.memory_layout import (
    FINER_BITS,
    OPERATION_WORDS,
    SKIP_BIT,
    TICKS_PER_CYCLE,
    CacheWord,
    FetchWord,
    PathWord,
    PortWord,
    ProgramWord,
    SiteWord,
    StepKind,
    SystemWord,
    Tally,
    TraceWord,
    UseWord,
)
from instsim.dynamics.memory_system import Replacement
from instsim.dynamics.native_words import ForeignFunction, in_line, out_of_line, words
from instsim.dynamics.passages import begin_passage, end_passage, note, passes, settle_passages

__all__ = ["call_own_code", "change_phase", "go_on", "own_code", "settle_all", "simulate_block"]

_MASK = 0xFFFFFFFF
_CYCLE = TICKS_PER_CYCLE
_PATH_BYTES, _SITE_BYTES, _OPERATION_BYTES = 8 * PathWord.WORDS, 8 * SiteWord.WORDS, 8 * OPERATION_WORDS
_USE_BYTES, _SLOT_BYTES = 8 * UseWord.WORDS, 8 * FetchWord.WORDS

_call_first_over = ForeignFunction(0, ())

call_own_code = ForeignFunction(0, (64, 64))
"""``code(time, sequential)``: a block's own code (`instsim.dynamics.repeat_code`) instead of `simulate_block`; it adds the stall itself."""


def _is_at_hand(slot: Any, at: Any, system: Any) -> Any:
    """Tell whether a fetch finds its line whole and in the place where it was before; then it costs nothing, and the line counts as used."""
    cache, place = slot[FetchWord.CACHE], slot[FetchWord.PLACE]
    if cache == 0 or words(cache)[CacheWord.FOLLOWED] != 0 or place == 0 or words(place)[0] != slot[FetchWord.LINE]:
        return False
    if slot[FetchWord.PORT] != 0 and words(slot[FetchWord.PORT])[PortWord.BUSY_UNTIL] > at:
        return False
    if words(cache)[CacheWord.REPLACEMENT] == Replacement.LRU:
        system[SystemWord.CLOCK] += 1
        words(place)[1] = system[SystemWord.CLOCK]
    return True


def _fetch(operation: Any, slot: Any, system: Any) -> None:
    """Let one fetch happen."""
    second = operation[1]
    needed = system[SystemWord.NOW] + (operation[2] & _MASK)
    tally = system[SystemWord.TALLIES] + slot[FetchWord.TALLY]
    if _is_at_hand(slot, needed - min(needed, system[SystemWord.FETCH_LEAD]), system):
        words(tally)[Tally.ACCESSES] += 1
        return
    lead = min(system[SystemWord.FETCH_LEAD], needed - min(needed, system[SystemWord.REDIRECTED_AT]))
    result = access(slot[FetchWord.PATH], second & _MASK, needed - lead, tally, system)
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
    system[SystemWord.NOW] += stall
    if system[SystemWord.NOTES] != 0:
        note(site, stall, missed, system)
        return
    counts = words(system[SystemWord.SITES] + site * _SITE_BYTES)
    counts[SiteWord.STALL] += stall
    counts[SiteWord.MISSES] += missed


def _access_data(operation: Any, system: Any, registers: Any, scratch: Any) -> None:
    """Let a data access happen."""
    first, second, third = operation[0], operation[1], operation[2]
    kind, size = first & 1, first >> 40 & 255
    index = register(registers, scratch, first >> 24 & 255) << (first >> 32 & 63)
    address = (second + register(registers, scratch, first >> 16 & 255) + index) & _MASK
    ticks = third & _MASK
    for _ in range(first >> 48 & 255):
        found = path_of(system, address, kind)
        stall = 0
        missed = 0
        if found != 0:
            tally = system[SystemWord.TALLIES] + (found - 1) * (8 * Tally.WORDS)
            result = access(system[SystemWord.PATHS] + (found - 1) * _PATH_BYTES, address, system[SystemWord.NOW] + ticks, tally, system)
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


@out_of_line
def _introduce(program: Any, use_address: Any, system: Any, number: Any) -> None:
    """Fill in what a block is to a system, the `number`-th one, before it runs there for the first time."""
    use = words(use_address)
    at = program + words(program)[ProgramWord.START]
    end = program + words(program)[ProgramWord.END]
    use[UseWord.PROGRAM], use[UseWord.SLOT], use[UseWord.LENGTH] = program, number * _SLOT_BYTES, words(program)[ProgramWord.END] << FINER_BITS
    use[UseWord.CACHE], use[UseWord.CAN_REPEAT], use[UseWord.WAIT] = system[SystemWord.NO_CACHE], 1, 1
    while at < end:
        operation = words(at)
        slot = words(at + (operation[2] >> SKIP_BIT) + use[UseWord.SLOT])
        if operation[0] == StepKind.FETCH and slot[FetchWord.PATH] != 0:
            slot[FetchWord.TALLY] = (slot[FetchWord.PATH] - 1) * (8 * Tally.WORDS)
            slot[FetchWord.PATH] = system[SystemWord.PATHS] + (slot[FetchWord.PATH] - 1) * _PATH_BYTES
            path = words(slot[FetchWord.PATH])
            cache = path[PathWord.CACHE]
            if cache != 0 and path[PathWord.ACCESS] == 0:
                slot[FetchWord.CACHE] = cache
                slot[FetchWord.LINE] = ((operation[1] & _MASK) >> words(cache)[CacheWord.LINE_SHIFT]) + 1
                use[UseWord.LAST_LINE] = slot[FetchWord.LINE]
                if path[PathWord.FURTHER] != 0:
                    slot[FetchWord.PORT] = path[PathWord.PORT]
            if use[UseWord.FETCHES] == 0:
                use[UseWord.CACHE], use[UseWord.TALLY] = cache, slot[FetchWord.TALLY]
            if slot[FetchWord.CACHE] == 0 or slot[FetchWord.TALLY] != use[UseWord.TALLY]:
                use[UseWord.CAN_REPEAT] = 0
            use[UseWord.FETCHES] += 1
        at += _OPERATION_BYTES
    if use[UseWord.CAN_REPEAT] == 0:
        use[UseWord.CACHE] = system[SystemWord.NO_CACHE]


def _follow_accesses(program: Any, use_address: Any, system: Any, state: Any, number: Any) -> None:
    """Let the accesses of one execution of a block happen on one system, one by one."""
    head, use = words(program), words(use_address)
    if use[UseWord.CACHE] == 0:
        _introduce(program, use_address, system, number)
    scratch = state[TraceWord.SCRATCH]
    registers = state[TraceWord.REGISTERS]
    end = program + head[ProgramWord.END]
    at = program + head[ProgramWord.START]
    while at < end:
        operation = words(at)
        kind = operation[0] & 255
        if kind == StepKind.FETCH:
            slot = words(at + (operation[2] >> SKIP_BIT) + use[UseWord.SLOT])
            if slot[FetchWord.PATH] != 0:
                _fetch(operation, slot, system)
        elif kind > Operation.WRITE:
            compute(kind, operation[0], operation[1] & _MASK, registers, scratch, state[TraceWord.PAGES])
        else:
            _access_data(operation, system, registers, scratch)
        at += _OPERATION_BYTES
    system[SystemWord.NOW] += head[ProgramWord.TICKS]


@out_of_line
def _follow_block(program: Any, use_address: Any, system: Any, state: Any, number: Any) -> None:
    """Follow one execution of a block; learn what can repeat."""
    _follow_accesses(program, use_address, system, state, number)
    use = words(use_address)
    count_executions(use, system, 1)
    if use[UseWord.QUICK] == 0 and use[UseWord.CAN_REPEAT] != 0:
        if use[UseWord.WAIT] != 0:
            use[UseWord.WAIT] -= 1
        else:
            learn(program, use_address, system, state)


@out_of_line
def _follow_passage(program: Any, use_address: Any, system: Any, state: Any, number: Any) -> None:
    """Follow one execution of a block on a small system; learn the passage."""
    passage = begin_passage(program, use_address, system, state)
    _follow_accesses(program, use_address, system, state, number)
    if passage != 0:
        end_passage(passage, system)
    else:
        count_executions(words(use_address), system, 1)


@in_line
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
    system = words(state[TraceWord.SYSTEM])
    before = system[SystemWord.NOW]
    _simulate(program, 0, state[TraceWord.SYSTEM], state, jumped)
    if state[TraceWord.SYSTEMS_LENGTH] > 1:
        _simulate_others(program, state, jumped)
    stall = system[SystemWord.NOW] - before - words(program)[ProgramWord.TICKS]
    state[TraceWord.STALLED] += stall
    return stall


def own_code(program: Any) -> Any:
    """Return the address of a block's own code, 0 if it has none."""
    return words(program)[ProgramWord.WORDS + UseWord.CODE]


def go_on(program: Any, trace: Any, record: Any, time: Any) -> None:
    """Let the rest of an execution happen that a block's own code (`instsim.dynamics.repeat_code`) does not see to.

    Parameters
    ----------
    program, trace : uint64
        As those of `simulate_block`.
    record : uint64
        Address of the record that is to be looked at next, 0 for all of the execution.
    time : uint64
        Address of the machine's time, to which the stall is added.
    """
    state = words(trace)
    system = words(state[TraceWord.SYSTEM])
    before = system[SystemWord.NOW]
    use = program + 8 * ProgramWord.WORDS
    if record == 0:
        _simulate(program, 0, state[TraceWord.SYSTEM], state, False)
    elif not repeats_from(record, use, system, state):
        _follow_block(program, use, system, state, 0)
    stall = system[SystemWord.NOW] - before - words(program)[ProgramWord.TICKS]
    state[TraceWord.STALLED] += stall
    words(time)[0] += stall


@in_line
def _simulate(program: Any, number: Any, system_address: Any, state: Any, jumped: Any) -> None:
    """Let the accesses of one execution of a block happen on the `number`-th system."""
    system = words(system_address)
    use = program + 8 * ProgramWord.WORDS + number * _USE_BYTES
    if jumped:
        system[SystemWord.REDIRECTED_AT] = system[SystemWord.NOW]
    if system[SystemWord.SITUATIONS] != 0:
        if not passes(program, system, state):
            _follow_passage(program, use, system, state, number)
    elif not repeats(use, system, state):
        _follow_block(program, use, system, state, number)


@out_of_line
def _simulate_others(program: Any, state: Any, jumped: Any) -> None:
    """Let the accesses happen on all systems but the first."""
    for number in range(1, state[TraceWord.SYSTEMS_LENGTH]):
        _simulate(program, number, words(state[TraceWord.SYSTEMS])[number], state, jumped)


def settle_all(trace: Any) -> None:
    """Bring tallies and sites of every system up to date."""
    state = words(trace)
    systems = words(state[TraceWord.SYSTEMS])
    for number in range(state[TraceWord.SYSTEMS_LENGTH]):
        system = words(systems[number])
        settle(system)
        settle_passages(system)


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
    if state[TraceWord.IN_GAP] == 0 and now - state[TraceWord.STALLED] < state[TraceWord.OVER_AT]:
        # Stretches with many stalls are to count as much as those with few: windows are as long without them.
        state[TraceWord.PHASE_END] = state[TraceWord.OVER_AT] + state[TraceWord.STALLED]
        return now
    settle_all(trace)
    if state[TraceWord.IS_FIRST] != 0:
        state[TraceWord.IS_FIRST] = 0
        _call_first_over(state[TraceWord.FIRST_OVER_FUNCTION])
    if state[TraceWord.WARMING] != 0:
        state[TraceWord.WARMING] = 0
        state[TraceWord.PHASE_END] = now + state[TraceWord.WINDOW]
    elif state[TraceWord.IN_GAP] == 0:
        state[TraceWord.IN_GAP] = 1
        # Not all alike: loops of the firmware's own would keep step with them.
        state[TraceWord.RANDOM] = next_random(state[TraceWord.RANDOM])
        return now + state[TraceWord.GAP] // 2 + (state[TraceWord.RANDOM] >> 33) % state[TraceWord.GAP]
    else:
        state[TraceWord.IN_GAP] = 0
        state[TraceWord.WARMING] = 1
        state[TraceWord.PHASE_END] = now + state[TraceWord.WARM_UP]
    state[TraceWord.OVER_AT] = state[TraceWord.PHASE_END] - state[TraceWord.STALLED]
    systems = words(state[TraceWord.SYSTEMS])
    for number in range(state[TraceWord.SYSTEMS_LENGTH]):
        system = words(systems[number])
        counted = state[TraceWord.WARMING] == 0
        system[SystemWord.TALLIES] = system[SystemWord.CHECKED_TALLIES] if counted else system[SystemWord.SPARE_TALLIES]
        system[SystemWord.SITES] = system[SystemWord.CHECKED_SITES] if counted else system[SystemWord.SPARE_SITES]
    return now
