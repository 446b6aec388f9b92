"""A new board held to boards that are calibrated already: their mean, the nearest weighing most, and what own runs make of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from instsim.calibrate.calibration import Calibration
from instsim.calibrate.model import Domain, FittedModel, Range
from instsim.calibrate.observation import Point
from instsim.calibrate.spread import Spread, pooled_sd
from instsim.calibrate.terms import Term
from instsim.calibrate.weight_reading import WeightReading

__all__ = ["BoardPrior", "KnownBoard", "Shrinkage", "model_of_others", "prior_from", "shrink"]

_REFERENCE_CYCLES = 1e7
_KIND = {"latency": "nominal-time", "energy": "time"}
_SHRUNK_KINDS = frozenset({"nominal-time", "time", "cycles"})


@dataclass(frozen=True, slots=True)
class KnownBoard:
    """A calibrated board beside the new one.

    Attributes
    ----------
    calibration : Calibration
        Its calibration.
    distance : float
        From the new board; boards weigh by ``exp(-distance)``.
    ln_energy_shift : float
        By how much the energy of a cycle is known to differ on the new board, as a logarithm: another supply behind a linear regulator.
    """

    calibration: Calibration
    distance: float
    ln_energy_shift: float = 0.0

    @property
    def weight(self) -> float:
        """How much it counts beside the others."""
        return math.exp(-self.distance)

    def ln_value(self, quantity: str) -> float | None:
        """Return the logarithm of latency over cycles and clock, or of joules a cycle where no weights are read; None where it has neither."""
        found = self.calibration.latency if quantity == "latency" else self.calibration.energy
        if found is None:
            return None
        clock_hz = self.calibration.clock_hz
        weights = None if found.reading is None else 0.0
        point = Point(_REFERENCE_CYCLES, clock_hz, _REFERENCE_CYCLES / clock_hz, self.calibration.supply_v, weight_bytes=weights)
        predicted = found.predict(point)
        if predicted is None:
            return None
        if quantity == "latency":
            return math.log(predicted.value / point.nominal_s)
        return math.log(predicted.value / point.cycles) + self.ln_energy_shift


@dataclass(frozen=True, slots=True)
class BoardPrior:
    """What other boards say of a new one.

    Attributes
    ----------
    quantity : {'latency', 'energy'}
        Of what.
    ln_mean : float
        Logarithm of latency over cycles and clock, or of joules a cycle.
    ln_sd : float
        Spread of a new board about it, the uncertainty of the mean included.
    degrees_of_freedom : float
        Behind the spread.
    boards : tuple of (KnownBoard, float)
        What it is made of, with each one's logarithm, the nearest first.
    """

    quantity: str
    ln_mean: float
    ln_sd: float
    degrees_of_freedom: float
    boards: tuple[tuple[KnownBoard, float], ...]

    def coefficient(self, kind: str, clock_hz: float, reading: WeightReading | None) -> float:
        """Return the coefficient of a term that this amounts to."""
        value = math.exp(self.ln_mean)
        if reading is not None:
            # Coefficients hold at the mean of the runs, the prior where no weights are read.
            value /= reading.ratio(0.0)
        return value * clock_hz if kind == "time" else value


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """What other boards did to a model.

    Attributes
    ----------
    prior : BoardPrior
        What they say.
    own, shrunk : tuple of float
        Coefficients by the board's own runs (empty without any), and in force.
    own_weight : float
        Share of the own runs in the first of these, from 0 to 1.
    term : str
        Kind of the term that these are coefficients of.
    """

    prior: BoardPrior
    own: tuple[float, ...]
    shrunk: tuple[float, ...]
    own_weight: float
    term: str


def prior_from(quantity: str, known: Sequence[KnownBoard], spread: Spread) -> BoardPrior | None:
    """Return what boards say of a quantity of a new one; None if none of them knows it, or nothing tells how far boards differ.

    Parameters
    ----------
    quantity : {'latency', 'energy'}
        What is asked for.
    known : sequence of KnownBoard
        Calibrated boards.
    spread : Spread
        Of known boards: how far boards differ, which few of them tell badly.
    """
    found = [(board, value) for board in known if (value := board.ln_value(quantity)) is not None]
    if not found:
        return None
    total = math.fsum(board.weight for board, _ in found)
    mean = math.fsum(board.weight * value for board, value in found) / total
    effective = total**2 / math.fsum(board.weight**2 for board, _ in found)
    squares = effective * math.fsum(board.weight * (value - mean) ** 2 for board, value in found) / total
    degrees = max(0.0, effective - 1.0)
    if spread.boards_degrees_of_freedom + degrees <= 0:
        return None
    sd = pooled_sd(spread.boards_ln_sd, spread.boards_degrees_of_freedom, squares, degrees)
    ordered = tuple(sorted(found, key=lambda pair: (pair[0].distance, pair[0].calibration.name)))
    return BoardPrior(quantity, mean, sd * math.sqrt(1.0 + 1.0 / effective), spread.boards_degrees_of_freedom + degrees, ordered)


def shrink(model: FittedModel, prior: BoardPrior, clock_hz: float) -> tuple[FittedModel, Shrinkage] | None:
    """Draw the coefficients of a model toward other boards, each as far as its own runs leave it uncertain.

    The logarithm of a coefficient is normal about the own runs' with their standard error, and about the prior with its spread; the mean of the
    two, weighted by the inverse of their variances, is taken.

    Returns
    -------
    tuple or None
        The model and what was done; None if it is made of terms that other boards say nothing of.
    """
    kinds = {term.kind for term in model.terms}
    if len(kinds) != 1 or not kinds <= _SHRUNK_KINDS or not all(value > 0 for value in model.coefficients):
        return None
    (kind,) = kinds
    center = prior.coefficient(kind, clock_hz, model.reading)
    weights = [
        prior.ln_sd**2 / (prior.ln_sd**2 + (model.ln_sd / value) ** 2 * model.covariance[number][number])
        for number, value in enumerate(model.coefficients)
    ]
    shrunk = tuple(value**weight * center ** (1.0 - weight) for value, weight in zip(model.coefficients, weights, strict=True))
    covariance = tuple(
        tuple(
            model.covariance[i][j] * math.sqrt(weights[i] * weights[j]) * shrunk[i] * shrunk[j] / (model.coefficients[i] * model.coefficients[j])
            for j in range(len(shrunk))
        )
        for i in range(len(shrunk))
    )
    return replace(model, coefficients=shrunk, covariance=covariance), Shrinkage(prior, model.coefficients, shrunk, weights[0], kind)


def model_of_others(prior: BoardPrior, spread: Spread, clock_hz: float, supply_v: float) -> tuple[FittedModel, Shrinkage]:
    """Return the model of a board without any run: other boards alone, with their spread."""
    kind = _KIND[prior.quantity]
    reading = spread.reading
    value = prior.coefficient(kind, clock_hz, reading)
    models = [board.calibration.latency if prior.quantity == "latency" else board.calibration.energy for board, _ in prior.boards]
    cycles = [model.domain.cycles for model in models if model is not None]
    model = FittedModel(
        quantity=prior.quantity,
        terms=(Term(kind),),
        coefficients=(value,),
        # Over the variance of the relative error, like that of a fit.
        covariance=((value**2 * prior.ln_sd**2 / spread.ln_sd**2,),),
        ln_sd=spread.ln_sd,
        degrees_of_freedom=prior.degrees_of_freedom,
        own_ln_sd=None,
        own_degrees_of_freedom=0,
        between_ln_sd=spread.between_ln_sd,
        between_degrees_of_freedom=spread.between_degrees_of_freedom,
        domain=Domain(
            Range(min(span.low for span in cycles), max(span.high for span in cycles)), Range(clock_hz, clock_hz), Range(supply_v, supply_v)
        ),
        measured_time=prior.quantity == "energy",
        reading=reading,
    )
    return model, Shrinkage(prior, (), (value,), 0.0, kind)
