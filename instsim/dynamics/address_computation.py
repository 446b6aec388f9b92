"""The steps to a data access's address in machine code. Imported only where hooks are compiled, because it imports numba."""

from __future__ import annotations

from typing import Any

import numba
from numba import types

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.dynamics.native_words import half_words, octets, words, words32

__all__ = ["compute"]

_U64 = types.uint64
_ZERO, _ONE = _U64(0), _U64(1)
_MASK = _U64(0xFFFFFFFF)
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


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _load(pages: Any, address: Any, size: Any, signed: Any) -> Any:
    """Return a value in memory, 0 where none is known."""
    page = words(pages)[address >> _U64(12)]
    if page == _ZERO:
        return _ZERO
    inside = address & _U64(0xFFF)
    if size == _U64(4):
        if inside & _U64(3):
            # Across a page's end: one such load in a blue moon, and its value is only used for an address.
            inside = min(inside, _U64(0xFFC))
            return _U64(half_words(page + inside)[0]) | (_U64(half_words(page + inside)[1]) << _U64(16))
        return _U64(words32(page + inside)[0])
    if size == _U64(2):
        value = _U64(half_words(page + min(inside, _U64(0xFFE)))[0])
        if signed and value & _U64(0x8000):
            value |= _U64(0xFFFF0000)
        return value
    value = _U64(octets(page + inside)[0])
    if signed and value & _U64(0x80):
        value |= _U64(0xFFFFFF00)
    return value


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _register(registers: Any, number: Any) -> Any:
    if number == _U64(_NO_REGISTER):
        return _ZERO
    return _U64(words32(registers)[number])


@numba.njit(inline="never")  # type: ignore[untyped-decorator]
def compute(kind: Any, first: Any, constant: Any, registers: Any, pages: Any) -> None:
    """Carry out an operation that only changes registers."""
    target, base, index = (first >> _U64(8)) & _U64(255), (first >> _U64(16)) & _U64(255), (first >> _U64(24)) & _U64(255)
    shift, size = (first >> _U64(32)) & _U64(255), (first >> _U64(40)) & _U64(255)
    signed = (first >> _U64(56)) & _ONE
    left = _register(registers, base)
    right = _register(registers, index)
    shifted = (right << shift) & _MASK if shift < _U64(32) else _ZERO
    other = shifted if index != _U64(_NO_REGISTER) else constant
    value = _ZERO
    if kind == _U64(_ADD):
        value = left + shifted + constant
    elif kind == _U64(_SET):
        value = constant
    elif kind == _U64(_LOAD):
        value = _load(pages, (left + shifted + constant) & _MASK, size, signed != _ZERO)
    elif kind == _U64(_SUBTRACT):
        value = left - shifted - constant
    elif kind == _U64(_AND):
        value = left & other
    elif kind == _U64(_OR):
        value = left | other
    elif kind == _U64(_XOR):
        value = left ^ other
    elif kind == _U64(_CLEAR):
        value = left & ~other
    elif kind == _U64(_SHIFT_LEFT):
        value = left << (other & _U64(255)) if other & _U64(255) < _U64(32) else _ZERO
    elif kind == _U64(_SHIFT_RIGHT):
        value = left >> (other & _U64(255)) if other & _U64(255) < _U64(32) else _ZERO
    elif kind == _U64(_SHIFT_RIGHT_SIGNED):
        wide = left | (_U64(0xFFFFFFFF00000000) if left & _U64(0x80000000) else _ZERO)
        value = wide >> min(other & _U64(255), _U64(31))
    elif kind == _U64(_MULTIPLY):
        value = left * right
    elif kind == _U64(_EXTRACT):
        value = (left >> shift) & ((_ONE << size) - _ONE)
        if signed and size and value >> (size - _ONE):
            value |= _MASK & ~((_ONE << size) - _ONE)
    words32(registers)[target] = types.uint32(value & _MASK)
