"""ITSTATE, the part of Thumb's program status that says which instructions of an IT block are still to come.

As in the EPSR: condition in bits 4-7, mask in bits 0-4; 0 outside IT blocks. See Arm DDI 0403E (Armv7-M), section A7.3.3 and ``ITAdvance``.
"""

from __future__ import annotations

from instsim.isa.instruction import Isa
from instsim.isa.transfers import instruction_offsets

__all__ = ["it_state_behind", "next_it_state"]

_IT = b"\xbf"
_LONGEST_IT_BLOCK_BYTES = 2 + 4 * 4


def next_it_state(it_state: int, half: int) -> int:
    """Return ITSTATE behind an instruction, given by its first half-word."""
    if half >> 8 == _IT[0] and half & 15:
        return half & 0xFF
    if it_state & 7 == 0:
        return 0
    return it_state & 0xE0 | it_state << 1 & 0x1F


def it_state_behind(isa: Isa, code: bytes, it_state: int = 0) -> int:
    """Return the ITSTATE that a stretch of code leaves behind; always 0 for RV32.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    code : bytes
        Instructions, from the first on.
    it_state : int
        ITSTATE at its start.
    """
    if isa is not Isa.THUMB or not (it_state or _IT in code[-_LONGEST_IT_BLOCK_BYTES:]):
        return 0
    for offset in instruction_offsets(isa, code):
        it_state = next_it_state(it_state, int.from_bytes(code[offset : offset + 2], "little"))
    return it_state
