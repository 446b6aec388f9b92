"""Hand-checked sequences on the Cortex-M cores; each case names the document or measurement that gives its cycles."""

from dataclasses import replace

import numpy as np
import pytest

from instsim.profile.block_profile import CrossingUse

from .pricing import Isa, cycles, loaded, price, profile_of

M4_CASES = {
    # ARM DDI 0439D section 3.3.2: n chained loads take n + 1 cycles
    "three loads in a row": ("206829683268", 4),
    # section 3.3.2: a loaded value used as an address does not pipeline
    "a load of a loaded address": ("20680168", 5),
    # section 3.3.2: LDR then STR of the loaded value takes 3 cycles
    "a loaded value stored": ("20682860", 3),
    # jnk0le/random@3dfc2ab cortex_m3m4.md: a load behind a store costs one more
    "a store, then a load": ("20602968", 4),
    # section 3.3.2: STR [Rn, Rm] takes 2
    "a store with an index register": ("6051", 2),
    # section 3.3.2: no forwarding to the address generator
    "an address just computed": ("40180268", 4),
    # jnk0le/random@3dfc2ab: indexed loads pair when the base registers alternate; pqm4 and MLPerf Tiny on an STM32L4R5: on one base as well
    "indexed loads of one base": ("54f8040b54f8041b", 3),
    "indexed loads of two bases": ("54f8040b55f8041b", 3),
    # compendium.i-0.nl data-operations/load, pqm4 and MLPerf Tiny on an STM32L4R5: a sequence that a pre-indexed load begins takes one more
    "a pre-indexed load": ("54f8040f", 3),
    "a pre-indexed load behind a load": ("296854f8042f", 3),
    "a post-indexed load": ("54f8040b", 2),
    # table 3-1 note d: IT folds onto a 16-bit instruction
    "IT behind a 16-bit instruction": ("401808bf0846", 2),
    "IT behind a 32-bit instruction": ("08eb010808bf0846", 3),
    # jnk0le/random@3dfc2ab: NOP is absorbed by a load
    "a load, then a nop": ("206800bf", 2),
    # table 3-1: LDM takes 1 + N
    "a load of three registers": ("0ec8", 4),
    # table 3-1: LDRD takes 1 + N
    "a load of two registers": ("d2e90001", 3),
    # jnk0le/random@3dfc2ab: stores with write-back to one base do not chain
    "indexed stores of one base": ("44f8040b44f8041b", 3),
    # table 3-2: multiply and accumulate take one cycle
    "dual multiply-accumulate": ("21fb020023fb0400", 2),
    # table 7-1 and section 7.2.3
    "a sum used at once": ("30ee810a60ee201a", 3),
    "an addend of the next multiply-accumulate": ("00ee810a01ee820a", 6),
    "a factor of the next multiply-accumulate": ("00ee810a40ee022a", 7),
    # section 7.2.3: integer instructions complete while VDIV runs
    "integer work behind a divide": ("80ee810a40184018", 14),
}


@pytest.mark.parametrize(("code", "expected"), M4_CASES.values(), ids=M4_CASES)
def test_cortex_m4(code, expected):
    assert cycles("cortex-m4", code) == expected


@pytest.mark.parametrize(
    ("code", "taken", "expected"),
    [
        # compendium.i-0.nl branch_timing: not taken 1, taken 2; the M4 study: 3 when the flags were set right before
        ("0138fdd1", False, 2),
        ("0138fdd1", True, 4),
        ("013811f100012346fad1", True, 5),
        # ARM DDI 0439D table 3-1: 1 + P for BX, 1 + N + P for POP {.., PC}, with P = 2 for a target known late
        ("7047", True, 3),
        ("30bd", True, 6),
        ("1146fde7", True, 3),
        # jnk0le/random@3dfc2ab cortex_m3m4.md: a store does not overlap with a load multiple behind it
        ("206030bd", True, 8),
    ],
)
def test_cortex_m4_branches(code, taken, expected):
    assert cycles("cortex-m4", code, taken=taken) == expected


def test_cortex_m4_fetch_alignment():
    # compendium.i-0.nl: a jump to a 32-bit instruction off a word border costs one more, and so does the third such instruction in a row
    code = "4fea00004fea00004fea0000"
    assert cycles("cortex-m4", code, address=0x1000) == 3
    assert cycles("cortex-m4", code, address=0x1002) == 5


