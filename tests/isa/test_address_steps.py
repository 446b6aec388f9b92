"""Addresses of data accesses, format by format, and what the steps leave out."""

from __future__ import annotations

import random

import pytest

from instsim.dynamics.address_operations import FIRST_TEMPORARY, NO_REGISTER, REGISTER_FILE_WORDS, Operation
from instsim.isa import Isa
from instsim.isa.address_step import AddressStep
from instsim.isa.address_steps import address_steps
from tests.emulate.riscv_assembler import zcb_memory, zcmp_pair, zcmp_stack
from tests.isa.address_interpreter import run_steps

PLACE = 0x8000
REGISTERS = {number: number * 0x10204 for number in range(32)}


def read_memory(address: int, size: int) -> int:
    return {1: 0x9C, 2: 0x8ABC, 4: address + 0x500000 & 0xFFFFFFFF}[size]


def accesses_of(isa: Isa, code: bytes) -> str:
    """Accesses as text: kind, bytes, words if several, address or ``?``."""
    return " ".join(
        f"{'W' if writes else 'R'}{size}{f'x{words}' if words > 1 else ''}@{'?' if address is None else f'{address:x}'}"
        for _, writes, address, size, words in run_steps(address_steps(isa, code, PLACE), REGISTERS, read_memory)
    )


def halves(*encodings: int) -> bytes:
    return b"".join(encoding.to_bytes(2, "little") for encoding in encodings)


