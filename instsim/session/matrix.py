"""Many images for many boards: what is kept is priced here, what has to run runs in processes of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from instsim.errors import InstsimError
from instsim.session.estimate import Estimate
from instsim.session.request import Request

__all__ = ["Failure", "Outcome", "Work", "estimate_matrix"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an image gave no answer on a board.

    Attributes
    ----------
    kind : str
        Class of the error (``RunError``), or ``Crash``.
    message, hint : str
        What is wrong and what to do.
    details : tuple of str
        Further lines.
    """

    kind: str
    message: str
    hint: str = ""
    details: tuple[str, ...] = ()


Outcome = Estimate | Failure

Work = tuple[str, tuple[Request, ...]]
"""A file, and one request for each board."""


def estimate_matrix(
    work: Sequence[Work], *, processes: int | None = None, on_done: Callable[[int, int], None] | None = None
) -> tuple[tuple[Outcome, ...], ...]:
    """Estimate every image for its boards.

    Parameters
    ----------
    work : sequence of Work
        Files and their requests. A request's ``on_progress`` is not called in another process.
    processes : int, optional
        Most processes at once; as many as there are processors by default. A single image runs in this one.
    on_done : callable, optional
        ``on_done(image, outcomes)`` when more of an image is done: its number and how many of its outcomes are there.

    Returns
    -------
    tuple of tuple of (Estimate or Failure)
        For each image one outcome for each request, in their order, whatever order they were done in.
    """
    found: list[dict[int, Outcome]] = [{} for _ in work]

    def settle(image: int, place: int, outcome: Outcome) -> None:
        found[image][place] = outcome
        if on_done is not None:
            on_done(image, len(found[image]))

    if len(work) == 1:
        for place, request in enumerate(work[0][1]):
            settle(0, place, _estimate(work[0][0], request))
    else:
        # Pricing what is kept takes a few milliseconds, starting a process some hundred.
        for image, (file, requests) in enumerate(work):
            for place, request in enumerate(requests):
                kept = _kept(file, request)
                if kept is not None:
                    settle(image, place, kept)
        _run(work, found, settle, processes)
    return tuple(tuple(outcome for _, outcome in sorted(outcomes.items())) for outcomes in found)


def _run(work: Sequence[Work], found: Sequence[dict[int, Outcome]], settle: Callable[[int, int, Outcome], None], processes: int | None) -> None:
    """Estimate in processes what is not found yet: all boards of an image in one, for they share what is known of its code."""
    left = [(image, [place for place in range(len(requests)) if place not in found[image]]) for image, (_, requests) in enumerate(work)]
    left = [(image, places) for image, places in left if places]
    if not left:
        return
    from instsim.session.processes import Ended, run_jobs  # noqa: PLC0415 -- multiprocessing, only where something has to run

    jobs = [
        partial(_estimates, work[image][0], tuple(replace(work[image][1][place], on_progress=None) for place in places)) for image, places in left
    ]
    for job, outcome in run_jobs(jobs, processes):
        image, places = left[job]
        if isinstance(outcome, Ended):
            for place in places:
                settle(image, place, _crash(work[image][0], outcome.how))
        else:
            settle(image, places.pop(0), outcome)


def _estimates(file: str, requests: Sequence[Request]) -> Iterator[Outcome]:
    return (_estimate(file, request) for request in requests)


def _estimate(file: str, request: Request) -> Outcome:
    from instsim.session.facade import estimate  # noqa: PLC0415 -- in the process that needs it

    try:
        return estimate(file, request)
    except InstsimError as error:
        return _failure(error)


def _kept(file: str, request: Request) -> Outcome | None:
    from instsim.session.facade import kept_estimate  # noqa: PLC0415 -- as above

    try:
        return kept_estimate(file, request)
    except InstsimError as error:
        return _failure(error)


def _failure(error: InstsimError) -> Failure:
    return Failure(type(error).__name__, error.message, error.hint, error.details)


def _crash(file: str, how: str) -> Failure:
    return Failure("Crash", f"{file}: the process that ran it ended with {how}", "run `instsim estimate` on it alone; it may have run out of memory")
