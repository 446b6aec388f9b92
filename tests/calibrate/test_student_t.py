"""Quantiles of t against scipy and closed forms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from instsim.calibrate.student_t import cumulative, quantile


@pytest.mark.parametrize("degrees", [0.5, 1, 2, 3.7, 10, 30, 250, 1e5])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.9, 0.95, 0.995, 0.05])
def test_quantiles_are_those_of_scipy(probability: float, degrees: float) -> None:
    assert quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-9, abs=1e-12)


def test_one_degree_of_freedom_is_the_cauchy_distribution() -> None:
    assert quantile(0.95, 1) == pytest.approx(math.tan(math.pi * 0.45), rel=1e-12)


def test_many_degrees_of_freedom_are_the_normal_distribution() -> None:
    assert quantile(0.95, math.inf) == pytest.approx(1.6448536269514722)


@given(st.floats(0.01, 0.99), st.floats(0.5, 1000))
def test_the_cumulative_distribution_undoes_the_quantile(probability: float, degrees: float) -> None:
    assert cumulative(quantile(probability, degrees), degrees) == pytest.approx(probability, abs=1e-7)


@pytest.mark.parametrize(("probability", "degrees"), [(0.0, 3), (1.0, 3), (0.9, 0), (0.9, -1), (math.nan, 2)])
def test_what_is_out_of_range_is_refused(probability: float, degrees: float) -> None:
    with pytest.raises(ValueError, match="no quantile"):
        quantile(probability, degrees)
