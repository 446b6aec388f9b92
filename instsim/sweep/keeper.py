"""What a worker of `dask.distributed` keeps from batch to batch: one evaluator. Imported where dask is at work, and nowhere else."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Sequence

from distributed import Worker, WorkerPlugin, get_worker

from instsim.errors import InstsimError
from instsim.sweep.evaluating import Content, Evaluator, Plan
from instsim.sweep.row import Outcome

__all__ = ["Keeper", "evaluate"]


class Keeper(WorkerPlugin):  # type: ignore[misc] # dask is Any to the checker
    """Holds the plan, of which the scheduler gives a copy to every worker, those that come later included; and the evaluator, once there is work.

    Parameters
    ----------
    name : str
        By which `evaluate` finds it.
    plan : Plan
        What to do.
    """

    def __init__(self, name: str, plan: Plan) -> None:
        self.name, self._plan = name, plan
        self._evaluator: Evaluator | None = None
        self._lock: threading.Lock | None = None

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 -- dask's signature
        """Begin on a worker."""
        self._lock = threading.Lock()

    def run(self, models: Sequence[Content], seconds: float) -> tuple[list[Outcome], float]:
        """Return outcomes of the first models, one at least and no more than `seconds` take, and the time that they took."""
        assert self._lock is not None
        # A worker of somebody's cluster may have several threads; a machine runs one model at a time.
        with self._lock:
            if self._evaluator is None:
                self._evaluator = self._plan.start()
            outcomes: list[Outcome] = []
            started = time.monotonic()
            while len(outcomes) < len(models) and (not outcomes or time.monotonic() - started < seconds):
                outcomes += self._evaluator.run(models[len(outcomes) : len(outcomes) + self._plan.group_size])
            return outcomes, time.monotonic() - started


def evaluate(name: str, models: bytes, seconds: float) -> tuple[list[Outcome], float] | InstsimError:
    """Evaluate pickled models on the worker that this runs on, see `Keeper.run`; an error that every model would meet is returned, not raised."""
    try:
        keeper: Keeper = get_worker().plugins[name]
        return keeper.run(pickle.loads(models), seconds)  # noqa: S301 -- dask unpickles the call itself
    except InstsimError as error:
        return error
