"""From nominal figures to calibrated ones, and the interval that nominal latency has where published runs support one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from instsim.calibrate.calibration import Calibration
from instsim.calibrate.calibration_file import load_calibration
from instsim.calibrate.model import FittedModel, Prediction, interval_half_width
from instsim.calibrate.observation import Point
from instsim.calibrate.spreads_file import FOLLOWED_MEMORY, load_spreads
from instsim.calibrate.student_t import quantile
from instsim.errors import TableError, UsageError
from instsim.resources import cost_tables
from instsim.session.choose import Target
from instsim.session.covariates import memory_covariates, weight_bytes_of
from instsim.session.estimate import Estimate, EstimatedOperator, Figure
from instsim.session.firmware_family import firmware_family
from instsim.session.request import Request
from instsim.session.settings import Settings
from instsim.units import format_count

__all__ = ["NO_CALIBRATION", "calibrated", "shipped_calibrations"]

NO_CALIBRATION = "none"
"""Value of ``--calibration`` that asks for nominal figures."""

_SAME_CLOCK = 0.005
_OUTSIDE_WORTH_A_WARNING = 0.1
_SAME_SUPPLY_V = 0.05
_MOST_BYTES_A_CYCLE = 8
_CLOCK_SPREAD = 0.2
"""Spread of the energy of a cycle for each factor of e between the calibrated clock and another, as in `Board.energy_prior`."""


@dataclass(frozen=True, slots=True)
class _Spread:
    """A figure with what its interval is made of: half the interval's width and the shift of its middle, as logarithms."""

    value: float
    half: float | None
    shift: float = 0.0

    def figure(self, unit: str, basis: str, level: float, source: str) -> Figure:
        if self.half is None:
            return Figure(self.value, unit, basis, None, None, level, source)
        low, high = (self.value * math.exp(self.shift + sign * self.half) for sign in (-1.0, 1.0))
        return Figure(self.value, unit, basis, low, high, level, source)


def shipped_calibrations() -> tuple[Path, ...]:
    """Return the files of the calibrations that come with instsim, sorted."""
    return tuple(sorted((cost_tables() / "calibrations").glob("*@*.toml")))


def calibrated(estimate: Estimate, target: Target, request: Request, settings: Settings, *, weight_bytes: float | None = None) -> Estimate:
    """Put calibrated figures, or at least intervals, in the place of nominal ones.

    Parameters
    ----------
    estimate : Estimate
        Nominal.
    target : Target
        Board, core and clock it is for.
    request : Request
        Calibration, family of firmware and level of the intervals.
    settings : Settings
        The project's calibration, if it names one.
    weight_bytes : float, optional
        Of the network, where the operators of the estimate do not show them.

    Raises
    ------
    UsageError
        If the calibration does not exist or is of another board, or the request's bytes of weights are impossible.
    TableError
        If its file is not valid, or was fitted on other tables.
    """
    named = request.calibration or settings.calibration
    if named is not None and named != NO_CALIBRATION:
        calibration: Calibration | None = _named(named)
        assert calibration is not None
        _check(calibration, estimate, target)
        origin = "from --calibration" if request.calibration else "from the settings file"
    else:
        calibration = None if named == NO_CALIBRATION else _shipped_for(target)
        origin = "comes with instsim; board, clock and supply match"
    if calibration is None:
        return _nominal(estimate, target, request.level)
    weights = weight_bytes_of(estimate) if weight_bytes is None else weight_bytes
    if request.weight_bytes is not None:
        weights = _possible(request.weight_bytes, estimate)
    return _Application(calibration, estimate, target, request, weights, chosen=named is not None).estimate(origin)


def _possible(weight_bytes: float, estimate: Estimate) -> float:
    if not 0.0 <= weight_bytes <= _MOST_BYTES_A_CYCLE * estimate.cycles:
        raise UsageError(
            f"{weight_bytes:,.0f} bytes of weights in {format_count(estimate.cycles)} cycles: no core reads that many",
            hint="--weight-bytes counts what the region reads, each weight as often as it is read",
        )
    return weight_bytes


