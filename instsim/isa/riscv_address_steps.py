"""Addresses of the data accesses of RV32IMACF code with Zba, Zbb, Zbs, Zcb and Zcmp, decoded straight from the encodings.

Encodings: RISC-V unprivileged specification; bit-manipulation 1.0.0; code-size reduction 1.0.4.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.isa.address_step import AddressStep
from instsim.isa.address_values import ZERO, BlockValues, Value

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["riscv_address_steps"]

_RA, _SP, _A0, _A1 = 1, 2, 10, 11
_SAVED = (8, 9, *range(18, 28))
_MASK = 0xFFFFFFFF


def riscv_address_steps(code: bytes, address: int) -> tuple[AddressStep, ...]:
    """Return the steps of a block of RV32 code; see `instsim.isa.address_steps.address_steps`."""
    halves = struct.unpack(f"<{len(code) // 2}H", code[: len(code) & ~1])
    values = BlockValues(32)
    registers = values.registers
    registers[0] = ZERO
    position, end = 0, len(halves)
    while position < end:
        half = halves[position]
        if half & 3 == 3:
            if position + 1 == end:
                break
            _wide(values, half | halves[position + 1] << 16, address + 2 * position)
            position += 2
        else:
            narrow = _NARROW[half >> 13 | (half & 3) << 3]
            if narrow is not None:
                narrow(values, half)
            position += 1
        registers[0] = ZERO
        values.place += 1
    return values.steps()


# -- 32-bit instructions ---------------------------------------------------------------------------------------------------------


def _wide(values: BlockValues, word: int, address: int) -> None:
    registers = values.registers
    opcode, destination, funct3 = word & 0x7F, word >> 7 & 31, word >> 12 & 7
    source = registers[word >> 15 & 31]
    match opcode:
        case 0x03:
            registers[destination] = values.load(source, _immediate(word), 1 << (funct3 & 3), signed=funct3 < 2)
        case 0x23:
            values.store(registers[word >> 20 & 31], source, _store_immediate(word), 1 << (funct3 & 3))
        case 0x13:
            registers[destination] = _with_constant(values, word, funct3, source)
        case 0x33:
            registers[destination] = _with_register(values, word >> 25, funct3, source, registers[word >> 20 & 31])
        case 0x37:
            registers[destination] = NO_REGISTER, word & 0xFFFFF000
        case 0x17:
            registers[destination] = NO_REGISTER, address + (word & 0xFFFFF000) & _MASK
        case 0x07:
            values.read(source, _immediate(word), 1 << (funct3 & 3))
        case 0x27:
            values.write(source, _store_immediate(word), 1 << (funct3 & 3))
        case 0x2F:
            _atomic(values, word >> 27, destination, source, registers[word >> 20 & 31])
        case 0x63 | 0x0F | 0x43 | 0x47 | 0x4B | 0x4F:
            pass  # branches, fences, multiply-accumulates of the floating-point unit: no integer register written
        case 0x53:
            if word >> 27 in {0x14, 0x18, 0x1C}:  # comparisons, conversions and moves to an integer register
                registers[destination] = values.unknown()
        case _ if destination:
            registers[destination] = values.unknown()


def _immediate(word: int) -> int:
    """Return the offset of loads and the constant of arithmetic, in two's complement."""
    return (word >> 20) - ((word & 0x80000000) >> 19)


def _store_immediate(word: int) -> int:
    return (word >> 25 << 5 | word >> 7 & 31) - ((word & 0x80000000) >> 19)


def _with_constant(values: BlockValues, word: int, funct3: int, source: Value) -> Value:
    if funct3 == 0:
        return source[0], source[1] + _immediate(word) & _MASK
    constant = NO_REGISTER, _immediate(word) & _MASK
    match funct3:
        case 7:
            return values.logic(Operation.AND, source, constant)
        case 6:
            return values.logic(Operation.OR, source, constant)
        case 4:
            return values.logic(Operation.XOR, source, constant)
        case 1 | 5:
            return _shift_by_constant(values, word >> 20, funct3, source)
        case _:
            return values.unknown()  # slti, sltiu


