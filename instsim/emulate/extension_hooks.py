"""The source of the native code that leads to RISC-V instructions which Unicorn does not decode, and finds them.

`instsim.emulate.extension_instructions` carries them out. As with the other hooks nothing is baked in: everything is
reached through pointers (`instsim.emulate.extension_layout`). Imported only when the object code is not in the cache, because it imports
numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import types

from instsim.emulate.extension_instructions import (
    NARROW,
    NO_OPERATION,
    SIMPLE_OPERATIONS,
    as_half_words,
    as_words32,
    as_words64,
    carry_out_simple,
    classify,
    is_candidate,
    step,
    widen,
)
from instsim.emulate.extension_layout import ExtensionState, MachineEntry, MachineTable, SiteFlag
from instsim.emulate.layout import NOWHERE, BlockState

__all__ = ["extension_functions", "holds_new_site", "size_until_exit"]

_U64, _U32, _I64 = types.uint64, types.uint32, types.int64
_WORDS64, _WORDS32 = types.CPointer(types.uint64), types.CPointer(types.uint32)
_STEP_SIGNATURE = _U64(_WORDS32, _I64, _I64, _WORDS64)
_HOOK_SIGNATURE = types.void(_U64, _U64, _U32, _WORDS64)
_TRAP_SIGNATURE = types.void(_U64, _U32, _WORDS64)
_FETCH_SIGNATURE = _U64(_U64, _U32, _WORDS64)
_TRACE_SIGNATURE = types.void(_U32, _U32, _U64, _U64, _WORDS64, _U64)

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


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def _address_of(_context: Any, _pointer: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], ir.IntType(64))

    return _U64(_WORDS64), generate


def _call_as(result: int, *widths: int) -> Any:
    """Return an intrinsic that calls the C function at an address: bits of its result (0: none) and of its arguments."""
    count = len(widths)
    kind = ir.FunctionType(ir.IntType(result) if result else ir.VoidType(), [ir.IntType(width) for width in widths])

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        values = [builder.extract_value(arguments[1], k) for k in range(count)]
        passed = [value if width == 64 else builder.trunc(value, ir.IntType(width)) for value, width in zip(values, widths, strict=True)]
        called = builder.call(function, passed)
        return ir.Constant(ir.IntType(64), 0) if not result else called if result == 64 else builder.zext(called, ir.IntType(64))

    @numba.extending.intrinsic  # type: ignore[untyped-decorator]
    def call(_context: Any, _function: Any, _arguments: Any) -> Any:
        return _U64(_U64, types.UniTuple(_U64, count)), generate

    return call


_call_step = _call_as(64, 64, 64, 64, 64)
_call_ask = _call_as(64, 64)
_call_trap = _call_as(0, 32)
_call_register = _call_as(32, 64, 32, 64)
_call_leave = _call_as(0, 64, 32)
_call_fetch = _call_as(32, 64, 32)
_call_trace = _call_as(0, 32, 32, 64, 64)
_call_rare = _call_as(0, 32, 32, 64, 64, 64, 64)


# -- getting there -------------------------------------------------------------------------------------------------------------------


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _fetch(address: Any, state: Any) -> Any:
    """Return the instruction at an address, 0 if that is not known."""
    pages = as_words64(state[_CODE])
    page = pages[address >> _U64(12)]
    if page == _U64(0):
        return _U64(0)
    encoding = _U64(as_half_words(page + (address & _U64(0xFFF)))[0])
    if encoding & _U64(3) == _U64(3):
        page = pages[address + _U64(2) >> _U64(12)]
        if page == _U64(0):
            return _U64(0)
        encoding |= _U64(as_half_words(page + (address + _U64(2) & _U64(0xFFF)))[0]) << _U64(16)
    return encoding


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _find(column: Any, key: Any, table: Any) -> Any:
    """Return the entry of the machine table with a key, 0 if there is none."""
    at = _U64(_HEAD)
    end = at + table[_COUNT] * _U64(_ENTRY)
    while at < end:
        if table[at + _U64(column)] == key:
            return at
        at += _U64(_ENTRY)
    return _U64(0)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _site_page(address: Any, sites: Any) -> Any:
    return as_words64(sites)[address >> _U64(12) & _U64(0xFFFFF)]


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _site_at(address: Any, sites: Any) -> Any:
    """Return the address of an entry of the site table, 0 if the page has none."""
    page = _site_page(address, sites)
    return page if page == _U64(0) else page + (address & _U64(0xFFE)) * _U64(4)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _flags_at(address: Any, sites: Any) -> Any:
    site = _site_at(address, sites)
    return 0 if site == _U64(0) else _I64(as_words64(site)[0]) & 0xFF


def _on_fetch(cpu: Any, address: Any, table: Any) -> Any:
    """In place of ``cpu_lduw_code``: the half-word that Unicorn is to translate, something harmless where an instruction of ours lies."""
    half = _call_fetch(table[_FETCH], (cpu, _U64(address)))
    entry = _find(_CPU, cpu, table)
    if entry == _U64(0):
        if _U64(address) == table[_PROBE]:
            table[_LAST_CPU] = cpu
        return half
    state = as_words64(table[entry + _U64(_STATE)])
    start = _U64(address)
    upper = False
    if _flags_at(start, state[_SITES]) & _OURS == 0:
        start = _U64(address) - _U64(2)
        upper = True
        if _flags_at(start, state[_SITES]) & _IS_WIDE == 0:
            return half
    # What lies there now, which need not be what was found: code can change.
    encoding = _I64(_fetch(start, state))
    operation = NO_OPERATION
    instead = half
    if encoding & 3 == 3:
        operation = classify(encoding)
        if operation != NO_OPERATION:
            instead = _U64(0) if upper else _U64(_NOP)
    elif is_candidate(encoding) and not upper:
        operation = NARROW
        instead = _U64(_C_NOP)
        word = widen(encoding)
        if word != 0:
            operation, encoding = classify(word), word
        elif encoding & 0xFD03 == 0xBC02:
            instead = _U64(_C_RETURN)
    site = as_words64(_site_at(start, state[_SITES]))
    if encoding & 0xF80 == 0 and operation < SIMPLE_OPERATIONS:
        operation = NARROW  # x0 is not to be written, which the simple ones do not look at
    site[0] = site[0] & _U64(0xFF) | _U64(operation) << _U64(_OPERATION_BITS) | _U64(encoding) << _U64(32)
    return instead


def _on_trace(size: Any, index: Any, engine: Any, address: Any, table: Any, cpu: Any) -> None:  # noqa: PLR0917 -- the helper's arguments
    """In place of ``helper_uc_tracecode``: carry out what is ours alone and simple; the rest is `_on_rare_trace`'s, so that no register is saved."""
    if table[_CURRENT] == engine and index == _CODE_HOOK:
        page = _site_page(address, table[_CURRENT_SITES])
        if page != _U64(0):
            word = _I64(as_words64(page + (address & _U64(0xFFE)) * _U64(4))[0])
            if word & _FAST_MASK == _OURS:
                carry_out_simple(word >> _OPERATION_BITS, word, as_words32(cpu))
                return
    _call_rare(table[_RARE], (_U64(size), _U64(index), engine, address, _address_of(table), cpu))


