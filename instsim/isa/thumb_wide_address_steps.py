"""Addresses of the data accesses of Thumb code: its 32-bit instructions.

Encodings: Arm DDI 0403E (Armv7-M), section A5.3; Arm DDI 0553 (Armv8-M).
"""

from __future__ import annotations

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.isa.address_values import BlockValues, Value

__all__ = ["low_byte", "trace_wide"]

_PC = 15
_MASK = 0xFFFFFFFF
_ALL_ONES: Value = (NO_REGISTER, _MASK)
_SECURE_GATEWAY = 0xE97F


def low_byte(values: BlockValues, amount: Value) -> Value:
    """Return what a shift by a register heeds of it."""
    return values.extract(amount, 0, 8, signed=False)


def trace_wide(values: BlockValues, first: int, second: int) -> None:
    """Follow one 32-bit instruction, given by its two halfwords."""
    _WIDE[(first >> 9) - 0x74](values, first, second)


def _nothing(_values: BlockValues, _first: int, _second: int) -> None:
    pass


def _base(values: BlockValues, number: int) -> Value:
    value = values.registers[number]
    return (NO_REGISTER, value[1] & ~3) if number == _PC else value


def _moved(value: Value, distance: int) -> Value:
    return value[0], value[1] + distance & _MASK


# -- loads and stores ------------------------------------------------------------------------------------------------------------


def _several_or_double(values: BlockValues, first: int, second: int) -> None:
    if not first & 0x40:
        _several(values, first, second)
    elif first & 0x120:
        _double(values, first, second)
    elif first & 0x80:
        _exclusive_or_table(values, first, second)
    else:
        _exclusive_word(values, first, second)


def _several(values: BlockValues, first: int, second: int) -> None:
    registers, base = values.registers, first & 15
    listed = [number for number in range(16) if second >> number & 1]
    length = 4 * len(listed)
    start = registers[base]
    descending = first >> 7 & 3 == 2
    if first & 0x20:
        registers[base] = _moved(start, -length if descending else length)
    offset = -length if descending else 0
    if not first & 0x10:
        values.store_several([start if number == base else registers[number] for number in listed], start, offset)
    elif second & 0x8000:  # the program counter too: nothing follows
        values.read(start, offset, 4, len(listed))
    else:
        for number, value in zip(listed, values.load_several(start, offset, len(listed)), strict=True):
            registers[number] = value


def _double(values: BlockValues, first: int, second: int) -> None:
    if first == second == _SECURE_GATEWAY:
        return
    registers, number = values.registers, first & 15
    distance = (second & 0xFF) << 2 if first & 0x80 else -((second & 0xFF) << 2)
    base = _base(values, number)
    offset = distance if first & 0x100 else 0
    low, high = second >> 12, second >> 8 & 15
    if first & 0x10:
        if first & 0x20:
            registers[number] = _moved(base, distance)
        registers[low], registers[high] = values.load_several(base, offset, 2)
    else:
        values.store_several([registers[low], registers[high]], base, offset)
        if first & 0x20:
            registers[number] = _moved(base, distance)


def _exclusive_word(values: BlockValues, first: int, second: int) -> None:
    registers = values.registers
    base, offset = registers[first & 15], (second & 0xFF) << 2
    if first & 0x10:
        registers[second >> 12] = values.load(base, offset)
        return
    if second >> 12 != _PC:  # else tt, which asks the protection units
        values.store(registers[second >> 12], base, offset)
    registers[second >> 8 & 15] = values.unknown()


def _exclusive_or_table(values: BlockValues, first: int, second: int) -> None:
    registers = values.registers
    base, kind, data = registers[first & 15], second >> 4 & 15, second >> 12
    if first & 0x10 and kind < 2:  # tbb, tbh
        values.read(base, 0, 1 << kind, index=registers[second & 15], shift=kind)
        return
    size = 1 << (kind & 3)
    if kind < 4 or size == 8:
        return
    if first & 0x10:
        registers[data] = values.load(base, 0, size)
        return
    values.store(registers[data], base, 0, size)
    if kind < 8 or kind >= 12:
        registers[second & 15] = values.unknown()