THUMB = [
    ("ldr r0,[r1,r2]", "8858", "R4@3060c", 1),
    ("str r0,[r1,#124]", "c867", "W4@10280", 1),
    ("strh r0,[r1,#62]", "c887", "W2@10242", 1),
    ("ldrsb r0,[r1,r2]", "8856", "R1@3060c", 1),
    ("ldrb r0,[r1,#31]", "c87f", "R1@10223", 1),
    ("ldr r0,[sp,#1020]", "ff98", "R4@d1e30", 1),
    ("str r7,[sp,#8]", "0297", "W4@d1a3c", 1),
    ("ldr r0,[pc,#8]", "0248", "R4@800c", 1),
    ("nop; ldr r0,[pc,#8]", "00bf0248", "R4@800c", 1),
    ("ldr.w r0,[pc,#-4]", "5ff80400", "R4@8000", 1),
    ("ldrb.w r0,[r1,#4095]", "91f8ff0f", "R1@11203", 1),
    ("ldrsh.w r0,[r1,#-255]", "31f9ff0c", "R2@10105", 1),
    ("str.w r0,[r1,r2,lsl #3]", "41f83200", "W4@112244", 1),
    ("ldr r0,[r1],#4; ldr r2,[r1]", "51f8040b0a68", "R4@10204 R4@10208", 2),
    ("ldr r0,[r1,#-8]!; ldr r2,[r1]", "51f8080d0a68", "R4@101fc R4@101fc", 2),
    ("str r0,[r1,#4]!; str r0,[r1],#-4; str r0,[r1]", "41f8040f41f804090860", "W4@10208 W4@10208 W4@10204", 3),
    ("push {r0,r4,lr}; ldr r0,[sp]", "11b50098", "W4x3@d1a28 R4@d1a28", 2),
    ("pop {r0,r4}; str r1,[sp]", "11bc0091", "R4x2@d1a34 W4@d1a3c", 2),
    ("pop {r4,pc}", "10bd", "R4x2@d1a34", 1),
    ("stmia r1!,{r0,r2}; ldr r0,[r1]", "05c10868", "W4x2@10204 R4@1020c", 2),
    ("ldmia r1!,{r0,r2}; ldr r3,[r1]; ldr r3,[r2]", "05c90b681368", "R4x2@10204 R4@1020c R4@510208", 4),
    ("ldmia r1,{r1,r2}; ldr r3,[r1]", "06c90b68", "R4x2@10204 R4@510204", 3),
    ("stmdb sp!,{r4-r11,lr}; ldr r0,[sp]", "2de9f04f0098", "W4x9@d1a10 R4@d1a10", 2),
    ("ldmdb r1,{r2,r3}", "11e90c00", "R4x2@101fc", 1),
    ("ldrd r0,r1,[r2,#8]; ldr r3,[r1]", "d2e902010b68", "R4x2@20410 R4@520414", 3),
    ("strd r0,r1,[r2,#-8]!; ldr r3,[r2]", "62e902011368", "W4x2@20400 R4@20400", 2),
    ("ldrd r0,r1,[r2],#16; ldr r3,[r2]", "f2e804011368", "R4x2@20408 R4@20418", 2),
    ("ldrd r0,r1,[pc,#8]", "dfe90201", "R4x2@800c", 1),
    ("vldr s0,[r1,#4]", "91ed010a", "R4@10208", 1),
    ("vstr d0,[r1,#-8]", "01ed020b", "W4x2@101fc", 1),
    ("vldr d0,[pc,#8]", "9fed020b", "R4x2@800c", 1),
    ("vldmia r1!,{s0-s3}; ldr r0,[r1]", "b1ec040a0868", "R4x4@10204 R4@10214", 2),
    ("vstmdb r1!,{d0-d2}; ldr r0,[r1]", "21ed060b0868", "W4x6@101ec R4@101ec", 2),
    ("vpush {d8-d9}", "2ded048b", "W4x4@d1a24", 1),
    ("ldrex r0,[r1,#4]", "51e8010f", "R4@10208", 1),
    ("strex r0,r2,[r1]; ldr r3,[r0]", "41e800200368", "W4@10204 R4@?", 3),
    ("ldrexb r0,[r1]", "d1e84f0f", "R1@10204", 1),
    ("stlh r0,[r1]", "c1e89f0f", "W2@10204", 1),
    ("ldaex r0,[r1]", "d1e8ef0f", "R4@10204", 1),
    ("tbb [pc,r0]", "dfe800f0", "R1@8004", 1),
    ("tbh [r1,r2,lsl #1]", "d1e812f0", "R2@50a14", 1),
    ("pld [r1,#8]", "91f808f0", "", 0),
    ("ldrt r0,[r1,#4]", "51f8040e", "R4@10208", 1),
    ("movw r0,#0x5678; movt r0,#0x1234; ldr r1,[r0,#4]", "45f27860c1f234204168", "R4@1234567c", 1),
    ("movt r0,#0x1234; ldr r1,[r0]", "c1f234200168", "R4@12340000", 3),
    ("add r0,r1,r2,lsl #2; ldr r3,[r0,#4]", "01eb82004368", "R4@91228", 1),
    ("lsls r0,r1,#2; ldr r3,[r2,r0]", "88001358", "R4@60c18", 1),
    ("mul r0,r1,r2; ldr r3,[r4,r0]", "01fb02f02358", "R4@81c2830", 2),
    ("mla r0,r1,r2,r4; ldr r3,[r0]", "01fb02400368", "R4@81c2830", 2),
    ("mls r0,r1,r2,r4; ldr r3,[r0]", "01fb12400368", "R4@f7ebe7f0", 3),
    ("ubfx r0,r1,#4,#8; ldrb r3,[r2,r0]", "c1f30710135c", "R1@20428", 2),
    ("sxtb r0,r1; ldr r3,[r2,r0]", "48b21358", "R4@2040c", 2),
    ("bfi r0,r1,#4,#8; ldr r3,[r0]", "61f30b100368", "R4@40", 5),
    ("rsb r0,r1,#0; ldr r3,[r2,r0]", "c1f100001358", "R4@10204", 2),
    ("rsb r0,r1,r2,lsl #1; ldr r3,[r0]", "c1eb42000368", "R4@3060c", 3),
    ("bic r0,r1,#0x200; ldr r3,[r0]", "21f400700368", "R4@10004", 2),
    ("lsrs r0,r1,r2; ldr r3,[r0]", "31fa02f00368", "R4@102", 3),
    ("adr r0,.+8; ldr r3,[r0]", "01a00368", "R4@8008", 1),
    ("mov r0,sp; ldr r3,[r0]", "68460368", "R4@d1a34", 1),
    ("add r0,sp,#16; ldr r3,[r0]", "04a80368", "R4@d1a44", 1),
    ("sub sp,#16; str r0,[sp]", "84b00090", "W4@d1a24", 1),
    ("clz r0,r1; ldr r3,[r2,r0]; ldr r4,[r2]", "b1fa81f013581468", "R4@? R4@20408", 3),
    ("adcs r0,r1; ldr r3,[r0]", "48410368", "R4@?", 2),
    ("udiv r0,r1,r2; ldr r3,[r4,r0]", "b1fbf2f02358", "R4@?", 2),
    ("ldr r0,[r1]; ldr r2,[r0,#4]; ldr r3,[r2]", "086842681368", "R4@10204 R4@510208 R4@a10208", 5),
    ("ldrsb r0,[r1,r2]; ldr r3,[r4,r0]", "88562358", "R1@3060c R4@407ac", 3),
    ("vstr s0,[sp,#4]; ldr r3,[sp,#4]; ldr r4,[r3]", "8ded010a019b1c68", "W4@d1a38 R4@d1a38 R4@?", 4),
    ("str r2,[sp,#4]; ldr r3,[sp,#4]; ldr r4,[r3]", "0192019b1c68", "W4@d1a38 R4@d1a38 R4@20408", 3),
    ("strb r2,[r1]; ldrb r3,[r1]; ldr r4,[r3]", "0a700b781c68", "W1@10204 R1@10204 R4@8", 4),
    ("it eq; ldreq r0,[r1]; ldr r2,[r1]", "08bf08680a68", "R4@10204 R4@10204", 2),
    ("ite eq; moveq r0,#4; movne r0,#8; ldr r1,[r2,r0]", "0cbf042008201158", "R4@20410", 1),
]
"""Assembly, encoding, accesses and number of steps at `PLACE`."""

