"""Weighted least squares of one model on the runs, with leave-one-out errors and diagnostics. The only importer of statsmodels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from instsim.calibrate.model import Domain, FittedModel, Range
from instsim.calibrate.observation import Observation, Point
from instsim.calibrate.spread import Spread, pooled_sd
from instsim.calibrate.terms import TERMS, Term, term_value
from instsim.errors import InputError

__all__ = ["Errors", "Fit", "Influence", "Sample", "at_mean_reading", "fit", "leave_one_out", "make_samples", "spans"]

_METER_RELATIVE_SD = 0.02
"""Accuracy of the power meter behind MLPerf Tiny: repeats that scatter less say nothing about how well a model holds."""

_ALIKE = 0.95
_CONDITION_LIMIT = 1e8

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """A run as one model sees it.

    Attributes
    ----------
    name, key : str, tuple
        Of the run; samples with one key repeat each other.
    point : Point
        What is predicted from.
    value : float
        What was measured, in seconds or joules.
    weight : float
        Of the relative error, at most 1.
    place : str
        How a message names it.
    """

    name: str
    key: tuple[object, ...]
    point: Point
    value: float
    weight: float
    place: str


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative errors of runs predicted from others.

    Attributes
    ----------
    each : tuple of float or None
        Signed, one for each run; None where the other runs cannot predict it.
    """

    each: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """Those that exist."""
        return [error for error in self.each if error is not None]

    @property
    def rms(self) -> float:
        """Root mean square; infinite if any run cannot be predicted."""
        if not self.each or len(self.known) < len(self.each):
            return math.inf
        return math.sqrt(math.fsum(error * error for error in self.known) / len(self.each))

    @property
    def mean_absolute(self) -> float | None:
        """Mean of the absolute values; None if there are none."""
        return math.fsum(map(abs, self.known)) / len(self.known) if self.known else None

    @property
    def worst(self) -> float | None:
        """Largest absolute value."""
        return max(map(abs, self.known), default=None)


@dataclass(frozen=True, slots=True)
class Influence:
    """What one run does to a fit.

    Attributes
    ----------
    place : str
        The run.
    residual : float
        Relative: measured over fitted, less 1.
    leverage : float
        Diagonal of the hat matrix: 1 if the run fixes a coefficient alone.
    cooks_distance : float or None
        None without residual degrees of freedom.
    left_out : float or None
        Relative error when the others predict it.
    """

    place: str
    residual: float
    leverage: float
    cooks_distance: float | None
    left_out: float | None


@dataclass(frozen=True)
class Fit:
    """A model and how well it holds.

    Attributes
    ----------
    model : FittedModel
        To predict with.
    standard_errors : tuple of float
        Of the coefficients.
    left_out : Errors
        Leave one run out (repeats of it with it).
    groups_left_out : Errors or None
        Leave one family of firmware out; None with fewer than two.
    aicc : float or None
        Akaike's criterion for small samples, on the relative scale; None where its formula is not defined.
    condition_number : float
        Of the weighted design matrix, columns scaled to length 1.
    alike : tuple of (str, str, float)
        Terms that the runs cannot tell apart, with the correlation of their coefficients.
    influence : tuple of Influence
        One for each run.
    """

    model: FittedModel
    standard_errors: tuple[float, ...]
    left_out: Errors
    groups_left_out: Errors | None
    aicc: float | None
    condition_number: float
    alike: tuple[tuple[str, str, float], ...]
    influence: tuple[Influence, ...]


