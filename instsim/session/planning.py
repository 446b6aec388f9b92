"""From candidate images to a plan of which to measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from instsim.calibrate.planning import MixedImage, PlannedRun, expected_spread, plan_runs
from instsim.calibrate.runs_file import read_runs
from instsim.calibrate.spreads_file import load_spreads
from instsim.profile import is_profile
from instsim.session.calibrated import NO_CALIBRATION
from instsim.session.choose import named_board
from instsim.session.estimate import Estimate
from instsim.session.measured_images import estimates_of
from instsim.session.request import Request
from instsim.session.settings import find_settings

__all__ = ["Plan", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Images in the order in which to measure them.

    Attributes
    ----------
    board : str
        It is for.
    before : float
        Relative standard error of prediction of the targets before any of them is measured; 0 if nothing is measured yet.
    steps : tuple of PlannedRun
        The runs.
    targets, measured : tuple of str
        Images to be predicted, and images that have been measured.
    """

    board: str
    before: float
    steps: tuple[PlannedRun, ...]
    targets: tuple[str, ...]
    measured: tuple[str, ...]


def plan(
    candidates: Sequence[Path],
    request: Request,
    *,
    runs: int,
    targets: Sequence[Path] = (),
    measured: Path | None = None,
    processes: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
) -> Plan:
    """Choose which images to measure on a board.

    Parameters
    ----------
    candidates : sequence of Path
        Images or saved profiles.
    request : Request
        Board, and how the images are run.
    runs : int
        How many to choose.
    targets : sequence of Path
        Whose prediction is to be tightened; all candidates by default.
    measured : Path, optional
        A file of runs that exist; those of them that name an image or a profile count.
    processes : int, optional
        Most images that are run at once.
    on_done : callable, optional
        ``on_done(images, all_images)`` behind each image.

    Raises
    ------
    InstsimError
        If an image does not run, or there are too few.
    """
    named = named_board(request, find_settings(request.settings_folder), "a plan")
    request = replace(request, board=named, calibration=NO_CALIBRATION)
    known = [run.path for run in read_runs(measured).runs if run.path is not None and run.is_firmware] if measured is not None else []
    paths = list(dict.fromkeys((*candidates, *targets, *known)))
    priced = estimates_of([(path, _request_of(path, request)) for path in paths], [str(path) for path in paths], processes, on_done)
    classes = sorted({item.name for found in priced for item in found.classes})
    images = {path: _image(path, found, classes) for path, found in zip(paths, priced, strict=True)}
    goals = [images[path] for path in targets or candidates]
    done = [images[path] for path in known]
    ln_sd = load_spreads().latency.ln_sd
    # One file may be named in two ways, from here and from the folder of the runs.
    measured_files = {path.resolve() for path in known}
    open_candidates = [images[path] for path in dict.fromkeys(candidates) if path.resolve() not in measured_files]
    before = expected_spread(done, goals, ln_sd, list(images.values())) if done else 0.0
    steps = plan_runs(open_candidates, goals, runs, ln_sd, done)
    return Plan(priced[0].board.name, before, steps, tuple(goal.name for goal in goals), tuple(item.name for item in done))


def _request_of(path: Path, request: Request) -> Request:
    if not is_profile(path):
        return request
    return replace(request, region=None, start=None, end=None, dispatchers=(), kernels=(), serial=None, input_file=None, expect=(), call=1)


def _image(path: Path, found: Estimate, classes: Sequence[str]) -> MixedImage:
    shares = {item.name: item.share for item in found.classes}
    return MixedImage(str(path), tuple(shares.get(name, 0.0) for name in classes), found.cycles)