RISCV = [
    ("lw a0,8(a1)", "8845", "R4@b1634", 1),
    ("lb a0,-4(a1); lw a2,0(a0)", "0385c5ff1041", "R1@b1628 R4@ffffff9c", 3),
    ("lbu a0,2047(a1); lw a2,0(a0)", "03c5f57f1041", "R1@b1e2b R4@9c", 3),
    ("sh a0,-2048(a1)", "2390a580", "W2@b0e2c", 1),
    ("flw fa0,4(a1)", "c861", "R4@b1630", 1),
    ("fsw fa0,-4(a1)", "27aea5fe", "W4@b1628", 1),
    ("lui a0,0x12345; lw a1,-4(a0)", "375534128325c5ff", "R4@12344ffc", 1),
    ("auipc a0,1; lw a1,8(a0)", "171500000c45", "R4@9008", 1),
    ("slli a0,a1,2; add a0,a0,a2; lw a3,4(a0)", "1395250032955441", "R4@3870e4", 1),
    ("sh2add a0,a1,a2; lw a3,0(a0)", "33c5c5201441", "R4@3870e0", 1),
    ("lr.w a0,(a1)", "2fa50510", "R4@b162c", 1),
    ("sc.w a0,a2,(a1)", "2fa5c518", "W4@b162c", 1),
    ("amoadd.w a0,a2,(a1); lw a3,0(a0)", "2fa5c5001441", "R4@b162c W4@b162c R4@5b162c", 4),
    ("addi sp,sp,-64; sw ra,60(sp); lw a0,60(sp); lw a1,0(a0)", "397106de72550c41", "W4@20404 R4@20404 R4@10204", 3),
    ("lw zero,0(a0); lw a1,0(zero)", "0320050083250000", "R4@a1428 R4@0", 2),
    ("mul a0,a1,a2; lw a3,0(a0)", "3385c5021441", "R4@16384840", 2),
    ("zext.h a0,a1; lw a3,0(a0)", "33c505081441", "R4@162c", 2),
    ("sext.b a0,a1; lw a3,0(a0)", "139545601441", "R4@2c", 2),
    ("sub a0,a1,a2; lw a3,0(a0)", "3385c5401441", "R4@fffefdfc", 2),
    ("srai a0,a1,4; lw a3,0(a0)", "13d545401441", "R4@b162", 2),
    ("sltu a0,a1,a2; add a0,a0,a3; lw a4,0(a0)", "33b5c50036951841", "R4@?", 2),
    ("bseti a0,a1,4; lw a3,0(a0)", "139545281441", "R4@b163c", 2),
    ("andi a0,a1,-16; lw a3,0(a0)", "13f505ff1441", "R4@b1620", 2),
    ("not a0,a1; lw a3,0(a0)", "13c5f5ff1441", "R4@fff4e9d3", 2),
    ("rori a0,a1,8; lw a3,0(a0)", "13d585601441", "R4@2c000b16", 4),
    ("c.addi4spn a0,sp,1020; lw a1,0(a0)", "e81f0c41", "R4@20804", 1),
    ("c.addi16sp sp,-512; c.lwsp a0,252(sp)", "01717e55", "R4@20304", 1),
    ("c.addi16sp sp,496; c.swsp a0,4(sp)", "7d612ac2", "W4@205fc", 1),
    ("c.lui a0,0xfffe1; lw a1,0(a0)", "05750c41", "R4@fffe1000", 1),
    ("c.li a0,-32; lw a1,0(a0)", "01550c41", "R4@ffffffe0", 1),
    ("c.srai a0,4; lw a1,0(a0)", "11850c41", "R4@a142", 2),
    ("c.andi a0,-16; lw a1,0(a0)", "41990c41", "R4@a1420", 2),
    ("c.sub a0,a1; lw a1,0(a0)", "0d8d0c41", "R4@fffefdfc", 2),
    ("c.slli a0,3; lw a1,0(a0)", "0e050c41", "R4@50a140", 2),
    ("c.flwsp fa0,8(sp)", "2265", "R4@20410", 1),
    ("c.fsw fa0,124(a1)", "e8fd", "W4@b16a8", 1),
    ("c.lw a0,124(a1)", "e85d", "R4@b16a8", 1),
    ("c.sw a0,64(a1)", "a8c1", "W4@b166c", 1),
    ("csrr a0,mcycle; lw a1,0(a0)", "732500b00c41", "R4@?", 2),
]


