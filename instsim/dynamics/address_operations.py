"""What the steps to a data access's address do: shared by those who find them in code and the machine code that carries them out."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["FIRST_TEMPORARY", "NO_REGISTER", "REGISTER_FILE_WORDS", "Operation"]


class Operation(IntEnum):
    """What a step does. ``r[n]`` are the registers at the start (Thumb r0-r14; RV32 x1-x31) and the temporaries, all values modulo 2**32."""

    READ = 0
    """Data read of `words` x `size` bytes at ``r[base] + (r[index] << shift) + offset``; a known address if `base` is `NO_REGISTER`."""
    WRITE = 1
    """Data write, likewise."""
    LOAD = 2
    """``r[target] = memory[r[base] + (r[index] << shift) + offset]``, for later addresses; `size` bytes, sign-extended if `signed`.

    Stands behind the `READ` of the same instruction. Memory is as at the start of the block: a value that the block itself stored under the
    same address expression is not loaded but taken from the register that was stored.
    """
    SET = 3
    """``r[target] = offset``."""
    ADD = 4
    """``r[target] = r[base] + (r[index] << shift) + offset`` (either register may be `NO_REGISTER`)."""
    SUBTRACT = 5
    """``r[target] = r[base] - (r[index] << shift) - offset``."""
    AND = 6
    """``r[base] & x`` with ``x = (r[index] << shift)``, or `offset` if `index` is `NO_REGISTER`."""
    OR = 7
    XOR = 8
    CLEAR = 9
    """``r[base] & ~x``."""
    SHIFT_LEFT = 10
    """``r[base] << x`` (x as above, 0 where it is 32 or more)."""
    SHIFT_RIGHT = 11
    SHIFT_RIGHT_SIGNED = 12
    MULTIPLY = 13
    """``r[base] * r[index]``."""
    EXTRACT = 14
    """Bits `shift` .. ``shift + size - 1`` of ``r[base]``, sign-extended if `signed` (``uxtb``, ``sbfx``, ...)."""
    FORGET = 15
    """``r[target]`` is not known; an access whose address needs it is marked so. Nothing to do for an interpreter."""


NO_REGISTER = 255

FIRST_TEMPORARY = 32
"""Registers from here on hold results of steps."""

REGISTER_FILE_WORDS = 64
"""Registers and temporaries."""
