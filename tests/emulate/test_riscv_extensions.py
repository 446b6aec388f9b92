"""Instructions that Unicorn does not decode: results, counts, faults, the short way into the native code and the long one."""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from instsim.emulate import riscv_extensions
from instsim.emulate.machine import StopReason
from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.riscv_semantics import carry_out
from instsim.emulate.run import RunOptions, profile_image
from instsim.isa import decode
from instsim.profile.basic_blocks import TranslationBlocks, to_basic_blocks
from tests.emulate.riscv_assembler import (
    C_NOP,
    CHIP,
    DEVICES,
    FLASH,
    ONE_REGISTER,
    RAM,
    SELF_LOOP,
    TWO_REGISTERS,
    WITH_CONSTANT,
    ZCB_ONE,
    addi,
    assemble,
    bne,
    c_mul,
    image_of,
    jal,
    machine_of,
    registers,
    set_registers,
    wide,
    zcb_memory,
    zcb_one,
    zcmp_pair,
    zcmp_stack,
)

BUDGET = 20_000
ROOT = Path(__file__).parents[2]
SAVED = (8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27)
LISTS = {listed: (1, *SAVED[: listed - 4]) for listed in range(4, 15)} | {15: (1, *SAVED)}
"""Zcmp's ``rlist``: {ra}, {ra, s0}, ... {ra, s0-s9}, {ra, s0-s11}."""
ADJUSTMENTS = {**dict.fromkeys(range(4, 8), 16), **dict.fromkeys(range(8, 12), 32), **dict.fromkeys(range(12, 15), 48), 15: 64}

A, B = 0x89ABCDEF, 0x00000013
COMPUTED = [
    ("sh1add", A, B, 0x13579BF1),
    ("sh2add", A, B, 0x26AF37CF),
    ("sh3add", A, B, 0x4D5E6F8B),
    ("andn", A, 0xFF00FF00, 0x00AB00EF),
    ("orn", A, 0xFF00FF00, 0x89FFCDFF),
    ("xnor", A, 0xFFFFFFFF, A),
    ("xnor", A, 0, 0x76543210),
    ("max", A, B, B),
    ("maxu", A, B, A),
    ("min", A, B, A),
    ("minu", A, B, B),
    ("min", 0x80000000, 0x7FFFFFFF, 0x80000000),
    ("rol", A, 4, 0x9ABCDEF8),
    ("rol", A, 32, A),
    ("ror", A, 4, 0xF89ABCDE),
    ("ror", A, 0, A),
    ("bclr", A, 0, 0x89ABCDEE),
    ("bclr", A, 31 + 32, 0x09ABCDEF),
    ("bext", A, 31, 1),
    ("bext", A, 4, 0),
    ("binv", A, 4, 0x89ABCDFF),
    ("bset", 0, 31, 0x80000000),
    ("pack", A, 0x12345678, 0x5678CDEF),
    ("packh", A, 0x12345678, 0x000078EF),
    ("clmul", 0xFFFFFFFF, 0xFFFFFFFF, 0x55555555),
    ("clmulh", 0xFFFFFFFF, 0xFFFFFFFF, 0x55555555),
    ("clmulr", 0xFFFFFFFF, 0xFFFFFFFF, 0xAAAAAAAA),
    ("clmul", 0x80000001, 0x00000003, 0x80000003),
    ("clmulh", 0x80000001, 0x00000003, 0x00000001),
    ("rori", A, 8, 0xEF89ABCD),
    ("bclri", A, 31, 0x09ABCDEF),
    ("bexti", A, 1, 1),
    ("binvi", A, 31, 0x09ABCDEF),
    ("bseti", A, 4, 0x89ABCDFF),
    ("clz", 0x00010000, 0, 15),
    ("clz", 0, 0, 32),
    ("clz", A, 0, 0),
    ("ctz", 0x00010000, 0, 16),
    ("ctz", 0, 0, 32),
    ("ctz", A, 0, 0),
    ("cpop", A, 0, 20),
    ("cpop", 0xFFFFFFFF, 0, 32),
    ("sext.b", 0x12345680, 0, 0xFFFFFF80),
    ("sext.b", 0x1234567F, 0, 0x0000007F),
    ("sext.h", A, 0, 0xFFFFCDEF),
    ("sext.h", 0x00017FFF, 0, 0x00007FFF),
    ("orc.b", 0x01008000, 0, 0xFF00FF00),
    ("rev8", A, 0, 0xEFCDAB89),
    ("brev8", A, 0, 0x91D5B3F7),
    ("zip", 0x0000FFFF, 0, 0x55555555),
    ("zip", 0x80000001, 0, 0x80000001),
    ("zip", 0x00030001, 0, 0x0000000B),
    ("unzip", 0x55555555, 0, 0x0000FFFF),
    ("unzip", 0x0000000B, 0, 0x00030001),
]


