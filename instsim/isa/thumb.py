"""Thumb instructions of the M profile."""

from __future__ import annotations

from collections.abc import Iterator

import capstone

from instsim.isa.classes import UNKNOWN, UNSUPPORTED
from instsim.isa.instruction import Flow, Instruction
from instsim.isa.it_state import next_it_state
from instsim.isa.thumb_operands import effects_of

__all__ = ["ThumbDecoder"]

_PIECE_BYTES = 2048
"""Capstone gets no more at once: it decodes ahead, in vain where data lies between code."""

_DIRECT_BRANCHES = {
    "branch": Flow.JUMP,
    "conditional-branch": Flow.CONDITIONAL,
    "compare-branch": Flow.CONDITIONAL,
    "call": Flow.CALL,
}


class ThumbDecoder:
    """Decoder of Thumb code, see `instsim.isa.decode.Decoder`."""

    def __init__(self) -> None:
        self._capstone = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)
        # Armv8-M mode refuses the generic coprocessors, which RP2350 firmware uses.
        self._coprocessors = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)

    def decode(self, code: bytes, address: int, it_state: int = 0) -> tuple[Instruction, ...]:
        """Decode all bytes of `code`."""
        instructions = []
        for offset, size, mnemonic, operands, state in self._texts(code, address, it_state):
            raw = code[offset : offset + size]
            place = address + offset
            predicated = state & 15 != 0
            effects = effects_of(raw, mnemonic, operands, predicated=predicated)
            flow = _DIRECT_BRANCHES.get(effects.instruction_class)
            if flow is None:
                instructions.append(Instruction(place, size, mnemonic, operands, *effects[:11], predicated, effects.flow, None))
            else:
                target = int(operands.rpartition("#")[2], 0)
                instructions.append(Instruction(place, size, mnemonic, operands, *effects[:11], predicated, flow, target))
        return tuple(instructions)

    def _texts(self, code: bytes, address: int, it_state: int) -> Iterator[tuple[int, int, str, str, int]]:
        """Yield offset, size, mnemonic, operands and ITSTATE of every instruction, undecodable ones included."""
        offset = 0
        while offset < len(code):
            # An IT instruction put in front gives Capstone the state that the code starts with.
            prefix = bytes((it_state, 0xBF)) if it_state & 15 else b""
            start = offset
            piece = prefix + code[start : start + _PIECE_BYTES]
            for place, size, mnemonic, operands in self._capstone.disasm_lite(piece, address + start - len(prefix)):
                if place - address >= start:
                    yield offset, size, mnemonic, operands, it_state
                    it_state = next_it_state(it_state, code[offset] | code[offset + 1] << 8)
                    offset += size
            if offset == start:
                size = min(4 if len(code) - offset >= 2 and code[offset + 1] >= 0xE8 else 2, len(code) - offset)
                raw = code[offset : offset + size]
                yield offset, size, *self._undecoded(raw, address + offset), it_state
                it_state = next_it_state(it_state, int.from_bytes(raw[:2], "little"))
                offset += size

    def _undecoded(self, raw: bytes, address: int) -> tuple[str, str]:
        """Name bytes that Capstone refuses; the class follows from the name in `effects_of`."""
        if len(raw) < 4:
            return UNKNOWN, f"0x{raw[::-1].hex()}"
        first, second = int.from_bytes(raw[:2], "little"), int.from_bytes(raw[2:], "little")
        text = f"0x{first:04x}{second:04x}"
        if first & 0xFF80 == 0xF000 and second & 0xC001 == 0xC001:
            return f"{UNSUPPORTED}:low-overhead-loop", text
        if first & 0xEF00 == 0xEF00 or (first & 0xEC00 == 0xEC00 and second & 0x0E00 == 0x0E00):
            return f"{UNSUPPORTED}:mve", text
        if first & 0xEC00 == 0xEC00:
            for _, _, mnemonic, operands in self._coprocessors.disasm_lite(raw, address, 1):
                return mnemonic, operands
            return f"{UNSUPPORTED}:coprocessor", text
        return UNKNOWN, text
