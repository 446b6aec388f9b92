"""The machine's native target buffer against its slow reference, over every block that a program ran."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import unicorn

from instsim.dynamics.target_buffer import BlockEnd, Outcome, TargetBuffer
from instsim.emulate.branch_to_next import branches_to_next, is_taken
from instsim.emulate.machine import Machine
from instsim.emulate.spec import MachineSpec, MemoryKind, MemorySpec
from instsim.image import load_image
from instsim.isa import Isa
from instsim.isa.decode import make_decoder
from instsim.isa.instruction import Flow

RTL = Path(__file__).parents[2] / "firmware_elf" / "rtl" / "elf"
SOC = MachineSpec("simulated RTL", Isa.RV32, "rv32", (MemorySpec("ram", MemoryKind.RAM, 0x20000000, 0x80000),), ((0xFFFFF000, 0x1000),), clock_hz=1e6)


@pytest.mark.parametrize("name", ["statemach_Os", "crc32_bit_O2", "gcd_div_O2", "fibrec_O2", "conv3x3_i8_O2"])
def test_the_native_buffer_equals_the_reference(name):
    machine = Machine(load_image(RTL / f"{name}.elf"), SOC)
    ran = []
    machine.engine.uc.hook_add(unicorn.UC_HOOK_BLOCK, lambda _uc, address, size, _data: ran.append((address, size)))
    machine.run(100_000)
    decoder = make_decoder(Isa.RV32)
    branches = {}
    reference = TargetBuffer()
    for (address, size), (following, _) in pairwise(ran):
        if (address, size) not in branches:
            last = decoder.decode(machine.memory.read(address, size) or b"", address)[-1]
            backward = last.flow is Flow.CONDITIONAL and last.target is not None and last.target < last.address
            branches[address, size] = last.address if backward else None
        reference.step(BlockEnd(address + size, branches[address, size], following))
    native = machine.counters.counts()[2:]
    ends = (machine.counters.addresses + machine.counters.sizes).tolist()
    by_end = {outcome: Counter() for outcome in Outcome}
    for outcome in Outcome:
        for end, count in zip(ends, native[outcome].tolist(), strict=True):
            by_end[outcome][end] += count
    expected = {outcome: Counter() for outcome in Outcome}
    last_bytes = {branch: address + size for (address, size), branch in branches.items() if branch is not None}
    for (branch, outcome), count in reference.outcomes.items():
        expected[outcome][last_bytes[branch]] += count
    assert any(expected[Outcome.EXIT].values())
    assert {outcome: +counts for outcome, counts in by_end.items()} == expected


@pytest.mark.parametrize(
    ("encoding", "first", "second", "taken"),
    [
        (0x00B50263, 5, 5, True),  # beq a0, a1, +4
        (0x00B50263, 5, 6, False),
        (0x00A58263, 5, 5, True),  # beq a1, a0, +4: an odd register first
        (0x00B51263, 5, 6, True),  # bne
        (0x00B54263, 0xFFFFFFFF, 0, True),  # blt
        (0x00B54263, 0, 0xFFFFFFFF, False),
        (0x00B55263, 0, 0xFFFFFFFF, True),  # bge
        (0x00B56263, 0xFFFFFFFF, 0, False),  # bltu
        (0x00B56263, 0, 0xFFFFFFFF, True),
        (0x00B57263, 7, 7, True),  # bgeu
        (0xC109, 0, 9, True),  # c.beqz a0, +2
        (0xC109, 1, 9, False),
        (0xE109, 1, 9, True),  # c.bnez a0, +2
        (0xE109, 0, 9, False),
    ],
)
def test_branches_to_the_next_instruction(encoding, first, second, taken):
    code = b"\x13\0\0\0" + encoding.to_bytes(4 if encoding & 3 == 3 else 2, "little") + b"\x13\0\0\0"
    assert (4, encoding) in list(branches_to_next(code))
    registers = np.zeros(32, np.int64)
    registers[10], registers[11] = first, second
    assert is_taken(encoding, lambda register: int(registers[register])) is taken


def test_other_branches_are_left_alone():
    # beq a0, a1, +8; bne a0, a1, -4; c.beqz a0, +4; c.j +2; add a0, a0, a1
    for encoding in (0x00B50463, 0xFEB51EE3, 0xC111, 0xA009, 0x00B50533):
        assert not list(branches_to_next(encoding.to_bytes(4 if encoding & 3 == 3 else 2, "little") + b"\x13\0\0\0"))
