"""What 32-bit RV32IMAF instructions do, from the fields of their encoding (RISC-V unprivileged specification, chapter 'Instruction listings')."""

from __future__ import annotations

from typing import NamedTuple

from instsim.isa.instruction import FPSCR, Flow

__all__ = ["ABI_NAMES", "Effects", "base_effects", "float_register", "jump_register", "register", "sign_extend"]

ABI_NAMES = (
    *("zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5"),
    *("a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"),
)
"""Register names by number."""

_LINK = (1, 5)
_OP_M = {0: "multiply", 1: "multiply-high", 2: "multiply-high", 3: "multiply-high", 4: "divide", 5: "divide", 6: "remainder", 7: "remainder"}
_FLOAT_ARITHMETIC = {0x00: "fp-add", 0x01: "fp-add", 0x02: "fp-multiply", 0x03: "fp-divide", 0x04: "fp-move", 0x05: "fp-add"}


class Effects(NamedTuple):
    """Everything about an instruction that does not depend on its address; masks as in `Instruction`."""

    instruction_class: str
    reads: int = 0
    writes: int = 0
    address_registers: int = 0
    accumulator: int = 0
    store_data: int = 0
    writeback: int = 0
    register_count: int = 0
    access_size: int = 0
    flow: Flow = Flow.NONE
    offset: int | None = None


def register(number: int) -> int:
    """Mask of an integer register; x0 has none."""
    return 1 << number if number else 0


def float_register(number: int) -> int:
    """Mask of a floating-point register."""
    return 1 << 48 + number


def sign_extend(value: int, bits: int) -> int:
    """Read the low bits of a value as two's complement."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def base_effects(word: int) -> Effects | None:
    """Return what a 32-bit instruction does, None if it is no RV32IMAF instruction."""
    opcode, funct3, funct7 = word & 0x7F, word >> 12 & 7, word >> 25
    destination, source1, source2 = word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    rd, rs1, rs2 = register(destination), register(source1), register(source2)
    match opcode:
        case 0x37 | 0x17:
            return Effects("alu", 0, rd)
        case 0x13 if funct3 in {1, 5}:
            return Effects("shift", rs1, rd) if funct7 == 0 or (funct7 == 0x20 and funct3 == 5) else None
        case 0x13:
            return Effects("alu", rs1, rd)
        case 0x33 if funct7 == 1:
            return Effects(_OP_M[funct3], rs1 | rs2, rd)
        case 0x33 if funct7 == 0 or (funct7 == 0x20 and funct3 in {0, 5}):
            return Effects("shift" if funct3 in {1, 5} else "alu", rs1 | rs2, rd)
        case 0x03 if funct3 in {0, 1, 2, 4, 5}:
            return Effects("load", rs1, rd, rs1, access_size=1 << (funct3 & 3))
        case 0x23 if funct3 <= 2:
            return Effects("store", rs1 | rs2, 0, rs1, store_data=rs2, access_size=1 << funct3)
        case 0x63 if funct3 not in {2, 3}:
            offset = (word >> 31) << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 0x3F) << 5 | (word >> 8 & 15) << 1
            return Effects("branch", rs1 | rs2, flow=Flow.CONDITIONAL, offset=sign_extend(offset, 13))
        case 0x6F:
            offset = (word >> 31) << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3FF) << 1
            kind, flow = ("call", Flow.CALL) if destination else ("jump", Flow.JUMP)
            return Effects(kind, 0, rd, flow=flow, offset=sign_extend(offset, 21))
        case 0x67 if funct3 == 0:
            return jump_register(destination, source1)
        case 0x0F if funct3 <= 1:
            return Effects("fence-i" if funct3 else "fence")
        case 0x73:
            return _system(word, funct3, rd, rs1)
        case 0x2F if funct3 == 2:
            return _atomic(funct7 >> 2, rd, rs1, rs2)
        case _:
            return _floating_point(word, opcode, funct3, funct7)


def jump_register(destination: int, source: int) -> Effects:
    """Return what ``jalr`` does: call, return or plain jump, told apart by the link registers."""
    if destination:
        return Effects("indirect-call", register(source), register(destination), flow=Flow.INDIRECT_CALL)
    if source in _LINK:
        return Effects("return", register(source), flow=Flow.RETURN)
    return Effects("indirect-jump", register(source), flow=Flow.INDIRECT)


def _system(word: int, funct3: int, rd: int, rs1: int) -> Effects | None:
    if funct3 == 4:
        return None
    if funct3:
        return Effects("csr", rs1 if funct3 < 4 else 0, rd)
    flows = {0x00000073: Flow.TRAP, 0x00100073: Flow.TRAP, 0x30200073: Flow.RETURN, 0x10500073: Flow.NONE}
    return Effects("system", flow=flows[word]) if word in flows else None


def _atomic(funct5: int, rd: int, rs1: int, rs2: int) -> Effects | None:
    if funct5 == 2:
        return Effects("load-reserved", rs1, rd, rs1, access_size=4)
    if funct5 == 3:
        return Effects("store-conditional", rs1 | rs2, rd, rs1, store_data=rs2, access_size=4)
    if funct5 in {0x00, 0x01, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C}:
        return Effects("atomic", rs1 | rs2, rd, rs1, store_data=rs2, access_size=4)
    return None


def _floating_point(word: int, opcode: int, funct3: int, funct7: int) -> Effects | None:
    destination, source1, source2 = word >> 7 & 31, word >> 15 & 31, word >> 20 & 31
    rs1 = register(source1)
    fd, fs1, fs2, fs3 = float_register(destination), float_register(source1), float_register(source2), float_register(word >> 27)
    if opcode == 0x07 and funct3 == 2:
        return Effects("fp-load", rs1, fd, rs1, access_size=4)
    if opcode == 0x27 and funct3 == 2:
        return Effects("fp-store", rs1 | fs2, 0, rs1, store_data=fs2, access_size=4)
    if funct7 & 3:
        return None  # double, half and quad precision
    if opcode in {0x43, 0x47, 0x4B, 0x4F}:
        return Effects("fp-multiply-accumulate", fs1 | fs2 | fs3, fd, accumulator=fs3)
    if opcode != 0x53:
        return None
    funct5 = funct7 >> 2
    if funct5 in _FLOAT_ARITHMETIC:
        return Effects(_FLOAT_ARITHMETIC[funct5], fs1 | fs2, fd)
    match funct5:
        case 0x0B:
            return Effects("fp-sqrt", fs1, fd)
        case 0x14:
            return Effects("fp-compare", fs1 | fs2, register(destination) | FPSCR)
        case 0x18:
            return Effects("fp-convert", fs1, register(destination))
        case 0x1A:
            return Effects("fp-convert", rs1, fd)
        case 0x1C:
            return Effects("fp-compare" if funct3 else "fp-move", fs1, register(destination))
        case 0x1E:
            return Effects("fp-move", rs1, fd)
        case _:
            return None
