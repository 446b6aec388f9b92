"""The instruction that a block ends with, found in machine code when the block runs for the first time.

Compiled when the object code is not in the cache (`instsim.emulate.native`).
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.native_words import half_words, words

__all__ = ["last_instruction"]


def last_instruction(address: Any, size: Any, code: Any, rv32: Any) -> Any:
    """Return a block's last instruction.

    Parameters
    ----------
    address, size : word
        The block.
    code : word
        Address of the pointers to the bytes of each page of code.
    rv32 : truth value
        Whether instructions are as long as RV32's say; else as Thumb's.

    Returns
    -------
    word
        Its first half-word in bits 0 to 15, its second in bits 16 to 31 (0 if it has none), its distance from the block's start above them. 0 if
        the code is not in memory, or the block is empty.
    """
    pages = words(code)
    at = address
    found = 0
    while at < address + size:
        page = pages[at >> 12]
        if page == 0:
            return 0
        half = half_words(page + (at & 0xFFF))[0]
        found = half | (at - address) << 32
        at += 2
        if (rv32 and half & 3 == 3) or (not rv32 and half >= 0xE800):
            page = pages[at >> 12]
            if page == 0:
                return 0
            found |= half_words(page + (at & 0xFFF))[0] << 16
            at += 2
    return found
