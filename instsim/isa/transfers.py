"""Where instructions begin, and whether a run of code ends in a transfer of control: told from the encodings alone, without a disassembler.

Encodings: Arm DDI 0403E (Armv7-M) chapter A5; RISC-V unprivileged specification, chapters "RV32I" and "C extension".
"""

from __future__ import annotations

import struct

from instsim.isa.instruction import Isa

__all__ = ["ends_in_transfer", "instruction_offsets"]


def _thumb_narrow(half: int) -> bool:
    return (
        (half & 0xF000) == 0xD000  # b<cc>, udf, svc
        or (half & 0xF800) == 0xE000  # b
        or (half & 0xF500) == 0xB100  # cbz, cbnz
        or (half & 0xFF00) in (0x4700, 0xBD00, 0xBE00)  # bx/blx, pop {.., pc}, bkpt
        or (half & 0xFF87) in (0x4487, 0x4687)  # add pc, mov pc
    )


def _thumb_wide(first: int, second: int) -> bool:
    if (first & 0xF800) == 0xF000 and second & 0x8000:
        is_system = (second & 0x5000) == 0 and (first & 0x0380) == 0x0380  # msr, mrs, hints, barriers
        return not is_system
    if (first & 0xFFF0) == 0xE8D0 and (second & 0xFFE0) == 0xF000:  # tbb, tbh
        return True
    if (first & 0xFF70) == 0xF850:  # ldr pc
        return second >> 12 == 15
    return (first & 0xFE50) == 0xE810 and bool(second & 0x8000)  # ldm {.., pc}


def _riscv_narrow(half: int) -> bool:
    quadrant, function = half & 3, half >> 13
    if quadrant == 1:
        return function in (1, 5, 6, 7)  # c.jal, c.j, c.beqz, c.bnez
    if half & 0xFD03 == 0xBC02:  # cm.popret, cm.popretz
        return True
    return quadrant == 2 and function == 4 and (half >> 2) & 31 == 0  # c.jr, c.jalr, c.ebreak


def _riscv_wide(word: int) -> bool:
    return word & 0x7F in (0x63, 0x67, 0x6F) or word in (0x00000073, 0x00100073, 0x30200073)


def _is_wide(isa: Isa, half: int) -> bool:
    """Tell from its first half whether an instruction has 32 bits."""
    return half >= 0xE800 if isa is Isa.THUMB else half & 3 == 3


def instruction_offsets(isa: Isa, code: bytes) -> list[int]:
    """Return where each instruction of `code` starts, in bytes from its beginning; the last one may be cut off.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    code : bytes
        Instructions, from the first on.
    """
    halves = struct.unpack(f"<{len(code) // 2}H", code[: len(code) // 2 * 2])
    offsets = []
    position = 0
    while position < len(halves):
        offsets.append(2 * position)
        position += 1 + _is_wide(isa, halves[position])
    return offsets


def ends_in_transfer(isa: Isa, code: bytes) -> bool:
    """Return whether the last instruction of `code` is a branch, call, return or trap.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    code : bytes
        Whole instructions, from the first on.
    """
    offsets = instruction_offsets(isa, code)
    if not offsets:
        return False
    last = struct.unpack_from(f"<{(len(code) - offsets[-1]) // 2}H", code, offsets[-1])
    if len(last) != 1 + _is_wide(isa, last[0]):
        return False
    if isa is Isa.THUMB:
        return _thumb_wide(*last) if len(last) > 1 else _thumb_narrow(*last)
    return _riscv_wide(last[0] | last[1] << 16) if len(last) > 1 else _riscv_narrow(*last)
