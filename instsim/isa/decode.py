"""Machine code to instructions; Capstone names them, what they do to registers and control is worked out here.

Capstone 5's own lists of read and written registers are incomplete for the DSP, extension and security instructions, so they are not used.
"""

from __future__ import annotations

from typing import Protocol

from instsim.isa.instruction import Instruction, Isa

__all__ = ["Decoder", "decode", "make_decoder"]


class Decoder(Protocol):
    """Decodes code of one instruction set; one decoder remembers what it has seen, so that decoding many blocks is cheap."""

    def decode(self, code: bytes, address: int, it_state: int = 0) -> tuple[Instruction, ...]:
        """Decode all bytes of `code`, see `decode`."""
        ...


def make_decoder(isa: Isa) -> Decoder:
    """Return a fresh decoder; it is for one thread."""
    if isa is Isa.THUMB:
        from instsim.isa.thumb import ThumbDecoder  # noqa: PLC0415 -- loads Capstone

        return ThumbDecoder()
    from instsim.isa.riscv import RiscvDecoder  # noqa: PLC0415 -- loads Capstone

    return RiscvDecoder()


def decode(isa: Isa, code: bytes, address: int, it_state: int = 0) -> tuple[Instruction, ...]:
    """Decode a stretch of machine code.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    code : bytes
        The code. Every byte ends up in an instruction; what does not decode becomes one of class ``unknown`` (or ``unsupported``,
        if the extension is recognised) whose mnemonic names it.
    address : int
        Address of its first byte.
    it_state : int
        Thumb only: ITSTATE as in the EPSR (condition in bits 4-7, mask in bits 0-4), for code that starts inside an IT block.

    Returns
    -------
    tuple of Instruction
        In order of address.
    """
    return make_decoder(isa).decode(code, address, it_state)
