"""Workers of `dask.distributed`: each keeps one evaluator, and with it one machine."""

from __future__ import annotations

import logging
import os
import pickle
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from instsim import __version__
from instsim.errors import InputError, InstsimError, UsageError
from instsim.sweep.batches import BATCH_S, Batch, Batches
from instsim.sweep.evaluating import Content, Plan
from instsim.sweep.fork_server import START_METHOD, start_fork_server
from instsim.sweep.row import Outcome
from instsim.threads import ONE_THREAD

__all__ = ["Workers", "workers"]

_ANSWER_S = 10
_FIRST_WORKER_S = 60
_OUT_FOR_EACH = 2
"""Batches that are out for each worker: the next one is there when one is done."""

_SETTINGS = {
    # A death is told at once: who is to blame is found here, where it is known who was at work beside whom.
    "distributed.scheduler.allowed-failures": 0,
    # Dask looks after its processes 200 times a second, which takes time from models on few processors.
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.worker.multiprocessing-method": START_METHOD,
    # Dask's own also makes malloc give every array back at once; a model then takes a quarter longer.
    "distributed.nanny.pre-spawn-environ": ONE_THREAD,
}


@dataclass
class Workers:
    """Takes models and gives their outcomes, in the order they are done.

    Attributes
    ----------
    client : distributed.Client
        Connected to the scheduler.
    place : str
        Where that is, for messages.
    capacity : int
        Threads of all workers.
    key : str
        Name of what each worker keeps.
    group_size : int
        Models that are best evaluated together.
    """

    client: Any
    place: str
    capacity: int
    key: str
    group_size: int

    def run(self, models: Iterator[tuple[int, Content]], left: Callable[[], int]) -> Iterator[list[tuple[int, Outcome]]]:
        """Evaluate numbered models; some batches more are taken than there are workers.

        A model whose worker dies is tried again, with nothing beside it; if that worker dies as well, it was the model.

        Parameters
        ----------
        models : iterator of (int, Content)
            The models.
        left : callable
            See `Batches`.

        Raises
        ------
        InputError
            If the scheduler is lost.
        UsageError
            If a worker cannot evaluate models at all.
        """
        from distributed import as_completed  # noqa: PLC0415 -- an extra of the package

        from instsim.sweep.keeper import evaluate  # noqa: PLC0415 -- imports dask

        most = _OUT_FOR_EACH * self.capacity
        fresh = Batches(models, left, self.group_size, most)
        unfinished: deque[Batch] = deque()
        suspects: deque[Batch] = deque()
        out: dict[str, Batch] = {}
        done = as_completed(loop=self.client.loop)
        while True:
            while len(out) < (1 if suspects else most):
                batch = suspects.popleft() if suspects else unfinished.popleft() if unfinished else fresh.take()
                if batch is None:
                    break
                # As one piece, which dask does not search for futures.
                future = self.client.submit(evaluate, self.key, pickle.dumps(batch.models), BATCH_S, pure=False)
                out[future.key] = batch
                done.add(future)
                if batch.is_suspect:
                    break
            if not out:
                return
            future = next(done)
            batch = out.pop(future.key)
            found = self._found(future)
            if found is not None:
                outcomes, seconds = found
                fresh.note(len(outcomes), seconds)
                if len(outcomes) < len(batch.models):
                    unfinished.append(batch.behind(len(outcomes)))
                yield list(zip(batch.numbers, outcomes, strict=False))
            elif batch.is_suspect:
                yield [(batch.numbers[0], Outcome.failure("crash", "the process that evaluated it died; it may have run out of memory"))]
            else:
                suspects.extend(batch.suspects())

    def _found(self, future: Any) -> tuple[list[Outcome], float] | None:
        """Return outcomes of a batch and the time they took; None if the worker died."""
        if future.status == "finished":
            found: tuple[list[Outcome], float] | InstsimError = future.result()
            if isinstance(found, InstsimError):
                raise found
            return found
        if future.status == "error":
            error = future.exception()
            if type(error).__name__ == "KilledWorker":
                return None
            raise InputError(f"a worker of {self.place} failed: {type(error).__name__}: {error}", hint="is instsim installed there?")
        raise InputError(f"the scheduler of {self.place} was lost", hint="what was found so far is kept: the same command goes on where it was")


