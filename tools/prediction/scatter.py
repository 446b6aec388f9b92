"""How much of a predictor's error on single layers is the data of the one run that it is judged on."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from instsim.errors import SwapError
from instsim.model.layer import Layer
from instsim.predict.sampling import draw_layer
from instsim.session.predicting import Predictor

__all__ = ["INPUTS", "scatter"]

INPUTS = 8
"""Inputs that every layer is run on."""

_SEED = 77_000
"""Of layers that nothing was developed on."""

Floats = npt.NDArray[np.float64]


def scatter(kind: str, count: int, run: Callable[[Layer, int, int], float], predictor: Predictor) -> dict[str, Any]:
    """Return errors against one run and against the mean of several, and what the runs themselves scatter.

    Parameters
    ----------
    kind : str
        Operator.
    count : int
        Layers to draw.
    run : callable
        Returns the cycles of a layer; takes the seeds of its weights and of its inputs. Raises SwapError if it is refused.
    predictor : Predictor
        To judge.
    """
    generator = np.random.default_rng(_SEED)
    layers, rows = [], []
    for number in range(count):
        layer = draw_layer(kind, generator)
        try:
            rows.append([run(layer, _SEED + number, _SEED + number * INPUTS + place) for place in range(INPUTS)])
        except SwapError:
            continue
        layers.append(layer)
    runs = np.array(rows)
    costs = predictor.predict([[layer] for layer in layers]).costs
    predicted = costs.cycles - costs.dispatch_cycles
    half = NormalDist().inv_cdf(0.95) * costs.layer_costs.sd[costs.places]
    means = runs.mean(axis=1)
    others = (runs.sum(axis=1, keepdims=True) - runs) / (INPUTS - 1)
    spread = runs.std(axis=1, ddof=1) / means
    return {
        "layers": len(layers),
        "inputs": INPUTS,
        "one_run": _within(predicted / runs[:, 0]),
        "mean": _within(predicted / means),
        "mean_error": float(np.abs(predicted / means - 1).mean()),
        "runs_of_others": _within(runs / others),
        "spread_median": float(np.median(spread)),
        "spread_p95": float(np.percentile(spread, 95)),
        "covered": float((np.abs(predicted[:, None] / runs - 1) <= half[:, None]).mean()),
    }


def _within(ratios: Floats) -> float:
    """Return the share of predictions within one percent."""
    return float((np.abs(ratios - 1) <= 0.01).mean())