def _single(values: BlockValues, first: int, second: int) -> None:
    registers, number, data = values.registers, first & 15, second >> 12
    size = 1 << (first >> 5 & 3)
    loads = bool(first & 0x10)
    if size == 8 or first & 0x110 == 0x100 or (loads and data == _PC and size < 4):  # undefined, or pld, pli
        return
    base = registers[number]
    index: Value | None = None
    shift = offset = 0
    if number == _PC:
        base = NO_REGISTER, base[1] & ~3
        offset = second & 0xFFF if first & 0x80 else -(second & 0xFFF)
    elif first & 0x80:
        offset = second & 0xFFF
    elif second & 0x800:
        distance = second & 0xFF if second & 0x200 else -(second & 0xFF)
        if second & 0x400:
            offset = distance
        if second & 0x100:
            if loads:
                registers[number] = _moved(base, distance)
            else:
                values.store(registers[data], base, offset, size)
                registers[number] = _moved(base, distance)
                return
    else:
        index, shift = registers[second & 15], second >> 4 & 3
    if loads:
        registers[data] = values.load(base, offset, size, index=index, shift=shift, signed=bool(first & 0x100))
    else:
        values.store(registers[data], base, offset, size, index=index, shift=shift)


def _coprocessor(values: BlockValues, first: int, second: int) -> None:
    registers = values.registers
    kind = second >> 8 & 15
    if first & 0x200:  # data processing and moves
        if first & 0x110 == 0x10 and second & 0x10:
            registers[second >> 12] = values.unknown()
        return
    if first & 0xFFE0 == 0xEC40:  # moves of two registers
        if first & 0x10:
            registers[second >> 12] = registers[first & 15] = values.unknown()
        return
    if kind not in {10, 11}:
        return
    base, length = _base(values, first & 15), (second & 0xFF) << 2
    rising = bool(first & 0x80)
    if first & 0x120 == 0x100:
        offset, words = length if rising else -length, kind - 9
    else:
        words = (second & 0xFF) & ~(kind & 1)
        offset = -length if first & 0x100 else 0
        if not words:
            return
        if first & 0x20:
            registers[first & 15] = _moved(base, length if rising else -length)
    if first & 0x10:
        values.read(base, offset, 4, words)
    else:
        values.write(base, offset, 4, words)


# -- data processing -------------------------------------------------------------------------------------------------------------


def _shifted_register(values: BlockValues, first: int, second: int) -> None:
    registers, target = values.registers, second >> 8 & 15
    if target == _PC:
        return  # comparisons
    operation, kind = first >> 5 & 15, second >> 4 & 3
    bits = second >> 10 & 0x1C | second >> 6 & 3
    left, right = registers[first & 15], registers[second & 15]
    if kind == 0 and operation == 8:
        registers[target] = values.add(left, right, bits)
    elif kind == 0 and operation == 13:
        registers[target] = values.subtract(left, right, bits)
    elif operation == 6:
        registers[target] = values.unknown()  # pkhbt, pkhtb
    else:
        registers[target] = _combined(values, operation, first & 15, left, _shifted(values, right, kind, bits))


def _shifted(values: BlockValues, value: Value, kind: int, bits: int) -> Value:
    amount = NO_REGISTER, bits or 32
    match kind:
        case 0:
            return values.shift_left(value, (NO_REGISTER, bits))
        case 1:
            return values.shift_right(value, amount)
        case 2:
            return values.shift_right(value, amount, signed=True)
        case _:
            return values.rotate_right(value, bits) if bits else values.unknown()


def _combined(values: BlockValues, operation: int, number: int, left: Value, right: Value) -> Value:
    """Return the result of a data-processing operation; `number` is that of the left register (15 makes a move of ``orr``)."""
    match operation:
        case 0:
            return values.logic(Operation.AND, left, right)
        case 1:
            return values.logic(Operation.CLEAR, left, right)
        case 2:
            return right if number == _PC else values.logic(Operation.OR, left, right)
        case 3:
            inverted = values.logic(Operation.XOR, right, _ALL_ONES)
            return inverted if number == _PC else values.logic(Operation.OR, left, inverted)
        case 4:
            return values.logic(Operation.XOR, left, right)
        case 8:
            return values.add(left, right)
        case 13:
            return values.subtract(left, right)
        case 14:
            return values.subtract(right, left)
        case _:
            return values.unknown()  # adc, sbc


def _constant_or_control(values: BlockValues, first: int, second: int) -> None:
    registers, target = values.registers, second >> 8 & 15
    if second & 0x8000:
        if first == 0xF3EF and second & 0x4000 == 0:  # mrs
            registers[target] = values.unknown()
        return
    if first & 0x200:
        _plain_constant(values, first, second)
    elif target != _PC:
        constant = _expanded((first & 0x400) << 1 | second >> 4 & 0x700 | second & 0xFF)
        if first & 0x01EF == 0x004F:
            values.set_constant(target, constant)  # mov
        else:
            registers[target] = _combined(values, first >> 5 & 15, first & 15, registers[first & 15], (NO_REGISTER, constant))