def _on_rare_trace(size: Any, index: Any, engine: Any, address: Any, table: Any, cpu: Any) -> None:  # noqa: PLR0917 -- as above
    """At any other hooked instruction: call who watches it, then carry it out if it is ours."""
    entry = _find(_ENGINE, engine, table)
    word = _I64(0)
    if entry != _U64(0) and index == _CODE_HOOK:
        table[_CURRENT] = engine
        table[_CURRENT_SITES] = as_words64(table[entry + _U64(_STATE)])[_SITES]
        site = _site_at(address, as_words64(table[entry + _U64(_STATE)])[_SITES])
        if site != _U64(0):
            word = _I64(as_words64(site)[0])
    if word & (_OURS | _SHARED) != _OURS:
        _call_trace(table[_TRACE], (_U64(size), _U64(index), engine, address))
    if word & _OURS == 0 or word >> _OPERATION_BITS & 0xFF == NO_OPERATION:
        return
    state_address = table[entry + _U64(_STATE)]
    state = as_words64(state_address)
    if _call_step(state[_STEP], (cpu, _U64(word >> 32 & 0xFFFFFFFF), address, state_address)) == _U64(_NOWHERE):
        _call_ask(state[_ASK], (address,))


def _on_site(engine: Any, address: Any, _size: Any, state: Any) -> None:
    """Before a 16-bit instruction, the long way: registers pass through Unicorn's functions."""
    if state[_TABLE] != _U64(0):
        return
    scratch = state[_SCRATCH]
    registers = as_words32(scratch)
    value = as_words64(scratch + _U64(2 * 4 * _REGISTERS))
    for number in range(_REGISTERS):
        value[0] = _U64(0)
        _call_register(state[_READ], (engine, state[_FIRST] + _U64(number), scratch + _U64(2 * 4 * _REGISTERS)))
        registers[number] = _U32(value[0])
        registers[number + _REGISTERS] = _U32(value[0])
    encoding = _fetch(address, state)
    following = _call_step(state[_STEP], (scratch, encoding, address, _address_of(state)))
    if following == _U64(_NOWHERE):
        following = _call_ask(state[_ASK], (address,))
    else:
        for number in range(1, _REGISTERS):
            if registers[number] != registers[number + _REGISTERS]:
                _call_register(state[_WRITE], (engine, state[_FIRST] + _U64(number), scratch + _U64(4 * number)))
    if encoding & _U64(0xE003) == _U64(0xA002):
        value[0] = following
        _call_register(state[_WRITE], (engine, state[_PC], scratch + _U64(2 * 4 * _REGISTERS)))
        if state[_LEAVE] != _U64(0):
            _call_leave(state[_LEAVE], (engine, _U64(0)))


