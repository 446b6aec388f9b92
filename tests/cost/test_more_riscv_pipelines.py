"""PicoRV32, VexRiscv, Hazard3 without its fast options and Ibex's branch predictor: units of the RTL micro-benchmarks (firmware_elf/rtl)."""

import pytest

from .pricing import Isa, cycles, price, profile_of, riscv

ADD = 0x00B50533  # add a0, a0, a1
OTHER = 0x00C60633  # add a2, a2, a2
LW = 0x00042503  # lw a0, 0(s0)
SW = 0x00A42023  # sw a0, 0(s0)
RELOAD = 0x00042583  # lw a1, 0(s0)
ELSEWHERE = 0x00442583  # lw a1, 4(s0)
MUL = 0x02C58533  # mul a0, a1, a2
MULH = 0x02C59533
MULHU = 0x02C5B533
SLLI7 = 0x00751513  # slli a0, a0, 7
SLLI31 = 0x01F51513
SLLI4 = 0x00451513
FORWARD = 0x00B61463  # bne a2, a1, +8
BACK = 0xFEB61EE3  # bne a2, a1, -4
J = 0x0080006F
CALL = 0x008000EF
RET = 0x00008067


@pytest.mark.parametrize(
    ("encodings", "taken", "expected"),
    [
        # YosysHQ/picorv32@87c89ac README.md, cycles per instruction, two register ports
        ((ADD,), False, 3),
        ((LW,), False, 5),
        ((SW,), False, 5),
        ((FORWARD,), False, 3),
        ((FORWARD,), True, 5),
        ((J,), True, 3),
        ((CALL, RET), True, 9),
        ((MUL,), False, 6),
        ((MULH,), False, 6),
        ((SLLI31,), False, 3),
        # no pipeline: nothing waits for a load
        ((LW, ADD), False, 8),
    ],
)
def test_picorv32_adds_its_instructions_up(encodings, taken, expected):
    assert cycles("picorv32", riscv(*encodings), taken=taken) == expected


def test_picorv32_fetches_a_split_instruction_twice():
    # micro-benchmark add32_misaligned: 4 cycles each instead of 3
    assert cycles("picorv32", riscv(ADD, ADD), address=0x1002) == 8
    assert cycles("picorv32", riscv(ADD, ADD), address=0x1000) == 6


def test_picorv32_waits_for_the_prefetch_of_a_split_instruction_behind_a_taken_branch():
    # Loops of c.addi and c.bnez (loop_mis16_cbnez, 9.05 a pass): at +2 the instruction behind is split, at +0 it is not.
    c_addi, c_bnez = 0x157D, 0xFD7D
    for address, behind, expected in ((0x1002, ADD, 9), (0x1002, 0x0001, 8), (0x1000, ADD, 8)):
        profile = profile_of(Isa.RV32, [(address, riscv(c_addi, c_bnez)), (address + 4, riscv(behind))], [101, 1], [1, 1])
        taken = price("picorv32", profile).cycles[0, 0] - (3 + 3)
        assert taken == 100 * expected, hex(address)


@pytest.mark.parametrize(("encoding", "expected"), [(SLLI7, 8), (SLLI31, 14), (SLLI4, 5), (MUL, 40), (MULH, 72)])
def test_picorv32_without_barrel_shifter_and_fast_multiplier(encoding, expected):
    # micro-benchmarks slli7_dep, sll_reg31, sra_reg4, mul_indep, mulh
    assert cycles("picorv32-small", riscv(encoding)) == expected


@pytest.mark.parametrize(
    ("encodings", "taken", "expected"),
    [
        # micro-benchmarks lw_use, lw_gap1_use, lw_gap2_use, lw_sw_data
        ((LW, ADD), False, 4),
        ((LW, OTHER, ADD), False, 4),
        ((LW, OTHER, OTHER, ADD), False, 4),
        ((LW, 0x00A42223), False, 4),
        # mul_use, slli7_dep, sw_lw_alt, and a load from elsewhere
        ((MUL, ADD), False, 4),
        ((SLLI7, SLLI7), False, 3),
        ((SW, RELOAD), False, 7),
        ((SW, ELSEWHERE), False, 2),
        # br_nottaken_b, br_taken_next4, a loop's branch, jal, call and return
        ((FORWARD,), False, 1),
        ((FORWARD,), True, 4),
        ((BACK,), True, 2),
        ((BACK,), False, 4),
        ((J,), True, 2),
        ((RET,), True, 4),
    ],
)
def test_vexriscv(encodings, taken, expected):
    assert cycles("vexriscv-imac", riscv(*encodings), taken=taken) == expected


@pytest.mark.parametrize(("encoding", "expected"), [(MUL, 34), (MULHU, 34), (MULH, 36), (0x02C5C533, 35)])
def test_hazard3_with_its_default_options_multiplies_bit_by_bit(encoding, expected):
    assert cycles("hazard3-min", riscv(encoding)) == expected


@pytest.mark.parametrize(
    ("encoding", "taken", "expected"),
    # jal_al32, a loop's branch and its exit, a forward branch, a return
    [(J, True, 1), (BACK, True, 1), (BACK, False, 2), (FORWARD, True, 2), (FORWARD, False, 1), (RET, True, 2)],
)
def test_ibex_with_its_branch_predictor(encoding, taken, expected):
    assert cycles("ibex-maxbp", riscv(encoding), taken=taken) == expected
