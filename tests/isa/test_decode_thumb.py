"""Thumb instructions: classes, registers and control as the Armv7-M and Armv8-M architecture manuals define the encodings."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.isa.classes import CLASSES, UNKNOWN, UNSUPPORTED
from instsim.isa.decode import decode, make_decoder
from instsim.isa.instruction import FLAGS, FPSCR, Flow, Isa
from instsim.isa.it_state import it_state_behind
from instsim.isa.thumb_mnemonics import MNEMONIC_CLASSES

NAMES = {f"r{n}": 1 << n for n in range(16)} | {"flags": FLAGS, "fpscr": FPSCR} | {f"s{n}": 1 << 48 + n for n in range(32)}


def registers(text):
    mask = 0
    for name in text.split():
        mask |= NAMES[name]
    return mask


def one(text, address=0x1000, it_state=0):
    (instruction,) = decode(Isa.THUMB, bytes.fromhex(text), address, it_state)
    return instruction


@pytest.mark.parametrize(
    ("code", "mnemonic", "name", "reads", "writes"),
    [
        ("0130", "adds", "alu", "r0", "r0 flags"),
        ("4018", "adds", "alu", "r0 r1", "r0 flags"),
        ("c844", "add", "alu", "r8 r9", "r8"),
        ("02a8", "add", "alu", "r13", "r0"),
        ("04b0", "add", "alu", "r13", "r13"),
        ("a1ebc200", "sub.w", "shifted-alu", "r1 r2", "r0"),
        ("b0eb c20f", "cmp.w", "shifted-alu", "r0 r2", "flags"),
        ("b0f58050", "subs.w", "shifted-constant", "r0", "r0 flags"),
        ("01f0ff10", "and", "alu", "r1", "r0"),
        ("c0f27b00", "movt", "move-wide", "r0", "r0"),
        ("40f2d240", "movw", "move-wide", "", "r0"),
        ("8840", "lsls", "shift", "r0 r1", "r0 flags"),
        ("4fea3100", "rrx", "shift", "r1 flags", "r0"),
        ("61f3c600", "bfi", "bitfield", "r0 r1", "r0"),
        ("41eb0200", "adc.w", "alu", "r1 r2 flags", "r0"),
        ("4843", "muls", "multiply", "r0 r1", "r0 flags"),
        ("a1fa82f0", "sel", "dsp", "r1 r2 flags", "r0"),
        ("c1eac200", "pkhbt", "dsp", "r1 r2", "r0"),
        ("9042", "cmp", "alu", "r0 r2", "flags"),
        ("eff31080", "mrs", "system", "", "r0"),
        ("80f30088", "msr", "system", "r0", "flags"),
        ("f1ee10fa", "vmrs", "fp-status", "fpscr", "flags"),
        ("b5eec00b", "vcmpe.f64", "fp64-compare", "s0 s1", "fpscr"),
        ("10ee100a", "vmov", "fp-core-move", "s0", "r0"),
        ("41ec100b", "vmov", "fp-core-move-pair", "r0 r1", "s0 s1"),
        ("b7eee00a", "vcvt.f64.f32", "fp64-convert", "s1", "s0 s1"),
    ],
)
def test_data_processing(code, mnemonic, name, reads, writes):
    instruction = one(code)
    assert (instruction.mnemonic, instruction.instruction_class) == (mnemonic, name)
    assert instruction.reads == registers(reads)
    assert instruction.writes == registers(writes)
    assert instruction.flow is Flow.NONE


@pytest.mark.parametrize(
    ("code", "name", "accumulator"),
    [
        ("11fb0230", "dsp-multiply-accumulate", "r3"),  # smlabb r0, r1, r2, r3
        ("c2fbc301", "dsp-long-accumulate", "r0 r1"),  # smlald r0, r1, r2, r3
        ("41fa82f0", "extend-add", "r1"),  # sxtab r0, r1, r2
        ("00ee810a", "fp-multiply-accumulate", "s0"),  # vmla.f32 s0, s1, s2
        ("a1ee020b", "fp64-multiply-accumulate", "s0 s1"),  # vfma.f64 d0, d1, d2
    ],
)
def test_accumulators(code, name, accumulator):
    instruction = one(code)
    assert instruction.instruction_class == name
    assert instruction.accumulator == registers(accumulator)
    assert instruction.accumulator & instruction.reads == instruction.accumulator


@pytest.mark.parametrize(
    ("code", "name", "address", "writes", "stored", "writeback", "count", "size"),
    [
        ("51f8040b", "load", "r1", "r0 r1", "", "r1", 0, 4),  # ldr r0, [r1], #4
        ("51f82200", "load", "r1 r2", "r0", "", "", 0, 4),  # ldr.w r0, [r1, r2, lsl #2]
        ("8850", "store", "r1 r2", "", "r0", "", 0, 4),  # str r0, [r1, r2]
        ("11f9040d", "load", "r1", "r0 r1", "", "r1", 0, 1),  # ldrsb r0, [r1, #-4]!
        ("f2e90201", "load-double", "r2", "r0 r1 r2", "", "r2", 2, 8),  # ldrd r0, r1, [r2, #8]!
        ("c2e90001", "store-double", "r2", "", "r0 r1", "", 2, 8),
        ("3ec8", "load-multiple", "r0", "r0 r1 r2 r3 r4 r5", "", "r0", 5, 4),  # ldm r0!, {r1-r5}
        ("0fb5", "store-multiple", "r13", "r13", "r0 r1 r2 r3 r14", "r13", 5, 4),  # push {r0-r3, lr}
        ("42e80010", "store-exclusive", "r2", "r0", "r1", "", 0, 4),  # strex r0, r1, [r2]
        ("90ed000b", "fp-load-double", "r0", "s0 s1", "", "", 2, 8),  # vldr d0, [r0]
        ("81ed010a", "fp-store", "r1", "", "s0", "", 0, 4),
        ("2ded108b", "fp-store-multiple", "r13", "r13", " ".join(f"s{n}" for n in range(16, 32)), "r13", 16, 4),
    ],
)
def test_memory(code, name, address, writes, stored, writeback, count, size):
    instruction = one(code)
    assert instruction.instruction_class == name
    assert instruction.address_registers == registers(address)
    assert instruction.writes == registers(writes)
    assert instruction.store_data == registers(stored)
    assert instruction.writeback == registers(writeback)
    assert (instruction.register_count, instruction.access_size) == (count, size)
    assert instruction.register_offset == (len(address.split()) == 2)
    assert instruction.reads == registers(address) | registers(stored)


@pytest.mark.parametrize(
    ("code", "name", "flow", "target"),
    [
        ("fee7", "branch", Flow.JUMP, 0x1000),
        ("fed0", "conditional-branch", Flow.CONDITIONAL, 0x1000),
        ("08b1", "compare-branch", Flow.CONDITIONAL, 0x1006),
        ("fff7feff", "call", Flow.CALL, 0x1000),
        ("9847", "indirect-call", Flow.INDIRECT_CALL, None),
        ("1847", "indirect-branch", Flow.INDIRECT, None),
        ("7047", "return", Flow.RETURN, None),
        ("10bd", "pop-return", Flow.RETURN, None),
        ("b0e80180", "pop-return", Flow.INDIRECT, None),  # ldm r0!, {r0, pc}
        ("5df804fb", "load-branch", Flow.RETURN, None),  # ldr pc, [sp], #4
        ("50f821f0", "load-branch", Flow.INDIRECT, None),  # ldr pc, [r0, r1, lsl #2]
        ("dfe800f0", "table-branch", Flow.INDIRECT, None),
        ("f746", "move-to-pc", Flow.RETURN, None),  # mov pc, lr
        ("9f46", "move-to-pc", Flow.INDIRECT, None),  # mov pc, r3
        ("01df", "supervisor-call", Flow.TRAP, None),
        ("abbe", "breakpoint", Flow.TRAP, None),
        ("00de", "breakpoint", Flow.TRAP, None),
        ("7447", "security", Flow.RETURN, None),  # bxns lr
        ("9c47", "security", Flow.INDIRECT_CALL, None),  # blxns r3
    ],
)
def test_control(code, name, flow, target):
    instruction = one(code)
    assert (instruction.instruction_class, instruction.flow, instruction.target) == (name, flow, target)


def test_an_it_block_predicates_what_follows():
    # itte ne; movne r0, #1; addne r0, r0, r1; vaddeq.f32 s0, s1, s2; adds r0, #1
    block = decode(Isa.THUMB, bytes.fromhex("1abf 0120 4018 30ee810a 0130"), 0)
    assert [instruction.predicated for instruction in block] == [False, True, True, True, False]
    assert [instruction.mnemonic for instruction in block] == ["itte", "movne", "addne", "vaddeq.f32", "adds"]
    assert not block[1].sets_flags  # 16-bit forms inside an IT block leave the flags alone
    assert block[1].reads & FLAGS


def test_a_branch_inside_an_it_block_is_conditional():
    block = decode(Isa.THUMB, bytes.fromhex("b8bf fee7"), 0)  # it lt; b .
    assert (block[1].instruction_class, block[1].flow) == ("conditional-branch", Flow.CONDITIONAL)


def test_code_that_starts_inside_an_it_block():
    decoder = make_decoder(Isa.THUMB)
    state = it_state_behind(Isa.THUMB, bytes.fromhex("1abf 0120"))
    rest = decoder.decode(bytes.fromhex("4018 30ee810a 0130"), 4, state)
    assert [instruction.mnemonic for instruction in rest] == ["addne", "vaddeq.f32", "adds"]
    assert it_state_behind(Isa.THUMB, bytes.fromhex("4018 30ee810a 0130"), state) == 0


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("02ef5408", UNSUPPORTED),  # vadd.i32 (MVE)
        ("90ed001f", UNSUPPORTED),  # vldrw.u32 (MVE)
        ("40f001e0", UNSUPPORTED),  # dls lr, r0
        ("51ea0290", UNSUPPORTED),  # csel r0, r1, r2
        ("9fe80f00", UNSUPPORTED),  # clrm
        ("00ee121f", UNSUPPORTED),
        ("01ee1210", "coprocessor"),  # mcr p0
        ("7fe97fe9", "security"),  # sg
    ],
)
def test_extensions_that_are_not_run_are_named(code, name):
    instruction = one(code)
    assert instruction.instruction_class == name
    assert instruction.mnemonic


def test_a_truncated_instruction_is_kept_as_unknown():
    block = decode(Isa.THUMB, bytes.fromhex("0130 fff7"), 0x20)
    assert [(i.address, i.size, i.instruction_class) for i in block] == [(0x20, 2, "alu"), (0x22, 2, UNKNOWN)]


def test_every_mnemonic_leads_to_a_class_of_the_closed_list():
    fp64 = {name.replace("fp64-", "fp-") for name in CLASSES[Isa.THUMB] if name.startswith("fp64-")}
    assert set(MNEMONIC_CLASSES.values()) <= set(CLASSES[Isa.THUMB])
    assert fp64 <= set(CLASSES[Isa.THUMB])


@given(code=st.binary(max_size=64).map(lambda data: data[: len(data) & ~1]), it_state=st.sampled_from([0, 0, 0x04, 0x1C, 0xC8]))
def test_no_byte_is_dropped(code, it_state):
    block = decode(Isa.THUMB, code, 0x100, it_state)
    assert code == b"" or block[0].address == 0x100
    assert sum(instruction.size for instruction in block) == len(code)
    assert all(before.end == after.address for before, after in itertools.pairwise(block))
    assert all(instruction.instruction_class in {*CLASSES[Isa.THUMB], UNKNOWN, UNSUPPORTED} for instruction in block)
    assert all(instruction.mnemonic for instruction in block)


@given(code=st.binary(max_size=48).map(lambda data: data[: len(data) & ~1]), cut=st.integers(0, 24))
def test_decoding_in_two_parts_gives_the_same(code, cut):
    decoder = make_decoder(Isa.THUMB)
    whole = decoder.decode(code, 0)
    offset = whole[min(cut, len(whole) - 1)].address if whole else 0
    state = it_state_behind(Isa.THUMB, code[:offset])
    assert decoder.decode(code[:offset], 0) + decoder.decode(code[offset:], offset, state) == whole


def test_a_long_stretch_is_decoded_across_the_pieces_given_to_capstone():
    code = bytes.fromhex("0130") + bytes.fromhex("01eb0200") * 2000  # 32-bit instructions off every piece's border
    block = decode(Isa.THUMB, code, 0)
    assert len(block) == 2001
    assert {instruction.instruction_class for instruction in block} == {"alu"}
