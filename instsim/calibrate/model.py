"""A fitted model as a value, and its predictions with intervals: plain arithmetic, no library of statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from instsim.calibrate.observation import Point
from instsim.calibrate.student_t import quantile
from instsim.calibrate.terms import Term, term_value
from instsim.calibrate.weight_reading import WeightReading

__all__ = ["ASSUMED_ROW_LN_SD", "OUTSIDE_LN_SD", "Domain", "FittedModel", "Prediction", "Range", "interval_half_width"]

OUTSIDE_LN_SD = 0.01
"""Spread added for each factor of e outside the range of cycles that the runs cover (an assumption). Little, because the spread of known boards
holds networks whose cycles differ by a factor of up to 90 already."""

ASSUMED_ROW_LN_SD = 0.3
"""Spread of the cycles that rest on assumed rows of a table, for what the runs did not have of them (an assumption)."""


@dataclass(frozen=True, slots=True)
class Range:
    """Smallest and largest value of something in the runs."""

    low: float
    high: float

    def outside(self, value: float) -> float:
        """Return by which natural logarithm a positive value lies outside; 0 inside."""
        if value <= 0 or self.low <= 0:
            return 0.0
        return max(0.0, math.log(self.low / value), math.log(value / self.high))


@dataclass(frozen=True, slots=True)
class Domain:
    """What the runs cover.

    Attributes
    ----------
    cycles, clock_hz, supply_v : Range
        Of the runs.
    temperature_c : Range or None
        None where nobody measured it.
    firmware : tuple of str
        Families of firmware, sorted.
    assumed_share : float
        Largest share of cycles from assumed rows.
    """

    cycles: Range
    clock_hz: Range
    supply_v: Range
    temperature_c: Range | None = None
    firmware: tuple[str, ...] = ()
    assumed_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted value with its spread.

    Attributes
    ----------
    value : float
        In seconds or joules.
    ln_se : float
        Standard error of prediction of the logarithm (relative standard error), a new run's scatter included.
    degrees_of_freedom : float
        Of the t distribution that goes with it.
    """

    value: float
    ln_se: float
    degrees_of_freedom: float

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Return the prediction interval: the value divided and multiplied by ``exp(t ln_se)``."""
        half = interval_half_width(self, level)
        return self.value * math.exp(-half), self.value * math.exp(half)


def interval_half_width(prediction: Prediction, level: float) -> float:
    """Return half the width of the interval of the logarithm."""
    return quantile(0.5 + level / 2.0, prediction.degrees_of_freedom) * prediction.ln_se


@dataclass(frozen=True)
class FittedModel:
    """Latency in seconds or energy in joules as a sum of terms.

    Attributes
    ----------
    quantity : {'latency', 'energy'}
        What is predicted.
    terms : tuple of Term
        Columns of the design matrix.
    coefficients : tuple of float
        One for each term, in the units of `instsim.calibrate.terms`.
    covariance : tuple of tuple of float
        Of the coefficients, divided by the variance of the relative error.
    ln_sd : float
        Standard deviation of the relative error of a run, that of known boards pooled in.
    degrees_of_freedom : float
        Behind `ln_sd`.
    own_ln_sd : float or None
        Residual standard deviation of these runs alone; None without residual degrees of freedom.
    own_degrees_of_freedom : int
        Runs less terms.
    between_ln_sd : float
        Spread between families of firmware on a board.
    between_degrees_of_freedom : float
        Behind it.
    domain : Domain
        What the runs cover.
    measured_time : bool
        Whether energy was fitted on measured latency, so that the error of a predicted latency comes on top.
    reading : WeightReading or None
        What reading weights does to energy, beside the terms; None for latency, and where the weights of the runs are not known.
    """

    quantity: str
    terms: tuple[Term, ...]
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    ln_sd: float
    degrees_of_freedom: float
    own_ln_sd: float | None
    own_degrees_of_freedom: int
    between_ln_sd: float
    between_degrees_of_freedom: float
    domain: Domain
    measured_time: bool = False
    reading: WeightReading | None = None

    @property
    def families(self) -> tuple[str, ...]:
        """Families of firmware that have coefficients of their own."""
        return tuple(dict.fromkeys(term.firmware for term in self.terms if term.firmware is not None))

    def knows(self, firmware: str) -> bool:
        """Whether the runs hold this family of firmware; runs of unnamed firmware say nothing about it and stand for all."""
        return not self.domain.firmware or firmware in self.domain.firmware

    def row(self, point: Point) -> list[float] | None:
        """Return the row of the design matrix for a point; None where it lacks what a term needs.

        For a family of firmware that has no coefficients of its own, the mean over the families that have.
        """
        families = self.families
        foreign = bool(families) and point.firmware not in families
        values: list[float] = []
        for term in self.terms:
            value = term_value(Term(term.kind) if foreign else term, point)
            if value is None:
                return None
            values.append(value / len(families) if foreign and term.firmware is not None else value)
        return values

    def predict(self, point: Point) -> Prediction | None:
        """Predict at a point.

        Returns
        -------
        Prediction or None
            None where the point lacks what a term needs, or the sum of terms is not positive.
        """
        row = self.row(point)
        if row is None:
            return None
        value = math.fsum(x * b for x, b in zip(row, self.coefficients, strict=True))
        if not value > 0:
            return None
        scale = self.ln_sd**2
        variance = scale * (1.0 + _quadratic(row, self.covariance) / value**2)
        variance += (OUTSIDE_LN_SD * self.domain.cycles.outside(point.cycles)) ** 2
        variance += (ASSUMED_ROW_LN_SD * max(0.0, point.assumed_share - self.domain.assumed_share)) ** 2
        degrees = self.degrees_of_freedom
        ratio = 1.0
        if self.reading is not None:
            ratio = self.reading.ratio(point.weights_per_cycle)
            variance += self.reading.ln_variance(point.weights_per_cycle)
        if not self.knows(point.firmware):
            variance += self.between_ln_sd**2 * (1.0 + 1.0 / max(1, len(self.domain.firmware)))
            degrees = min(degrees, self.between_degrees_of_freedom)
        return Prediction(value * ratio, math.sqrt(variance), degrees)


def _quadratic(row: Sequence[float], matrix: Sequence[Sequence[float]]) -> float:
    return math.fsum(row[i] * matrix[i][j] * row[j] for i in range(len(row)) for j in range(len(row)))
