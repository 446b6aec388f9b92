"""Jobs in processes of their own: one that breaks takes its job with it and nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from instsim.errors import InstsimError

__all__ = ["Ended", "Job", "processor_count", "run_jobs"]

Job = Callable[[], Iterable[Any]]
"""What one process does in one go; it and each of its results can be pickled."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A process ended before its job did.

    Attributes
    ----------
    how : str
        ``signal SIGKILL`` or ``exit code 1``.
    """

    how: str


def processor_count() -> int:
    """Return the processors that this process may use."""
    # sched_getaffinity knows the limits of a container or a batch system; macOS lacks it.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(jobs: Sequence[Job], processes: int | None = None) -> Generator[tuple[int, Any]]:
    """Run jobs in processes, and yield their results as they come.

    Parameters
    ----------
    jobs : sequence of Job
        Each is given to one process, the first ones first.
    processes : int, optional
        Most processes at once; as many as there are processors by default, and never more than jobs.

    Yields
    ------
    tuple of (int, Any)
        A job's number and a result of it; a job's results in their order, those of several mixed. `Ended` if its process died.

    Raises
    ------
    InstsimError
        Whatever a job raised; the others are stopped.
    """
    limit = min(len(jobs), processes or processor_count())
    waiting = deque(range(len(jobs)))
    running: dict[Connection, _Worker] = {}
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                worker = _start()
                running[worker.pipe] = worker
                worker.give(waiting.popleft(), jobs)
            for ready in wait(list(running)):
                worker = running[ready]  # type: ignore[index] # wait() gives back what it was given
                try:
                    answer = worker.pipe.recv()
                except (EOFError, ConnectionResetError):
                    del running[worker.pipe]
                    worker.join()
                    yield worker.job, Ended(_how(worker.process.exitcode))
                    continue
                if isinstance(answer, _Raised):
                    raise answer.error
                if not isinstance(answer, _Done):
                    yield worker.job, answer
                elif waiting:
                    worker.give(waiting.popleft(), jobs)
                else:
                    del running[worker.pipe]
                    worker.join()
    finally:
        for worker in running.values():
            worker.process.terminate()
            worker.join()


@dataclass
class _Worker:
    """A process and the job that it is at work on."""

    process: BaseProcess
    pipe: Connection
    job: int = -1

    def give(self, job: int, jobs: Sequence[Job]) -> None:
        self.job = job
        # A process that died cannot take it: reading from it will tell.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(jobs[job])

    def join(self) -> None:
        self.pipe.close()
        self.process.join()


@dataclass(frozen=True, slots=True)
class _Done:
    """Comes behind the last result of a job."""


@dataclass(frozen=True, slots=True)
class _Raised:
    """What a job raised instead of its further results."""

    error: InstsimError


def _start() -> _Worker:
    # Spawned, not forked: the emulator's state does not survive a fork.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    with _uninterrupted():
        process.start()
    there.close()
    return _Worker(process, here)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let processes that start in here ignore Ctrl-C, which reaches every process of a terminal: this one answers it for all."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:
        # Signals belong to the main thread; from another one they are ignored by `_serve`, a little later.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection) -> None:
    """Do what comes through the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            job: Job = pipe.recv()
        except EOFError:
            return
        try:
            for result in job():
                pipe.send(result)
        except InstsimError as error:
            pipe.send(_Raised(error))
        else:
            pipe.send(_Done())


def _how(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
