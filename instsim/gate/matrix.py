"""Many images on many boards, in processes of their own: one that breaks takes its image with it and nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
    found: list[list[Outcome]] = [[] for _ in work]
    waiting = deque(range(len(work)))
    running: dict[Connection, _Worker] = {}
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                worker = _start(work, waiting.popleft())
                running[worker.pipe] = worker
            for ready in wait(list(running)):
                worker = running.pop(ready)  # type: ignore[call-overload] # wait() gives back what it was given
                done = worker.image
                outcomes, wanted = found[done], len(work[done][1])
                try:
                    outcomes.append(worker.pipe.recv())
                except (EOFError, ConnectionResetError):
                    worker.pipe.close()
                    worker.process.join()
                    outcomes += [_crash(work[done][0], worker.process.exitcode)] * (wanted - len(outcomes))
                else:
                    if len(outcomes) < wanted or _goes_on(worker, work, waiting):
                        running[worker.pipe] = worker
                if on_done is not None:
                    on_done(done, len(outcomes))
    finally:
        for worker in running.values():
            worker.pipe.close()
            worker.process.terminate()
            worker.process.join()
    return tuple(map(tuple, found))


def _alone(number: int, item: Work, on_done: Callable[[int, int], None] | None) -> tuple[Outcome, ...]:
    outcomes = []
    for request in item[1]:
        outcomes.append(_estimate(item[0], request))
        if on_done is not None:
            on_done(number, len(outcomes))
    return tuple(outcomes)


@dataclass
class _Worker:
    """A process and the image that it is at work on."""

    process: BaseProcess
    pipe: Connection
    image: int


def _start(work: Sequence[Work], image: int) -> _Worker:
    # Spawned, not forked: the emulator's state does not survive a fork.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    there.close()
    worker = _Worker(process, here, image)
    _give(worker, work[image])
    return worker


def _give(worker: _Worker, item: Work) -> None:
    # A process that died cannot take it: reading from it will tell.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        worker.pipe.send((item[0], tuple(replace(request, on_progress=None) for request in item[1])))


def _goes_on(worker: _Worker, work: Sequence[Work], waiting: deque[int]) -> bool:
    """Give a process that is done the next image, else let it end."""
    if not waiting:
        worker.pipe.close()
        worker.process.join()
        return False
    worker.image = waiting.popleft()
    _give(worker, work[worker.image])
    return True


def _serve(pipe: Connection) -> None:
    """Estimate what comes through the pipe until it is closed."""
    # Ctrl-C reaches every process of the terminal; the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            file, requests = pipe.recv()
        except EOFError:
            return
        for request in requests:
            pipe.send(_estimate(file, request))


def _estimate(file: str, request: Request) -> Outcome:
    from instsim.session.facade import estimate  # noqa: PLC0415 -- in the process that needs it

    try:
        return estimate(file, request)
    except InstsimError as error:
        return Failure(type(error).__name__, error.message, error.hint, error.details)


def _crash(file: str, code: int | None) -> Failure:
    how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
    return Failure("Crash", f"{file}: the process that ran it ended with {how}", "run `instsim estimate` on it alone; it may have run out of memory")