def make_samples(quantity: str, observations: Sequence[Observation]) -> tuple[Sample, ...]:
    """Return the runs that measured a quantity, in an order that does not depend on theirs.

    Weights are those of the relative error: ``1 / y^2``, and less where repeats scatter more than a meter errs.
    """
    samples = []
    for run in observations:
        value, sd = (run.latency_s, run.latency_sd_s) if quantity == "latency" else (run.energy_j, run.energy_sd_j)
        if value is None:
            continue
        scatter = (sd / value) ** 2 / run.repeats if sd else 0.0
        weight = _METER_RELATIVE_SD**2 / (_METER_RELATIVE_SD**2 + scatter)
        samples.append(Sample(run.name, run.operating_point, run.point, value, weight, run.place))
    return tuple(sorted(samples, key=lambda s: (s.point.cycles, s.point.clock_hz, s.value, s.name, str(s.key), s.weight)))


def at_mean_reading(samples: Sequence[Sample], spread: Spread) -> tuple[tuple[Sample, ...], Spread]:
    """Return energies as they would be if all runs read weights alike, and the spread that is left then.

    Where the weights of a run are not known, the energies stay as they are, and the spread is that of such runs.
    """
    per_cycle = [sample.point.weights_per_cycle for sample in samples]
    known = [value for value in per_cycle if value is not None]
    if spread.reading is None or not known or len(known) < len(per_cycle):
        return tuple(samples), spread.without_reading()
    reading = replace(spread.reading, mean=math.fsum(known) / len(known))
    level = tuple(replace(sample, value=sample.value / reading.ratio(value)) for sample, value in zip(samples, known, strict=True))
    return level, replace(spread, reading=reading)


def _design(terms: Sequence[Term], samples: Sequence[Sample]) -> tuple[Array, Array]:
    """Return the design matrix and the weights of the relative error, ``w / y^2``."""
    rows = [[term_value(term, sample.point) for term in terms] for sample in samples]
    missing = [sample.place for row, sample in zip(rows, samples, strict=True) if None in row]
    if missing:
        raise InputError(f"these runs lack what {' + '.join(term.label for term in terms)} needs: {', '.join(missing)}")
    return np.array(rows, dtype=float), np.array([sample.weight / sample.value**2 for sample in samples])


def _scaled(design: Array, weights: Array) -> tuple[Array, Array]:
    root = design * np.sqrt(weights)[:, None]
    lengths = np.sqrt((root**2).sum(axis=0))
    return root / np.where(lengths > 0, lengths, 1.0), lengths