def _shift_by_constant(values: BlockValues, encoding: int, funct3: int, source: Value) -> Value:
    bits = encoding & 31
    amount, single = (NO_REGISTER, bits), (NO_REGISTER, 1 << bits)
    match funct3, encoding >> 5:
        case 1, 0x00:
            return values.shift_left(source, amount)
        case 5, 0x00:
            return values.shift_right(source, amount)
        case 5, 0x20:
            return values.shift_right(source, amount, signed=True)
        case 5, 0x30:
            return values.rotate_right(source, bits)
        case 1, 0x24:
            return values.logic(Operation.CLEAR, source, single)
        case 1, 0x34:
            return values.logic(Operation.XOR, source, single)
        case 1, 0x14:
            return values.logic(Operation.OR, source, single)
        case 5, 0x24:
            return values.extract(source, bits, 1, signed=False)
        case 1, 0x30 if bits in {4, 5}:
            return values.extract(source, 0, 8 if bits == 4 else 16, signed=True)  # sext.b, sext.h
        case _:
            return values.unknown()


def _with_register(values: BlockValues, funct7: int, funct3: int, first: Value, second: Value) -> Value:
    match funct7, funct3:
        case 0x00, 0:
            return values.add(first, second)
        case 0x20, 0:
            return values.subtract(first, second)
        case 0x00, 7:
            return values.logic(Operation.AND, first, second)
        case 0x00, 6:
            return values.logic(Operation.OR, first, second)
        case 0x00, 4:
            return values.logic(Operation.XOR, first, second)
        case 0x01, 0:
            return values.multiply(first, second)
        case 0x10, 2 | 4 | 6:
            return values.add(second, first, funct3 >> 1)  # sh1add, sh2add, sh3add
        case 0x20, 7:
            return values.logic(Operation.CLEAR, first, second)
        case 0x04, 4 if second == ZERO:
            return values.extract(first, 0, 16, signed=False)  # zext.h
        case 0x00, 1:
            return values.shift_left(first, values.logic(Operation.AND, second, (NO_REGISTER, 31)))
        case ((0x00 | 0x20), 5):
            return values.shift_right(first, values.logic(Operation.AND, second, (NO_REGISTER, 31)), signed=funct7 != 0)
        case _:
            return values.unknown()


def _atomic(values: BlockValues, funct5: int, destination: int, source: Value, data: Value) -> None:
    if funct5 == 3:
        values.store(data, source, 0)
        values.registers[destination] = values.unknown()
        return
    values.registers[destination] = values.load(source, 0)
    if funct5 != 2:
        values.store(data if funct5 == 1 else values.unknown(), source, 0)


# -- 16-bit instructions ---------------------------------------------------------------------------------------------------------


def _addi4spn(values: BlockValues, half: int) -> None:
    constant = half >> 1 & 0x3C0 | half >> 7 & 0x30 | half >> 2 & 8 | half >> 4 & 4
    number, offset = values.registers[_SP]
    values.registers[8 + (half >> 2 & 7)] = number, offset + constant & _MASK


def _word_offset(half: int) -> int:
    return half << 1 & 0x40 | half >> 7 & 0x38 | half >> 4 & 4


def _load_word(values: BlockValues, half: int) -> None:
    values.registers[8 + (half >> 2 & 7)] = values.load(values.registers[8 + (half >> 7 & 7)], _word_offset(half))


def _load_float(values: BlockValues, half: int) -> None:
    values.read(values.registers[8 + (half >> 7 & 7)], _word_offset(half))


def _store_word(values: BlockValues, half: int) -> None:
    values.store(values.registers[8 + (half >> 2 & 7)], values.registers[8 + (half >> 7 & 7)], _word_offset(half))


def _store_float(values: BlockValues, half: int) -> None:
    values.write(values.registers[8 + (half >> 7 & 7)], _word_offset(half))


def _zcb_memory(values: BlockValues, half: int) -> None:
    registers = values.registers
    data, base, high = 8 + (half >> 2 & 7), registers[8 + (half >> 7 & 7)], half >> 4 & 2
    match half >> 10 & 7:
        case 0:
            registers[data] = values.load(base, high | half >> 6 & 1, 1)
        case 1:
            registers[data] = values.load(base, high, 2, signed=bool(half & 0x40))
        case 2:
            values.store(registers[data], base, high | half >> 6 & 1, 1)
        case 3:
            values.store(registers[data], base, high, 2)


def _small(half: int) -> int:
    """Return the 6-bit constant of ``c.addi``, ``c.li`` and ``c.andi``, in two's complement."""
    return (half >> 2 & 31) - (half >> 7 & 32)


def _addi(values: BlockValues, half: int) -> None:
    target = half >> 7 & 31
    number, offset = values.registers[target]
    values.registers[target] = number, offset + _small(half) & _MASK


def _li(values: BlockValues, half: int) -> None:
    values.registers[half >> 7 & 31] = NO_REGISTER, _small(half) & _MASK