def _on_trap(engine: Any, number: Any, state: Any) -> None:
    """At an exception. The program counter is four bytes on."""
    scratch = state[_SCRATCH]
    value = as_words64(scratch + _U64(2 * 4 * _REGISTERS))
    place = scratch + _U64(2 * 4 * _REGISTERS)
    if number == _ILLEGAL:
        value[0] = _U64(0)
        _call_register(state[_READ], (engine, state[_PC], place))
        address = value[0] - _U64(4) & _U64(0xFFFFFFFF)
        encoding = _fetch(address, state)
        if encoding & _U64(3) == _U64(3):
            first, second, target = encoding >> _U64(15) & _U64(31), encoding >> _U64(20) & _U64(31), encoding >> _U64(7) & _U64(31)
            _call_register(state[_READ], (engine, state[_FIRST] + first, scratch + _U64(4) * first))
            _call_register(state[_READ], (engine, state[_FIRST] + second, scratch + _U64(4) * second))
            following = _call_step(state[_STEP], (scratch, encoding, address, _address_of(state)))
            if following != _U64(_NOWHERE):
                if target != _U64(0):
                    _call_register(state[_WRITE], (engine, state[_FIRST] + target, scratch + _U64(4) * target))
                return
    _call_trap(state[_TRAP], (_U64(number),))


# -- finding the instructions --------------------------------------------------------------------------------------------------------


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _walk(address: Any, size: Any, block_state: Any, wanted: Any) -> Any:
    """Walk over a block: its size up to where it is left early, or 0 if `wanted` and it holds an instruction that nobody has looked at."""
    code = as_words64(block_state[_BLOCK_CODE])
    sites = block_state[_BLOCK_SITES]
    at = address
    end = address + size
    while at < end:
        page = code[at >> _U64(12)]
        if page == _U64(0):
            break
        half = _I64(as_half_words(page + (at & _U64(0xFFF)))[0])
        is_wide = half & 3 == 3
        # Nothing but an instruction that Unicorn does not know ends a block in OP or OP-IMM, a page's end aside.
        ends_oddly = is_wide and at + _U64(4) >= end and (half & 0x7F == 0x13 or half & 0x7F == 0x33)
        if ends_oddly or (not is_wide and is_candidate(half)):
            flags = _flags_at(at, sites)
            if wanted and flags & _KNOWN == 0:
                return _U64(0)
            if flags & _LEAVES != 0:
                return at + _U64(2) - address
        at += _U64(4) if is_wide else _U64(2)
    return size


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def holds_new_site(address: Any, size: Any, block_state: Any) -> Any:
    """Whether a block holds an instruction that Unicorn does not know and nobody carries out yet."""
    return size != _U64(0) and _walk(address, size, block_state, True) == _U64(0)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def size_until_exit(address: Any, size: Any, block_state: Any) -> Any:
    """Size of a block up to the first instruction behind which it is left early."""
    return _walk(address, size, block_state, False)


def extension_functions() -> dict[str, tuple[Callable[..., Any], Any]]:
    """Return the functions to compile, with their C signatures, by name."""
    return {
        "step": (step, _STEP_SIGNATURE),
        "site": (_on_site, _HOOK_SIGNATURE),
        "trap": (_on_trap, _TRAP_SIGNATURE),
        "fetch": (_on_fetch, _FETCH_SIGNATURE),
        "trace": (_on_trace, _TRACE_SIGNATURE),
        "rare_trace": (_on_rare_trace, _TRACE_SIGNATURE),
    }
