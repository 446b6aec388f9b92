"""Does a run of code end in a transfer of control? Told from the encodings alone, without a disassembler.

Encodings: Arm DDI 0403E (Armv7-M) chapter A5; RISC-V unprivileged specification, chapters "RV32I" and "C extension".
"""

from __future__ import annotations

import struct

from instsim.isa.instruction import Isa

__all__ = ["ends_in_transfer"]


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


def ends_in_transfer(isa: Isa, code: bytes) -> bool:
    """Return whether the last instruction of `code` is a branch, call, return or trap.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    code : bytes
        Whole instructions, from the first on.
    """
    position, last, width = 0, 0, 2
    halves = struct.unpack(f"<{len(code) // 2}H", code[: len(code) // 2 * 2])
    while position < len(halves):
        half = halves[position]
        wide = (half >> 11) >= 0x1D if isa is Isa.THUMB else (half & 3) == 3
        last, width = position, 4 if wide else 2
        position += width // 2
    if not halves or position > len(halves):
        return False
    if isa is Isa.THUMB:
        return _thumb_wide(halves[last], halves[last + 1]) if width == 4 else _thumb_narrow(halves[last])
    return _riscv_wide(halves[last] | halves[last + 1] << 16) if width == 4 else _riscv_narrow(halves[last])
