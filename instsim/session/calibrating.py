"""From a file of board runs to a calibration: images are profiled and priced, then fitted."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from instsim.calibrate.checks import operating_point_warnings, unlikely_figures
from instsim.calibrate.fit_board import BoardFit, Setup, fit_board, others_alone, with_others
from instsim.calibrate.observation import Observation, Point
from instsim.calibrate.runs_file import Run, RunsFile, read_runs
from instsim.calibrate.spreads_file import load_spreads
from instsim.cost import Board, load_board, load_core
from instsim.errors import InputError, UsageError
from instsim.session.calibrated import NO_CALIBRATION
from instsim.session.choose import named_board
from instsim.session.command_options import command_options
from instsim.session.covariates import memory_covariates, weight_bytes_of
from instsim.session.estimate import Estimate
from instsim.session.firmware_family import firmware_family
from instsim.session.known_boards import BoardTraits, find_known, known_boards
from instsim.session.measured_images import estimates_of, request_of_run
from instsim.session.request import Request
from instsim.session.settings import find_settings

__all__ = ["CalibrationRequest", "calibrate"]


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """What a calibration is to be called and how its runs were made.

    Attributes
    ----------
    request : Request
        Board, core, clock, and what decides how the images are run.
    name : str
        Of the calibration.
    source : str
        Where the runs come from, in words.
    output : str
        File it will be written to, for the command that makes it again.
    predictor : str or None
        Predictor of the runs that name models; None: the one that suits the board.
    descriptor : str or None
        Device descriptor that these are priced by, in the place of a core table.
    like : tuple of str
        Calibrated boards to draw the fit toward, see `instsim.session.known_boards.find_known`.
    """

    request: Request
    name: str
    source: str = ""
    output: str = ""
    predictor: str | None = None
    descriptor: str | None = None
    like: tuple[str, ...] = ()


def calibrate(
    path: Path | None, wanted: CalibrationRequest, *, processes: int | None = None, on_done: Callable[[int, int], None] | None = None
) -> BoardFit:
    """Calibrate a board from a file of runs.

    Parameters
    ----------
    path : Path or None
        The runs, see `instsim.calibrate.runs_file`; None: other boards alone.
    wanted : CalibrationRequest
        Board and names.
    processes : int, optional
        Most images that are run at once, each in a process of its own; as many as there are processors by default.
    on_done : callable, optional
        ``on_done(images, all_images)`` behind each image.

    Raises
    ------
    InstsimError
        If the file is not valid, an image does not run, or no model fits.
    """
    request = wanted.request
    settings = find_settings(request.settings_folder)
    named = named_board(request, settings, "a calibration")
    board = load_board(named)
    request = replace(request, board=named, calibration=NO_CALIBRATION)
    wanted = replace(wanted, request=request)
    clock_hz = float(request.clock_hz or settings.clock_hz or board.clock_hz)
    others = find_known(wanted.like)
    spreads = load_spreads().by_quantity
    traits = BoardTraits(load_core(request.core or settings.core or board.core).name, board.supply.regulator, clock_hz, board.supply.voltage_v)
    if path is None:
        return others_alone(known_boards(others, traits), _setup(None, wanted, board, (), ()), spreads, clock_hz, board.supply.voltage_v)
    runs = read_runs(path)
    asked = [(run.path, request_of_run(run, request)) for run in runs.runs if run.path is not None and run.is_firmware]
    places = [f"line {run.line}: {run.name}" for run in runs.runs if run.is_firmware]
    priced, predicted = iter(estimates_of(asked, places, processes, on_done)), iter(_predicted(runs, wanted))
    found = [_of_image(next(priced)) if run.is_firmware else next(predicted) if run.source == "model" else (None, None) for run in runs.runs]
    estimates = [estimate for estimate, _ in found]
    observations = [_observation(run, estimate, weights, board, clock_hz) for run, (estimate, weights) in zip(runs.runs, found, strict=True)]
    fitted = fit_board(observations, _setup(runs, wanted, board, estimates, observations), spreads)
    if others:
        at = replace(traits, clock_hz=fitted.calibration.clock_hz, supply_v=fitted.calibration.supply_v)
        fitted = with_others(fitted, known_boards(others, at), spreads)
    at_other = operating_point_warnings(observations, clock_hz, board.supply.voltage_v)
    warnings = (*runs.warnings, *at_other, *unlikely_figures(observations), *fitted.warnings)
    return replace(fitted, warnings=tuple(dict.fromkeys(warnings)))


def _of_image(found: Estimate) -> tuple[Estimate, float | None]:
    return found, weight_bytes_of(found)


def _predicted(runs: RunsFile, wanted: CalibrationRequest) -> list[tuple[Estimate, float]]:
    """Return estimates of the runs that name models, by a predictor, and the bytes of their weights."""
    models = [run for run in runs.runs if run.source == "model"]
    if not models:
        if wanted.predictor or wanted.descriptor:
            raise UsageError(
                "a predictor and a descriptor are for runs of models, and no row has one",
                hint="name .tflite files in a column `model`; images are priced by a core table: --core FILE",
            )
        return []
    other = next((run for run in runs.runs if run.is_firmware), None)
    if other is not None:
        raise InputError(
            f"{runs.path}: line {models[0].line} names a model and line {other.line} an {other.source}: cycles that are predicted and cycles that "
            "were run do not make one calibration",
            hint="predictions know no wait states: keep the rows in two files",
        )
    from instsim.session.predicting import Predictor  # noqa: PLC0415 -- not for runs of images

    predictor = Predictor(wanted.predictor, wanted.request, descriptor=wanted.descriptor)
    costs = predictor.predict([run.path for run in models if run.path is not None]).costs
    cycles = costs.cycles.tolist()
    unknown = [f"line {run.line}: {run.name}" for run, found in zip(models, cycles, strict=True) if not found > 0]
    if unknown:
        raise InputError("an operator is not known to the predictor", hint="`instsim predict` names it", details=tuple(unknown))
    return [(predictor.nominal(found), weights) for found, weights in zip(cycles, costs.weight_bytes.tolist(), strict=True)]


def _observation(run: Run, found: Estimate | None, weight_bytes: float | None, board: Board, clock_hz: float) -> Observation:
    clock_hz = run.clock_hz or clock_hz
    cycles = found.cycles if found is not None else run.cycles or 0.0
    nominal_s = cycles / clock_hz
    # What was counted on the board wins over what was simulated.
    waited = memory_covariates(found)
    point = Point(
        cycles=cycles,
        clock_hz=clock_hz,
        time_s=run.latency_s or nominal_s,
        supply_v=run.supply_v or board.supply.voltage_v,
        temperature_c=run.temperature_c,
        flash_reads=waited[0] if run.flash_reads is None else run.flash_reads,
        stall_cycles=waited[1] if run.stall_cycles is None else run.stall_cycles,
        firmware=run.firmware or (firmware_family(found) if found is not None else ""),
        assumed_share=0.0 if found is None else found.provenance.cycles_by_basis.get("assumed", 0.0),
        weight_bytes=weight_bytes if run.weight_bytes is None else run.weight_bytes,
    )
    return Observation(run.name, point, run.latency_s, run.energy_j, run.latency_sd_s, run.energy_sd_j, run.repeats, run.line)


def _setup(
    runs: RunsFile | None, wanted: CalibrationRequest, board: Board, estimates: Sequence[Estimate | None], observations: Sequence[Observation]
) -> Setup:
    first = next((found for found in estimates if found is not None), None)
    prints: dict[str, str] = {}
    unclear: set[str] = set()
    for found, run in zip(estimates, observations, strict=True):
        # An image that says nothing of its firmware is known by its bytes.
        image = "" if found is None else firmware_family(found) or found.firmware.sha256
        if image and prints.setdefault(image, run.point.firmware) != run.point.firmware:
            unclear.add(image)
    command = ["instsim", "calibrate", *([] if runs is None else [str(runs.path)]), *command_options(wanted.request)]
    for option, value in (("--predictor", wanted.predictor), ("--descriptor", wanted.descriptor)):
        command += [option, value] if value else []
    for name in wanted.like:
        command += ["--like", name]
    if wanted.output:
        command += ["-o", wanted.output, "--force"]
    return Setup(
        name=wanted.name,
        board=board.name,
        regulator=board.supply.regulator,
        core=first.provenance.core if first is not None else "",
        core_digest=first.provenance.core_digest if first is not None else "",
        memory=first.provenance.memory if first is not None else "",
        source=wanted.source or _source(runs, wanted.like),
        data_digest="" if runs is None else runs.digest,
        refit=shlex.join(command),
        fingerprints=tuple(sorted((image, family) for image, family in prints.items() if image not in unclear)),
    )


def _source(runs: RunsFile | None, like: Sequence[str]) -> str:
    return ", ".join([*([] if runs is None else [runs.path.name]), *([f"like {', '.join(like)}"] if like else [])])
