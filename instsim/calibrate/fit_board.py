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
from instsim.calibrate.known_boards import KnownBoard, Shrinkage, model_of_others, prior_from, shrink
from instsim.calibrate.model import FittedModel
from instsim.calibrate.observation import Observation
from instsim.calibrate.spread import NO_SPREAD, Spread
from instsim.errors import InputError

__all__ = ["BoardFit", "Setup", "fit_board", "others_alone", "with_others"]


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
    shrinkages : tuple of Shrinkage
        What other boards did to the models.
    """

    calibration: Calibration
    latency: Choice | None
    energy: Choice | None
    observations: tuple[Observation, ...]
    warnings: tuple[str, ...]
    shrinkages: tuple[Shrinkage, ...] = ()


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
    calibration = replace(
        _calibration(
            setup,
            float(median(point.clock_hz for point in points)),
            float(median(point.supply_v for point in points)),
            "; ".join(families) or "not named",
            {choice.fit.model.quantity: choice.fit.model for choice in (latency, energy) if choice is not None},
        ),
        latency_quality=None if latency is None else _quality(latency.fit),
        energy_quality=None if energy is None else _quality(energy.fit),
    )
    return BoardFit(calibration, latency, energy, tuple(observations), tuple(warnings))


def with_others(fitted: BoardFit, known: Sequence[KnownBoard], spreads: Mapping[str, Spread]) -> BoardFit:
    """Draw a calibration toward boards that are calibrated already.

    Parameters
    ----------
    fitted : BoardFit
        By the board's own runs.
    known : sequence of KnownBoard
        The others.
    spreads : mapping of str to Spread
        ``latency`` and ``energy``: what known boards show.
    """
    calibration, shrinkages, warnings = fitted.calibration, [], list(fitted.warnings)
    for quantity, model in (("latency", calibration.latency), ("energy", calibration.energy)):
        prior = prior_from(quantity, known, spreads[quantity])
        if model is None or prior is None:
            if model is not None:
                warnings.append(f"{quantity}: no calibration named has one, so it rests on the runs alone")
            continue
        found = shrink(model, prior, calibration.clock_hz)
        if found is None:
            terms = " + ".join(term.label for term in model.terms)
            warnings.append(f"{quantity}: {terms} rests on the runs alone, for other boards say nothing of these terms")
            continue
        shrinkages.append(found[1])
        calibration = replace(calibration, latency=found[0]) if quantity == "latency" else replace(calibration, energy=found[0])
    return replace(fitted, calibration=calibration, warnings=tuple(warnings), shrinkages=tuple(shrinkages))


def others_alone(known: Sequence[KnownBoard], setup: Setup, spreads: Mapping[str, Spread], clock_hz: float, supply_v: float) -> BoardFit:
    """Return the calibration of a board without any run: what other boards say.

    Raises
    ------
    InputError
        If they say nothing.
    """
    priors = {quantity: prior_from(quantity, known, spreads[quantity]) for quantity in ("latency", "energy")}
    made = {quantity: model_of_others(prior, spreads[quantity], clock_hz, supply_v) for quantity, prior in priors.items() if prior is not None}
    if not made:
        raise InputError("the calibrations named hold neither latency nor energy")
    models = {quantity: model for quantity, (model, _) in made.items()}
    calibration = _calibration(setup, clock_hz, supply_v, "not named", models)
    warning = "no run of this board: the figures are those of other boards, with the spread between boards"
    return BoardFit(calibration, None, None, (), (warning,), tuple(shrinkage for _, shrinkage in made.values()))


def _calibration(setup: Setup, clock_hz: float, supply_v: float, firmware: str, models: Mapping[str, FittedModel]) -> Calibration:
    return Calibration(
        name=setup.name,
        board=setup.board,
        core=setup.core,
        core_digest=setup.core_digest,
        memory=setup.memory,
        clock_hz=clock_hz,
        supply_v=supply_v,
        regulator=setup.regulator,
        firmware=setup.firmware or firmware,
        latency=models.get("latency"),
        energy=models.get("energy"),
        latency_quality=None,
        energy_quality=None,
        source=setup.source,
        data_digest=setup.data_digest,
        refit=setup.refit,
        instsim_version=__version__,
        notes=setup.notes,
        fingerprints=setup.fingerprints,
    )


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
