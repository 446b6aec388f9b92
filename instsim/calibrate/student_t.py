"""Quantiles of Student's t distribution, so that an estimate with an interval needs no scipy."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

__all__ = ["cumulative", "quantile"]

_STEPS = 200
_TINY = 1e-300
_NORMAL_FROM = 1e7


def _continued_fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of the incomplete beta function by the modified Lentz method (DLMF 8.17.22)."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, 2000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for factor in (even, odd):
            d = 1.0 + factor * d
            c = 1.0 + factor / c
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _continued_fraction(a, b, x) / a
    return 1.0 - front * _continued_fraction(b, a, 1.0 - x) / b


def cumulative(t: float, degrees_of_freedom: float) -> float:
    """Return the probability of a value up to `t` (DLMF 8.17: regularised incomplete beta function)."""
    if t == 0.0:
        return 0.5
    tail = 0.5 * _incomplete_beta(degrees_of_freedom / 2.0, 0.5, degrees_of_freedom / (degrees_of_freedom + t * t))
    return tail if t < 0 else 1.0 - tail


@cache
def quantile(probability: float, degrees_of_freedom: float) -> float:
    """Return the value that Student's t stays below with a probability.

    Parameters
    ----------
    probability : float
        Above 0 and below 1.
    degrees_of_freedom : float
        Above 0; need not be whole. Infinity gives the normal distribution.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """
    if not 0.0 < probability < 1.0 or not degrees_of_freedom > 0.0:
        raise ValueError(f"no quantile of t for {probability!r} with {degrees_of_freedom!r} degrees of freedom")
    if probability == 0.5:
        return 0.0
    if degrees_of_freedom > _NORMAL_FROM:
        return NormalDist().inv_cdf(probability)
    if probability < 0.5:
        return -quantile(1.0 - probability, degrees_of_freedom)
    low, high = 0.0, 1.0
    while cumulative(high, degrees_of_freedom) < probability and high < 1e150:
        low, high = high, high * 2.0
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if cumulative(middle, degrees_of_freedom) < probability:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