def _condition(design: Array, weights: Array) -> float:
    scaled, lengths = _scaled(design, weights)
    if scaled.shape[0] < scaled.shape[1] or not lengths.all():
        return math.inf
    values = np.linalg.svd(scaled, compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else math.inf


def _domain(samples: Sequence[Sample]) -> Domain:
    points = [sample.point for sample in samples]
    temperatures = [point.temperature_c for point in points if point.temperature_c is not None]

    def span(values: Sequence[float]) -> Range:
        return Range(min(values), max(values))

    return Domain(
        cycles=span([point.cycles for point in points]),
        clock_hz=span([point.clock_hz for point in points]),
        supply_v=span([point.supply_v for point in points]),
        temperature_c=span(temperatures) if temperatures else None,
        firmware=tuple(sorted({point.firmware for point in points if point.firmware})),
        assumed_share=max(point.assumed_share for point in points),
    )


def _between(terms: Sequence[Term], coefficients: Sequence[float], families: Sequence[str], spread: Spread) -> tuple[float, float]:
    """Return spread and degrees of freedom between families of firmware, those of known boards pooled in."""
    kinds = {term.kind for term in terms if term.firmware is not None}
    squares, degrees = 0.0, 0
    for kind in sorted(kinds):
        own = [math.log(b) for term, b in zip(terms, coefficients, strict=True) if term.kind == kind and b > 0]
        if len(own) == len(families) > 1:
            squares += math.fsum((value - math.fsum(own) / len(own)) ** 2 for value in own)
            degrees += len(own) - 1
    if spread.between_degrees_of_freedom + degrees <= 0:
        return 0.0, 1.0
    total = spread.between_degrees_of_freedom + degrees
    return pooled_sd(spread.between_ln_sd, spread.between_degrees_of_freedom, squares, degrees), total


def _across_families(spread: Spread) -> Spread:
    """Return the spread of runs that share a coefficient although their firmware differs: the differences are in their scatter, once."""
    if not spread.degrees_of_freedom:
        return spread
    degrees = min(spread.degrees_of_freedom, spread.between_degrees_of_freedom)
    return Spread(math.hypot(spread.ln_sd, spread.between_ln_sd), degrees, 0.0, degrees, spread.reading)


def fit(quantity: str, terms: Sequence[Term], samples: Sequence[Sample], spread: Spread, *, measured_time: bool = False) -> Fit:
    """Fit one model.

    Parameters
    ----------
    quantity : {'latency', 'energy'}
        What the samples' values are.
    terms : sequence of Term
        Columns.
    samples : sequence of Sample
        Rows, as `make_samples` gives them.
    spread : Spread
        What known boards show, pooled into the residual variance.
    measured_time : bool
        Whether the samples' ``time_s`` was measured.

    Raises
    ------
    InputError
        If the runs cannot tell the terms apart, or there are fewer runs than terms, or neither runs nor known boards tell a spread.
    """
    from statsmodels.regression.linear_model import WLS  # noqa: PLC0415 -- takes a second to load

    design, weights = _design(terms, samples)
    condition = _condition(design, weights)
    labels = [term.label for term in terms]
    if not condition < _CONDITION_LIMIT:
        raise InputError(f"{len(samples)} runs do not tell {' + '.join(labels)} apart")
    values = np.array([sample.value for sample in samples])
    scaled, lengths = _scaled(design, weights)
    result = WLS(values, design / lengths, weights=weights).fit(method="qr")
    coefficients = np.asarray(result.params) / lengths
    covariance = np.asarray(result.normalized_cov_params) / np.outer(lengths, lengths)
    own_degrees = len(samples) - len(terms)
    squares = float(result.ssr) if own_degrees else 0.0
    families = tuple(dict.fromkeys(term.firmware for term in terms if term.firmware is not None))
    domain = _domain(samples)
    if not families and len(domain.firmware) > 1:
        spread = _across_families(spread)
    degrees = spread.degrees_of_freedom + own_degrees
    if degrees <= 0:
        raise InputError(f"{len(samples)} runs for {len(terms)} terms leave nothing to tell an interval from", hint="measure more runs")
    sd = pooled_sd(spread.ln_sd, spread.degrees_of_freedom, squares, own_degrees)
    between, between_degrees = _between(terms, coefficients.tolist(), families, spread)
    model = FittedModel(
        quantity=quantity,
        terms=tuple(terms),
        coefficients=tuple(coefficients.tolist()),
        covariance=tuple(map(tuple, covariance.tolist())),
        ln_sd=sd,
        degrees_of_freedom=degrees,
        own_ln_sd=math.sqrt(squares / own_degrees) if own_degrees else None,
        own_degrees_of_freedom=own_degrees,
        between_ln_sd=between,
        between_degrees_of_freedom=between_degrees,
        domain=domain,
        measured_time=measured_time,
        reading=spread.reading,
    )
    left_out = leave_one_out(terms, samples)
    normalized = np.asarray(result.resid) * np.sqrt(weights)
    leverage = np.clip((np.linalg.qr(scaled)[0] ** 2).sum(axis=1), 0.0, 1.0)
    residuals = values / np.asarray(result.fittedvalues) - 1.0
    cooks = _cooks_distances(normalized, leverage, len(terms) * squares / own_degrees if own_degrees else 0.0)
    return Fit(
        model=model,
        standard_errors=tuple((sd * np.sqrt(np.diag(covariance))).tolist()),
        left_out=left_out,
        groups_left_out=_leave_family_out(terms, samples),
        aicc=_aicc(normalized, len(terms)),
        condition_number=condition,
        alike=_alike(labels, covariance),
        influence=tuple(
            Influence(sample.place, float(r), float(h), c, error)
            for sample, r, h, c, error in zip(samples, residuals, leverage, cooks, left_out.each, strict=True)
        ),
    )


def _alike(labels: Sequence[str], covariance: Array) -> tuple[tuple[str, str, float], ...]:
    """Return the pairs of terms that the runs can hardly tell apart, with their correlation."""
    root = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(root, root)
    pairs = ((i, j) for i in range(len(labels)) for j in range(i))
    return tuple((labels[i], labels[j], float(correlation[i, j])) for i, j in pairs if abs(correlation[i, j]) > _ALIKE)


def _cooks_distances(normalized: Array, leverage: Array, scale: float) -> list[float | None]:
    """Return what each run does to the fit; None where nothing is left to tell that from, or a run decides a term alone."""
    return [float(e**2 * h / ((1 - h) ** 2 * scale)) if scale > 0 and h < 1 else None for e, h in zip(normalized, leverage, strict=True)]


def _aicc(normalized: Array, terms: int) -> float | None:
    runs, parameters = len(normalized), terms + 1
    squares = float((normalized**2).sum())
    if runs - parameters - 1 <= 0 or squares <= 0:
        return None
    return runs * math.log(squares / runs) + 2 * parameters + 2 * parameters * (parameters + 1) / (runs - parameters - 1)


def _predict_left(terms: Sequence[Term], kept: Sequence[Sample], left: Sequence[Sample]) -> list[float | None]:
    """Predict runs from others; a family of firmware that the others lack gets the mean of those they have."""
    families = {sample.point.firmware for sample in kept}
    usable = [term for term in terms if term.firmware is None or term.firmware in families]
    if not usable or len(kept) < len(usable):
        return [None] * len(left)
    design, weights = _design(usable, kept)
    scaled, lengths = _scaled(design, weights)
    if not _condition(design, weights) < _CONDITION_LIMIT:
        return [None] * len(left)
    values = np.array([sample.value for sample in kept])
    coefficients = np.linalg.lstsq(scaled, values * np.sqrt(weights), rcond=None)[0] / lengths
    domain = _domain(kept)
    model = FittedModel("", tuple(usable), tuple(coefficients.tolist()), (), 0.0, 1.0, None, 0, 0.0, 1.0, domain)
    found: list[float | None] = []
    for sample in left:
        row = model.row(sample.point)
        found.append(None if row is None else math.fsum(x * b for x, b in zip(row, coefficients.tolist(), strict=True)))
    return found


def leave_one_out(terms: Sequence[Term], samples: Sequence[Sample]) -> Errors:
    """Predict every run from all others but its repeats."""
    errors: list[float | None] = []
    for sample in samples:
        kept = [other for other in samples if other.key != sample.key]
        predicted = _predict_left(terms, kept, [sample])[0] if kept else None
        errors.append(None if predicted is None else predicted / sample.value - 1.0)
    return Errors(tuple(errors))


def _leave_family_out(terms: Sequence[Term], samples: Sequence[Sample]) -> Errors | None:
    families = sorted({sample.point.firmware for sample in samples if sample.point.firmware})
    if len(families) < 2:
        return None
    errors: list[float | None] = []
    for sample in samples:
        kept = [other for other in samples if other.point.firmware != sample.point.firmware]
        predicted = _predict_left(terms, kept, [sample])[0]
        errors.append(None if predicted is None else predicted / sample.value - 1.0)
    return Errors(tuple(errors))


def spans(kind: str, samples: Sequence[Sample], *, against: str, factor: float = 1.5) -> bool:
    """Tell whether runs span a term: all know it, and its ratio to another term differs by a factor at least."""
    ratios = []
    for sample in samples:
        value, other = TERMS[kind].value(sample.point), TERMS[against].value(sample.point)
        if value is None or not other:
            return False
        ratios.append(value / other)
    low, high = min(ratios), max(ratios)
    return high - low > (factor - 1.0) * max(abs(low), 1e-12 * abs(high)) and high != low
