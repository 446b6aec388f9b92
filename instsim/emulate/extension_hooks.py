"""The source of the native code that carries out RISC-V instructions which Unicorn does not decode.

`instsim.emulate.riscv_semantics` says in plain Python what the instructions do. As with the other hooks nothing is baked in: everything is
reached through pointers (`instsim.emulate.extension_layout`). Imported only when the object code is not in the cache, because it imports
numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import types

from instsim.emulate.extension_layout import ExtensionState, MachineEntry, MachineTable, SiteFlag
from instsim.emulate.layout import NOWHERE, BlockState

__all__ = ["extension_functions", "holds_new_site", "size_until_exit"]

_U64, _U32, _I64 = types.uint64, types.uint32, types.int64
_WORDS64, _WORDS32, _HALVES, _BYTES = (types.CPointer(kind) for kind in (types.uint64, types.uint32, types.uint16, types.uint8))
_STEP_SIGNATURE = _U64(_WORDS32, _I64, _I64, _WORDS64)
_HOOK_SIGNATURE = types.void(_U64, _U64, _U32, _WORDS64)
_TRAP_SIGNATURE = types.void(_U64, _U32, _WORDS64)
_RAISE_SIGNATURE = _U64(_U64, _U32, _WORDS64)
_TRACE_SIGNATURE = _U64(_U32, _U32, _U64, _U64, _WORDS64, _U64)

_NOWHERE = NOWHERE
_MASK = 0xFFFFFFFF
_ILLEGAL = 2
_CODE_HOOK = 2
_PC_OFFSET = 32 * 4 + 32 * 8
"""Of the program counter in Unicorn's processor state: behind 32 integer registers of 4 bytes and 32 others of 8."""
_REGISTERS = 32
_OURS, _SHARED = int(SiteFlag.OURS), int(SiteFlag.SHARED)

