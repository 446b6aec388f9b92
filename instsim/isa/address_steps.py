"""What a block must compute to know the addresses of its data accesses, before it runs: steps over the registers at its start."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

__all__ = ["NO_REGISTER", "AddressStep", "Operation"]


class Operation(IntEnum):
    """What a step does. ``r[n]`` are the registers (Thumb r0-r14; RV32 x0-x31), all values modulo 2**32."""

    READ = 0
    """Data read of `words` x `size` bytes at ``r[base] + (r[index] << shift) + offset``; a known address if `base` is `NO_REGISTER`."""
    WRITE = 1
    """Data write, likewise."""
    LOAD = 2
    """``r[target] = memory[...]``: value of the access just read, for later addresses; `size` bytes, sign-extended if `signed`."""
    SET = 3
    """``r[target] = offset``."""
    ADD = 4
    """``r[target] = r[base] + (r[index] << shift) + offset`` (either register may be `NO_REGISTER`)."""
    SUBTRACT = 5
    """``r[target] = r[base] - (r[index] << shift) - offset``."""
    REVERSE_SUBTRACT = 6
    """``r[target] = (r[index] << shift) + offset - r[base]``."""
    AND = 7
    """``r[base] & x`` with ``x = (r[index] << shift)``, or `offset` if `index` is `NO_REGISTER`."""
    OR = 8
    XOR = 9
    CLEAR = 10
    """``r[base] & ~x``."""
    SHIFT_LEFT = 11
    """``r[base] << x`` (x as above, 0 where it is 32 or more)."""
    SHIFT_RIGHT = 12
    SHIFT_RIGHT_SIGNED = 13
    MULTIPLY = 14
    """``r[base] * r[index]``."""
    MULTIPLY_ADD = 15
    """``r[base] * r[index] + r[shift]``: `shift` is the number of the addend's register."""
    MULTIPLY_SUBTRACT = 16
    """``r[shift] - r[base] * r[index]``."""
    EXTRACT = 17
    """Bits `shift` .. ``shift + size - 1`` of ``r[base]``, sign-extended if `signed` (``uxtb``, ``sbfx``, ...)."""
    INSERT_HIGH = 18
    """``(r[target] & 0xFFFF) | offset << 16`` (``movt``)."""
    FORGET = 19
    """``r[target]`` is not known from here on; an access whose address needs it is marked so."""


NO_REGISTER = 255


class AddressStep(NamedTuple):
    """One step. Steps stand in the order of the instructions; an access's `LOAD` follows its `READ`, write-back of a base comes last.

    Attributes
    ----------
    place : int
        Index of the instruction in the block.
    operation : Operation
        What it does.
    target, base, index : int
        Registers, `NO_REGISTER` for none.
    shift : int
        See the operations.
    offset : int
        Constant, two's complement in 32 bits.
    size : int
        Bytes of one word of an access (1, 2, 4); bits of an `EXTRACT`.
    words : int
        Words of an access, at rising addresses.
    signed : bool
        Sign extension.
    known : bool
        False for an access whose address cannot be computed beforehand (it needs a forgotten register).
    predicated : bool
        The instruction stands inside an IT block.
    """

    place: int
    operation: Operation
    target: int = NO_REGISTER
    base: int = NO_REGISTER
    index: int = NO_REGISTER
    shift: int = 0
    offset: int = 0
    size: int = 4
    words: int = 1
    signed: bool = False
    known: bool = True
    predicated: bool = False
