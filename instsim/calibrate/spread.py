"""Spread that known boards show, pooled with what a few runs show themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from instsim.calibrate.weight_reading import WeightReading

__all__ = ["NO_SPREAD", "Spread", "pool_spreads", "pooled_sd"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Scatter of runs about a board's model, as known boards have it.

    Attributes
    ----------
    ln_sd : float
        Of a run's relative error.
    degrees_of_freedom : float
        How much it weighs against a board's own residuals; 0: not at all.
    between_ln_sd : float
        Between families of firmware on one board.
    between_degrees_of_freedom : float
        Behind that.
    reading : WeightReading or None
        What reading weights does to power; `ln_sd` is then what is left beside it.
    boards_ln_sd, boards_degrees_of_freedom : float
        How far boards differ from each other.
    """

    ln_sd: float
    degrees_of_freedom: float
    between_ln_sd: float
    between_degrees_of_freedom: float
    reading: WeightReading | None = None
    boards_ln_sd: float = 0.0
    boards_degrees_of_freedom: float = 0.0

    def without_reading(self) -> Spread:
        """Return the scatter of runs whose weights are not known."""
        if self.reading is None:
            return self
        return replace(self, ln_sd=math.sqrt(self.ln_sd**2 + self.reading.unknown_ln_variance), reading=None)


_MOST_DEGREES = 100.0

NO_SPREAD = Spread(0.0, 0.0, 0.0, 0.0)
"""Nothing known: a board's own runs alone."""


def pooled_sd(prior_sd: float, prior_degrees: float, own_squares: float, own_degrees: float) -> float:
    """Return the pooled standard deviation: the posterior scale of a scaled inverse chi-squared prior (Gelman et al., BDA3, section 2.6).

    Parameters
    ----------
    prior_sd, prior_degrees : float
        Of known boards.
    own_squares, own_degrees : float
        Residual sum of squares and its degrees of freedom.

    Raises
    ------
    ValueError
        If there are no degrees of freedom at all.
    """
    degrees = prior_degrees + own_degrees
    if degrees <= 0:
        raise ValueError("no degrees of freedom: neither runs nor known boards tell a spread")
    return math.sqrt((prior_degrees * prior_sd**2 + own_squares) / degrees)


def pool_spreads(variances: Sequence[float], degrees: Sequence[float]) -> tuple[float, float]:
    """Estimate the prior of variances from several samples of them, by moments of their logarithms.

    Parameters
    ----------
    variances, degrees : sequence of float
        Residual variance and its degrees of freedom, one for each board set-up.

    Returns
    -------
    tuple of float
        Prior standard deviation and its degrees of freedom (Smyth, "Linear models and empirical Bayes methods", 2004, section 6.2). Samples that
        differ no more than chance would have them give their pooled variance, with 100 degrees of freedom.

    Raises
    ------
    ValueError
        With fewer than two samples.
    """
    if len(variances) < 2:
        raise ValueError("a spread of spreads needs two of them")
    shifted = [math.log(v) - _digamma(d / 2.0) + math.log(d / 2.0) for v, d in zip(variances, degrees, strict=True)]
    mean = math.fsum(shifted) / len(shifted)
    excess = math.fsum((e - mean) ** 2 for e in shifted) / (len(shifted) - 1) - math.fsum(_trigamma(d / 2.0) for d in degrees) / len(degrees)
    if excess <= _trigamma(_MOST_DEGREES / 2.0):
        return math.sqrt(math.fsum(v * d for v, d in zip(variances, degrees, strict=True)) / math.fsum(degrees)), _MOST_DEGREES
    half = _inverse_trigamma(excess)
    return math.sqrt(math.exp(mean + _digamma(half) - math.log(half))), 2.0 * half


def _digamma(x: float) -> float:
    """Recurrence, then the asymptotic series (DLMF 5.11.2)."""
    shift = 0.0
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    r = 1.0 / (x * x)
    return shift + math.log(x) - 0.5 / x - r * (1 / 12 - r * (1 / 120 - r / 252))


def _trigamma(x: float) -> float:
    shift = 0.0
    while x < 10.0:
        shift += 1.0 / (x * x)
        x += 1.0
    r = 1.0 / (x * x)
    return shift + 1.0 / x + 0.5 * r + r / x * (1 / 6 - r * (1 / 30 - r / 42))


def _inverse_trigamma(value: float) -> float:
    low, high = 1e-3, 1e4
    for _ in range(200):
        middle = math.sqrt(low * high)
        if _trigamma(middle) > value:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
