"""What ``memcpy`` and ``memset`` do for calls of a length, told apart by where they lie.

They take words where they can, so what a call executes follows from its length and from how many bytes source and destination lie past a word.
The rules are those of newlib (``newlib/libc/machine/arm/memcpy-armv7m.S``, ``newlib/libc/string/memset.c``): a copy off words of fewer than
eight bytes goes byte by byte; a longer one first brings its destination to a word if both ends lie off one, then takes words. A fill brings
its destination to a word, then takes words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["KINDS", "WORD_BYTES", "Calls", "Copies", "Fills", "library_calls"]

Integers = npt.NDArray[np.int64]
Calls = tuple[tuple[Integers, Integers], ...]
"""How often something was done, and with how many bytes: pairs of arrays of shape (layers,)."""

WORD_BYTES = 4
_FEWEST_BYTES = 8
"""A copy off words of fewer bytes goes byte by byte."""

_BLOCK_BYTES = 16

KINDS = {
    "CPW": "bytes of copies between words",
    "CPB": "as CPW, of copies that have 16 of them",
    "CPY": "bytes that copies move once their destination lies at a word",
    "CPO": "bytes of copies that begin or end off a word",
    "CPA": "bytes that copies move to bring their destination to a word",
    "FIL": "bytes that fills set once they are at a word",
    "FIB": "as FIL, of fills that have 16 of them",
    "FIO": "bytes of fills that begin off a word",
    "FIA": "bytes that fills set to come to a word",
}
"""What is told apart, by short names."""


class Copies(NamedTuple):
    """Copies of a length whose ends lie so many bytes past a word; arrays of shape (layers,)."""

    calls: Integers
    source: Integers
    destination: Integers
    length: Integers


class Fills(NamedTuple):
    """Fills of a length that begin so many bytes past a word; arrays of shape (layers,)."""

    calls: Integers
    destination: Integers
    length: Integers


def library_calls(copies: Iterable[Copies], fills: Iterable[Fills] = ()) -> Mapping[str, Calls]:
    """Return what the library does for copies and fills, by the names of `KINDS`."""
    done: dict[str, list[tuple[Integers, Integers]]] = {name: [] for name in KINDS}
    for calls, source, destination, length in copies:
        is_off = (source | destination) != 0
        is_long = length >= _FEWEST_BYTES
        to_word = np.where((source != 0) & (destination != 0) & is_long, WORD_BYTES - destination, 0)
        done["CPW"].append((calls * ~is_off, length))
        done["CPB"].append((calls * (~is_off & (length >= _BLOCK_BYTES)), length))
        done["CPY"].append((calls * (~is_off | is_long), length - to_word))
        done["CPO"].append((calls * is_off, length))
        done["CPA"].append((calls * (to_word > 0), to_word))
    for calls, destination, length in fills:
        to_word = np.minimum(length, -destination % WORD_BYTES)
        done["FIL"].append((calls, length - to_word))
        done["FIB"].append((calls * (length - to_word >= _BLOCK_BYTES), length - to_word))
        done["FIO"].append((calls * (destination != 0), length))
        done["FIA"].append((calls * (destination != 0), to_word))
    return {name: tuple(found) for name, found in done.items()}
