"""Divider formulas against the figures measured on hardware and on RTL."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.dynamics.divider import DIVIDER_MODELS, OPERAND_CLASSES, divider_cycles, pack_operands, unpack_operands

REGISTER = st.integers(0, 2**32 - 1) | st.integers(0, 40) | st.integers(2**32 - 40, 2**32 - 1) | st.sampled_from([2**31, 2**31 - 1, 2**16])


def cycles(model, dividend, divisor, signed, **parameters):
    key = pack_operands(dividend % 2**32, divisor % 2**32, signed=signed)
    return divider_cycles(model, np.array([key], dtype=np.int64), parameters)[0]


@given(dividend=REGISTER, divisor=REGISTER, signed=st.booleans())
def test_a_class_fits_its_histogram_and_remembers_widths_and_signs(dividend, divisor, signed):
    key = pack_operands(dividend, divisor, signed=signed)
    assert 0 <= key < OPERAND_CLASSES
    as_int = [x - 2**32 if signed and x >= 2**31 else x for x in (dividend, divisor)]
    operands = unpack_operands(key)
    assert operands.dividend_width == abs(as_int[0]).bit_length()
    assert operands.divisor_width == abs(as_int[1]).bit_length()
    assert operands.dividend_negative == (as_int[0] < 0)
    assert operands.divisor_negative == (as_int[1] < 0)
    assert operands.divisor_power_of_two == (abs(as_int[1]).bit_count() == 1)


@given(dividend=REGISTER, divisor=REGISTER, signed=st.booleans())
def test_cv32e40p_counts_leading_zeros_or_ones_of_the_divisor(dividend, divisor, signed):
    # openhwgroup/cv32e40p@6033d2b rtl/cv32e40p_alu.sv and cv32e40p_alu_div.sv
    if signed and divisor >= 2**31:
        leading_ones = 32 - (divisor ^ (2**32 - 1)).bit_length()
        expected = 2 + leading_ones
    else:
        expected = 3 + 32 - divisor.bit_length()
    assert cycles("cv32e40p", dividend, divisor, signed) == expected


@pytest.mark.parametrize(
    ("dividend", "divisor", "signed", "expected"),
    # Cycles of the RTL (cv32e40p@6033d2b) in a micro-benchmark of repeated divides.
    [
        (0x12345678, 7, True, 32),
        (-0x12345678, 7, True, 32),
        (7, -3, True, 32),
        (-0x12345678, -7, True, 31),
        (0x12345678, 1, True, 34),
        (5, 0, True, 35),
        (2**32 - 1, 1, False, 34),
        (2**32 - 1, 2**32 - 1, False, 3),
    ],
)
def test_cv32e40p_against_rtl(dividend, divisor, signed, expected):
    assert cycles("cv32e40p", dividend, divisor, signed) == expected


@pytest.mark.parametrize(
    ("dividend", "divisor", "expected"),
    # compendium.i-0.nl, computational operations, division (measured Cortex-M4)
    [(0, 5, 2), (5, 0, 2), (3, 4, 3), (4, 4, 5), (0xF, 1, 5), (0x1F, 1, 6), (2**32 - 1, 1, 12), (-8, 8, 5)],
)
def test_cortex_m4_formula(dividend, divisor, expected):
    assert cycles("cortex-m4", dividend, divisor, signed=dividend < 0) == expected


@given(dividend=REGISTER, divisor=REGISTER, signed=st.booleans())
def test_cortex_m4_stays_in_the_range_of_the_manual(dividend, divisor, signed):
    # ARM DDI 0439D table 3-1: SDIV and UDIV take 2 to 12 cycles
    assert 2 <= cycles("cortex-m4", dividend, divisor, signed) <= 12


@pytest.mark.parametrize(("dividend", "divisor", "expected"), [(100, 7, 19), (-100, 7, 20), (7, -3, 19), (-9, -3, 20), (5, 0, 19), (0, 5, 19)])
def test_hazard3_corrects_the_sign_of_a_negative_dividend(dividend, divisor, expected):
    # Micro-benchmark on the RTL, Wren6991/Hazard3@8272910 with MULDIV_UNROLL=2
    assert cycles("sign-correction", dividend, divisor, signed=True, cycles=19, correction_cycles=1) == expected


def test_an_unsigned_dividend_above_2_31_needs_no_correction():
    assert cycles("sign-correction", 2**32 - 1, 3, signed=False, cycles=19, correction_cycles=1) == 19


@pytest.mark.parametrize(("divisor", "expected"), [(0, 2), (1, 37), (-1, 37)])
def test_ibex_leaves_early_only_for_a_divisor_of_zero(divisor, expected):
    # lowRISC/ibex@8b8ee086 doc/03_reference/instruction_decode_execute.rst
    assert cycles("fixed-zero", 1000, divisor, signed=True, cycles=37, by_zero_cycles=2) == expected


@given(model=st.sampled_from(sorted(DIVIDER_MODELS)), operands=st.lists(st.tuples(REGISTER, REGISTER), max_size=20))
def test_every_model_prices_every_class(model, operands):
    keys = np.array([pack_operands(a, b, signed=True) for a, b in operands], dtype=np.int64)
    priced = divider_cycles(model, keys, dict.fromkeys(DIVIDER_MODELS[model], 7.0))
    assert priced.shape == keys.shape
    assert (priced >= 2).all()


@pytest.mark.parametrize(("model", "parameters"), [("nonesuch", {}), ("fixed", {}), ("cortex-m4", {"cycles": 3})])
def test_unknown_models_and_parameters_are_refused(model, parameters):
    with pytest.raises(ValueError, match="divider model"):
        divider_cycles(model, np.zeros(1, dtype=np.int64), parameters)
