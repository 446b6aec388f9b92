"""The spread of latency that nobody calibrated, from the comparisons with boards."""

from __future__ import annotations

import math

import pytest
from accuracy.comparison import Comparison
from accuracy.data_sets import PROGRAMS, VENDOR_IMAGES
from calibration.nominal import nominal_spreads

from instsim.isa import Isa

RP2040 = "TFLM person detection on RP2040, rebuilt with another compiler"


def row(data_set: str, core: str, name: str, measured: float, predicted: float = 100.0) -> Comparison:
    return Comparison(data_set, core, name, predicted, measured)


def test_every_group_counts_the_same_however_many_programs_it_has() -> None:
    rows = [row(VENDOR_IMAGES, "nucleo-l4r5zi", str(number), 100 * math.exp(0.02)) for number in range(9)]
    rows.append(row(VENDOR_IMAGES, "nucleo-g0b1re", "one", 100 * math.exp(-0.04)))
    (found,) = nominal_spreads(rows)
    assert (found.isa, found.programs, found.groups, found.degrees_of_freedom) == (Isa.THUMB, 10, 2, 1.0)
    assert found.ln_bias == pytest.approx(-0.01)
    # Deviations .03 and -.03 with one degree of freedom; the mean of two groups adds a half of the variance.
    assert found.ln_sd == pytest.approx(math.sqrt(2 * 0.03**2 * 1.5))


def test_operators_are_one_program_and_what_no_board_ran_is_left_out() -> None:
    rows = [
        row(RP2040, "rpi-pico, a, CONV_2D", "0 CONV_2D", 90.0),
        row(RP2040, "rpi-pico, a, other operators", "1 SOFTMAX", 30.0, 20.0),
        row(VENDOR_IMAGES, "nucleo-g0b1re", "one", 100.0),
        row(PROGRAMS, "hazard3", "fc", 150.0),
    ]
    (found,) = nominal_spreads(rows)
    assert (found.programs, found.groups) == (2, 2)
    assert found.ln_bias == pytest.approx(0.0, abs=1e-12)
    assert found.ln_sd == pytest.approx(0.0, abs=1e-12)
