"""Images that were measured on a board, or are to be: how each is run, and the estimates of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from instsim.calibrate.runs_file import Run
from instsim.errors import InputError
from instsim.session.estimate import Estimate
from instsim.session.matrix import Failure, estimate_matrix
from instsim.session.request import Request

__all__ = ["estimates_of", "request_of_run"]


def request_of_run(run: Run, request: Request) -> Request:
    """Return the request that a run's image is estimated with: its region and clock, and for a saved profile nothing that decides a run."""
    request = replace(request, region=run.region or request.region, clock_hz=run.clock_hz or request.clock_hz)
    if run.source != "profile":
        return request
    return replace(request, region=None, start=None, end=None, dispatchers=(), kernels=(), serial=None, input_file=None, expect=(), call=1)


def estimates_of(
    asked: Sequence[tuple[Path, Request]],
    places: Sequence[str],
    processes: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
) -> list[Estimate]:
    """Estimate several images, nominally; what ran is kept by digest, so that only new images take time.

    Parameters
    ----------
    asked : sequence of (Path, Request)
        Images or saved profiles.
    places : sequence of str
        How a message names each.
    processes : int, optional
        Most images that are run at once.
    on_done : callable, optional
        ``on_done(estimates, all_estimates)`` behind each.

    Raises
    ------
    InputError
        If one or more cannot be estimated; each stands in ``details``.
    """
    # Rows of one image and clock share a run.
    files = {path: tuple(dict.fromkeys(request for other, request in asked if other == path)) for path, _ in asked}
    done, total = [0] * len(files), sum(map(len, files.values()))

    def count(image: int, outcomes: int) -> None:
        done[image] = outcomes
        if on_done is not None:
            on_done(sum(done), total)

    estimated = estimate_matrix([(str(path), requests) for path, requests in files.items()], processes=processes, on_done=count)
    outcomes = {path: dict(zip(requests, found, strict=True)) for (path, requests), found in zip(files.items(), estimated, strict=True)}
    found = [outcomes[path][request] for path, request in asked]
    failed = {f"{place}: {_told(outcome)}": None for place, outcome in zip(places, found, strict=True) if isinstance(outcome, Failure)}
    if failed:
        raise InputError(f"{len(failed)} image{'s do' if len(failed) > 1 else ' does'} not run to the end of the region", details=tuple(failed))
    return [outcome for outcome in found if isinstance(outcome, Estimate)]


def _told(failure: Failure) -> str:
    return str(InputError(failure.message, hint=failure.hint, details=failure.details)).replace("\n", "\n    ")
