"""Random single instructions: every register that the steps know must have the value that Unicorn gives it, every access its address.

What Unicorn does not decode is compared with `instsim.emulate.riscv_semantics`.
"""

from __future__ import annotations

import random

import pytest
import unicorn
from unicorn import arm_const, riscv_const

from instsim.emulate.riscv_semantics import carry_out, is_candidate, is_wide
from instsim.isa import Flow, Instruction, Isa, decode
from instsim.isa.address_steps import address_steps
from tests.isa.address_interpreter import run_steps

CODE, RAM, RAM_BYTES = 0x8000, 0x20000000, 0x400000
SP, PC = 1 << 13, 1 << 15
FLOATING_POINT_ON = 1 << 13
THUMB_REGISTERS = (*range(13), 14)
ARM = {number: getattr(arm_const, f"UC_ARM_REG_R{number}") for number in range(13)} | {14: arm_const.UC_ARM_REG_LR}
RISCV = {number: getattr(riscv_const, f"UC_RISCV_REG_X{number}") for number in range(1, 32)}


class OneInstruction:
    """Runs one instruction on given registers."""

    def __init__(self, isa: Isa) -> None:
        self.thumb = isa is Isa.THUMB
        if self.thumb:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
            self.uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M33)
        else:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            self.uc.reg_write(riscv_const.UC_RISCV_REG_MSTATUS, FLOATING_POINT_ON)
        self.names = ARM if self.thumb else RISCV
        self.uc.mem_map(CODE, 0x1000)
        self.uc.mem_map(RAM, RAM_BYTES)
        self.memory = random.Random(5).randbytes(RAM_BYTES)
        self.uc.mem_write(RAM, self.memory)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self._access)

    def _access(self, uc, kind, address, size, value, data) -> None:
        self.accesses += [(kind == unicorn.UC_MEM_WRITE, address + part, min(4, size)) for part in range(0, size, 4)]

    def read(self, address: int, size: int) -> int | None:
        data = self.memory[address - RAM : address - RAM + size] if RAM <= address < RAM + RAM_BYTES else self.code(address, size)
        return int.from_bytes(data, "little") if len(data) == size else None

    def code(self, address: int, size: int) -> bytes:
        return bytes(self.uc.mem_read(address, size)) if CODE <= address <= CODE + 0x1000 - size else b""

    def run(self, code: bytes, registers: dict[int, int]) -> dict[int, int] | None:
        """Return the registers behind the instruction, None if it could not be carried out."""
        encoding = int.from_bytes(code, "little")
        self.accesses: list[tuple[bool, int, int]] = []
        if not self.thumb and (is_wide(encoding) if len(code) == 4 else is_candidate(encoding)):
            storage = PlainStorage(self, registers)
            return storage.registers if carry_out(encoding, CODE, storage) is not None else None
        for number, name in self.names.items():
            self.uc.reg_write(name, registers[number])
        self.uc.mem_write(CODE, code + bytes(0x40))
        self.uc.ctl_remove_cache(CODE, CODE + 0x40)
        try:
            self.uc.emu_start(CODE | self.thumb, CODE + len(code), count=1)
        except unicorn.UcError:
            return None
        finally:
            for writes, address, size in self.accesses:
                if writes and RAM <= address < RAM + RAM_BYTES:
                    self.uc.mem_write(address, self.memory[address - RAM : address - RAM + size])
        return {number: self.uc.reg_read(name) for number, name in self.names.items()}


class PlainStorage:
    """Registers and memory for `carry_out`."""

    def __init__(self, machine: OneInstruction, registers: dict[int, int]) -> None:
        self.machine, self.registers = machine, dict(registers)

    def register(self, number: int) -> int:
        return self.registers[number]

    def set_register(self, number: int, value: int) -> None:
        if number:
            self.registers[number] = value

    def load(self, address: int, size: int) -> int:
        self.machine.accesses.append((False, address, size))
        return self.machine.read(address, size) or 0

    def store(self, address: int, size: int, value: int) -> None:
        self.machine.accesses.append((True, address, size))


