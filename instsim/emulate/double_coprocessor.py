"""RP2350's double-precision coprocessor (datasheet chapter 3.6.2), as far as what comes out of it goes.

The chip does an operation in steps: operands go in, the core may multiply parts of their mantissas that come out and go in again, a step rounds, the
result comes out. All steps are instructions without branches, so that what a part of a mantissa is decides nothing: here the parts are zero, and
the result is worked out of the operands when it is asked for, rounded as IEEE 754 says. (The chip's fast divide and square root may differ from
that in the last bit.)
"""

from __future__ import annotations

import math
import struct

__all__ = ["DoubleCoprocessor"]

_WORD = 0xFFFFFFFF
_PUT_DOUBLE = 1
_PUT_PARTS = {2, 3, 4, 5, 10, 11, 12}
_PUT_UNSIGNED, _PUT_SIGNED, _PUT_DOUBLE_TO_CONVERT, _PUT_SINGLE_TO_CONVERT = 6, 7, 8, 9
_X, _Y, _BOTH_OR_FLAGS = 0, 1, 2
_LESS, _EQUAL, _GREATER, _UNORDERED = 0x8, 0x6, 0x2, 0x3
"""What a comparison sets of the flags N, Z, C and V."""


class DoubleCoprocessor:
    """Two operands, and whether an operation is under way."""

    def __init__(self) -> None:
        self._operands = [0, 0]
        self._truncates = False
        self._engaged = False

    # -- going in ----------------------------------------------------------------------------------------------------------------

    def put(self, operation: int, target: int, low: int, high: int) -> bool:
        """Carry out ``mcrr`` with two words; return False if there is no such instruction."""
        if operation == 0 and target == _BOTH_OR_FLAGS:
            self._truncates, self._engaged = bool(low & 1), bool(low & 2)
            return True
        self._engaged = True
        if operation in (0, 1) and target in (_X, _Y):
            self._operands[target] = high << 32 | low
        elif operation == _PUT_DOUBLE:
            self._operands = [_of_single(low), _of_single(high)]
        elif operation == _PUT_UNSIGNED:
            self._operands = [_to_bits(float(low)), 0]
        elif operation == _PUT_SIGNED:
            self._operands = [_to_bits(float(low - (low >> 31 << 32))), 0]
        elif operation == _PUT_DOUBLE_TO_CONVERT:
            self._operands = [high << 32 | low, 0]
        elif operation == _PUT_SINGLE_TO_CONVERT:
            self._operands = [_of_single(low), 0]
        else:
            return operation in _PUT_PARTS
        return True

    def step(self, operation: int, source: int, how: int) -> bool:
        """Carry out ``cdp``; return False if there is no such instruction."""
        if operation == 8 and source == 0 and how in (2, 3):
            self._truncates = how == 2
        return operation in (0, 1, 2, 8)

    # -- coming out --------------------------------------------------------------------------------------------------------------

    def take_pair(self, operation: int, source: int, *, peeks: bool) -> tuple[int, int] | None:
        """Carry out ``mrrc`` (``mrrc2`` if it `peeks`); return two words, None if there is no such instruction."""
        if source in (8, 9):
            bits = self._operands[source - 8]
            return bits & _WORD, bits >> 32
        if source == 10:
            return int(self._truncates) | int(self._engaged) << 1, 0
        if source in (1, 4, 5):
            return 0, 0
        if source or not operation & 1 or operation > 11:
            return None
        self._engaged = self._engaged and peeks
        bits = _to_bits(self._result(operation >> 1))
        return bits & _WORD, bits >> 32

    def take(self, source: int, which: int, *, peeks: bool) -> int | None:
        """Carry out ``mrc`` (``mrc2`` if it `peeks`); return a word, None if there is no such instruction."""
        if peeks and source == 0 and which == 1:
            return int(self._engaged) << 31
        self._engaged = self._engaged and peeks
        if source == 0 and which == 1:
            return self._compare() << 28
        if source == 2 and which <= 5:
            return _single(self._result(which))
        if source == 3 and which <= 1:
            return self._integer(is_unsigned=bool(which))
        return None

    def _values(self) -> tuple[float, float]:
        x, y = struct.unpack("<2d", struct.pack("<2Q", *self._operands))
        return x, y

    def _result(self, which: int) -> float:
        x, y = self._values()
        if which == 3:
            return _quotient(x, y)
        if which == 4:
            return math.sqrt(x) if x >= 0 else math.nan
        return (x + y, x - y, x * y, 0.0, 0.0, x)[which]

    def _compare(self) -> int:
        x, y = self._values()
        if math.isnan(x) or math.isnan(y):
            return _UNORDERED
        return _LESS if x < y else _EQUAL if x == y else _GREATER

    def _integer(self, *, is_unsigned: bool) -> int:
        x, _ = self._values()
        low, high = (0, _WORD) if is_unsigned else (-(1 << 31), (1 << 31) - 1)
        if math.isnan(x):
            return 0
        whole = min(max(x, low), high)
        return (math.trunc(whole) if self._truncates else round(whole)) & _WORD


def _quotient(x: float, y: float) -> float:
    if y:
        return x / y
    return math.nan if x == 0 or math.isnan(x) else math.copysign(math.inf, x) * math.copysign(1, y)


def _of_single(word: int) -> int:
    return _to_bits(struct.unpack("<f", struct.pack("<I", word))[0])


def _to_bits(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


def _single(value: float) -> int:
    try:
        return int.from_bytes(struct.pack("<f", value), "little")
    except OverflowError:
        return 0xFF800000 if value < 0 else 0x7F800000
