"""Addresses of the data accesses of Thumb code, decoded straight from the encodings: walk over a block, and its 16-bit instructions.

Encodings: Arm DDI 0403E (Armv7-M), chapter A5; Arm DDI 0553 (Armv8-M).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.isa.address_step import AddressStep
from instsim.isa.address_values import ZERO, BlockValues
from instsim.isa.it_state import next_it_state
from instsim.isa.thumb_wide_address_steps import low_byte, trace_wide

if TYPE_CHECKING:
    from collections.abc import Callable

    Narrow = Callable[[BlockValues, int], None]

__all__ = ["thumb_address_steps"]

_SP, _PC = 13, 15
_MASK = 0xFFFFFFFF
_PC_AHEAD = 4


def thumb_address_steps(code: bytes, address: int, it_state: int) -> tuple[AddressStep, ...]:
    """Return the steps of a block of Thumb code; see `instsim.isa.address_steps.address_steps`."""
    halves = struct.unpack(f"<{len(code) // 2}H", code[: len(code) & ~1])
    values = BlockValues(16)
    registers = values.registers
    position, end = 0, len(halves)
    program_counter = address + _PC_AHEAD
    values.predicated = it_state & 15 != 0
    while position < end:
        half = halves[position]
        registers[_PC] = NO_REGISTER, program_counter + 2 * position & _MASK
        if half >= 0xE800:
            if position + 1 == end:
                break
            trace_wide(values, half, halves[position + 1])
            position += 2
        else:
            narrow = _NARROW[half >> 8]
            if narrow is not None:
                narrow(values, half)
            position += 1
        if half >> 8 == 0xBF and half & 15:
            it_state = half & 0xFF
            values.start_conditional(single=half & 15 == 8)
        elif it_state:
            it_state = next_it_state(it_state, half)
            values.predicated = it_state != 0
        values.place += 1
    return values.steps()


def _shift_left_constant(values: BlockValues, half: int) -> None:
    registers = values.registers
    registers[half & 7] = values.shift_left(registers[half >> 3 & 7], (NO_REGISTER, half >> 6 & 31))


def _shift_right_constant(values: BlockValues, half: int) -> None:
    registers = values.registers
    registers[half & 7] = values.shift_right(registers[half >> 3 & 7], (NO_REGISTER, half >> 6 & 31 or 32), signed=bool(half & 0x1000))


def _add_or_subtract(values: BlockValues, half: int) -> None:
    registers = values.registers
    number, offset = first = registers[half >> 3 & 7]
    constant = half >> 6 & 7
    match half >> 9 & 3:
        case 0:
            registers[half & 7] = values.add(first, registers[constant])
        case 1:
            registers[half & 7] = values.subtract(first, registers[constant])
        case 2:
            registers[half & 7] = number, offset + constant & _MASK
        case _:
            registers[half & 7] = number, offset - constant & _MASK


def _move_constant(values: BlockValues, half: int) -> None:
    values.set_constant(half >> 8 & 7, half & 0xFF)


def _add_constant(values: BlockValues, half: int) -> None:
    target = half >> 8 & 7
    number, offset = values.registers[target]
    values.registers[target] = number, offset + (half & 0xFF) & _MASK


def _subtract_constant(values: BlockValues, half: int) -> None:
    target = half >> 8 & 7
    number, offset = values.registers[target]
    values.registers[target] = number, offset - (half & 0xFF) & _MASK


def _data_processing(values: BlockValues, half: int) -> None:
    registers = values.registers
    target = half & 7
    first, second = registers[target], registers[half >> 3 & 7]
    match half >> 6 & 15:
        case 0:
            result = values.logic(Operation.AND, first, second)
        case 1:
            result = values.logic(Operation.XOR, first, second)
        case 2:
            result = values.shift_left(first, low_byte(values, second))
        case 3:
            result = values.shift_right(first, low_byte(values, second))
        case 4:
            result = values.shift_right(first, low_byte(values, second), signed=True)
        case 8 | 10 | 11:
            return  # tst, cmp, cmn
        case 9:
            result = values.subtract(ZERO, second)
        case 12:
            result = values.logic(Operation.OR, first, second)
        case 13:
            result = values.multiply(first, second)
        case 14:
            result = values.logic(Operation.CLEAR, first, second)
        case 15:
            result = values.logic(Operation.XOR, second, (NO_REGISTER, _MASK))
        case _:
            result = values.unknown()  # adc, sbc, ror
    registers[target] = result


def _add_high(values: BlockValues, half: int) -> None:
    registers, target = values.registers, half & 7 | half >> 4 & 8
    registers[target] = values.add(registers[target], registers[half >> 3 & 15])


def _move_high(values: BlockValues, half: int) -> None:
    values.registers[half & 7 | half >> 4 & 8] = values.registers[half >> 3 & 15]


def _load_literal(values: BlockValues, half: int) -> None:
    base = NO_REGISTER, values.registers[_PC][1] & ~3
    values.registers[half >> 8 & 7] = values.load(base, (half & 0xFF) << 2)


def _register_store(size: int) -> Narrow:
    def store(values: BlockValues, half: int) -> None:
        registers = values.registers
        values.store(registers[half & 7], registers[half >> 3 & 7], 0, size, index=registers[half >> 6 & 7])

    return store


def _register_load(size: int, *, signed: bool) -> Narrow:
    def load(values: BlockValues, half: int) -> None:
        registers = values.registers
        registers[half & 7] = values.load(registers[half >> 3 & 7], 0, size, index=registers[half >> 6 & 7], signed=signed)

    return load


def _constant_store(size: int) -> Narrow:
    def store(values: BlockValues, half: int) -> None:
        registers = values.registers
        values.store(registers[half & 7], registers[half >> 3 & 7], (half >> 6 & 31) * size, size)

    return store


def _constant_load(size: int) -> Narrow:
    def load(values: BlockValues, half: int) -> None:
        registers = values.registers
        registers[half & 7] = values.load(registers[half >> 3 & 7], (half >> 6 & 31) * size, size)

    return load


def _stack_store(values: BlockValues, half: int) -> None:
    registers = values.registers
    values.store(registers[half >> 8 & 7], registers[_SP], (half & 0xFF) << 2)


def _stack_load(values: BlockValues, half: int) -> None:
    registers = values.registers
    registers[half >> 8 & 7] = values.load(registers[_SP], (half & 0xFF) << 2)


def _address_of(values: BlockValues, half: int) -> None:
    values.registers[half >> 8 & 7] = NO_REGISTER, (values.registers[_PC][1] & ~3) + ((half & 0xFF) << 2) & _MASK


def _stack_address(values: BlockValues, half: int) -> None:
    number, offset = values.registers[_SP]
    values.registers[half >> 8 & 7] = number, offset + ((half & 0xFF) << 2) & _MASK


def _move_stack(values: BlockValues, half: int) -> None:
    number, offset = values.registers[_SP]
    distance = (half & 0x7F) << 2
    values.registers[_SP] = number, (offset - distance if half & 0x80 else offset + distance) & _MASK


def _extend(values: BlockValues, half: int) -> None:
    registers = values.registers
    registers[half & 7] = values.extract(registers[half >> 3 & 7], 0, 8 if half & 0x40 else 16, signed=not half & 0x80)


def _forget_low(values: BlockValues, half: int) -> None:
    values.registers[half & 7] = values.unknown()


def _push(values: BlockValues, half: int) -> None:
    registers = values.registers
    stored = [registers[number] for number in range(8) if half >> number & 1]
    if half & 0x100:
        stored.append(registers[14])
    number, offset = registers[_SP]
    registers[_SP] = stack = number, offset - 4 * len(stored) & _MASK
    values.store_several(stored, stack, 0)


def _pop(values: BlockValues, half: int) -> None:
    registers = values.registers
    targets = [number for number in range(8) if half >> number & 1]
    number, offset = stack = registers[_SP]
    if half & 0x100:  # the program counter too: nothing follows
        values.read(stack, 0, 4, len(targets) + 1)
        return
    for target, value in zip(targets, values.load_several(stack, 0, len(targets)), strict=True):
        registers[target] = value
    registers[_SP] = number, offset + 4 * len(targets) & _MASK


def _store_several(values: BlockValues, half: int) -> None:
    registers, base = values.registers, half >> 8 & 7
    stored = [registers[number] for number in range(8) if half >> number & 1]
    number, offset = start = registers[base]
    values.store_several(stored, start, 0)
    registers[base] = number, offset + 4 * len(stored) & _MASK


def _load_several(values: BlockValues, half: int) -> None:
    registers, base = values.registers, half >> 8 & 7
    targets = [number for number in range(8) if half >> number & 1]
    number, offset = start = registers[base]
    registers[base] = number, offset + 4 * len(targets) & _MASK
    for target, value in zip(targets, values.load_several(start, 0, len(targets)), strict=True):
        registers[target] = value


_RUNS: tuple[tuple[int, Narrow | None], ...] = (
    (8, _shift_left_constant),
    (16, _shift_right_constant),
    (8, _add_or_subtract),
    (8, _move_constant),
    (8, None),  # cmp
    (8, _add_constant),
    (8, _subtract_constant),
    (4, _data_processing),
    (1, _add_high),
    (1, None),  # cmp
    (1, _move_high),
    (1, None),  # bx, blx
    (8, _load_literal),
    (2, _register_store(4)),
    (2, _register_store(2)),
    (2, _register_store(1)),
    (2, _register_load(1, signed=True)),
    (2, _register_load(4, signed=False)),
    (2, _register_load(2, signed=False)),
    (2, _register_load(1, signed=False)),
    (2, _register_load(2, signed=True)),
    (8, _constant_store(4)),
    (8, _constant_load(4)),
    (8, _constant_store(1)),
    (8, _constant_load(1)),
    (8, _constant_store(2)),
    (8, _constant_load(2)),
    (8, _stack_store),
    (8, _stack_load),
    (8, _address_of),
    (8, _stack_address),
    (1, _move_stack),
    (1, None),  # cbz
    (1, _extend),
    (1, None),
    (2, _push),
    (4, None),  # setend, cps, cbz, cbnz
    (1, _forget_low),  # rev, rev16, revsh
    (1, None),
    (2, _pop),
    (2, None),  # bkpt, it, hints
    (8, _store_several),
    (8, _load_several),
    (40, None),  # branches, svc
)
"""How many values of the upper byte belong to an instruction, from 0x00 to 0xE7."""

_NARROW: tuple[Narrow | None, ...] = tuple(narrow for count, narrow in _RUNS for _ in range(count))