def _named(name: str) -> Calibration:
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return load_calibration(Path(name))
    shipped = {path.stem: path for path in shipped_calibrations()}
    if name in shipped:
        return load_calibration(shipped[name])
    near = get_close_matches(name, shipped, 2, 0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "give the path of a file that `instsim calibrate` wrote"
    raise UsageError(f"no calibration named {name!r}", hint=f"{hint}; --calibration none asks for nominal figures")


# A search predicts thousands of networks, and what comes with instsim does not change meanwhile.
_load_shipped = cache(load_calibration)
_load_spreads = cache(load_spreads)


def _shipped_for(target: Target) -> Calibration | None:
    """Return the calibration that comes with instsim for this very operating point of a board that comes with instsim."""
    board = target.board
    if board.generic or target.core.name != board.core or Path(board.path).parent != cost_tables() / "boards":
        return None
    for path in shipped_calibrations():
        if path.stem.partition("@")[0] != board.name:
            continue
        found = _load_shipped(path)
        if abs(target.clock_hz / found.clock_hz - 1.0) < _SAME_CLOCK and abs(board.supply.voltage_v - found.supply_v) < _SAME_SUPPLY_V:
            return found
    return None


def _same_tables(calibration: Calibration, estimate: Estimate) -> bool:
    provenance = estimate.provenance
    return not calibration.core or (calibration.core_digest == provenance.core_digest and calibration.memory == provenance.memory)


def _check(calibration: Calibration, estimate: Estimate, target: Target) -> None:
    if calibration.board != target.board.name:
        raise UsageError(
            f"{calibration.path} is a calibration of {calibration.board}, and the board is {target.board.name}",
            hint="name the board it was made for, or calibrate this one",
        )
    if calibration.core and calibration.core != estimate.provenance.core:
        raise UsageError(
            f"{calibration.path} was fitted with the core table {calibration.core}, not {estimate.provenance.core}",
            hint=f"--core {calibration.core}, or --calibration none for nominal figures",
        )
    if not _same_tables(calibration, estimate):
        raise TableError(
            f"{calibration.path}: the tables it was fitted on have changed ({calibration.core}, memory: {calibration.memory})",
            hint=f"fit it again: {calibration.refit}",
        )


def _nominal_latency(estimate: Estimate, target: Target, level: float) -> _Spread:
    if target.is_foreign_core:
        return _Spread(estimate.latency.value, None)
    found = _load_spreads().nominal_for(estimate.provenance.memory, str(target.core.isa))
    slow_flash = any(memory.kind == "flash" and memory.wait_states is not None and memory.wait_states.count for memory in target.board.memories)
    # Where memory was taken as ideal, the spread is that of boards on which it is not.
    if found is None or (found.memory != FOLLOWED_MEMORY and not slow_flash):
        return _Spread(estimate.latency.value, None)
    return _Spread(estimate.latency.value, quantile(0.5 + level / 2.0, found.degrees_of_freedom) * found.ln_sd, found.ln_bias)


_NOMINAL_SOURCE = "cycles over clock; interval: what programs measured on boards took over their prediction"


def _nominal(estimate: Estimate, target: Target, level: float) -> Estimate:
    """Give nominal latency the interval that published runs support, and let nominal energy carry it."""
    latency = _nominal_latency(estimate, target, level)
    if latency.half is None:
        return estimate
    energy = estimate.energy
    if energy.low and energy.high:
        half = math.hypot(latency.half, 0.5 * math.log(energy.high / energy.low))
        energy = _Spread(energy.value, half, latency.shift).figure("J", energy.basis, level, energy.source)
    return replace(estimate, latency=latency.figure("s", "nominal", level, _NOMINAL_SOURCE), energy=energy)


class _Application:
    """One calibration applied to one estimate."""

    def __init__(
        self, calibration: Calibration, estimate: Estimate, target: Target, request: Request, weight_bytes: float | None, *, chosen: bool
    ) -> None:
        self._chosen = chosen
        self._calibration, self._estimate, self._target, self._request = calibration, estimate, target, request
        image = firmware_family(estimate)
        family = request.firmware_family or dict(calibration.fingerprints).get(image or estimate.firmware.sha256, image)
        share = estimate.provenance.cycles_by_basis.get("assumed", 0.0)
        clock_hz = target.clock_hz
        flash_reads, stall_cycles = memory_covariates(estimate)
        self._point = Point(
            estimate.cycles,
            clock_hz,
            estimate.cycles / clock_hz,
            calibration.supply_v,
            flash_reads=flash_reads,
            stall_cycles=stall_cycles,
            firmware=family,
            assumed_share=share,
            weight_bytes=weight_bytes,
        )
        self.warnings: list[str] = []

    def estimate(self, origin: str) -> Estimate:
        latency = self._latency()
        energy, power = self._energy(latency)
        before = self._estimate
        return replace(
            before,
            latency=latency.figure("s", *self._latency_words(latency)),
            energy=energy,
            power=power,
            operators=tuple(self._operator(operator, latency.value, energy.value) for operator in before.operators),
            provenance=replace(
                before.provenance,
                calibration=f"{self._calibration.name} ({self._calibration.digest[:12]}), {origin}",
                supply_v=self._calibration.supply_v,
            ),
            warnings=tuple(dict.fromkeys((*before.warnings, *self.warnings))),
        )

    def _latency_model(self) -> FittedModel | None:
        return self._calibration.latency if _same_tables(self._calibration, self._estimate) else None

    def _latency_words(self, latency: _Spread) -> tuple[str, float, str]:
        quality = self._calibration.latency_quality
        if self._latency_model() is None:
            return "nominal", self._request.level, self._estimate.latency.source if latency.half is None else _NOMINAL_SOURCE
        return (
            "calibrated",
            self._request.level,
            f"{_terms(self._latency_model())}, from {quality.runs if quality else 0} runs: {self._calibration.source}",
        )

    def _half(self, prediction: Prediction) -> float:
        return interval_half_width(prediction, self._request.level)

    def _latency(self) -> _Spread:
        model = self._latency_model()
        prediction = None if model is None else self._predicted(model, self._point)
        if prediction is None:
            return _nominal_latency(self._estimate, self._target, self._request.level)
        return _Spread(prediction.value, self._half(prediction))

    def _predicted(self, model: FittedModel, point: Point) -> Prediction | None:
        prediction = model.predict(point)
        if prediction is None:
            self.warnings.append(f"the calibrated {model.quantity} needs {_terms(model)}, which is not known of this image: it stays nominal")
            return None
        # What the user did not choose is no surprise: its interval says how far it holds.
        if self._chosen and (model is self._calibration.latency or model is self._calibration.energy):
            self.warnings += _domain_warnings(model, point)
        return prediction

    def _energy(self, latency: _Spread) -> tuple[Figure, Figure]:
        level = self._request.level
        # Runs without energies leave that to the calibration that comes with instsim, if there is one for this operating point.
        holder = self._calibration if self._calibration.energy is not None else _shipped_for(self._target)
        model = None if holder is None else holder.energy
        if holder is None or model is None:
            return self._prior_energy(latency)
        # A power holds at its clock: elsewhere the energy of a cycle is kept, with a wider interval.
        span = model.domain.clock_hz
        clock_hz = min(max(self._point.clock_hz, span.low), span.high)
        time_s = latency.value if model.measured_time else self._point.nominal_s
        point = replace(self._point, time_s=time_s * self._point.clock_hz / clock_hz, clock_hz=clock_hz)
        prediction = self._predicted(model, point)
        if prediction is None:
            return self._prior_energy(latency)
        half = math.hypot(self._half(prediction), _CLOCK_SPREAD * span.outside(self._point.clock_hz))
        if span.outside(self._point.clock_hz) > _SAME_CLOCK:
            self.warnings.append(
                f"energy was calibrated at {clock_hz / 1e6:g} MHz: its energy of a cycle is used at {self._point.clock_hz / 1e6:g} MHz"
            )
        with_time = math.hypot(half, latency.half or 0.0) if model.measured_time else half
        shift = latency.shift if model.measured_time else 0.0
        quality = holder.energy_quality
        other = "" if model.knows(point.firmware) else "; interval for firmware that was not among them"
        unknown = "; the weights that it reads are not known (--weight-bytes)" if model.reading is not None and point.weight_bytes is None else ""
        source = f"{_terms(model)}, from {quality.runs if quality else 0} runs at {holder.supply_v:g} V: {holder.source}{other}{unknown}"
        energy = _Spread(prediction.value, with_time, shift).figure("J", "calibrated", level, source)
        return energy, _Spread(prediction.value / latency.value, half).figure("W", "calibrated", level, "energy over latency")

    def _prior_energy(self, latency: _Spread) -> tuple[Figure, Figure]:
        """Return the prior's power over the latency in force, whose interval comes on top."""
        power, level = self._estimate.power, self._request.level
        if not power.low or not power.high:
            return self._estimate.energy, power
        half = math.hypot(0.5 * math.log(power.high / power.low), latency.half or 0.0)
        energy = _Spread(power.value * latency.value, half, latency.shift).figure("J", power.basis, level, self._estimate.energy.source)
        return energy, power

    def _operator(self, operator: EstimatedOperator, latency_s: float, energy_j: float) -> EstimatedOperator:
        return replace(operator, latency_s=operator.share * latency_s, energy_j=operator.share * energy_j)


def _terms(model: FittedModel | None) -> str:
    if model is None:
        return ""
    terms = " + ".join(dict.fromkeys(term.kind for term in model.terms))
    return terms if model.reading is None else f"{terms}, with weight-reading"


def _domain_warnings(model: FittedModel, point: Point) -> list[str]:
    warnings, domain = [], model.domain
    if domain.cycles.outside(point.cycles) > _OUTSIDE_WORTH_A_WARNING:
        warnings.append(
            f"outside the calibrated domain: {format_count(point.cycles)} cycles, the runs had "
            f"{format_count(domain.cycles.low)} to {format_count(domain.cycles.high)}: the interval is wider"
        )
    if not domain.firmware:
        warnings.append("the runs of the calibration do not say what firmware they were of: taken as of the same family as this image")
    elif not model.knows(point.firmware):
        image = f"{point.firmware!r}" if point.firmware else "unknown"
        warnings.append(
            f"calibrated with other firmware than this image, whose family is {image}: the interval is wider; if it is one of "
            f"{', '.join(map(repr, domain.firmware))}, say so with --firmware"
        )
    return warnings
