"""Workers of `dask.distributed`: each keeps one evaluator, and with it one machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from instsim import __version__
from instsim.errors import InputError, InstsimError, UsageError
from instsim.sweep.evaluating import Content, Plan
from instsim.sweep.row import Outcome

__all__ = ["Workers", "workers"]

_ANSWER_S = 10
_FIRST_WORKER_S = 60
_RETRIES = 1
"""How often a model whose worker died is tried again: it may have died of another cause."""


@dataclass
class Workers:
    """Takes batches of models and gives their outcomes, in the order they are done.

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
    """

    client: Any
    place: str
    capacity: int
    key: str

    def run(self, batches: Iterator[tuple[int, Sequence[Content]]]) -> Iterator[tuple[int, list[Outcome]]]:
        """Evaluate numbered batches; few more are taken than there are workers.

        Raises
        ------
        InputError
            If the scheduler is lost.
        UsageError
            If a worker cannot evaluate models at all.
        """
        from distributed import as_completed  # noqa: PLC0415 -- an extra of the package

        from instsim.sweep.keeper import evaluate  # noqa: PLC0415 -- imports dask

        sizes: dict[str, tuple[int, int]] = {}
        done = as_completed(loop=self.client.loop)
        running = 0
        exhausted = False
        while True:
            while not exhausted and running < 2 * self.capacity:
                taken = next(batches, None)
                if taken is None:
                    exhausted = True
                    break
                number, models = taken
                future = self.client.submit(evaluate, self.key, list(models), pure=False)
                sizes[future.key] = number, len(models)
                done.add(future)
                running += 1
            if not running:
                return
            future = next(done)
            running -= 1
            number, size = sizes.pop(future.key)
            yield number, self._outcomes(future, size)

    def _outcomes(self, future: Any, size: int) -> list[Outcome]:
        if future.status == "finished":
            found: list[Outcome] | InstsimError = future.result()
            if isinstance(found, InstsimError):
                raise found
            return found
        if future.status == "error":
            error = future.exception()
            if type(error).__name__ == "KilledWorker":
                return [Outcome.failure("crash", "the process that evaluated it died; it may have run out of memory")] * size
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
        from distributed import Client, LocalCluster  # noqa: PLC0415
    except ImportError as error:
        hint = "pip install 'instsim[sweep]', or --workers 0 to work in this process alone"
        raise UsageError("sweeps in parallel need dask.distributed, which is not installed", hint=hint) from error
    with ExitStack() as stack:
        # One model at a time is given to a worker, so that one which kills it is known.
        stack.enter_context(dask.config.set({"distributed.scheduler.worker-saturation": 1.0, "distributed.scheduler.allowed-failures": _RETRIES}))
        stack.enter_context(_quiet())
        if scheduler is None:
            place = "this machine"
            cluster = stack.enter_context(
                LocalCluster(n_workers=count, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL)
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
            yield Workers(client, place, capacity, name)
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
    try:
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
    except ModuleNotFoundError as error:
        raise UsageError(f"a worker of {place} lacks {error.name}", hint="install instsim where the workers run") from error
    others = sorted({version for version in versions.values() if version != __version__})
    if others:
        raise UsageError(f"a worker of {place} has instsim {others[0]}, this is {__version__}", hint="install the same version everywhere")
    return sum(client.nthreads().values())


def _version() -> str:
    return __version__
