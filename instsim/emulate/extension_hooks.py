"""The source of the native code that leads to RISC-V instructions which Unicorn does not decode, and finds them.

`instsim.emulate.extension_instructions` carries them out. As with the other hooks nothing is baked in: everything is
reached through pointers (`instsim.emulate.extension_layout`).
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.native_compiler import EntryPoint
from instsim.dynamics.native_words import ForeignFunction, half_words, words, words32
from instsim.emulate.extension_instructions import (
    NARROW,
    NO_OPERATION,
    SIMPLE_OPERATIONS,
    carry_out_simple,
    classify,
    is_candidate,
    step,
    widen,
)
from instsim.emulate.extension_layout import ExtensionState, MachineEntry, MachineTable, SiteFlag
from instsim.emulate.layout import NOWHERE, BlockState

__all__ = ["extension_entries", "holds_new_site", "size_until_exit"]

_NOWHERE = NOWHERE
_ILLEGAL = 2
_CODE_HOOK = 2
_REGISTERS = 32
_OURS, _SHARED, _IS_WIDE, _LEAVES, _KNOWN = (
    int(SiteFlag.OURS),
    int(SiteFlag.SHARED),
    int(SiteFlag.WIDE),
    int(SiteFlag.LEAVES),
    int(SiteFlag.OURS | SiteFlag.LOOKED_AT),
)
_NOP, _C_NOP, _C_RETURN = 0x0013, 0x0001, 0x8082
"""Low half of ``addi x0, x0, 0``; ``c.nop``; ``c.jr ra``."""

_STEP, _CODE, _SITES = (
    int(ExtensionState.STEP_FUNCTION),
    int(ExtensionState.CODE),
    int(ExtensionState.SITES),
)
_ASK, _TRAP, _READ, _WRITE, _LEAVE = (
    int(ExtensionState.ASK_FUNCTION),
    int(ExtensionState.TRAP_FUNCTION),
    int(ExtensionState.READ_FUNCTION),
    int(ExtensionState.WRITE_FUNCTION),
    int(ExtensionState.LEAVE_FUNCTION),
)
_FIRST, _PC, _SCRATCH, _TABLE = (
    int(ExtensionState.FIRST_REGISTER),
    int(ExtensionState.PC_REGISTER),
    int(ExtensionState.SCRATCH),
    int(ExtensionState.TABLE),
)
_COUNT, _LAST_CPU, _PROBE, _FETCH, _TRACE, _RARE, _CURRENT, _CURRENT_SITES, _HEAD = (
    int(MachineTable.COUNT),
    int(MachineTable.LAST_CPU),
    int(MachineTable.PROBE),
    int(MachineTable.FETCH_FUNCTION),
    int(MachineTable.TRACE_FUNCTION),
    int(MachineTable.RARE_FUNCTION),
    int(MachineTable.CURRENT_ENGINE),
    int(MachineTable.CURRENT_SITES),
    int(MachineTable.WORDS),
)
_ENTRY, _ENGINE, _CPU, _STATE = int(MachineEntry.WORDS), int(MachineEntry.ENGINE), int(MachineEntry.CPU), int(MachineEntry.STATE)
_OPERATION_BITS = 8
"""Bits of an entry of the site table below its operation (8 bits); the encoding is in the upper half."""
_FAST_MASK = int(SiteFlag.OURS | SiteFlag.SHARED) | (0xFF & ~(SIMPLE_OPERATIONS - 1)) << _OPERATION_BITS
_BLOCK_SITES, _BLOCK_CODE = int(BlockState.SITES), int(BlockState.CODE)


_call_step = ForeignFunction(64, (64, 64, 64, 64))
_call_ask = ForeignFunction(64, (64,))
_call_trap = ForeignFunction(0, (32,))
_call_register = ForeignFunction(32, (64, 32, 64))
_call_leave = ForeignFunction(0, (64, 32))
_call_fetch = ForeignFunction(32, (64, 32))
_call_trace = ForeignFunction(0, (32, 32, 64, 64))
_call_rare = ForeignFunction(0, (32, 32, 64, 64, 64, 64))


# -- getting there -------------------------------------------------------------------------------------------------------------------


def _fetch(address: Any, state: Any) -> Any:
    """Return the instruction at an address, 0 if that is not known."""
    pages = words(state[_CODE])
    page = pages[address >> 12]
    if page == 0:
        return 0
    encoding = half_words(page + (address & 0xFFF))[0]
    if encoding & 3 == 3:
        page = pages[address + 2 >> 12]
        if page == 0:
            return 0
        encoding |= half_words(page + (address + 2 & 0xFFF))[0] << 16
    return encoding


def _find(column: Any, key: Any, table: Any) -> Any:
    """Return the entry of the machine table with a key, 0 if there is none."""
    at = _HEAD
    end = at + table[_COUNT] * _ENTRY
    while at < end:
        if table[at + column] == key:
            return at
        at += _ENTRY
    return 0


def _site_page(address: Any, sites: Any) -> Any:
    return words(sites)[address >> 12 & 0xFFFFF]


def _site_at(address: Any, sites: Any) -> Any:
    """Return the address of an entry of the site table, 0 if the page has none."""
    page = _site_page(address, sites)
    return page if page == 0 else page + (address & 0xFFE) * 4


def _flags_at(address: Any, sites: Any) -> Any:
    site = _site_at(address, sites)
    return 0 if site == 0 else words(site)[0] & 0xFF


def _on_fetch(cpu: Any, address: Any, table_address: Any) -> Any:
    """In place of ``cpu_lduw_code``: the half-word that Unicorn is to translate, something harmless where an instruction of ours lies."""
    table = words(table_address)
    half = _call_fetch(table[_FETCH], cpu, address)
    entry = _find(_CPU, cpu, table)
    if entry == 0:
        if address == table[_PROBE]:
            table[_LAST_CPU] = cpu
        return half
    state = words(table[entry + _STATE])
    start = address
    upper = False
    if _flags_at(start, state[_SITES]) & _OURS == 0:
        start = address - 2
        upper = True
        if _flags_at(start, state[_SITES]) & _IS_WIDE == 0:
            return half
    # What lies there now, which need not be what was found: code can change.
    encoding = _fetch(start, state)
    operation = NO_OPERATION
    instead = half
    if encoding & 3 == 3:
        operation = classify(encoding)
        if operation != NO_OPERATION:
            instead = 0 if upper else _NOP
    elif is_candidate(encoding) and not upper:
        operation = NARROW
        instead = _C_NOP
        word = widen(encoding)
        if word != 0:
            operation, encoding = classify(word), word
        elif encoding & 0xFD03 == 0xBC02:
            instead = _C_RETURN
    site = words(_site_at(start, state[_SITES]))
    if encoding & 0xF80 == 0 and operation < SIMPLE_OPERATIONS:
        operation = NARROW  # x0 is not to be written, which the simple ones do not look at
    site[0] = site[0] & 0xFF | operation << _OPERATION_BITS | encoding << 32
    return instead


def _on_trace(size: Any, index: Any, engine: Any, address: Any, table_address: Any, cpu: Any) -> None:  # noqa: PLR0917 -- the helper's arguments
    """In place of ``helper_uc_tracecode``: carry out what is ours alone and simple; the rest is `_on_rare_trace`'s, so that no register is saved."""
    table = words(table_address)
    if table[_CURRENT] == engine and index == _CODE_HOOK:
        page = _site_page(address, table[_CURRENT_SITES])
        if page != 0:
            word = words(page + (address & 0xFFE) * 4)[0]
            if word & _FAST_MASK == _OURS:
                carry_out_simple(word >> _OPERATION_BITS, word, words32(cpu))
                return
    _call_rare(table[_RARE], size, index, engine, address, table, cpu)