def _expanded(encoded: int) -> int:
    """Return the constant that 12 bits stand for (``ThumbExpandImm``)."""
    low = encoded & 0xFF
    match encoded >> 8:
        case 0:
            return low
        case 1:
            return low << 16 | low
        case 2:
            return low << 24 | low << 8
        case 3:
            return low << 24 | low << 16 | low << 8 | low
        case _:
            rotation = encoded >> 7
            return ((low | 0x80) << 32 - rotation) & _MASK


def _plain_constant(values: BlockValues, first: int, second: int) -> None:
    registers, target, number = values.registers, second >> 8 & 15, first & 15
    constant = (first & 0x400) << 1 | second >> 4 & 0x700 | second & 0xFF
    low = second >> 10 & 0x1C | second >> 6 & 3
    match first >> 4 & 31:
        case 0x00:
            registers[target] = _moved(_base(values, number), constant)
        case 0x0A:
            registers[target] = _moved(_base(values, number), -constant)
        case 0x04:
            values.set_constant(target, number << 12 | constant)
        case 0x0C:
            kept = values.logic(Operation.AND, registers[target], (NO_REGISTER, 0xFFFF))
            registers[target] = values.logic(Operation.OR, kept, (NO_REGISTER, (number << 12 | constant) << 16))
        case 0x14 | 0x1C:
            registers[target] = values.extract(registers[number], low, (second & 31) + 1, signed=not first & 0x80)
        case 0x16:
            width = (second & 31) - low + 1
            if width <= 0:
                return
            field = ((1 << width) - 1) << low
            kept = values.logic(Operation.CLEAR, registers[target], (NO_REGISTER, field))
            if number != _PC:
                inserted = values.shift_left(values.extract(registers[number], 0, width, signed=False), (NO_REGISTER, low))
                kept = values.logic(Operation.OR, kept, inserted)
            registers[target] = kept
        case _:
            registers[target] = values.unknown()  # ssat, usat


def _register_or_multiply(values: BlockValues, first: int, second: int) -> None:
    if first & 0x100:
        _multiply(values, first, second)
        return
    registers, target = values.registers, second >> 8 & 15
    right = registers[second & 15]
    if first & 0x80:
        registers[target] = values.unknown()  # parallel and saturating arithmetic, rev, rbit, clz, sel
    elif second & 0x80:
        _extend(values, first, second)
    elif first & 0x60 == 0x60:
        registers[target] = values.unknown()  # ror
    else:
        left, amount = registers[first & 15], low_byte(values, right)
        if first & 0x60:
            registers[target] = values.shift_right(left, amount, signed=bool(first & 0x40))
        else:
            registers[target] = values.shift_left(left, amount)


def _extend(values: BlockValues, first: int, second: int) -> None:
    registers, target, kind = values.registers, second >> 8 & 15, first >> 4 & 7
    if kind not in {0, 1, 4, 5}:
        registers[target] = values.unknown()  # sxtb16, uxtb16
        return
    value, low, bits = registers[second & 15], second >> 1 & 0x18, 8 if kind & 4 else 16
    if low + bits > 32:
        value, low = values.rotate_right(value, low), 0
    part = values.extract(value, low, bits, signed=not kind & 1)
    registers[target] = part if first & 15 == _PC else values.add(registers[first & 15], part)


def _multiply(values: BlockValues, first: int, second: int) -> None:
    registers, target, addend, kind = values.registers, second >> 8 & 15, second >> 12, first >> 4 & 15
    left, right = registers[first & 15], registers[second & 15]
    if kind == 0:
        product = values.multiply(left, right)
        if second & 0x10:
            registers[target] = values.subtract(registers[addend], product)
        else:
            registers[target] = product if addend == _PC else values.add(product, registers[addend])
    elif kind == 1:  # signed halves: smulbb, smlabt, ...
        halves = (
            values.extract(left, 16 if second & 0x20 else 0, 16, signed=True),
            values.extract(right, 16 if second & 0x10 else 0, 16, signed=True),
        )
        product = values.multiply(*halves)
        registers[target] = product if addend == _PC else values.add(product, registers[addend])
    elif kind in {8, 10}:  # smull, umull
        registers[addend], registers[target] = values.multiply(left, right), values.unknown()
    else:
        registers[target] = values.unknown()
        if kind in {12, 13, 14}:  # smlal, smlsld, umaal: the low word too
            registers[addend] = values.unknown()


_WIDE = (
    _several_or_double,
    _shifted_register,
    _coprocessor,
    _coprocessor,
    _constant_or_control,
    _constant_or_control,
    _constant_or_control,
    _constant_or_control,
    _single,
    _register_or_multiply,
    _nothing,
    _nothing,
)
"""By the upper seven bits, from 0xE800 on in steps of 0x200."""
