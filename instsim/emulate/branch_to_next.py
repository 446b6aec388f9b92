"""Branches whose target is the next instruction: taken or not, the same code follows.

Where control goes does not tell what such a branch did, but a taken one costs what any taken branch costs. Compilers do not write them; timing
loops do. The machine asks the registers before each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["branches_to_next", "is_taken"]

_WORD = 0xFFFFFFFF
_SIGN = 0x80000000


def branches_to_next(code: bytes) -> Iterator[tuple[int, int]]:
    """Yield offset and encoding of what may be an RV32 conditional branch to its next instruction, at every half-word of some code."""
    halves = np.frombuffer(code[: len(code) // 2 * 2], "<u2").astype(np.int64)
    words = halves[:-1] | halves[1:] << 16
    halves = halves[:-1]
    is_long = (words & 0xFE000FFF == 0x00000263) & (words >> 13 & 3 != 1)
    for index in np.flatnonzero(is_long | (halves & 0xDC7F == 0xC009)).tolist():
        yield 2 * index, int(words[index] if is_long[index] else halves[index])


def is_taken(encoding: int, read_register: Callable[[int], int]) -> bool:
    """Whether a conditional branch is taken.

    Parameters
    ----------
    encoding : int
        The RV32 instruction, of two bytes or four.
    read_register : callable
        Value of a register x0 to x31, as an unsigned 32-bit number.
    """
    if encoding & 3 != 3:
        zero = read_register(8 + (encoding >> 7 & 7)) & _WORD == 0
        return zero if encoding >> 13 & 7 == 6 else not zero
    first, second = read_register(encoding >> 15 & 31) & _WORD, read_register(encoding >> 20 & 31) & _WORD
    kind = encoding >> 12 & 7
    if kind in (4, 5):
        first, second = first ^ _SIGN, second ^ _SIGN
    holds = first == second if kind < 4 else first < second
    return holds != bool(kind & 1)