_STEP, _READABLE, _WRITABLE, _CODE, _SITES = (
    int(ExtensionState.STEP_FUNCTION),
    int(ExtensionState.READABLE),
    int(ExtensionState.WRITABLE),
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
_COUNT, _LAST_CPU, _LOOKUP, _RAISE, _TRACE, _HEAD = (
    int(MachineTable.COUNT),
    int(MachineTable.LAST_CPU),
    int(MachineTable.LOOKUP_FUNCTION),
    int(MachineTable.RAISE_FUNCTION),
    int(MachineTable.TRACE_FUNCTION),
    int(MachineTable.WORDS),
)
_ENTRY, _ENGINE, _CPU, _STATE = int(MachineEntry.WORDS), int(MachineEntry.ENGINE), int(MachineEntry.CPU), int(MachineEntry.STATE)
_BLOCK_SITES, _BLOCK_CODE = int(BlockState.SITES), int(BlockState.CODE)


def _cast_to(kind: Any) -> Any:
    @numba.extending.intrinsic  # type: ignore[untyped-decorator]
    def cast(_context: Any, _address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(kind))

        return kind(_U64), generate

    return cast


_words64, _words32, _halves, _bytes = _cast_to(_WORDS64), _cast_to(_WORDS32), _cast_to(_HALVES), _cast_to(_BYTES)


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
_call_lookup = _call_as(64, 64)
_call_raise = _call_as(0, 64, 32, 64)
_call_trace = _call_as(0, 32, 32, 64, 64)


# -- the instructions ----------------------------------------------------------------------------------------------------------------


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _population(value: Any) -> Any:
    value = value - (value >> 1 & 0x55555555)
    value = (value & 0x33333333) + (value >> 2 & 0x33333333)
    value = value + (value >> 4) & 0x0F0F0F0F
    return (value * 0x01010101 & 0xFFFFFFFF) >> 24


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _clmul(first: Any, second: Any) -> Any:
    product = 0
    for position in range(32):
        if second >> position & 1:
            product ^= first << position
    return product


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _two_registers(kind: Any, a: Any, b: Any) -> Any:
    """Return the result of ``funct7 << 3 | funct3`` (OP), or -1."""
    if kind == 0x10 << 3 | 2:
        return (a << 1) + b & 0xFFFFFFFF
    if kind == 0x10 << 3 | 4:
        return (a << 2) + b & 0xFFFFFFFF
    if kind == 0x10 << 3 | 6:
        return (a << 3) + b & 0xFFFFFFFF
    if kind == 0x20 << 3 | 7:
        return a & ~b & 0xFFFFFFFF
    if kind == 0x20 << 3 | 6:
        return (a | ~b) & 0xFFFFFFFF
    if kind == 0x20 << 3 | 4:
        return ~(a ^ b) & 0xFFFFFFFF
    if kind == 0x05 << 3 | 4:
        return a if a ^ 0x80000000 < b ^ 0x80000000 else b
    if kind == 0x05 << 3 | 5:
        return min(a, b)
    if kind == 0x05 << 3 | 6:
        return b if a ^ 0x80000000 < b ^ 0x80000000 else a
    if kind == 0x05 << 3 | 7:
        return max(a, b)
    if kind == 0x30 << 3 | 1:
        return (a << (b & 31) | a >> 32 - (b & 31)) & 0xFFFFFFFF
    if kind == 0x30 << 3 | 5:
        return (a >> (b & 31) | a << 32 - (b & 31)) & 0xFFFFFFFF
    if kind == 0x24 << 3 | 1:
        return a & ~(1 << (b & 31))
    if kind == 0x24 << 3 | 5:
        return a >> (b & 31) & 1
    if kind == 0x34 << 3 | 1:
        return a ^ 1 << (b & 31)
    if kind == 0x14 << 3 | 1:
        return a | 1 << (b & 31)
    if kind == 0x04 << 3 | 4:
        return (a & 0xFFFF | b << 16) & 0xFFFFFFFF
    if kind == 0x04 << 3 | 7:
        return a & 0xFF | (b & 0xFF) << 8
    if kind == 0x05 << 3 | 1:
        return _clmul(a, b) & 0xFFFFFFFF
    if kind == 0x05 << 3 | 2:
        return _clmul(a, b) >> 31 & 0xFFFFFFFF
    if kind == 0x05 << 3 | 3:
        return _clmul(a, b) >> 32
    return -1


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _one_register(kind: Any, a: Any) -> Any:
    """Return the result of ``imm12 << 3 | funct3`` (OP-IMM), or -1."""
    if kind == 0x600 << 3 | 1:
        a |= a >> 1
        a |= a >> 2
        a |= a >> 4
        a |= a >> 8
        a |= a >> 16
        return 32 - _population(a)
    if kind == 0x601 << 3 | 1:
        return _population((a & -a) - 1 & 0xFFFFFFFF)
    if kind == 0x602 << 3 | 1:
        return _population(a)
    if kind == 0x604 << 3 | 1:
        return ((a & 0xFF ^ 0x80) - 0x80) & 0xFFFFFFFF
    if kind == 0x605 << 3 | 1:
        return ((a & 0xFFFF ^ 0x8000) - 0x8000) & 0xFFFFFFFF
    if kind == 0x287 << 3 | 5:
        return ((((a & 0x7F7F7F7F) + 0x7F7F7F7F | a) & 0x80808080) >> 7) * 0xFF
    if kind == 0x687 << 3 | 5 or kind == 0x698 << 3 | 5:
        if kind == 0x687 << 3 | 5:
            a = (a >> 1 & 0x55555555) | (a & 0x55555555) << 1
            a = (a >> 2 & 0x33333333) | (a & 0x33333333) << 2
            return (a >> 4 & 0x0F0F0F0F) | (a & 0x0F0F0F0F) << 4
        return a >> 24 | (a >> 8 & 0xFF00) | (a & 0xFF00) << 8 | (a & 0xFF) << 24
    if kind == 0x08F << 3 | 1:
        result = 0
        for bit in range(16):
            result |= (a >> bit & 1) << 2 * bit | (a >> bit + 16 & 1) << 2 * bit + 1
        return result
    if kind == 0x08F << 3 | 5:
        result = 0
        for bit in range(16):
            result |= (a >> 2 * bit & 1) << bit | (a >> 2 * bit + 1 & 1) << bit + 16
        return result
    return -1


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _wide(word: Any, pc: Any, registers: Any) -> Any:
    opcode = word & 0x7F
    kind = (word >> 25) << 3 | (word >> 12 & 7)
    a = _I64(registers[word >> 15 & 31])
    result = -1
    if opcode == 0x33:
        result = _two_registers(kind, a, _I64(registers[word >> 20 & 31]))
    elif opcode == 0x13:
        result = _one_register((word >> 20) << 3 | (word >> 12 & 7), a)
        if result < 0 and (kind == 0x24 << 3 | 1 or kind == 0x34 << 3 | 1 or kind == 0x14 << 3 | 1 or kind == 0x30 << 3 | 5 or kind == 0x24 << 3 | 5):
            result = _two_registers(kind, a, word >> 20 & 31)
    if result < 0:
        return _U64(_NOWHERE)
    if word & 0xF80 != 0:
        registers[word >> 7 & 31] = _U32(result)
    return _U64(pc + 4)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _zcb_memory(half: Any, pc: Any, registers: Any, state: Any) -> Any:
    kind, flag = half >> 10 & 7, half >> 6 & 1
    data = 8 + (half >> 2 & 7)
    offset = half >> 4 & 2
    if kind & 5 == 0:
        offset |= flag
    address = _I64(registers[8 + (half >> 7 & 7)]) + offset & 0xFFFFFFFF
    if kind > 3 or (kind == 3 and flag != 0) or (kind & 1 == 1 and address & 0xFFF == 0xFFF):
        return _U64(_NOWHERE)
    page = _words64(state[_READABLE if kind < 2 else _WRITABLE])[address >> 12]
    if page == _U64(0):
        return _U64(_NOWHERE)
    place = _bytes(page)
    at = address & 0xFFF
    if kind == 0:
        registers[data] = _U32(place[at])
    elif kind == 1:
        value = _I64(place[at]) | _I64(place[at + 1]) << 8
        if flag != 0:
            value = (value ^ 0x8000) - 0x8000
        registers[data] = _U32(value & 0xFFFFFFFF)
    else:
        value = _I64(registers[data])
        place[at] = types.uint8(value & 0xFF)
        if kind == 3:
            place[at + 1] = types.uint8(value >> 8 & 0xFF)
    return _U64(pc + 2)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _zcb(half: Any, pc: Any, registers: Any, state: Any) -> Any:
    if half & 0xE003 == 0x8000:
        return _zcb_memory(half, pc, registers, state)
    number = 8 + (half >> 7 & 7)
    value = _I64(registers[number])
    if half & 0xFC63 == 0x9C41:
        value = value * _I64(registers[8 + (half >> 2 & 7)])
    elif half & 0xFC63 == 0x9C61:
        kind = half >> 2 & 7
        if kind == 0:
            value = value & 0xFF
        elif kind == 1:
            value = (value & 0xFF ^ 0x80) - 0x80
        elif kind == 2:
            value = value & 0xFFFF
        elif kind == 3:
            value = (value & 0xFFFF ^ 0x8000) - 0x8000
        elif kind == 5:
            value = ~value
        else:
            return _U64(_NOWHERE)
    else:
        return _U64(_NOWHERE)
    registers[number] = _U32(value & 0xFFFFFFFF)
    return _U64(pc + 2)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _saved(place: Any) -> Any:
    """Return the register at a place of Zcmp's list: ra, s0, s1, s2 to s11."""
    if place == 0:
        return 1
    return place + 7 if place < 3 else place + 15


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _zcmp(half: Any, pc: Any, registers: Any, state: Any) -> Any:
    if half & 0xFC23 == 0xAC22:
        first, second = _saved((half >> 7 & 7) + 1), _saved((half >> 2 & 7) + 1)
        if half & 0x40 != 0:
            a0, a1 = registers[first], registers[second]
            registers[10] = a0
            registers[11] = a1
        else:
            registers[first] = registers[10]
            registers[second] = registers[11]
        return _U64(pc + 2)
    kind = half >> 8
    count = (half >> 4 & 15) - 3
    if kind & 0xF9 != 0xB8 or count < 1:
        return _U64(_NOWHERE)
    if count == 12:
        count = 13
    adjustment = (count * 4 + 15 & ~15) + (half >> 2 & 3) * 16
    stack = _I64(registers[2])
    top = stack if kind == 0xB8 else stack + adjustment
    bottom = top - 4 * count
    if stack & 3 != 0 or bottom < 0 or top > 0xFFFFFFFF:
        return _U64(_NOWHERE)
    pages = _words64(state[_WRITABLE if kind == 0xB8 else _READABLE])
    if pages[bottom >> 12] == _U64(0) or pages[top - 4 >> 12] == _U64(0):
        return _U64(_NOWHERE)
    for place in range(count):
        at = bottom + 4 * place
        word = _words32(pages[at >> 12] + _U64(at & 0xFFF))
        if kind == 0xB8:
            word[0] = registers[_saved(place)]
        else:
            registers[_saved(place)] = word[0]
    if kind == 0xB8:
        registers[2] = _U32(stack - adjustment & 0xFFFFFFFF)
        return _U64(pc + 2)
    registers[2] = _U32(top & 0xFFFFFFFF)
    if kind == 0xBA:
        return _U64(pc + 2)
    if kind == 0xBC:
        registers[10] = _U32(0)
    return _U64(registers[1]) & _U64(0xFFFFFFFE)


def _step(registers: Any, encoding: Any, pc: Any, state: Any) -> Any:
    """Carry out one instruction on an array of registers and return where to go on; `NOWHERE`, nothing done, if that takes Python."""
    if encoding & 3 == 3:
        return _wide(encoding, pc, registers)
    if encoding & 0xE003 == 0xA002:
        return _zcmp(encoding, pc, registers, state)
    return _zcb(encoding, pc, registers, state)


# -- getting there -------------------------------------------------------------------------------------------------------------------


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _fetch(address: Any, state: Any) -> Any:
    """Return the instruction at an address, 0 if that is not known."""
    pages = _words64(state[_CODE])
    page = pages[address >> _U64(12)]
    if page == _U64(0):
        return _U64(0)
    encoding = _U64(_halves(page + (address & _U64(0xFFF)))[0])
    if encoding & _U64(3) == _U64(3):
        page = pages[address + _U64(2) >> _U64(12)]
        if page == _U64(0):
            return _U64(0)
        encoding |= _U64(_halves(page + (address + _U64(2) & _U64(0xFFF)))[0]) << _U64(16)
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


def _on_raise(cpu: Any, exception: Any, table: Any) -> Any:
    """In place of ``helper_raise_exception``: return the host address of the code that goes on; does not return for other exceptions."""
    if exception == _ILLEGAL:
        entry = _find(_CPU, cpu, table)
        if entry != _U64(0):
            state_address = table[entry + _U64(_STATE)]
            state = _words64(state_address)
            pc = _words32(cpu + _U64(_PC_OFFSET))
            address = _U64(pc[0])
            encoding = _fetch(address, state)
            if encoding & _U64(3) == _U64(3):
                following = _call_step(state[_STEP], (cpu, encoding, address, state_address))
                if following != _U64(_NOWHERE):
                    pc[0] = _U32(following)
                    return _call_lookup(table[_LOOKUP], (cpu,))
    table[_LAST_CPU] = cpu
    return _call_raise(table[_RAISE], (cpu, _U64(exception), _U64(0)))


def _on_trace(size: Any, index: Any, engine: Any, address: Any, table: Any, cpu: Any) -> Any:  # noqa: PLR0917 -- the helper's arguments
    """In place of ``helper_uc_tracecode``: return 0 to go on behind the instruction's hook, else the host address of the code that does."""
    entry = _U64(0)
    flags = 0
    if index == _CODE_HOOK:
        entry = _find(_ENGINE, engine, table)
        if entry != _U64(0):
            page = _words64(_words64(table[entry + _U64(_STATE)])[_SITES])[address >> _U64(12) & _U64(0xFFFFF)]
            if page != _U64(0):
                flags = _I64(_bytes(page)[(address & _U64(0xFFF)) >> _U64(1)])
    if flags & _OURS == 0:
        return _call_trace(table[_TRACE], (_U64(size), _U64(index), engine, address))
    if flags & _SHARED != 0:
        _call_trace(table[_TRACE], (_U64(size), _U64(index), engine, address))
    state_address = table[entry + _U64(_STATE)]
    state = _words64(state_address)
    encoding = _fetch(address, state)
    following = _call_step(state[_STEP], (cpu, encoding, address, state_address))
    if following == _U64(_NOWHERE):
        following = _call_ask(state[_ASK], (address,))
    if encoding & _U64(0xE003) != _U64(0xA002):
        return _U64(0)
    _words32(cpu + _U64(_PC_OFFSET))[0] = _U32(following)
    return _call_lookup(table[_LOOKUP], (cpu,))


def _on_site(engine: Any, address: Any, _size: Any, state: Any) -> Any:
    """Before a 16-bit instruction, the long way: registers pass through Unicorn's functions."""
    if state[_TABLE] != _U64(0):
        return
    scratch = state[_SCRATCH]
    registers = _words32(scratch)
    value = _words64(scratch + _U64(2 * 4 * _REGISTERS))
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


def _on_trap(engine: Any, number: Any, state: Any) -> Any:
    """At an exception. The program counter is four bytes on."""
    scratch = state[_SCRATCH]
    value = _words64(scratch + _U64(2 * 4 * _REGISTERS))
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
                if state[_TABLE] != _U64(0):
                    _learn(engine, state)
                return
    _call_trap(state[_TRAP], (_U64(number),))


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _learn(engine: Any, state: Any) -> None:
    """Note the processor that raised the exception being served as this machine's, once it shows the same registers."""
    table = _words64(state[_TABLE])
    cpu = table[_LAST_CPU]
    entry = _find(_ENGINE, engine, table)
    if entry == _U64(0) or cpu == _U64(0):
        return
    place = state[_SCRATCH] + _U64(2 * 4 * _REGISTERS)
    value = _words64(place)
    value[0] = _U64(0)
    _call_register(state[_READ], (engine, state[_PC], place))
    same = _words32(cpu + _U64(_PC_OFFSET))[0] == _U32(value[0])
    for number in range(_REGISTERS):
        value[0] = _U64(0)
        _call_register(state[_READ], (engine, state[_FIRST] + _U64(number), place))
        same = same and _words32(cpu)[number] == _U32(value[0])
    if same:
        table[entry + _U64(_CPU)] = cpu


# -- finding the instructions --------------------------------------------------------------------------------------------------------


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _walk(address: Any, size: Any, block_state: Any, wanted: Any) -> Any:
    """Walk over a block: its size until behind the first Zcmp instruction, or 0 if `wanted` and it holds a candidate that is not known."""
    code = _words64(block_state[_BLOCK_CODE])
    sites = _words64(block_state[_BLOCK_SITES])
    at = address
    end = address + size
    while at < end:
        page = code[at >> _U64(12)]
        if page == _U64(0):
            break
        half = _halves(page + (at & _U64(0xFFF)))[0]
        if half & 3 == 3:
            at += _U64(4)
            continue
        leaves = half & 0xE003 == 0xA002
        if leaves or half & 0xE003 == 0x8000 or half & 0xFC03 == 0x9C01:
            flags = sites[at >> _U64(12)]
            known = flags != _U64(0) and _bytes(flags)[(at & _U64(0xFFF)) >> _U64(1)] & 1 == 1
            if not known and wanted:
                return _U64(0)
            if leaves:
                return at + _U64(2) - address
        at += _U64(2)
    return size


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def holds_new_site(address: Any, size: Any, block_state: Any) -> Any:
    """Whether a block holds a 16-bit instruction that Unicorn would pass over and nobody carries out yet."""
    return size != _U64(0) and _walk(address, size, block_state, True) == _U64(0)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def size_until_exit(address: Any, size: Any, block_state: Any) -> Any:
    """Size of a block up to the first instruction behind which it is left early."""
    return _walk(address, size, block_state, False)


def extension_functions() -> dict[str, tuple[Callable[..., Any], Any]]:
    """Return the functions to compile, with their C signatures, by name."""
    return {
        "step": (_step, _STEP_SIGNATURE),
        "site": (_on_site, _HOOK_SIGNATURE),
        "trap": (_on_trap, _TRAP_SIGNATURE),
        "raised": (_on_raise, _RAISE_SIGNATURE),
        "trace": (_on_trace, _TRACE_SIGNATURE),
    }
