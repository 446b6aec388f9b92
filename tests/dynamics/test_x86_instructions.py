"""The bytes of instructions against a disassembler that has nothing to do with them."""

from __future__ import annotations

import capstone
import numpy as np
import pytest

from instsim.dynamics.x86_instructions import X86, length, write_jump, write_octet, write_words
from tests.dynamics.compiled import compile_function

_NUMBERS = {"d64": (0x1122334455667788, 8), "d32": (0x11223344, 4), "d8": (0x12, 1)}


def _disassembled(code: bytes) -> list[str]:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    return [f"{found.mnemonic} {found.op_str}".strip().replace(" ptr", "") for found in decoder.disasm(code, 0)]


@pytest.mark.parametrize("text", X86)
def test_the_bytes_of_an_instruction_are_its_text(text: str) -> None:
    code, expected = X86[text].to_bytes(16, "little").rstrip(b"\0")[:-1], text
    for name, (number, size) in _NUMBERS.items():
        code += number.to_bytes(size, "little") * text.count(name)
        expected = expected.replace(name, hex(number + len(code) if text.startswith("j") else number))
    assert length(text) == len(code)
    assert _disassembled(code) == [expected]


def _write_some(at: int) -> int:
    behind = write_octet(at, X86["shl r11d, d8"], 5)
    behind = write_words(behind, X86["movabs r9, d64"], 0x55667788, 0x11223344)
    return write_jump(behind, X86["je d32"], at)


def test_numbers_stand_behind_their_instructions_and_jumps_lead_where_they_are_to() -> None:
    room = np.zeros(64, np.uint8)
    begin = room.ctypes.data
    behind = compile_function(_write_some, (64,))(begin)
    assert _disassembled(room.tobytes()[: behind - begin]) == ["shl r11d, 5", "movabs r9, 0x1122334455667788", "je 0"]
    assert behind - begin == length("shl r11d, d8", "movabs r9, d64", "je d32")
