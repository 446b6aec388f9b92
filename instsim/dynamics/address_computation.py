"""The steps to a data access's address in machine code."""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_operations import FIRST_TEMPORARY, NO_REGISTER, Operation
from instsim.dynamics.native_words import half_words, octets, out_of_line, words, words32

__all__ = ["combine", "compute", "register"]

_MASK = 0xFFFFFFFF
_NO_REGISTER = NO_REGISTER
_LOAD, _SET, _ADD, _SUBTRACT, _MULTIPLY, _EXTRACT = (
    int(Operation.LOAD),
    int(Operation.SET),
    int(Operation.ADD),
    int(Operation.SUBTRACT),
    int(Operation.MULTIPLY),
    int(Operation.EXTRACT),
)
_AND, _OR, _XOR, _CLEAR = int(Operation.AND), int(Operation.OR), int(Operation.XOR), int(Operation.CLEAR)
_SHIFT_LEFT, _SHIFT_RIGHT, _SHIFT_RIGHT_SIGNED = int(Operation.SHIFT_LEFT), int(Operation.SHIFT_RIGHT), int(Operation.SHIFT_RIGHT_SIGNED)


def _load(pages: Any, address: Any, size: Any, signed: Any) -> Any:
    """Return a value in memory, 0 where none is known."""
    page = words(pages)[address >> 12]
    if page == 0:
        return 0
    inside = address & 0xFFF
    if size == 4:
        if inside & 3:
            # Across a page's end: one such load in a blue moon, and its value is only used for an address.
            inside = min(inside, 0xFFC)
            return half_words(page + inside)[0] | (half_words(page + inside)[1] << 16)
        return words32(page + inside)[0]
    if size == 2:
        value = half_words(page + min(inside, 0xFFE))[0]
        if signed and value & 0x8000:
            value |= 0xFFFF0000
        return value
    value = octets(page + inside)[0]
    if signed and value & 0x80:
        value |= 0xFFFFFF00
    return value


def register(registers: Any, scratch: Any, number: Any) -> Any:
    """Return a register at the block's start, or the result of a step; 0 for `NO_REGISTER`."""
    return words32(registers if number < FIRST_TEMPORARY else scratch)[number]


def compute(kind: Any, first: Any, constant: Any, registers: Any, scratch: Any, pages: Any) -> None:  # noqa: PLR0917 -- by position in the hooks' language
    """Carry out an operation that only makes a result."""
    left = register(registers, scratch, (first >> 16) & 255)
    right = register(registers, scratch, (first >> 24) & 255)
    words32(scratch)[(first >> 8) & 255] = combine(kind, first, constant, left, right, pages)


@out_of_line
def combine(kind: Any, first: Any, constant: Any, left: Any, right: Any, pages: Any) -> Any:  # noqa: PLR0917 -- as above
    """Return the result of such an operation; it depends on the values of its base register and its index register."""
    shift, size = (first >> 32) & 255, (first >> 40) & 255
    signed = (first >> 56) & 1
    shifted = (right << shift) & _MASK if shift < 32 else 0
    other = shifted if (first >> 24) & 255 != _NO_REGISTER else constant
    value = 0
    if kind == _ADD:
        value = left + shifted + constant
    elif kind == _SET:
        value = constant
    elif kind == _LOAD:
        value = _load(pages, (left + shifted + constant) & _MASK, size, signed != 0)
    elif kind == _SUBTRACT:
        value = left - shifted - constant
    elif kind == _AND:
        value = left & other
    elif kind == _OR:
        value = left | other
    elif kind == _XOR:
        value = left ^ other
    elif kind == _CLEAR:
        value = left & ~other
    elif kind == _SHIFT_LEFT:
        value = left << (other & 255) if other & 255 < 32 else 0
    elif kind == _SHIFT_RIGHT:
        value = left >> (other & 255) if other & 255 < 32 else 0
    elif kind == _SHIFT_RIGHT_SIGNED:
        wide = left | (0xFFFFFFFF00000000 if left & 0x80000000 else 0)
        value = wide >> min(other & 255, 31)
    elif kind == _MULTIPLY:
        value = left * right
    elif kind == _EXTRACT:
        value = (left >> shift) & ((1 << size) - 1)
        if signed and size and value >> (size - 1):
            value |= _MASK & ~((1 << size) - 1)
    return value & _MASK