def _on_rare_trace(size: Any, index: Any, engine: Any, address: Any, table_address: Any, cpu: Any) -> None:  # noqa: PLR0917 -- as above
    """At any other hooked instruction: call who watches it, then carry it out if it is ours."""
    table = words(table_address)
    entry = _find(_ENGINE, engine, table)
    word = 0
    if entry != 0 and index == _CODE_HOOK:
        table[_CURRENT] = engine
        table[_CURRENT_SITES] = words(table[entry + _STATE])[_SITES]
        site = _site_at(address, words(table[entry + _STATE])[_SITES])
        if site != 0:
            word = words(site)[0]
    if word & (_OURS | _SHARED) != _OURS:
        _call_trace(table[_TRACE], size, index, engine, address)
    if word & _OURS == 0 or word >> _OPERATION_BITS & 0xFF == NO_OPERATION:
        return
    state_address = table[entry + _STATE]
    state = words(state_address)
    if _call_step(state[_STEP], cpu, word >> 32 & 0xFFFFFFFF, address, state_address) == _NOWHERE:
        _call_ask(state[_ASK], address)


def _on_site(engine: Any, address: Any, _size: Any, state_address: Any) -> None:
    """Before a 16-bit instruction, the long way: registers pass through Unicorn's functions."""
    state = words(state_address)
    if state[_TABLE] != 0:
        return
    scratch = state[_SCRATCH]
    registers = words32(scratch)
    value = words(scratch + 2 * 4 * _REGISTERS)
    for number in range(_REGISTERS):
        value[0] = 0
        _call_register(state[_READ], engine, state[_FIRST] + number, scratch + 2 * 4 * _REGISTERS)
        registers[number] = value[0]
        registers[number + _REGISTERS] = value[0]
    encoding = _fetch(address, state)
    following = _call_step(state[_STEP], scratch, encoding, address, state)
    if following == _NOWHERE:
        following = _call_ask(state[_ASK], address)
    else:
        for number in range(1, _REGISTERS):
            if registers[number] != registers[number + _REGISTERS]:
                _call_register(state[_WRITE], engine, state[_FIRST] + number, scratch + 4 * number)
    if encoding & 0xE003 == 0xA002:
        value[0] = following
        _call_register(state[_WRITE], engine, state[_PC], scratch + 2 * 4 * _REGISTERS)
        if state[_LEAVE] != 0:
            _call_leave(state[_LEAVE], engine, 0)