class Model:
    """Registers and RAM of the slow reference."""

    def __init__(self, values: dict[int, int]) -> None:
        self.values = [values.get(number, 0) for number in range(32)]
        self.memory: dict[int, int] = {}

    def register(self, number: int) -> int:
        return self.values[number]

    def set_register(self, number: int, value: int) -> None:
        if number:
            self.values[number] = value

    def load(self, address: int, size: int) -> int:
        return sum(self.memory.get(address + k, 0) << 8 * k for k in range(size))

    def store(self, address: int, size: int, value: int) -> None:
        self.memory |= {address + k: value >> 8 * k & 0xFF for k in range(size)}


@pytest.fixture(params=["short way", "hooks"])
def _way(request, monkeypatch):
    if request.param == "hooks":
        monkeypatch.setattr(riscv_extensions, "open_short_way", lambda *_: None)


def run(code, values, at=FLASH):
    machine = machine_of(code, at)
    set_registers(machine, values)
    stop = machine.run(BUDGET)
    assert stop.reason is StopReason.BUDGET, stop
    return machine


@pytest.mark.usefixtures("_way")
def test_results_computed_by_hand():
    for name, first, second, expected in COMPUTED:
        operand = second if name in WITH_CONSTANT else 12
        machine = run(assemble(wide(name, 10, 11, operand), SELF_LOOP), {11: first, 12: second})
        assert registers(machine)[10] == expected, name
        assert registers(machine)[11:13] == [first, second]