@pytest.mark.parametrize(("assembly", "encoding", "accesses", "steps"), THUMB)
def test_thumb_formats(assembly: str, encoding: str, accesses: str, steps: int) -> None:
    code = bytes.fromhex(encoding)
    assert accesses_of(Isa.THUMB, code) == accesses
    assert len(address_steps(Isa.THUMB, code, PLACE)) == steps


@pytest.mark.parametrize(("assembly", "encoding", "accesses", "steps"), RISCV)
def test_riscv_formats(assembly: str, encoding: str, accesses: str, steps: int) -> None:
    code = bytes.fromhex(encoding)
    assert accesses_of(Isa.RV32, code) == accesses
    assert len(address_steps(Isa.RV32, code, PLACE)) == steps


@pytest.mark.parametrize(
    ("encodings", "accesses"),
    [
        ((zcb_memory("c.lbu", 10, 11, 3),), "R1@b162f"),
        ((zcb_memory("c.lhu", 10, 11, 2),), "R2@b162e"),
        ((zcb_memory("c.sb", 10, 11, 1),), "W1@b162d"),
        ((zcb_memory("c.sh", 10, 11, 2),), "W2@b162e"),
        # {ra, s0, s1}: three words below the old stack pointer (0x20408), which moves by 16
        ((zcmp_stack("cm.push", 6), zcmp_stack("cm.push", 4)), "W4x3@203fc W4@203f4"),
        ((zcmp_stack("cm.pop", 6, 1), zcmp_stack("cm.push", 4)), "R4x3@2041c W4@20424"),
        ((zcmp_stack("cm.push", 15),), "W4x13@203d4"),
        ((zcmp_stack("cm.popretz", 15),), "R4x13@20414"),
        # a0 = s0, then a load at a0
        ((zcmp_pair("cm.mva01s", 0, 1), 0x4108), "R4@81020"),
    ],
)
def test_code_size_extensions(encodings: tuple[int, ...], accesses: str) -> None:
    assert accesses_of(Isa.RV32, halves(*encodings)) == accesses


def test_a_literal_needs_no_register() -> None:
    (step,) = address_steps(Isa.THUMB, bytes.fromhex("0248"), PLACE)
    assert step == AddressStep(0, Operation.READ, base=NO_REGISTER, offset=0x800C)