@contextmanager
def workers(plan: Plan, count: int, scheduler: str | None) -> Iterator[Workers]:
    """Start processes on this machine, or use a scheduler's.

    Parameters
    ----------
    plan : Plan
        What they do.
    count : int
        How many processes to start.
    scheduler : str or None
        Address of a scheduler (``tcp://host:port``), whose workers are used instead.

    Raises
    ------
    UsageError
        If dask.distributed is not installed, the address is not one, or the workers' instsim is another.
    InputError
        If the scheduler does not answer, or has no workers.
    """
    try:
        import dask  # noqa: PLC0415 -- an extra of the package
        import distributed  # noqa: PLC0415
        from distributed import Client, LocalCluster  # noqa: PLC0415
    except ImportError as error:
        hint = "pip install 'instsim[sweep]', or --workers 0 to work in this process alone"
        raise UsageError("sweeps in parallel need dask.distributed, which is not installed", hint=hint) from error
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_SETTINGS))
        stack.enter_context(_quiet())
        if scheduler is None:
            place = "this machine"
            start_fork_server()
            # Dask would load pandas into this process as well, only to have it in the one that workers are copies of.
            distributed.utils._forkserver_preload_set = True  # noqa: SLF001 -- there is no setting for it; without effect where it is unknown
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                    # The process that workers are copies of may have been started with other variables.
                    env=dict(os.environ),
                )
            )
            client = stack.enter_context(Client(cluster))
        else:
            place = scheduler
            client = stack.enter_context(_connected(Client, scheduler))
        capacity = _capacity(client, place)
        from instsim.sweep.keeper import Keeper  # noqa: PLC0415 -- imports dask

        name = f"instsim-{plan.setting}"
        client.register_plugin(Keeper(name, plan))
        try:
            yield Workers(client, place, capacity, name, plan.group_size)
        finally:
            if scheduler is not None:
                with suppress(Exception):
                    client.unregister_worker_plugin(name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep dask from logging what is told as an error of instsim, tracebacks included."""
    loggers = [logging.getLogger(name) for name in ("distributed", *logging.root.manager.loggerDict) if name.partition(".")[0] == "distributed"]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _connected(kind: Any, scheduler: str) -> Any:
    from distributed.comm import get_address_host  # noqa: PLC0415 -- an extra of the package

    try:
        # A client that was made with what is no address waits 20 s for it at the end, and prints a traceback.
        get_address_host(scheduler)
        return kind(scheduler, timeout=_ANSWER_S, set_as_default=False)
    except ValueError as error:
        raise UsageError(f"{scheduler!r} is no address of a scheduler: {error}", hint="as in --scheduler tcp://host:8786") from error
    except (OSError, TimeoutError) as error:
        raise InputError(
            f"the scheduler {scheduler} did not answer within {_ANSWER_S} s",
            hint="is `dask scheduler` running there, and can it be reached from here?",
        ) from error


def _capacity(client: Any, place: str) -> int:
    try:
        client.wait_for_workers(1, timeout=_FIRST_WORKER_S)
        versions = client.run(_version)
    except TimeoutError as error:
        raise InputError(f"the scheduler of {place} has no workers", hint="start some: `dask worker tcp://host:port --nthreads 1`") from error
    except Exception as error:
        # What a worker could not load arrives as the text of its error, in an exception of no particular class.
        lacking = re.search(r"No module named '?([\w.]+)", str(error))
        if lacking is None:
            raise
        raise UsageError(f"a worker of {place} lacks {lacking[1]}", hint="install instsim where the workers run") from error
    others = sorted({version for version in versions.values() if version != __version__})
    if others:
        raise UsageError(f"a worker of {place} has instsim {others[0]}, this is {__version__}", hint="install the same version everywhere")
    return sum(client.nthreads().values())


def _version() -> str:
    return __version__