@pytest.mark.usefixtures("_way")
def test_random_operands_give_what_the_reference_gives():
    draw = random.Random(1)
    values = {number: draw.choice((draw.getrandbits(32), draw.getrandbits(32), draw.getrandbits(5), 0, 0x80000000)) for number in range(1, 32)}
    encodings = []
    for _ in range(600):
        name = draw.choice((*TWO_REGISTERS, *WITH_CONSTANT, *ONE_REGISTER, *ZCB_ONE, "c.mul"))
        if name in ZCB_ONE:
            encodings.append(zcb_one(name, draw.randrange(8, 16)))
        elif name == "c.mul":
            encodings.append(c_mul(draw.randrange(8, 16), draw.randrange(8, 16)))
        else:
            encodings.append(wide(name, draw.randrange(32), draw.randrange(32), draw.randrange(32)))
        encodings.append(addi(5, 5, draw.randrange(-2048, 2048)))
        encodings.append(draw.choice((addi(draw.randrange(1, 32), 0, draw.randrange(-2048, 2048)), C_NOP, C_NOP)))
    machine = run(assemble(*encodings, SELF_LOOP), values)
    model = Model(values)
    for encoding in encodings:
        if carry_out(encoding, 0, model) is None and encoding != C_NOP:
            constant = (encoding >> 20 ^ 0x800) - 0x800
            model.set_register(encoding >> 7 & 31, model.register(encoding >> 15 & 31) + constant & 0xFFFFFFFF)
    assert registers(machine) == model.values


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize(
    ("encoding", "before", "after"),
    [
        (zcb_one("c.zext.b", 10), 0xFFFFFF81, 0x81),
        (zcb_one("c.sext.b", 10), 0x00000081, 0xFFFFFF81),
        (zcb_one("c.zext.h", 10), 0xFFFF8001, 0x8001),
        (zcb_one("c.sext.h", 10), 0x00008001, 0xFFFF8001),
        (zcb_one("c.not", 10), 0x0000FFFF, 0xFFFF0000),
        (c_mul(10, 11), 0x10001, 0x00060003),
        (c_mul(10, 10), 0xFFFFFFFF, 1),
        (zcb_memory("c.lbu", 10, 12, 0), 0, 0x80),
        (zcb_memory("c.lbu", 10, 12, 3), 0, 0x83),
        (zcb_memory("c.lhu", 10, 12, 0), 0, 0x8180),
        (zcb_memory("c.lhu", 10, 12, 2), 0, 0x8382),
        (zcb_memory("c.lh", 10, 12, 2), 0, 0xFFFF8382),
    ],
)
def test_zcb_computed_by_hand(encoding, before, after):
    machine = machine_of(assemble(encoding, SELF_LOOP))
    machine.memory.write(RAM + 0x100, b"\x80\x81\x82\x83")
    set_registers(machine, {10: before, 11: 0x30003, 12: RAM + 0x100})
    machine.run(BUDGET)
    assert registers(machine)[10] == after


@pytest.mark.usefixtures("_way")
def test_zcb_stores():
    code = assemble(*(zcb_memory("c.sb", 10, 12, k) for k in (1, 2)), zcb_memory("c.sh", 11, 13, 2), zcb_memory("c.sb", 11, 13, 0), SELF_LOOP)
    machine = run(code, {10: 0x12345678, 11: 0x9ABCDEF0, 12: RAM + 0x100, 13: RAM + 0x200})
    assert machine.memory.read(RAM + 0x100, 4) == b"\x00\x78\x78\x00"
    assert machine.memory.read(RAM + 0x200, 4) == b"\xf0\x00\xf0\xde"


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("listed", LISTS)
def test_push_and_pop_with_every_list_and_adjustment(listed):
    numbers = LISTS[listed]
    values = {number: 0x1000 * number + listed for number in (1, *SAVED)}
    for extra in range(4):
        size = ADJUSTMENTS[listed] + 16 * extra
        for stack in (RAM + (0x1008 if extra == 1 else 0x800),):  # one crosses a page
            machine = run(assemble(zcmp_stack("cm.push", listed, extra), SELF_LOOP), values | {2: stack, 10: 5})
            assert registers(machine)[2] == stack - size
            # The last register of the list lies highest, right below the old stack pointer.
            words = [machine.memory.word(stack - 4 * (k + 1)) for k in range(len(numbers))]
            assert words == [values[number] for number in reversed(numbers)]
            assert machine.memory.read(stack - size, size - 4 * len(numbers)) == bytes(size - 4 * len(numbers))
            unlisted = [number for number in SAVED if number not in numbers]
            for name in ("cm.pop", "cm.popret", "cm.popretz"):
                # Returns land behind the endless loop that a plain pop falls into.
                code = assemble(zcmp_stack(name, listed, extra), SELF_LOOP, addi(6, 0, 77), SELF_LOOP)
                popped = machine_of(code)
                popped.memory.write(stack - size, machine.memory.read(stack - size, size))
                popped.memory.write(stack - 4 * len(numbers), (FLASH + 4).to_bytes(4, "little"))
                set_registers(popped, {2: stack - size, 10: 5})
                popped.run(BUDGET)
                after = registers(popped)
                assert after[2] == stack
                assert after[1] == FLASH + 4
                assert [after[number] for number in numbers[1:]] == [values[number] for number in numbers[1:]]
                assert [after[number] for number in unlisted] == [0] * len(unlisted)
                assert after[10] == (0 if name == "cm.popretz" else 5)
                assert after[6] == (0 if name == "cm.pop" else 77)