def test_a_wide_load_off_a_word_border_right_behind_a_jump_does_not_let_the_next_one_pair():
    # jnk0le/random@3dfc2ab cortex_m3m4.md: wide loads may fail to pair where they are not word aligned
    code = "d4f80000d5f80010"
    assert cycles("cortex-m4", code, address=0x1000) == 3
    assert cycles("cortex-m4", code, address=0x1002) == 3 + 1 + 1


def test_cortex_m4_fetch_falls_behind_again_after_a_load():
    # MLPerf Tiny on an STM32L4R5: the same loop off a word border takes 6 cycles more, with five loads in it and four wide instructions behind each
    code = "4fea00004fea00004fea0000" + "d4f80010" + "4fea00004fea00004fea0000"
    assert cycles("cortex-m4", code, address=0x1000) == 8
    assert cycles("cortex-m4", code, address=0x1002) == 8 + 1 + 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # ARM DDI 0337E section 18.2: UMULL 3 to 5 and UMLAL 4 to 7 by operand size, one more for the signed ones; wide operands are charged
        ("a2fb0301", 4),  # umull
        ("82fb0301", 5),  # smull
        ("e2fb0301", 6),  # umlal
        ("c2fb0301", 7),  # smlal
        # ARM 100165_0201_02 table 3-1
        ("02fb03f1", 1),  # mul
    ],
)
def test_cortex_m3_multiplies(code, expected):
    assert cycles("cortex-m3", code) == expected


def test_cortex_m3_takes_any_number_of_wide_instructions_off_a_word_border():
    # pqm3 on an STM32F207: with the Cortex-M4's rule Keccak would be 2 % above the counter
    assert cycles("cortex-m3", "4fea00004fea00004fea0000", address=0x1002) == 4


def test_reads_of_the_second_memory_of_an_stm32f207_do_not_overlap_and_nothing_else_differs():
    # pqm3: the same Keccak takes 1.08 times the cycles there
    assert cycles("cortex-m3", "206829683268") == 4
    assert cycles("cortex-m3-f207-sram2", "206829683268") == 6
    usual, there = loaded("cortex-m3"), loaded("cortex-m3-f207-sram2")
    assert usual.classes == there.classes
    assert usual.parameters == there.parameters
    assert {name for name in usual.events if usual.events[name] != there.events[name]} == {"load-pair", "load-pair-late"}


def test_cortex_m3_chains_only_the_first_indexed_load_and_takes_two_for_mla():
    # jnk0le/random@3dfc2ab cortex_m3m4.md; ARM 100165_0201_02 table 3-1
    assert cycles("cortex-m3", "54f8040b55f8041b") == 4
    assert cycles("cortex-m3", "54f8040b2968") == 3
    assert cycles("cortex-m3", "01fb02f004fb0503") == 3


@pytest.mark.parametrize(
    ("code", "taken", "expected"),
    [
        # ARM DDI 0484C table 3-1
        ("206829683268", False, 6),
        ("0ec8", False, 4),
        ("70b5", False, 5),
        ("30bd", True, 6),
        ("7047", True, 2),
        ("fff7feff", True, 3),
        ("0138fdd1", False, 2),
        ("0138fdd1", True, 3),
        ("4843", False, 1),
    ],
)
def test_cortex_m0plus(code, taken, expected):
    assert cycles("cortex-m0plus", code, taken=taken) == expected


@pytest.mark.parametrize(
    ("code", "taken", "expected"),
    # All jnk0le/random@3dfc2ab cortex_m33.md (measured on an RP2350)
    [
        ("206829683268", False, 3),  # loads issue every cycle
        ("20680168", False, 3),  # load to address: 2
        ("20682860", False, 2),  # load to store data: 1
        ("01fb02f04318", False, 3),  # product to sum: 2
        ("01fb02f004fb0503", False, 2),  # product to addend: 1
        ("21fb020023fb0400", False, 2),  # accumulator to accumulator: 1
        ("01eb8200c018", False, 3),  # shifted operand: 2
        ("81fa42f0c018", False, 3),  # DSP result: 2
        ("d2e90001", False, 2),  # LDRD: 2
        ("0ec8", False, 3),  # LDM: exactly n
        ("4843", False, 2),  # muls takes two slots
        ("b0f58050", False, 2),  # so does a flag-setting shifted constant
        ("401808bf0846", False, 2),  # IT pairs
        ("1146fde7", True, 2),  # a taken branch behind a 16-bit instruction: effectively 1
        ("0138fdd1", False, 1),  # a branch not taken pairs, even behind its flag setter
        ("0138fdd1", True, 3),  # taken, it waits for the flags
        ("30bd", True, 5),  # n + 2
        ("206802fb0303", False, 2),  # load to addend: 1
        ("206800fb03f2", False, 3),  # load to factor: 2
        ("40180cbf0846", False, 2),  # IT pairs with the sum, one slot for what it covers
        ("4018002bfcd1", True, 4),  # a branch paired behind a comparison: taken, it waits for the flags
        ("401801eb020302d1", True, 4),  # behind a 32-bit instruction a branch has a slot of its own
    ],
)
def test_cortex_m33(code, taken, expected):
    assert cycles("cortex-m33", code, taken=taken) == expected