def _on_trap(engine: Any, number: Any, state_address: Any) -> None:
    """At an exception. The program counter is four bytes on."""
    state = words(state_address)
    scratch = state[_SCRATCH]
    value = words(scratch + 2 * 4 * _REGISTERS)
    place = scratch + 2 * 4 * _REGISTERS
    if number == _ILLEGAL:
        value[0] = 0
        _call_register(state[_READ], engine, state[_PC], place)
        address = value[0] - 4 & 0xFFFFFFFF
        encoding = _fetch(address, state)
        if encoding & 3 == 3:
            first, second, target = encoding >> 15 & 31, encoding >> 20 & 31, encoding >> 7 & 31
            _call_register(state[_READ], engine, state[_FIRST] + first, scratch + 4 * first)
            _call_register(state[_READ], engine, state[_FIRST] + second, scratch + 4 * second)
            following = _call_step(state[_STEP], scratch, encoding, address, state)
            if following != _NOWHERE:
                if target != 0:
                    _call_register(state[_WRITE], engine, state[_FIRST] + target, scratch + 4 * target)
                return
    _call_trap(state[_TRAP], number)


# -- finding the instructions --------------------------------------------------------------------------------------------------------


def _walk(address: Any, size: Any, block_state: Any, wanted: Any) -> Any:
    """Walk over a block: its size up to where it is left early, or 0 if `wanted` and it holds an instruction that nobody has looked at."""
    code = words(block_state[_BLOCK_CODE])
    sites = block_state[_BLOCK_SITES]
    at = address
    end = address + size
    while at < end:
        page = code[at >> 12]
        if page == 0:
            break
        half = half_words(page + (at & 0xFFF))[0]
        is_wide = half & 3 == 3
        # Nothing but an instruction that Unicorn does not know ends a block in OP or OP-IMM, a page's end aside.
        ends_oddly = is_wide and at + 4 >= end and (half & 0x7F == 0x13 or half & 0x7F == 0x33)
        if ends_oddly or (not is_wide and is_candidate(half)):
            flags = _flags_at(at, sites)
            if wanted and flags & _KNOWN == 0:
                return 0
            if flags & _LEAVES != 0:
                return at + 2 - address
        at += 4 if is_wide else 2
    return size


def holds_new_site(address: Any, size: Any, block_state: Any) -> Any:
    """Whether a block holds an instruction that Unicorn does not know and nobody carries out yet."""
    return size != 0 and _walk(address, size, block_state, True) == 0


def size_until_exit(address: Any, size: Any, block_state: Any) -> Any:
    """Size of a block up to the first instruction behind which it is left early."""
    return _walk(address, size, block_state, False)


def extension_entries() -> dict[str, EntryPoint]:
    """Return the functions to compile, by name."""
    return {
        "step": EntryPoint(step, (64, 64, 64, 64), 64),
        "site": EntryPoint(_on_site, (64, 64, 32, 64)),
        "trap": EntryPoint(_on_trap, (64, 32, 64)),
        "fetch": EntryPoint(_on_fetch, (64, 32, 64), 64),
        "trace": EntryPoint(_on_trace, (32, 32, 64, 64, 64, 64)),
        "rare_trace": EntryPoint(_on_rare_trace, (32, 32, 64, 64, 64, 64)),
    }