@pytest.mark.usefixtures("_way")
def test_moves_of_pairs():
    numbers = (8, 9, 18, 19, 20, 21, 22, 23)
    for first in range(8):
        for second in range(8):
            values = {number: 0x100 + number for number in (*numbers, 10, 11)}
            after = registers(run(assemble(zcmp_pair("cm.mva01s", first, second), SELF_LOOP), values))
            assert after[10:12] == [0x100 + numbers[first], 0x100 + numbers[second]]
            if first != second:
                after = registers(run(assemble(zcmp_pair("cm.mvsa01", first, second), SELF_LOOP), values))
                expected = {**values, numbers[first]: 0x100 + 10, numbers[second]: 0x100 + 11}
                assert {number: after[number] for number in values} == expected


def loop_program():
    """Ten calls of a function that pushes, computes and pops; every kind of instruction, in the middle of blocks and at their ends."""
    main = [addi(8, 0, 10), addi(14, 0, 0)]
    loop = [addi(10, 8, 0), wide("sh1add", 11, 8, 8), c_mul(11, 10)]
    tail = [wide("zip", 11, 11), addi(14, 14, 1), zcb_one("c.zext.b", 14), addi(8, 8, -1)]
    function = [
        *(zcmp_stack("cm.push", 6), C_NOP, zcmp_pair("cm.mvsa01", 0, 1), wide("cpop", 12, 10), wide("andn", 13, 12, 11)),
        *(zcb_memory("c.sb", 12, 15, 1), zcb_memory("c.lbu", 13, 15, 1), zcmp_pair("cm.mva01s", 0, 1), zcmp_stack("cm.popret", 6)),
    ]
    size = len(assemble(*loop)) + 4 + len(assemble(*tail))
    head = len(assemble(*main))
    branch = bne(8, 0, -size)
    skip = size - len(assemble(*loop)) - len(assemble(*tail)) + len(assemble(*tail)) + 4 + 2
    code = [*main, *loop, jal(1, skip), *tail, branch, SELF_LOOP, *function]
    return code, head, head + size + 4


@pytest.mark.usefixtures("_way")
def test_counts_are_those_of_a_core_that_knows_the_instructions():
    code, _, end_at = loop_program()
    machine = machine_of(assemble(*code))
    set_registers(machine, {2: RAM + 0x1000, 15: RAM})
    machine.run(BUDGET)
    assert registers(machine)[14] == 10
    issued = {}
    counters = machine.counters
    for address, size, count in zip(counters.addresses.tolist(), counters.sizes.tolist(), counters.counts()[0].tolist(), strict=True):
        for instruction in decode(machine.isa, machine.memory.read(address, size), address):
            issued[instruction.address] = issued.get(instruction.address, 0) + count
    expected, at = {}, FLASH
    for encoding in code:
        expected[at] = 10
        at += 4 if encoding & 3 == 3 else 2
    expected |= dict.fromkeys((FLASH, FLASH + 4), 1)
    del expected[FLASH + end_at]
    del issued[FLASH + end_at]  # the endless loop
    assert issued == expected


