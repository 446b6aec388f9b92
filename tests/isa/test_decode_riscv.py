"""RV32 instructions: classes, registers and control as the RISC-V specifications define the encodings."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.isa.classes import CLASSES, EXTENSIONS, UNKNOWN, UNSUPPORTED
from instsim.isa.decode import decode, make_decoder
from instsim.isa.instruction import Flow, Isa

A0, A1, A2, SP, RA = 1 << 10, 1 << 11, 1 << 12, 1 << 2, 1 << 1


def one(encoding, address=0x1000):
    size = 4 if encoding & 3 == 3 else 2
    (instruction,) = decode(Isa.RV32, encoding.to_bytes(size, "little"), address)
    return instruction


@pytest.mark.parametrize(
    ("encoding", "mnemonic", "name", "reads", "writes"),
    [
        (0x00558513, "addi", "alu", A1, A0),
        (0x00C58533, "add", "alu", A1 | A2, A0),
        (0x00359513, "slli", "shift", A1, A0),
        (0x02C58533, "mul", "multiply", A1 | A2, A0),
        (0x02C59533, "mulh", "multiply-high", A1 | A2, A0),
        (0x02C5C533, "div", "divide", A1 | A2, A0),
        (0x02C5F533, "remu", "remainder", A1 | A2, A0),
        (0xB0002573, "csrr", "csr", 0, A0),
        (0x0505, "c.addi", "alu", A0, A0),
        (0x852E, "c.mv", "alu", A1, A0),
        (0x952E, "c.add", "alu", A0 | A1, A0),
        (0x050E, "c.slli", "shift", A0, A0),
        (0x0808, "c.addi4spn", "alu", SP, A0),
        (0x6105, "c.addi16sp", "alu", SP, SP),
        (0x20C5A533, "sh1add", "bitmanip", A1 | A2, A0),
        (0x60C59533, "rol", "rotate", A1 | A2, A0),
        (0x6035D513, "rori", "rotate", A1, A0),
        (0x60059513, "clz", "bitmanip", A1, A0),
        (0x6985D513, "rev8", "bitmanip", A1, A0),
        (0x0805C533, "zext.h", "bitmanip", A1, A0),
        (0x9D4D, "c.mul", "multiply", A0 | A1, A0),
        (0x9D61, "c.zext.b", "alu", A0, A0),
        (0x0FF0000F, "fence", "fence", 0, 0),
        (0x0000100F, "fence.i", "fence-i", 0, 0),
    ],
)
def test_data_processing(encoding, mnemonic, name, reads, writes):
    instruction = one(encoding)
    assert (instruction.mnemonic, instruction.instruction_class) == (mnemonic, name)
    assert (instruction.reads, instruction.writes, instruction.flow) == (reads, writes, Flow.NONE)


@pytest.mark.parametrize(
    ("encoding", "name", "address", "writes", "stored", "size"),
    [
        (0x0005A503, "load", A1, A0, 0, 4),
        (0x0005C503, "load", A1, A0, 0, 1),
        (0x00A59023, "store", A1, 0, A0, 2),
        (0x4512, "load", SP, A0, 0, 4),  # c.lwsp a0, 4(sp)
        (0xC22A, "store", SP, 0, A0, 4),  # c.swsp a0, 4(sp)
        (0x4188, "load", A1, A0, 0, 4),  # c.lw a0, 0(a1)
        (0xC188, "store", A1, 0, A0, 4),
        (0x8188, "load", A1, A0, 0, 1),  # c.lbu a0, 0(a1)
        (0x8D88, "store", A1, 0, A0, 2),  # c.sh a0, 0(a1)
        (0x1005A52F, "load-reserved", A1, A0, 0, 4),
        (0x18C5A52F, "store-conditional", A1, A0, A2, 4),
        (0x00C5A52F, "atomic", A1, A0, A2, 4),
        (0x00452507, "fp-load", A0, 1 << 58, 0, 4),
    ],
)
def test_memory(encoding, name, address, writes, stored, size):
    instruction = one(encoding)
    assert instruction.instruction_class == name
    assert (instruction.address_registers, instruction.writes) == (address, writes)
    assert (instruction.store_data, instruction.access_size) == (stored, size)
    assert instruction.reads == address | stored


@pytest.mark.parametrize(
    ("encoding", "mnemonic", "name", "count", "flow"),
    [
        (0xB872, "cm.push", "push", 4, Flow.NONE),  # {ra, s0-s2}
        (0xBAF2, "cm.pop", "pop", 13, Flow.NONE),  # {ra, s0-s11}
        (0xBE42, "cm.popret", "pop-return", 1, Flow.RETURN),
        (0xBC52, "cm.popretz", "pop-return", 2, Flow.RETURN),
        (0xACEA, "cm.mva01s", "move-pair", 2, Flow.NONE),
    ],
)
def test_push_and_pop(encoding, mnemonic, name, count, flow):
    instruction = one(encoding)
    assert (instruction.mnemonic, instruction.instruction_class, instruction.register_count, instruction.flow) == (mnemonic, name, count, flow)


@pytest.mark.parametrize(
    ("encoding", "name", "flow"),
    [
        (0x0000006F, "jump", Flow.JUMP),
        (0x000000EF, "call", Flow.CALL),
        (0x00008067, "return", Flow.RETURN),
        (0x00028067, "return", Flow.RETURN),  # jr t0, the alternate link register
        (0x00050067, "indirect-jump", Flow.INDIRECT),
        (0x000500E7, "indirect-call", Flow.INDIRECT_CALL),
        (0x8082, "return", Flow.RETURN),
        (0x8502, "indirect-jump", Flow.INDIRECT),
        (0x9502, "indirect-call", Flow.INDIRECT_CALL),
        (0x9002, "system", Flow.TRAP),
        (0x00000073, "system", Flow.TRAP),
        (0x30200073, "system", Flow.RETURN),
    ],
)
def test_control(encoding, name, flow):
    instruction = one(encoding)
    assert (instruction.instruction_class, instruction.flow) == (name, flow)


@given(offset=st.integers(-2048, 2047).map(lambda half: half * 2), address=st.sampled_from([0x20000000, 0x40]))
def test_targets_of_branches(offset, address):
    bits = offset & 0x1FFF
    branch = (bits >> 12) << 31 | (bits >> 5 & 0x3F) << 25 | 11 << 20 | 10 << 15 | (bits >> 1 & 15) << 8 | (bits >> 11 & 1) << 7 | 0x63
    instruction = one(branch, address)
    assert instruction.flow is Flow.CONDITIONAL
    assert instruction.target == (address + offset) % 2**32
    assert instruction.operands.endswith(f"{instruction.target:#x}")


@given(offset=st.integers(-1024, 1023).map(lambda half: half * 2))
def test_targets_of_compressed_jumps(offset):
    bits = offset & 0xFFF
    jump = 0xA001 | (bits >> 11) << 12 | (bits >> 4 & 1) << 11 | (bits >> 8 & 3) << 9 | (bits >> 10 & 1) << 8
    jump |= (bits >> 6 & 1) << 7 | (bits >> 7 & 1) << 6 | (bits >> 1 & 7) << 3 | (bits >> 5 & 1) << 2
    assert one(jump, 0x10000).target == 0x10000 + offset


@pytest.mark.parametrize("encoding", [0x2108, 0x02C5F553, 0x0000000B])
def test_what_is_not_run_is_no_known_class(encoding):
    # c.fld, a double-precision operation, custom-0
    assert one(encoding).instruction_class in {UNSUPPORTED, UNKNOWN}
    assert one(encoding).mnemonic


def test_zeros_and_a_truncated_instruction_are_unknown():
    block = decode(Isa.RV32, bytes.fromhex("0000 1305"), 0)
    assert [(i.size, i.instruction_class) for i in block] == [(2, UNKNOWN), (2, UNKNOWN)]


def test_half_an_instruction_is_not_taken_for_a_whole_one_seen_before_or_behind():
    decoder = make_decoder(Isa.RV32)
    half, whole = bytes.fromhex("1300"), bytes.fromhex("13000000")  # addi x0, x0, 0: its upper half is zero
    assert [decoder.decode(code, 0)[0].instruction_class for code in (half, whole, half)] == [UNKNOWN, "alu", UNKNOWN]


def test_every_class_belongs_to_an_extension():
    for isa in Isa:
        assert {row.extension for row in CLASSES[isa].values()} == set(EXTENSIONS[isa])
        assert all(name == row.name and row.description for name, row in CLASSES[isa].items())


@given(words=st.lists(st.integers(0, 2**32 - 1), max_size=12))
def test_no_byte_is_dropped(words):
    code = struct.pack(f"<{len(words)}I", *words)
    block = decode(Isa.RV32, code, 0)
    assert sum(instruction.size for instruction in block) == len(code)
    assert all(before.end == after.address for before, after in itertools.pairwise(block))
    assert all(instruction.instruction_class in {*CLASSES[Isa.RV32], UNKNOWN, UNSUPPORTED} for instruction in block)
    assert all(instruction.mnemonic for instruction in block)
    assert all(not instruction.reads & 1 and not instruction.writes & 1 for instruction in block)
