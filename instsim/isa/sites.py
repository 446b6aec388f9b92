"""Where a firmware image may call through a register or divide: NumPy scans of raw bytes, without a disassembler.

Every 2-byte position is tried, data included, so a site may be no instruction at all. Whoever watches a site only ever sees those that
execute, so false positives cost nothing but a place in a table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.isa.instruction import Isa

__all__ = ["DivideSite", "IndirectCall", "divide_sites", "indirect_call_sites"]

Words = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class IndirectCall:
    """A call of the address held by a register.

    Attributes
    ----------
    address : int
        Of the instruction.
    register : int
        Number of the register that holds the target.
    size : int
        Encoded length in bytes.
    offset : int
        Added to the register (``jalr ra, offset(rs1)``); 0 for Thumb.
    """

    address: int
    register: int
    size: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class DivideSite:
    """A divide or remainder instruction.

    Attributes
    ----------
    address : int
        Of the instruction.
    dividend_register, divisor_register : int
        Register numbers.
    signed : bool
        ``sdiv``, ``div``, ``rem`` against ``udiv``, ``divu``, ``remu``.
    is_remainder : bool
        ``rem`` or ``remu``.
    size : int
        Encoded length in bytes.
    """

    address: int
    dividend_register: int
    divisor_register: int
    signed: bool
    is_remainder: bool
    size: int = 4


def indirect_call_sites(isa: Isa, data: bytes, base: int) -> dict[int, IndirectCall]:
    """Find calls through a register: Thumb ``blx rN``, RV32 ``c.jalr`` and ``jalr ra, offset(rs1)``.

    ``blxns`` is not one: it leaves the secure state.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    data : bytes
        Raw memory.
    base : int
        Address of its first byte, even.

    Returns
    -------
    dict
        Sites by address, ascending.
    """
    half = _halfwords(data)
    sites: dict[int, IndirectCall] = {}
    if isa is Isa.THUMB:
        for index in np.flatnonzero((half & 0xFF87) == 0x4780).tolist():
            address = base + 2 * index
            sites[address] = IndirectCall(address, int(half[index]) >> 3 & 15, 2)
        return sites
    compressed = ((half & 0xF07F) == 0x9002) & ((half & 0x0F80) != 0)
    word = _words(half)
    full = np.zeros(half.size, dtype=bool)
    full[: word.size] = (word & 0x7FFF) == 0x00E7
    for index in np.flatnonzero(compressed | full).tolist():
        address = base + 2 * index
        if compressed[index]:
            sites[address] = IndirectCall(address, int(half[index]) >> 7 & 31, 2)
        else:
            encoding = int(word[index])
            immediate = encoding >> 20
            sites[address] = IndirectCall(address, encoding >> 15 & 31, 4, immediate - ((immediate & 0x800) << 1))
    return sites


def divide_sites(isa: Isa, data: bytes, base: int) -> dict[int, DivideSite]:
    """Find divides and remainders.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    data : bytes
        Raw memory.
    base : int
        Address of its first byte, even.

    Returns
    -------
    dict
        Sites by address, ascending.
    """
    half = _halfwords(data)
    sites: dict[int, DivideSite] = {}
    if isa is Isa.THUMB:
        first, second = half[:-1], half[1:]
        found = ((first & 0xFFD0) == 0xFB90) & ((second & 0xF0F0) == 0xF0F0)
        for index in np.flatnonzero(found).tolist():
            address = base + 2 * index
            sites[address] = DivideSite(address, int(first[index]) & 15, int(second[index]) & 15, not int(first[index]) & 0x20, is_remainder=False)
        return sites
    word = _words(half)
    for index in np.flatnonzero((word & 0xFE00407F) == 0x02004033).tolist():
        address = base + 2 * index
        encoding = int(word[index])
        sites[address] = DivideSite(
            address, encoding >> 15 & 31, encoding >> 20 & 31, signed=not encoding & 0x1000, is_remainder=bool(encoding & 0x2000)
        )
    return sites


def _halfwords(data: bytes) -> Words:
    return np.frombuffer(data, dtype="<u2", count=len(data) // 2).astype(np.uint32)


def _words(half: Words) -> Words:
    """Return the 32-bit value at every halfword but the last."""
    return np.bitwise_or(half[:-1], np.left_shift(half[1:], np.uint32(16)))