@pytest.mark.usefixtures("_way")
def test_blocks_are_cut_where_control_goes_and_nowhere_else():
    code, loop_at, end_at = loop_program()
    prologue = assemble(0x20001137, 0x200007B7)  # lui sp, 0x20001; lui a5, 0x20000
    image = image_of(prologue + assemble(*code))
    profile = profile_image(image, CHIP, RunOptions(RegionRequest(RegionRule.WHOLE_RUN), budget_cycles=BUDGET * 2000))
    base = FLASH + len(prologue)
    size = len(assemble(*code))
    call = loop_at + len(assemble(*code[2:5])) + 4
    blocks = list(
        zip(
            profile.addresses.tolist(),
            profile.sizes.tolist(),
            profile.executions.sum(axis=0).tolist(),
            profile.fallthroughs.sum(axis=0).tolist(),
            strict=True,
        )
    )
    assert [block for block in blocks if block[0] != base + end_at] == [
        (FLASH, len(prologue) + loop_at, 1, 1),
        (base + loop_at, call - loop_at, 10, 0),
        (base + call, end_at - call, 10, 1),
        (base + end_at + 2, size - end_at - 2, 10, 0),
    ]


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize(
    ("code", "at", "words"),
    [
        (assemble(addi(5, 0, 1), 0x0000000B, SELF_LOOP), 4, "illegal instruction"),  # custom-0
        (assemble(addi(5, 0, 1), 0x9C79, SELF_LOOP), 4, "illegal instruction"),  # reserved beside c.not
        (assemble(C_NOP, zcmp_stack("cm.push", 3), SELF_LOOP), 2, "illegal instruction"),  # reserved rlist
        (assemble(C_NOP, zcb_memory("c.lbu", 10, 11, 0), SELF_LOOP), 2, "read of 0x50000000"),
        (assemble(C_NOP, zcb_memory("c.sh", 10, 12, 0), SELF_LOOP), 2, "write to 0x10000100 in flash"),
        (assemble(C_NOP, zcmp_stack("cm.popret", 5), SELF_LOOP), 2, "where there is no memory"),
    ],
)
def test_faults_name_the_instruction_and_its_place(code, at, words):
    machine = machine_of(code)
    set_registers(machine, {11: 0x50000000, 12: FLASH + 0x100, 2: 0x50000000})
    stop = machine.run(BUDGET)
    assert stop.reason is StopReason.FAULT
    assert stop.pc == FLASH + at
    assert words in stop.message


@pytest.mark.usefixtures("_way")
def test_device_registers():
    code = assemble(zcb_memory("c.sb", 10, 12, 1), zcb_memory("c.sh", 11, 12, 2), zcb_memory("c.lbu", 13, 12, 0), addi(6, 13, 1), SELF_LOOP)
    machine = machine_of(code)
    seen = []
    machine.engine.write_device = lambda address, data: seen.append((address, data))
    machine.engine.read_device = lambda _address, size: b"\x2a" * size
    set_registers(machine, {10: 0x1234, 11: 0xABCD, 12: DEVICES + 0x10})
    machine.run(BUDGET)
    assert seen == [(DEVICES + 0x11, b"\x34"), (DEVICES + 0x12, b"\xcd\xab")]
    assert registers(machine)[13] == 0x2A
    assert registers(machine)[6] == 0x2B


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("late", [False, True])
def test_whoever_watches_an_instruction_sees_the_registers_before_it(late):
    code = assemble(addi(5, 0, 3), zcmp_stack("cm.push", 5), wide("cpop", 6, 5), addi(5, 5, -1), bne(5, 0, -10), SELF_LOOP)
    machine = machine_of(code)
    set_registers(machine, {2: RAM + 0x800})
    seen = []
    machine.engine.on_instruction(FLASH, lambda _: None)
    if not late:
        machine.engine.on_instruction(FLASH + 4, lambda _: seen.append(machine.engine.sp))
    else:
        machine.run(8)
        machine.engine.forget_code(FLASH + 4)
        machine.engine.on_instruction(FLASH + 4, lambda _: seen.append(machine.engine.sp))
    machine.run(BUDGET)
    assert seen[-1] == RAM + 0x800 - 32
    assert len(seen) in ((3,) if not late else (1, 2, 3))
    assert machine.engine.sp == RAM + 0x800 - 48


