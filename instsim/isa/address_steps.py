"""The address steps of a block of either instruction set."""

from __future__ import annotations

from instsim.isa.address_step import AddressStep
from instsim.isa.instruction import Isa
from instsim.isa.riscv_address_steps import riscv_address_steps
from instsim.isa.thumb_address_steps import thumb_address_steps

__all__ = ["address_steps"]


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
        return thumb_address_steps(code, address, it_state)
    return riscv_address_steps(code, address)
