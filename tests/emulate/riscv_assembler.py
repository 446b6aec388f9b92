"""Encodings of the extensions' instructions, from the tables of the RISC-V specifications, and programs made of them."""

from __future__ import annotations

from instsim.emulate.machine import Machine
from instsim.emulate.spec import MachineSpec, MemoryKind, MemorySpec
from instsim.image.firmware import FirmwareImage, Segment
from instsim.isa import Isa

FLASH, RAM, DEVICES = 0x10000000, 0x20000000, 0x40000000
CHIP = MachineSpec(
    "test",
    Isa.RV32,
    "rv32",
    (MemorySpec("flash", MemoryKind.FLASH, FLASH, 0x10000), MemorySpec("ram", MemoryKind.RAM, RAM, 0x10000)),
    ((DEVICES, 0x1000),),
    1e6,
)
SELF_LOOP = 0xA001
C_NOP = 0x0001

# name: (funct7, funct3), format R of OP
TWO_REGISTERS = {
    "sh1add": (0b0010000, 0b010),
    "sh2add": (0b0010000, 0b100),
    "sh3add": (0b0010000, 0b110),
    "andn": (0b0100000, 0b111),
    "orn": (0b0100000, 0b110),
    "xnor": (0b0100000, 0b100),
    "max": (0b0000101, 0b110),
    "maxu": (0b0000101, 0b111),
    "min": (0b0000101, 0b100),
    "minu": (0b0000101, 0b101),
    "rol": (0b0110000, 0b001),
    "ror": (0b0110000, 0b101),
    "bclr": (0b0100100, 0b001),
    "bext": (0b0100100, 0b101),
    "binv": (0b0110100, 0b001),
    "bset": (0b0010100, 0b001),
    "pack": (0b0000100, 0b100),
    "packh": (0b0000100, 0b111),
    "clmul": (0b0000101, 0b001),
    "clmulr": (0b0000101, 0b010),
    "clmulh": (0b0000101, 0b011),
}
# name: (funct7, funct3), shift amount in place of rs2, OP-IMM
WITH_CONSTANT = {"rori": (0b0110000, 5), "bclri": (0b0100100, 1), "bexti": (0b0100100, 5), "binvi": (0b0110100, 1), "bseti": (0b0010100, 1)}
# name: (imm[11:0], funct3), OP-IMM
ONE_REGISTER = {
    "clz": (0b011000000000, 1),
    "ctz": (0b011000000001, 1),
    "cpop": (0b011000000010, 1),
    "sext.b": (0b011000000100, 1),
    "sext.h": (0b011000000101, 1),
    "orc.b": (0b001010000111, 5),
    "rev8": (0b011010011000, 5),
    "brev8": (0b011010000111, 5),
    "zip": (0b000010001111, 1),
    "unzip": (0b000010001111, 5),
}
ZCB_ONE = {"c.zext.b": 0b000, "c.sext.b": 0b001, "c.zext.h": 0b010, "c.sext.h": 0b011, "c.not": 0b101}
ZCMP_STACK = {"cm.push": 0xB802, "cm.pop": 0xBA02, "cm.popretz": 0xBC02, "cm.popret": 0xBE02}
ZCMP_PAIR = {"cm.mvsa01": 0xAC22, "cm.mva01s": 0xAC62}


def wide(name: str, rd: int, rs1: int, operand: int = 0) -> int:
    """An instruction of 32 bits; `operand` is rs2 or the constant."""
    if name in ONE_REGISTER:
        imm, funct3 = ONE_REGISTER[name]
        return imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x13
    opcode = 0x33 if name in TWO_REGISTERS else 0x13
    funct7, funct3 = TWO_REGISTERS[name] if name in TWO_REGISTERS else WITH_CONSTANT[name]
    return funct7 << 25 | operand << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def zcb_one(name: str, register: int) -> int:
    return 0x9C61 | register - 8 << 7 | ZCB_ONE[name] << 2


def c_mul(destination: int, source: int) -> int:
    return 0x9C41 | destination - 8 << 7 | source - 8 << 2


def zcb_memory(name: str, data: int, base: int, offset: int) -> int:
    """``c.lbu`` and ``c.sb``: offset 0 to 3, bit 0 at bit 6, bit 1 at bit 5; the half-word forms: 0 or 2 at bit 5."""
    fields = base - 8 << 7 | data - 8 << 2 | (offset >> 1) << 5
    return fields | {"c.lbu": 0x8000 | (offset & 1) << 6, "c.sb": 0x8800 | (offset & 1) << 6, "c.lhu": 0x8400, "c.lh": 0x8440, "c.sh": 0x8C00}[name]


def zcmp_stack(name: str, listed: int, extra: int = 0) -> int:
    return ZCMP_STACK[name] | listed << 4 | extra << 2


def zcmp_pair(name: str, first: int, second: int) -> int:
    """`first` and `second` are 0 to 7 for s0 to s7."""
    return ZCMP_PAIR[name] | first << 7 | second << 2


def addi(rd: int, rs1: int, constant: int) -> int:
    return (constant & 0xFFF) << 20 | rs1 << 15 | rd << 7 | 0x13


def jal(rd: int, offset: int) -> int:
    return (offset >> 20 & 1) << 31 | (offset >> 1 & 0x3FF) << 21 | (offset >> 11 & 1) << 20 | (offset >> 12 & 0xFF) << 12 | rd << 7 | 0x6F


def bne(rs1: int, rs2: int, offset: int) -> int:
    return (
        (offset >> 12 & 1) << 31
        | (offset >> 5 & 63) << 25
        | rs2 << 20
        | rs1 << 15
        | 1 << 12
        | (offset >> 1 & 15) << 8
        | (offset >> 11 & 1) << 7
        | 0x63
    )


def assemble(*encodings: int) -> bytes:
    return b"".join(encoding.to_bytes(4 if encoding & 3 == 3 else 2, "little") for encoding in encodings)


def machine_of(code: bytes, at: int = FLASH) -> Machine:
    """A machine that starts at some code."""
    return Machine(image_of(code, at), CHIP)


def image_of(code: bytes, at: int = FLASH) -> FirmwareImage:
    return FirmwareImage("test.bin", "bin", "0" * 64, Isa.RV32, (Segment(at, at, code, len(code)),), entry=at)


def set_registers(machine: Machine, values: dict[int, int]) -> None:
    for number, value in values.items():
        machine.engine.write_register(machine.engine.registers.general[number], value)


def registers(machine: Machine) -> list[int]:
    return [machine.engine.read_register(number) & 0xFFFFFFFF for number in machine.engine.registers.general]
