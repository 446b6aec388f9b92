"""Sequences of the RTL micro-benchmarks: cycles of a unit as simulated at zero wait states.

Hazard3@8272910 (RP2350 timing parameters), ibex@8b8ee086 (small, maxperf), cv32e40p@6033d2b.
"""

import pytest

from .pricing import Isa, cycles, price, profile_of, riscv

CORES = ("hazard3", "ibex-small", "ibex-maxperf", "cv32e40p")

ADD = 0x00B50533  # add a0, a0, a1
LW = 0x00042503  # lw a0, 0(s0)
LW_OTHER = 0x00042583  # lw a1, 0(s0)
CHASE = 0x00052503  # lw a0, 0(a0)
SW = 0x00A42223  # sw a0, 4(s0)
SW_OTHER = 0x00B42223  # sw a1, 4(s0)
MUL = 0x02C58533  # mul a0, a1, a2
MULH = 0x02C59533
BNE_OTHER = 0x00B61263  # bne a2, a1, +4

UNITS = {
    "add, twice": ((ADD, ADD), (2, 2, 2, 2)),
    "c.add": ((0x952E,), (1, 1, 1, 1)),
    "lw, use": ((LW, ADD), (3, 3, 3, 3)),
    "lw, independent add": ((LW_OTHER, 0x00C60633), (2, 3, 2, 2)),
    "lw, store of its value": ((LW, SW), (2, 4, 3, 3)),
    "pointer chase": ((LW, CHASE), (3, 4, 3, 3)),
    "sw": ((SW,), (1, 2, 1, 1)),
    "sw, lw": ((SW_OTHER, LW), (2, 4, 2, 2)),
    "mul": ((MUL,), (1, 3, 1, 1)),
    "mul, use": ((MUL, ADD), (2, 4, 2, 2)),
    "mulh": ((MULH,), (1, 4, 2, 5)),
    "csrr mcycle": ((0xB0002573,), (1, 1, 1, 4)),
    "csrr mscratch": ((0x34002573,), (1, 1, 1, 1)),
    "fence": ((0x0FF0000F,), (1, 1, 1, 4)),
}


@pytest.mark.parametrize("column", range(len(CORES)), ids=CORES)
@pytest.mark.parametrize(("encodings", "expected"), UNITS.values(), ids=UNITS)
def test_straight_code(encodings, expected, column):
    assert cycles(CORES[column], riscv(*encodings)) == expected[column]


BRANCHES = {
    "branch not taken": (BNE_OTHER, False, 0x1000, (1, 1, 1, 1)),
    "forward branch taken": (BNE_OTHER, True, 0x1000, (2, 3, 2, 3)),
    "jal": (0x0080006F, True, 0x1000, (2, 2, 2, 2)),
    "ret": (0x8082, True, 0x1000, (2, 2, 2, 2)),
    "jump to a 32-bit instruction off a word": (0x0080006F, True, 0x1002, (3, 3, 3, 3)),
    "jump to a 16-bit instruction off a word": (0x8082, True, 0x1002, (2, 2, 2, 2)),
}


@pytest.mark.parametrize("column", range(len(CORES)), ids=CORES)
@pytest.mark.parametrize(("encoding", "taken", "address", "expected"), BRANCHES.values(), ids=BRANCHES)
def test_branches(encoding, taken, address, expected, column):
    assert cycles(CORES[column], riscv(encoding), address=address, taken=taken) == expected[column]


LOOPS = {
    # Loop of one add and a branch back, 100 rounds: cycles a round (micro-benchmarks loop_al32_bne32, loop_mis32_bne32)
    "aligned": (0x1000, (2.0, 4.0, 3.0, 4.0)),
    "off a word": (0x1002, (3.0, 5.0, 4.0, 5.0)),
}


@pytest.mark.parametrize("column", range(len(CORES)), ids=CORES)
@pytest.mark.parametrize(("address", "expected"), LOOPS.values(), ids=LOOPS)
def test_loops(address, expected, column):
    bne = 0xFE061EE3  # bne a2, zero, -4
    profile = profile_of(Isa.RV32, [(address, riscv(ADD, bne))], [100], [1])
    estimate = price(CORES[column], profile)
    assert estimate.total_cycles / 100 == pytest.approx(expected[column], abs=0.06)


def test_a_jump_through_a_register_just_written_waits_on_cv32e40p():
    # openhwgroup/cv32e40p@6033d2b docs/source/pipeline.rst
    code = riscv(0x852E, 0x8502)  # c.mv a0, a1; c.jr a0
    assert cycles("cv32e40p", code, taken=True) == 4
    assert cycles("ibex-small", code, taken=True) == 3


@pytest.mark.parametrize(
    ("encoding", "expected"),
    # Wren6991/Hazard3@8272910 doc/sections/instruction_timings.adoc
    [(0xB872, 5), (0xBAF2, 14), (0x00C5A52F, 4), (0x20C5A533, 1), (0xACEA, 2)],
)
def test_hazard3_extensions(encoding, expected):
    assert cycles("hazard3", riscv(encoding)) == expected


def test_the_esp32_c3_reads_its_counter_in_one_cycle():
    # timonvo/niccle@a53ea4e
    assert cycles("esp32-c3", riscv(0xB0002573)) == 1
