"""What a block must compute to know the addresses of its data accesses, before it runs: steps over the registers at its start.

Computations are in single-assignment form: the registers at the start are only read, a step's result goes to a temporary, a number from
`FIRST_TEMPORARY` to ``REGISTER_FILE_WORDS - 1``. So an interpreter needs a file of `REGISTER_FILE_WORDS` words, of which it has to fill only
those below `FIRST_TEMPORARY` that some step reads, and a step may read the temporary it writes. Constants are folded, and a register that
moves by a constant (write-back, ``add r1, #4``) costs no step: the constant is in the `offset` of the accesses.
"""

from __future__ import annotations

from typing import NamedTuple

from instsim.dynamics.address_operations import FIRST_TEMPORARY, NO_REGISTER, REGISTER_FILE_WORDS, Operation
from instsim.isa.instruction import Isa

__all__ = ["FIRST_TEMPORARY", "NO_REGISTER", "REGISTER_FILE_WORDS", "AddressStep", "Operation", "address_steps"]


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


def address_steps(isa: Isa, code: bytes, address: int, it_state: int = 0) -> tuple[AddressStep, ...]:
    """Find what the addresses of a block's data accesses are made of.

    Every access is there, in program order, and before it the computations it needs that no constant or earlier step has made
    unnecessary. An access through a device register, or one after a store that changed a pointer under another name, may be wrong: memory
    is taken to be as it was when the block began.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    code : bytes
        The block: straight code, a branch at most at its end. An incomplete last instruction is left out.
    address : int
        Of its first byte.
    it_state : int
        ITSTATE at its start, for Thumb.

    Returns
    -------
    tuple of AddressStep
        In program order; the same input gives the same steps.
    """
    if isa is Isa.THUMB:
        from instsim.isa.thumb_address_steps import thumb_address_steps  # noqa: PLC0415 -- made of the types above

        return thumb_address_steps(code, address, it_state)
    from instsim.isa.riscv_address_steps import riscv_address_steps  # noqa: PLC0415

    return riscv_address_steps(code, address)