@pytest.mark.usefixtures("_way")
def test_code_that_changes_itself():
    # c.sb turns "addi a0, a0, 1" into "addi a0, a0, 2" for the second pass, on its own page.
    body = [addi(10, 10, 1), zcb_memory("c.sb", 11, 12, 2), addi(5, 5, -1)]
    code = assemble(*body, bne(5, 0, -len(assemble(*body))), SELF_LOOP)
    machine = run(code, {5: 2, 10: 0, 11: 0x25, 12: RAM}, at=RAM)
    assert registers(machine)[10] == 1 + 2


@pytest.fixture
def _no_native_code(monkeypatch):
    def load() -> None:
        raise AssertionError("the native code was loaded")

    monkeypatch.setattr(riscv_extensions, "load_extension_hooks", load)


@pytest.mark.usefixtures("_no_native_code")
def test_firmware_without_these_instructions_does_without_the_native_code():
    machine = run(assemble(addi(5, 0, 3), addi(5, 5, 4), SELF_LOOP), {})
    assert registers(machine)[5] == 7


@pytest.mark.usefixtures("_no_native_code")
def test_an_instruction_written_over_one_that_has_run():
    # "addi a0, a1, 2" becomes "sh1add a0, a1, a2" and then one that nobody knows.
    machine = run(assemble(addi(10, 11, 2), SELF_LOOP), {11: 3, 12: 5}, at=RAM)
    assert registers(machine)[10] == 5
    stops = []
    for passes, code in enumerate((assemble(wide("sh1add", 10, 11, 12)), b"\x33\xff\xff\xff"), 2):
        machine.memory.write(RAM, code)
        machine.engine.forget_code(RAM)
        machine.start_from(RAM, None)
        stops.append(machine.run(passes * BUDGET))
        assert registers(machine)[10] == 2 * 3 + 5
    assert [stop.reason for stop in stops] == [StopReason.BUDGET, StopReason.FAULT]
    assert (stops[1].pc, stops[1].message) == (RAM, "illegal instruction")


@pytest.mark.usefixtures("_way")
def test_machines_do_not_disturb_each_other():
    code, _, _ = loop_program()
    machines = []
    for index in range(3):
        machine = machine_of(assemble(*code))
        set_registers(machine, {2: RAM + 0x1000, 15: RAM + index})
        machines.append(machine)
    for step in range(1, 30):
        for machine in machines:
            machine.run(10 * step)
    alone = run(assemble(*code), {2: RAM + 0x1000, 15: RAM})
    for index, machine in enumerate(machines):
        assert registers(machine)[:15] == registers(alone)[:15]
        assert machine.memory.read(RAM + index + 1, 1) == alone.memory.read(RAM + 1, 1)
    del machine, machines, alone
    gc.collect()


def summary():
    """What a program leaves behind, for a process that runs it otherwise."""
    code, _, _ = loop_program()
    machine = machine_of(assemble(*code))
    set_registers(machine, {2: RAM + 0x1000, 15: RAM})
    machine.run(500)
    counters = machine.counters
    executions, fallthroughs = counters.counts()[:2]
    counted = TranslationBlocks(counters.addresses, counters.sizes, executions[None], fallthroughs[None])
    blocks = to_basic_blocks(machine.isa, counted, machine.memory.read)
    rows = [array.ravel().tolist() for array in (blocks.addresses, blocks.sizes, blocks.executions, blocks.fallthroughs)]
    return {"registers": registers(machine), "blocks": rows, "short": machine.processor.extensions.takes_short_way}


def test_unicorn_as_it_is_gives_the_same():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *(p for p in sys.path if p)]), "INSTSIM_ACCELERATOR": "off"}
    program = "import json; from tests.emulate.test_riscv_extensions import summary; print(json.dumps(summary()))"
    output = subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=ROOT, capture_output=True, text=True).stdout
    plain, here = json.loads(output), summary()
    assert not plain.pop("short")
    here.pop("short")
    assert plain == here