def some_registers(chance: random.Random, numbers) -> dict[int, int]:
    kinds = (lambda: RAM + chance.randrange(RAM_BYTES // 4, RAM_BYTES // 2) & ~3, lambda: chance.randrange(64), lambda: chance.getrandbits(32))
    return {number: chance.choice(kinds)() for number in numbers}


def thumb_encoding(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return chance.randrange(0xD000).to_bytes(2, "little")
    first = chance.choice((0xE800, 0xEA00, 0xEA00, 0xED00, 0xF000, 0xF200, 0xF800, 0xFA00, 0xFB00))
    first |= chance.getrandbits(10 if chance.random() < 0.5 else 9)
    second = chance.getrandbits(16)
    if first >> 11 == 0x1E:
        second &= 0x7FFF
    if first >> 9 == 0x7D and chance.random() < 0.5:
        second |= 0xF000
    if first >> 9 == 0x7C and chance.random() < 0.5:
        second &= 0xF03F
    return first.to_bytes(2, "little") + second.to_bytes(2, "little")


def riscv_encoding(chance: random.Random) -> bytes:
    if chance.random() < 0.4:
        half = chance.getrandbits(16)
        return (half if half & 3 != 3 else half ^ 1).to_bytes(2, "little")
    opcode = chance.choice((0x03, 0x23, 0x13, 0x13, 0x33, 0x33, 0x33, 0x33, 0x37, 0x17, 0x2F, 0x07, 0x27))
    word = chance.getrandbits(32) & ~0x7F | opcode
    if opcode == 0x33 or (opcode == 0x13 and word >> 12 & 3 == 1):
        word = word & 0x01FFFFFF | chance.choice((0, 0x20, 1, 0x10, 0x04, 0x24, 0x34, 0x14, 0x30)) << 25
    if opcode == 0x2F:
        word = word & ~0x7000 | 0x2000
    return word.to_bytes(4, "little")


def is_comparable(isa: Isa, instruction: Instruction) -> bool:
    """Leave out what no compiler emits: unpredictable encodings, and A-profile instructions that Capstone and Unicorn accept."""
    if instruction.instruction_class.startswith(("unknown", "unsupported")) or instruction.flow is not Flow.NONE:
        return False
    if isa is Isa.RV32:
        return True
    loads_its_base = (
        instruction.writeback
        and instruction.mnemonic.startswith("ld")
        and instruction.operands.split("[")[0].count(instruction.operands.split("[")[-1].split("]")[0].split(",")[0])
    )
    return not (
        (instruction.reads | instruction.writes) & SP
        or instruction.writes & PC
        or "pc" in instruction.operands
        or loads_its_base
        or instruction.mnemonic.startswith(("it", "vld1", "vld2", "vld3", "vld4", "vst1", "vst2", "vst3", "vst4"))
    )


def differences(isa: Isa, machine: OneInstruction, code: bytes, chance: random.Random) -> tuple[list[object], int] | None:
    """Return what is not as in Unicorn, and how many registers written are known; None if the instruction is none to compare."""
    instructions = decode(isa, code, CODE)
    thumb = isa is Isa.THUMB
    if len(instructions) != 1 or not is_comparable(isa, instructions[0]):
        return None
    instruction = instructions[0]
    numbers = THUMB_REGISTERS if thumb else range(1, 32)
    start = some_registers(chance, (*range(15),) if thumb else range(32))
    start[0 if not thumb else 13] = 0
    end = machine.run(code, start)
    if end is None:
        return None
    found, known = [], 0
    for number in numbers:
        probe = (0xF8D0 | number).to_bytes(2, "little") + bytes(2) if thumb else (number << 15 | 0x2003).to_bytes(4, "little")
        steps = address_steps(isa, code + probe, CODE)
        *accesses, (_, _, value, _, _) = run_steps(steps, start, machine.read)
        if value is not None:
            known += instruction.writes >> number & 1
            if value != end[number]:
                found.append((number, hex(value), hex(end[number])))
        elif not instruction.writes >> number & 1:
            found.append((number, "forgotten"))
    predicted = [(writes, address + word * size & 0xFFFFFFFF, size) for _, writes, address, size, words in accesses for word in range(words)]
    happened = machine.accesses
    if instruction.mnemonic.startswith(("strex", "stlex", "sc.w")):
        happened = predicted  # carried out only if the monitor holds the address
    if sorted(predicted) != sorted(happened):
        found.append((predicted, happened))
    return found, known


@pytest.mark.parametrize(("isa", "encoding"), [(Isa.THUMB, thumb_encoding), (Isa.RV32, riscv_encoding)])
def test_values_and_addresses_are_those_of_unicorn(isa: Isa, encoding) -> None:
    chance = random.Random(20260101)
    machine = OneInstruction(isa)
    compared = known = 0
    for _ in range(3000):
        code = encoding(chance)
        result = differences(isa, machine, code, chance)
        if result is None:
            continue
        found, written = result
        instruction = decode(isa, code, CODE)[0]
        assert not found, (code.hex(), instruction.mnemonic, instruction.operands)
        compared += 1
        known += written
    assert compared > 500
    assert known > compared // 4
