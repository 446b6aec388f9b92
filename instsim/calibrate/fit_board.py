"""From the runs of one board to its calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from instsim import __version__
from instsim.calibrate.calibration import Calibration, Quality
from instsim.calibrate.checks import check_units, outlier_warnings
from instsim.calibrate.choosing import Choice, choose_energy, choose_latency
from instsim.calibrate.fitting import Fit, make_samples
from instsim.calibrate.observation import Observation
from instsim.calibrate.spread import NO_SPREAD, Spread
from instsim.errors import InputError

__all__ = ["BoardFit", "Setup", "fit_board"]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a calibration says of itself beside the fits; the fields are those of `Calibration`."""

    name: str
    board: str
    regulator: str
    core: str = ""
    core_digest: str = ""
    memory: str = ""
    firmware: str = ""
    source: str = ""
    data_digest: str = ""
    refit: str = ""
    notes: str = ""
    fingerprints: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class BoardFit:
    """A calibration and how it was reached.

    Attributes
    ----------
    calibration : Calibration
        To be saved.
    latency, energy : Choice or None
        Models looked at, diagnostics of the chosen ones; None where nothing was measured.
    observations : tuple of Observation
        The runs.
    warnings : tuple of str
        What a reader should know.
    """

    calibration: Calibration
    latency: Choice | None
    energy: Choice | None
    observations: tuple[Observation, ...]
    warnings: tuple[str, ...]


def fit_board(observations: Sequence[Observation], setup: Setup, spreads: Mapping[str, Spread]) -> BoardFit:
    """Fit latency and energy of one board.

    Parameters
    ----------
    observations : sequence of Observation
        Runs; their order does not matter.
    setup : Setup
        Names and digests that the calibration carries.
    spreads : mapping of str to Spread
        ``latency`` and ``energy``: what known boards show; none are pooled in where a key is missing.

    Raises
    ------
    InputError
        If the runs contradict each other or no model fits.
    """
    if not observations:
        raise InputError("no runs to calibrate from")
    check_units(observations)
    warnings: list[str] = []
    latency_samples = make_samples("latency", observations)
    latency = choose_latency(latency_samples, spreads.get("latency", NO_SPREAD)) if latency_samples else None
    measured = [run.latency_s is not None for run in observations if run.energy_j is not None]
    timed = tuple(_with_time(run, latency) for run in observations)
    energy_samples = make_samples("energy", timed)
    energy = None
    if energy_samples:
        energy = choose_energy(energy_samples, spreads.get("energy", NO_SPREAD), setup.regulator, measured_time=any(measured))
    for choice in (latency, energy):
        if choice is not None:
            warnings += _warnings(choice.fit)
    points = [run.point for run in observations]
    families = sorted({point.firmware for point in points if point.firmware})
    calibration = Calibration(
        name=setup.name,
        board=setup.board,
        core=setup.core,
        core_digest=setup.core_digest,
        memory=setup.memory,
        clock_hz=float(median(point.clock_hz for point in points)),
        supply_v=float(median(point.supply_v for point in points)),
        regulator=setup.regulator,
        firmware=setup.firmware or "; ".join(families) or "not named",
        latency=None if latency is None else latency.fit.model,
        energy=None if energy is None else energy.fit.model,
        latency_quality=None if latency is None else _quality(latency.fit),
        energy_quality=None if energy is None else _quality(energy.fit),
        source=setup.source,
        data_digest=setup.data_digest,
        refit=setup.refit,
        instsim_version=__version__,
        notes=setup.notes,
        fingerprints=setup.fingerprints,
    )
    return BoardFit(calibration, latency, energy, tuple(observations), tuple(warnings))


def _with_time(run: Observation, latency: Choice | None) -> Observation:
    """Give a run without a measured latency the predicted one."""
    if run.latency_s is not None or latency is None:
        return run
    predicted = latency.fit.model.predict(run.point)
    return run if predicted is None else replace(run, point=replace(run.point, time_s=predicted.value))


def _quality(fitted: Fit) -> Quality:
    groups = fitted.groups_left_out
    return Quality(len(fitted.influence), fitted.left_out.mean_absolute, fitted.left_out.worst, None if groups is None else groups.mean_absolute)


def _warnings(fitted: Fit) -> list[str]:
    quantity, degrees = fitted.model.quantity, fitted.model.own_degrees_of_freedom
    warnings = []
    if degrees == 0:
        warnings.append(f"{quantity}: no residual degrees of freedom, so the interval rests on the spread of known boards alone")
    if fitted.model.domain.cycles.low == fitted.model.domain.cycles.high and len(fitted.influence) > 1:
        warnings.append(f"{quantity}: all runs have the same cycles: nothing shows that it grows in proportion to them")
    warnings += [
        f"{quantity}: the runs hardly tell {first} and {second} apart (correlation of their coefficients {correlation:+.2f})"
        for first, second, correlation in fitted.alike
    ]
    return [*warnings, *outlier_warnings(fitted)]