def test_computations_that_no_access_needs_are_left_out() -> None:
    adds_muls_load = bytes.fromhex("401841431468")  # adds r0,r0,r1; muls r1,r0; ldr r4,[r2]
    assert address_steps(Isa.THUMB, adds_muls_load, PLACE) == (AddressStep(2, Operation.READ, base=2),)


def test_a_moving_pointer_costs_no_steps() -> None:
    code = bytes.fromhex("51f8042b" * 8)  # ldr r2,[r1],#4
    steps = address_steps(Isa.THUMB, code, PLACE)
    assert [(step.operation, step.base, step.offset) for step in steps] == [(Operation.READ, 1, 4 * word) for word in range(8)]


def test_place_counts_instructions_of_either_length() -> None:
    code = bytes.fromhex("00bf91f8ff0f00bf0a68")  # nop; ldrb.w; nop; ldr
    assert [step.place for step in address_steps(Isa.THUMB, code, PLACE)] == [1, 3]


def test_it_blocks_are_marked_also_where_the_block_starts_inside_one() -> None:
    block = bytes.fromhex("04bf08680a680b68")  # itt eq; ldreq; ldreq; ldr
    assert [step.predicated for step in address_steps(Isa.THUMB, block, PLACE)] == [True, True, False]
    assert [step.predicated for step in address_steps(Isa.THUMB, block[4:], PLACE, 0x08)] == [True, False]


def test_a_conditional_constant_does_not_hide_a_pointer() -> None:
    # cmp r3,#0; itte ne; ldrne r1,[r3,#4]; addne r1,#4; moveq r1,#4; ldr r1,[r1]
    code = bytes.fromhex("002b1abf5968043104210968")
    assert accesses_of(Isa.THUMB, code) == "R4@30610 R4@530614"
    # it lt; movlt r1,#0; ldr r1,[r1]
    assert accesses_of(Isa.THUMB, bytes.fromhex("b8bf00210968")) == "R4@10204"


def test_an_incomplete_instruction_is_left_out() -> None:
    assert len(address_steps(Isa.THUMB, bytes.fromhex("0a6891f8"), PLACE)) == 1
    assert len(address_steps(Isa.RV32, bytes.fromhex("88450385"), PLACE)) == 1


def test_no_bytes_no_steps() -> None:
    assert address_steps(Isa.THUMB, b"", PLACE) == address_steps(Isa.RV32, b"", PLACE) == ()


def test_more_results_at_once_than_temporaries_leave_only_static_addresses() -> None:
    loads = b"".join((0x6800 | 8 | word << 6).to_bytes(2, "little") + (0x6000 | word << 6).to_bytes(2, "little") for word in range(32))
    # ldr r0,[r1,#4n]; str r0,[r0,#4n], and again behind, from what was stored on the stack meanwhile
    spilled = b"".join((0x6808 | word << 6).to_bytes(2, "little") + (0x9000 | word).to_bytes(2, "little") for word in range(40))
    again = b"".join((0x9800 | word).to_bytes(2, "little") + bytes.fromhex("0268") for word in range(40))
    assert max(step.target for step in address_steps(Isa.THUMB, loads, PLACE) if step.target != NO_REGISTER) == FIRST_TEMPORARY
    steps = address_steps(Isa.THUMB, spilled + again, PLACE)
    assert all(step.operation in {Operation.READ, Operation.WRITE} for step in steps)
    assert {step.known for step in steps if step.base == 13} == {True}
    assert [step.known for step in steps[-80:]] == [True, False] * 40


def test_every_register_number_is_within_the_file() -> None:
    chance = random.Random(3)
    for isa in Isa:
        for _ in range(200):
            for step in address_steps(isa, chance.randbytes(64), PLACE):
                assert step.target == NO_REGISTER or FIRST_TEMPORARY <= step.target < REGISTER_FILE_WORDS
                assert all(number == NO_REGISTER or number < REGISTER_FILE_WORDS for number in (step.base, step.index))
                assert 0 <= step.offset < 1 << 32
                assert 0 <= step.shift < 32