def _lui_or_stack(values: BlockValues, half: int) -> None:
    target = half >> 7 & 31
    if target != _SP:
        values.registers[target] = NO_REGISTER, _small(half) << 12 & _MASK
        return
    constant = (half >> 2 & 0x10) | (half << 3 & 0x20) | (half << 1 & 0x40) | (half << 4 & 0x180)
    number, offset = values.registers[_SP]
    values.registers[_SP] = number, offset + constant - (half >> 3 & 0x200) & _MASK


def _arithmetic(values: BlockValues, half: int) -> None:
    registers = values.registers
    target = 8 + (half >> 7 & 7)
    first, amount = registers[target], (NO_REGISTER, half >> 2 & 31)
    match half >> 10 & 3:
        case 0 | 1:
            registers[target] = values.shift_right(first, amount, signed=bool(half & 0x400))
        case 2:
            registers[target] = values.logic(Operation.AND, first, (NO_REGISTER, _small(half) & _MASK))
        case _:
            registers[target] = _register_arithmetic(values, half, first, registers[8 + (half >> 2 & 7)])


def _register_arithmetic(values: BlockValues, half: int, first: Value, second: Value) -> Value:
    match half >> 10 & 4 | half >> 5 & 3:
        case 0:
            return values.subtract(first, second)
        case 1:
            return values.logic(Operation.XOR, first, second)
        case 2:
            return values.logic(Operation.OR, first, second)
        case 3:
            return values.logic(Operation.AND, first, second)
        case 6:
            return values.multiply(first, second)
        case 7 if (half >> 2 & 7) < 4:
            return values.extract(first, 0, 16 if half & 8 else 8, signed=bool(half & 4))
        case 7 if half >> 2 & 7 == 5:
            return values.logic(Operation.XOR, first, (NO_REGISTER, _MASK))
        case _:
            return values.unknown()


def _slli(values: BlockValues, half: int) -> None:
    target = half >> 7 & 31
    values.registers[target] = values.shift_left(values.registers[target], (NO_REGISTER, half >> 2 & 31))


def _stack_offset(half: int) -> int:
    return half << 4 & 0xC0 | half >> 7 & 0x20 | half >> 2 & 0x1C


def _load_stack(values: BlockValues, half: int) -> None:
    values.registers[half >> 7 & 31] = values.load(values.registers[_SP], _stack_offset(half))


def _load_float_stack(values: BlockValues, half: int) -> None:
    values.read(values.registers[_SP], _stack_offset(half))


def _store_stack(values: BlockValues, half: int) -> None:
    values.store(values.registers[half >> 2 & 31], values.registers[_SP], half >> 1 & 0xC0 | half >> 7 & 0x3C)


def _store_float_stack(values: BlockValues, half: int) -> None:
    values.write(values.registers[_SP], half >> 1 & 0xC0 | half >> 7 & 0x3C)


def _move_or_add(values: BlockValues, half: int) -> None:
    second = half >> 2 & 31
    if second:
        registers, target = values.registers, half >> 7 & 31
        registers[target] = values.add(registers[target], registers[second]) if half & 0x1000 else registers[second]


def _zcmp(values: BlockValues, half: int) -> None:
    registers = values.registers
    if half & 0xFC23 == 0xAC22:
        first, second = _SAVED[half >> 7 & 7], _SAVED[half >> 2 & 7]
        if half & 0x40:
            registers[_A0], registers[_A1] = registers[first], registers[second]
        else:
            registers[first], registers[second] = registers[_A0], registers[_A1]
        return
    count = (half >> 4 & 15) - 3
    kind = half >> 8 & 31
    if count < 1 or kind not in {0x18, 0x1A, 0x1C, 0x1E}:
        return
    count = 13 if count == 12 else count
    listed = (_RA, *_SAVED[: count - 1])
    adjustment = (count * 4 + 15 & ~15) + (half << 2 & 0x30)
    stack = registers[_SP]
    if kind == 0x18:
        values.store_several([registers[number] for number in listed], stack, -4 * count)
        adjustment = -adjustment
    else:
        for number, value in zip(listed, values.load_several(stack, adjustment - 4 * count, count), strict=True):
            registers[number] = value
        if kind == 0x1C:
            registers[_A0] = ZERO
    registers[_SP] = stack[0], stack[1] + adjustment & _MASK


_NARROW: tuple[Callable[[BlockValues, int], None] | None, ...] = (
    *(_addi4spn, None, _load_word, _load_float, _zcb_memory, None, _store_word, _store_float),
    *(_addi, None, _li, _lui_or_stack, _arithmetic, None, None, None),
    *(_slli, None, _load_stack, _load_float_stack, _move_or_add, _zcmp, _store_stack, _store_float_stack),
)
"""By quadrant and upper three bits."""
