"""Many images on many boards, each image in a process of its own, so that one that breaks takes nothing with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from instsim.errors import InstsimError
from instsim.gate.verdict import Failure
from instsim.session.estimate import Estimate
from instsim.session.request import Request

__all__ = ["Outcome", "Work", "estimate_matrix", "processor_count"]

Work = tuple[str, tuple[Request, ...]]
"""A file, and one request for each board."""

Outcome = Estimate | Failure


def processor_count() -> int:
    """Return the processors that this process may use."""
    # sched_getaffinity knows the limits of a container or a batch system; macOS lacks it.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def estimate_matrix(
    work: Sequence[Work], *, processes: int | None = None, on_done: Callable[[int, int], None] | None = None
) -> tuple[tuple[Outcome, ...], ...]:
    """Estimate every image for its boards.

    Parameters
    ----------
    work : sequence of Work
        Files and their requests. A request's ``on_progress`` is not called in another process.
    processes : int, optional
        Most processes at once; as many as there are processors by default, and never more than images.
    on_done : callable, optional
        ``on_done(image, outcomes)`` after each estimate: the image's number and how many of its outcomes are there.

    Returns
    -------
    tuple of tuple of (Estimate or Failure)
        For each image one outcome for each request, in their order, whatever order they were done in.
    """
    limit = min(len(work), processes or processor_count())
    if len(work) <= 1:
        return tuple(_alone(number, item, on_done) for number, item in enumerate(work))
    # Spawned, not forked: the emulator's state and numba's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    waiting = deque(enumerate(work))
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    found: list[list[Outcome]] = [[] for _ in work]
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                number, (file, requests) = waiting.popleft()
                receiver, sender = context.Pipe(duplex=False)
                process: BaseProcess = context.Process(
                    target=_worker, args=(file, tuple(replace(r, on_progress=None) for r in requests), sender), daemon=True
                )
                process.start()
                sender.close()
                running[receiver] = number, process
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                number, ran = running[ready]
                try:
                    found[number].append(ready.recv())
                except EOFError:
                    del running[ready]
                    ready.close()
                    ran.join()
                    missing = len(work[number][1]) - len(found[number])
                    found[number] += [_crash(work[number][0], ran.exitcode)] * missing
                if on_done is not None:
                    on_done(number, len(found[number]))
    finally:
        for receiver, (_, process) in running.items():
            receiver.close()
            process.terminate()
            process.join()
    return tuple(map(tuple, found))


def _alone(number: int, item: Work, on_done: Callable[[int, int], None] | None) -> tuple[Outcome, ...]:
    outcomes = []
    for request in item[1]:
        outcomes.append(_estimate(item[0], request))
        if on_done is not None:
            on_done(number, len(outcomes))
    return tuple(outcomes)


def _worker(file: str, requests: tuple[Request, ...], sender: Connection) -> None:
    # Ctrl-C reaches every process of the terminal; the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for request in requests:
        sender.send(_estimate(file, request))
    sender.close()


def _estimate(file: str, request: Request) -> Outcome:
    from instsim.session.facade import estimate  # noqa: PLC0415 -- in the process that needs it

    try:
        return estimate(file, request)
    except InstsimError as error:
        return Failure(type(error).__name__, error.message, error.hint, error.details)


def _crash(file: str, code: int | None) -> Failure:
    how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
    return Failure("Crash", f"{file}: the process that ran it ended with {how}", "run `instsim estimate` on it alone; it may have run out of memory")