def test_cortex_m33_pays_for_data_across_a_word_border_where_that_was_counted():
    # MLPerf Tiny on an STM32U575: one cycle more, for loads and stores alike
    for code in ("2068", "2060"):  # ldr, str
        profile = profile_of(Isa.THUMB, [(0x1000, code)], [10], [10])
        counted = replace(profile, crossings=(CrossingUse(0x1000, np.array([7])),))
        assert price("cortex-m33", counted).total_cycles == price("cortex-m33", profile).total_cycles + 7


@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4"])
def test_cortex_m4_pays_for_loads_across_a_word_border_where_they_were_counted_and_not_for_stores(core):
    # ARM DDI 0439D sections 3.3.2 and 3.5: a halfword-aligned word load adds one cycle; a store cannot delay the processor (write buffer)
    for code, more in (("2068", 7), ("2060", 0)):  # ldr, str
        profile = profile_of(Isa.THUMB, [(0x1000, code)], [10], [10])
        counted = replace(profile, crossings=(CrossingUse(0x1000, np.array([7])),))
        assert price(core, counted).total_cycles == price(core, profile).total_cycles + more


def test_cortex_m33_pays_for_a_jump_to_a_wide_instruction_off_a_word_border():
    # MLPerf Tiny images on an STM32U575: two officially equal ones agree only with this rule of the Cortex-M4
    assert cycles("cortex-m33", "4fea0000", address=0x1002) - cycles("cortex-m33", "4fea0000", address=0x1000) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    # jnk0le/random@3dfc2ab cortex_m7.md (measured on an STM32H743), where no other source is named
    [
        ("4018d218", 1),  # two independent sums
        ("4018c018", 1),  # the second needs the first, which the early unit does
        ("c8b2dab2", 2),  # two DSP or bit-field instructions never pair
        ("4018dab2", 2),  # and they sit in the older slot only
        ("20686168", 1),  # loads of different banks
        ("2068a168", 2),  # loads of one bank
        ("20684143", 3),  # load to multiply: 2
        ("20784118", 3),  # byte load: 2
        ("20602960", 2),  # two stores
        ("20682860", 1),  # store data are taken in the producer's cycle
        ("01fb02f02360", 2),  # multiply and store
        ("01fb02f04318", 3),  # product to sum: 2
        ("21fb020023fb0400", 2),  # accumulator to accumulator: 1, two multiplies do not pair
        ("70b5", 2),  # push of four: two words a cycle
        ("0ec8", 2),  # three registers: the last moves alone
        ("31ee020b", 2),  # vadd.f64
        ("884202d0", 1),  # a branch pairs with the comparison in front of it
    ],
)
def test_cortex_m7(code, expected):
    assert cycles("cortex-m7", code) == expected


def test_cortex_m7_issues_a_branch_that_is_not_taken_with_the_instruction_behind_it():
    # jnk0le/random@3dfc2ab cortex_m7.md: "not-taken branch can dual issue with following instruction"
    blocks = [(0x1000, "02d0"), (0x1002, "5218")]  # beq | adds
    assert price("cortex-m7", profile_of(Isa.THUMB, blocks, [1, 1], [1, 1])).total_cycles == 1
    assert price("cortex-m7", profile_of(Isa.THUMB, blocks, [1, 1], [0, 1])).total_cycles == 2


def test_cortex_m7_pays_for_the_rarer_way_of_a_branch():
    loop = [(0x1000, "0138fdd1")]
    always = price("cortex-m7", profile_of(Isa.THUMB, loop, [1000], [0])).total_cycles
    leaves = price("cortex-m7", profile_of(Isa.THUMB, loop, [1000], [10])).total_cycles
    assert leaves - always == 80  # jnk0le/random@3dfc2ab: 8 cycles a misprediction
