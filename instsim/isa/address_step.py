"""What a block must compute to know the addresses of its data accesses, before it runs: steps over the registers at its start.

Computations are in single-assignment form: the registers at the start are only read, a step's result goes to a temporary, a number from
`FIRST_TEMPORARY` to ``REGISTER_FILE_WORDS - 1``. So an interpreter needs a file of `REGISTER_FILE_WORDS` words, of which it has to fill only
those below `FIRST_TEMPORARY` that some step reads, and a step may read the temporary it writes. Constants are folded, and a register that
moves by a constant (write-back, ``add r1, #4``) costs no step: the constant is in the `offset` of the accesses.
"""

from __future__ import annotations

from typing import NamedTuple

from instsim.dynamics.address_operations import NO_REGISTER, Operation

__all__ = ["AddressStep"]


class AddressStep(NamedTuple):
    """One step. Steps stand in the order of the instructions; an access's `LOAD` follows its `READ`.

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
        Constant, two's complement in 32 bits: 0 to 2**32 - 1.
    size : int
        Bytes of one word of an access (1, 2, 4); bits of an `EXTRACT`.
    words : int
        Words of an access, at rising addresses.
    signed : bool
        Sign extension.
    known : bool
        False for an access whose address cannot be computed beforehand (it needs a forgotten register).
    predicated : bool
        The instruction stands inside an IT block: an access that may not happen. What such an instruction computes is taken as if it ran, but
        a constant does not replace a computed value (``p ? p->field : 0``).
    """

    place: int
    operation: Operation
    target: int = NO_REGISTER
    base: int = NO_REGISTER
    index: int = NO_REGISTER  # type: ignore[assignment] # tuple's method of this name is not needed
    shift: int = 0
    offset: int = 0
    size: int = 4
    words: int = 1
    signed: bool = False
    known: bool = True
    predicated: bool = False
