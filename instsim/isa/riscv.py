"""RV32 instructions: Capstone writes the text, the fields of the encoding say what they do.

Where Capstone 5 knows no name (bit manipulation, Zcb, Zcmp), `instsim.isa.riscv_extensions` gives one.
"""

from __future__ import annotations

from collections.abc import Iterator

import capstone

from instsim.isa.classes import UNKNOWN, UNSUPPORTED
from instsim.isa.instruction import Instruction
from instsim.isa.riscv_compressed import compressed_effects
from instsim.isa.riscv_extensions import extension_effects
from instsim.isa.riscv_fields import Effects, base_effects

__all__ = ["RiscvDecoder"]

_PIECE_BYTES = 2048
"""Capstone gets no more at once: it decodes ahead, in vain where data lies between code."""


class RiscvDecoder:
    """Decoder of RV32 code, see `instsim.isa.decode.Decoder`."""

    def __init__(self) -> None:
        self._capstone = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
        self._known: dict[tuple[int, int], tuple[str, str, Effects]] = {}

    def decode(self, code: bytes, address: int, it_state: int = 0) -> tuple[Instruction, ...]:  # noqa: ARG002 -- Thumb's argument
        """Decode all bytes of `code`."""
        instructions = []
        for offset, size, mnemonic, operands in self._texts(code, address):
            encoding = int.from_bytes(code[offset : offset + size], "little")
            # Half of an instruction at the end of the code, and a whole one whose upper half is zero, are the same number.
            known = self._known.get((encoding, size))
            if known is None:
                known = _name(encoding, size, mnemonic, operands)
                self._known[encoding, size] = known
            name, text, effects = known
            place = address + offset
            target = None
            if effects.offset is not None:
                target = (place + effects.offset) & 0xFFFFFFFF
                registers = text.rpartition(", ")[0]
                text = f"{registers}, {target:#x}" if registers else f"{target:#x}"
            instructions.append(Instruction(place, size, name, text, *effects[:9], False, False, False, effects.flow, target))
        return tuple(instructions)

    def _texts(self, code: bytes, address: int) -> Iterator[tuple[int, int, str, str]]:
        """Yield offset, size, mnemonic and operands of every instruction; undecodable ones without text."""
        offset = 0
        while offset < len(code):
            start = offset
            for _, size, mnemonic, operands in self._capstone.disasm_lite(code[start : start + _PIECE_BYTES], address + start):
                yield offset, size, mnemonic, operands
                offset += size
            if offset == start:
                size = min(4 if code[offset] & 3 == 3 else 2, len(code) - offset)
                yield offset, size, "", ""
                offset += size


def _name(encoding: int, size: int, mnemonic: str, operands: str) -> tuple[str, str, Effects]:
    """Return mnemonic, operands and effects of an instruction, whatever it is."""
    complete = size == (4 if encoding & 3 == 3 else 2)
    effects = (base_effects(encoding) if size == 4 else compressed_effects(encoding)) if complete else None
    if effects is not None:
        return mnemonic or effects.instruction_class, operands if mnemonic else f"{encoding:#x}", effects
    named = extension_effects(encoding) if complete else None
    if named is not None:
        return named
    if mnemonic and mnemonic != "c.unimp":
        return f"{UNSUPPORTED}:{mnemonic}", operands, Effects(UNSUPPORTED)
    return UNKNOWN, f"{encoding:#0{2 + 2 * size}x}", Effects(UNKNOWN)
