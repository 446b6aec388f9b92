"""What a worker of `dask.distributed` keeps from batch to batch: one evaluator. Imported where dask is at work, and nowhere else."""

from __future__ import annotations

import threading
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

    def run(self, models: Sequence[Content]) -> list[Outcome]:
        """Return one outcome for each model."""
        assert self._lock is not None
        # A worker of somebody's cluster may have several threads; a machine runs one model at a time.
        with self._lock:
            if self._evaluator is None:
                self._evaluator = self._plan.start()
            return self._evaluator.run(models)


def evaluate(name: str, models: list[Content]) -> list[Outcome] | InstsimError:
    """Evaluate models on the worker that this runs on; an error that every model would meet is returned, not raised."""
    try:
        keeper: Keeper = get_worker().plugins[name]
        return keeper.run(models)
    except InstsimError as error:
        return error
