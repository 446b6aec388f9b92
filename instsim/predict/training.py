"""Teaching a predictor: which layers to run, and when there have been enough."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from instsim.cost.core_table import CoreTable
from instsim.isa.instruction import Isa
from instsim.model.layer import Layer
from instsim.predict.kind_fitting import FittedKind, fit_kind
from instsim.predict.paths import assign_paths
from instsim.predict.predictor import DISPATCH, ErrorFound, KindModel
from instsim.predict.pricing import PricedKind, price_kind
from instsim.predict.quantities import Quantities
from instsim.predict.samples import Sample
from instsim.predict.sampling import draw_layer

__all__ = ["RunLayer", "TrainingPlan", "TrainingStep", "error_found", "train_kind"]

RunLayer = Callable[[Layer, int], Sample | None]
"""Runs a layer with weights and inputs from a seed; None if the runner refuses it."""

Floats = npt.NDArray[np.float64]

_GAIN = 0.8
"""What the mean error must shrink by for further layers to be worth it: what is left otherwise depends on data."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long to teach an operator.

    Attributes
    ----------
    first : int
        Layers drawn at random before anything is fitted.
    repeats : int
        How many of these are run again with other data: what differs then depends on data, and no formula is sought for it.
    step : int
        Fewest fresh layers run between two fits, else half as many as there were; they are predicted before they are taught.
    most : int
        Most layers of an operator.
    tested : int
        Fresh layers at the end, never taught, from which the predictor's errors are known.
    tolerance : float
        Relative error within which `share` of the fresh layers must be predicted twice in a row.
    share : float
        See `tolerance`.
    seconds : float
        Processor time for one operator, after which no further layers are drawn: a busy machine teaches the same.
    """

    first: int = 60
    repeats: int = 24
    step: int = 30
    most: int = 400
    tested: int = 60
    tolerance: float = 0.01
    share: float = 0.97
    seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """Where teaching stands.

    Attributes
    ----------
    kind : str
        Operator.
    layers : int
        Layers run so far.
    paths : int
        Paths found.
    fresh_error : float
        Mean relative error of the last fresh layers.
    is_done : bool
        Whether it is the last step of this operator.
    """

    kind: str
    layers: int
    paths: int
    fresh_error: float
    is_done: bool = False


def train_kind(
    kind: str,
    isa: Isa,
    cores: Sequence[CoreTable],
    run_layer: RunLayer,
    *,
    plan: TrainingPlan,
    on_step: Callable[[TrainingStep], None] | None = None,
) -> KindModel | None:
    """Teach one operator.

    The first layers are drawn at random. Then, again and again, fresh ones are drawn for each path in turn, half of them where the last two
    fits disagree most; they are predicted, run, and taught as well, until the predictions hold or the budget is spent. At last fresh layers
    are run that are not taught: their errors are what the predictor says of itself.

    Parameters
    ----------
    kind : str
        Operator; `instsim.predict.predictor.DISPATCH` for the interpreter's own work.
    isa : Isa
        Instruction set of the runner.
    cores : sequence of CoreTable
        To price for; errors are those on the first.
    run_layer : callable
        Runs a layer.
    plan : TrainingPlan
        Budget and target.
    on_step : callable, optional
        Called behind each fit.

    Returns
    -------
    KindModel or None
        None if the runner took none of the layers.
    """
    return _Teaching(kind, isa, cores, run_layer, plan=plan, on_step=on_step).taught()


class _Teaching:
    def __init__(
        self,
        kind: str,
        isa: Isa,
        cores: Sequence[CoreTable],
        run_layer: RunLayer,
        *,
        plan: TrainingPlan,
        on_step: Callable[[TrainingStep], None] | None,
    ) -> None:
        self._kind, self._isa, self._cores, self._run, self._plan, self._on_step = kind, isa, cores, run_layer, plan, on_step
        self._generator = np.random.default_rng(zlib.crc32(kind.encode()))
        self._samples: list[Sample] = []
        self._seed = 0
        self._priced: list[PricedKind] = []

    def taught(self) -> KindModel | None:
        start = time.process_time()
        plan = self._plan
        self._teach([self._draw() for _ in range(plan.first)])
        if not self._samples:
            return None
        self._teach([sample.layer for sample in self._samples[: plan.repeats]])
        good = without_gain = 0
        best = float("inf")
        fresh = float("nan")
        while True:
            fitted = fit_kind(self._kind, self._isa, self._samples, self._cores)
            self._priced = [*self._priced[-1:], price_kind(fitted.model, self._cores[0])]
            spent = len(self._samples) >= plan.most or time.process_time() - start > plan.seconds
            if good >= 2 or without_gain >= 2 or spent or self._kind == DISPATCH:
                break
            self._step(fitted, fresh)
            added = self._teach(self._probes(fitted))
            errors = self._errors(added)
            if not errors.size:
                break
            fresh = float(np.abs(errors).mean())
            without_gain = 0 if fresh < _GAIN * best else without_gain + 1
            best = min(best, fresh)
            good = good + 1 if (np.abs(errors) <= plan.tolerance).mean() >= plan.share else 0
        tests = self._run_all([self._draw() for _ in range(plan.tested)])
        errors = self._errors(tests)
        self._step(fitted, float(np.abs(errors).mean()) if errors.size else fresh, is_done=True)
        return replace(fitted.model, error=error_found(errors) if errors.size else None)

    def _draw(self) -> Layer:
        if self._kind == DISPATCH:
            return Layer(DISPATCH, height=int(self._generator.integers(1, 17)))
        return draw_layer(self._kind, self._generator)

    def _run_all(self, layers: Sequence[Layer]) -> list[Sample]:
        found = []
        for layer in layers:
            self._seed += 1
            sample = self._run(layer, self._seed)
            if sample is not None:
                found.append(sample)
        return found

    def _teach(self, layers: Sequence[Layer]) -> list[Sample]:
        added = self._run_all(layers)
        self._samples += added
        return added

    def _errors(self, samples: Sequence[Sample]) -> Floats:
        """Return the errors of the last fit on samples."""
        if not samples:
            return np.zeros(0)
        from instsim.predict.classes import count_classes  # noqa: PLC0415 -- only the sums are needed here

        classes = count_classes(self._isa, samples, self._cores[:1])
        cycles = classes.counts @ classes.prices(self._cores[0])
        predicted = self._priced[-1].cycles([sample.layer for sample in samples])
        errors: Floats = predicted / cycles - 1.0
        return errors

    def _probes(self, fitted: FittedKind) -> list[Layer]:
        """Return fresh layers: of each path in turn, first those about which the last two fits disagree, then any."""
        plan = self._plan
        step = max(plan.step, len(self._samples) // 2)
        pool = [self._draw() for _ in range(8 * step)]
        quantities = Quantities(pool)
        paths = [path.gates for path in fitted.model.paths]
        chosen = assign_paths(paths, quantities)
        doubt = np.zeros(len(pool))
        if len(self._priced) == 2:
            before, after = (priced.of(quantities) for priced in self._priced)
            doubt = np.abs(after - before) / np.maximum(after, 1.0)
        by_path = [np.flatnonzero(chosen == number) for number in range(len(paths))]
        queues = []
        for members in by_path:
            by_doubt = members[np.argsort(-doubt[members], kind="stable")]
            doubtful = by_doubt[doubt[by_doubt] > plan.tolerance / 4].tolist()
            queues.append([place for pair in zip(doubtful, members.tolist(), strict=False) for place in pair] + members.tolist())
        probes: dict[int, None] = {}
        while len(probes) < step and any(queues):
            for queue in queues:
                while queue:
                    place = queue.pop(0)
                    if place not in probes:
                        probes[place] = None
                        break
        return [pool[place] for place in probes]

    def _step(self, fitted: FittedKind, fresh: float, *, is_done: bool = False) -> None:
        if self._on_step is not None:
            self._on_step(TrainingStep(self._kind, len(self._samples), len(fitted.model.paths), fresh, is_done))


def error_found(errors: Floats) -> ErrorFound:
    """Sum up relative errors."""
    sizes = np.abs(errors)
    return ErrorFound(
        errors.size,
        float(sizes.mean()),
        float(np.percentile(sizes, 95)),
        float(sizes.max()),
        float(errors.mean()),
        float((sizes <= 0.01).mean()),
        float((sizes <= 0.05).mean()),
    )
