"""Rules of the Cortex-M7's scoreboard, one by one.

Expected cycles follow from jnk0le/random@3dfc2ab, ``pipeline cycle test/doc/cortex_m7.md`` (measured on an STM32H743) where no other source is
named. A block of n cycles ends with the issue of its last instruction in cycle n - 1.
"""

from dataclasses import replace

import numpy as np
import pytest

from instsim.cost.pipelines.cortex_m7 import PIPELINE
from instsim.isa.decode import make_decoder
from instsim.profile.block_profile import CrossingUse

from .pricing import Isa, cycles, loaded, price, profile_of


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("4018c018", 1),  # adds, adds: an early sum feeds the late unit in the same cycle
        ("4840c218", 2),  # eors, adds: only sums, moves, shifts and reversals are early
        ("8800c218", 1),  # lsls, adds
        ("08bac218", 1),  # rev, adds
        ("08ba0268", 3),  # rev, ldr: no bypass from a reversal to an address
        ("881800bf04eb4003", 2),  # adds, nop, add r3, r4, r0, lsl #1: early sum to shifter, next cycle
        ("00bf881804eb4003", 3),  # nop, adds, add r3, r4, r0, lsl #1: a sum in the younger slot is late
        ("484000bf04eb4003", 3),  # eors, nop, add r3, r4, r0, lsl #1: a shifted operand is needed a cycle early
        ("484000bf00eb4403", 2),  # eors, nop, add r3, r0, r4, lsl #1: the other operand is not
        ("086800eb4403", 3),  # ldr, add r3, r0, r4, lsl #1: but no operand of it takes a load's bypass
        ("08682ffa80f2", 2),  # ldr, sxtb16: extension is done late
        ("0868c0f38302", 3),  # ldr, ubfx: extraction is done early
        ("086853fa80f2", 3),  # ldr, uxtab r2, r3, r0: early in the extended operand
        ("484000bf50fa83f2", 2),  # eors, nop, uxtab r2, r0, r3: late in the other
        ("484000bfc3ea0002", 3),  # eors, nop, pkhbt r2, r3, r0
        ("484000bf60f34202", 3),  # eors, nop, bfi r2, r0
        ("01eb420084ea4503", 2),  # two shifted operands do not pair
        ("40f20100c0f20100", 1),  # movw, movt of one register pair
    ],
)
def test_early_and_late_arithmetic(code, expected):
    assert cycles("cortex-m7", code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("82fa81f00319", 3),  # qadd, adds: 2 (llvm-project ARMScheduleM7.td, M7WriteSIMD2)
        ("01f307000319", 3),  # ssat, adds: 2 (the same, M7WriteShSIMD2)
        ("48430268", 5),  # muls, ldr of its address: 4 (llvm-project ARMLatencyMutations.cpp: first legal bypass is EX4 to EX1)
        ("484004fb0503", 1),  # eors, mla: an addend is taken behind the late unit
        ("087810fb03f2", 3),  # ldrb, smulbb: 2, as to plain arithmetic
        ("08680268", 3),  # ldr, ldr of its address: 2 (ARMScheduleM7.td, M7Read_ISS)
        ("484000bf0268", 3),  # eors, nop, ldr of its address: 2
        ("881800bf0268", 2),  # adds, nop, ldr of its address: 1
        ("a0ee810a72ee221a", 5),  # vfma, vadd: three cycles behind a multiply-accumulate are closed to sums
        ("90ed000aa0ee810a", 4),  # vldr, vfma to its addend: 3
        ("30ee810a80ed000a", 2),  # vadd, vstr: 1
    ],
)
def test_latencies(code, expected):
    assert cycles("cortex-m7", code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("08600a68", 5),  # str, ldr of the same word: 4
        ("08604a68", 1),  # of the next word
        ("08804a88", 1),  # strh, ldrh of the next halfword
        ("086004310a68", 3),  # str, adds of the base, ldr: another place, which waits for the late sum only
    ],
)
def test_a_load_waits_for_a_store_to_the_same_bytes(code, expected):
    # llvm-project ARMLatencyMutations.cpp, CortexM7Overrides: memoryRAWHazard(ISU, Dep, 4)
    assert cycles("cortex-m7", code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("20682968", 2),  # [r4], [r5]: taken to be alike
        ("20686968", 1),  # [r4], [r5, #4]
        ("54f8040b6968", 1),  # [r4], #4, then [r5, #4]
        ("54f8040b2168", 2),  # [r4], #4, then [r4]: the other bank, but the address is not there yet
    ],
)
def test_banks(code, expected):
    assert cycles("cortex-m7", code) == expected


def test_a_misprediction_is_cheaper_where_the_flags_were_set_three_cycles_ahead():
    # "there is flag forwarding that can reduce branch misprediction penalty from 8 to 6 cycles"
    def mispredicted(code):
        loop = [(0x1000, code)]
        never, always = (price("cortex-m7", profile_of(Isa.THUMB, loop, [100], [left])).total_cycles for left in (0, 10))
        return (always - never) / 10

    assert mispredicted("013800bf00bf00bf00bf00bff8d1") == 6  # subs, five nops, bne
    assert mispredicted("00bf00bf00bf00bf00bf0138f8d1") == 8  # five nops, subs, bne


def test_a_block_waits_for_what_the_block_that_jumped_to_it_loaded():
    # eors r2, r1; adds r4, #1 | ldrb r1, [r0]; bne: in the third cycle the byte is not there yet
    loop = [(0x1000, "4a4001340178fbd1")]
    once = price("cortex-m7", profile_of(Isa.THUMB, loop, [1], [1])).total_cycles
    many = price("cortex-m7", profile_of(Isa.THUMB, loop, [101], [1])).total_cycles
    assert once == 2
    assert many - once == 100 * 3 + 8  # and the branch that ends the loop is mispredicted


def test_a_taken_branch_does_not_pair_with_its_target():
    loop = [(0x1000, "00bf00bffcd1")]  # nop, nop | bne: the first nop of the next round starts a cycle of its own
    assert price("cortex-m7", profile_of(Isa.THUMB, loop, [11], [0])).total_cycles == 22


def test_charges_behind_a_jump_stand_at_the_waiting_instruction():
    profile = profile_of(Isa.THUMB, [(0x1000, "4a4001340178fbd1")], [101], [1])
    estimate = price("cortex-m7", profile)
    waits = next(event for event in estimate.events if event.name == "load-wait")
    assert (waits.count, waits.cycles) == (100, 100)
    assert estimate.cycles.sum() == pytest.approx(sum(event.cycles for event in estimate.events))


def test_unaligned_loads_cost_and_unaligned_stores_do_not():
    # "unaligned loads are severely underperforming", "unaligned stores execute without any stalls until store buffer clogs up"
    profile = profile_of(Isa.THUMB, [(0x1000, "08680860")], [10], [10])  # ldr r0, [r1]; str r0, [r1]
    aligned = price("cortex-m7", profile).total_cycles

    def crossing(address):
        return price("cortex-m7", replace(profile, crossings=(CrossingUse(address, np.array([7])),))).total_cycles - aligned

    assert crossing(0x1000) == 28
    assert crossing(0x1002) == 0


def test_every_parameter_is_read():
    read = set()

    class Watched(dict):
        def __getitem__(self, key):
            read.add(key)
            return super().__getitem__(key)

    block = make_decoder(Isa.THUMB).decode(bytes.fromhex("0138fdd1"), 0x1000)
    PIPELINE.charge(block, Watched(loaded("cortex-m7").parameter_values), [1.0] * len(block))
    assert read == {rule.name for rule in PIPELINE.parameters}
