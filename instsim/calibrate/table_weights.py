"""Weights of a core table refitted to measured cycles, each held to its documented value as firmly as that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from instsim.errors import InputError

__all__ = ["PRIOR_SD_CYCLES", "CountedRun", "RefittedWeight", "WeightFit", "refit_weights"]

PRIOR_SD_CYCLES: Mapping[str, float] = MappingProxyType({"documented": 0.1, "measured": 0.2, "derived": 0.4, "fitted": 0.5, "assumed": 1.0})
"""How far a weight may be from its table, in cycles, by the basis of its row (a judgement: documents are right, assumptions need not be)."""

_MODEL_SD = 0.02
_IDENTIFIED = 0.5


@dataclass(frozen=True)
class CountedRun:
    """A run with its events.

    Attributes
    ----------
    place : str
        How a message names it.
    measured_cycles : float
        Latency times clock.
    predicted_cycles : float
        By the table as it is.
    counts : mapping of str to float
        How often each event occurred.
    """

    place: str
    measured_cycles: float
    predicted_cycles: float
    counts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RefittedWeight:
    """One weight, in cycles.

    Attributes
    ----------
    event : str
        Its name.
    basis : str
        What the table's value rests on.
    before, after : float
        The table's value, and the refitted one.
    prior_sd, posterior_sd : float
        How well it is known before and after the runs.
    identified : bool
        Whether the runs halve its uncertainty at least; else it stays near its table.
    """

    event: str
    basis: str
    before: float
    after: float
    prior_sd: float
    posterior_sd: float
    identified: bool


@dataclass(frozen=True)
class WeightFit:
    """Refitted weights.

    Attributes
    ----------
    weights : tuple of RefittedWeight
        By name.
    error_before, error_after : float
        Mean absolute relative error of the runs' cycles.
    penalty : float
        What was minimized: squared errors over their deviations, of runs and of weights together.
    """

    weights: tuple[RefittedWeight, ...]
    error_before: float
    error_after: float
    penalty: float


def refit_weights(
    runs: Sequence[CountedRun],
    weights: Mapping[str, tuple[float, str]],
    relative_sd: float = _MODEL_SD,
    prior_sd_cycles: Mapping[str, float] = PRIOR_SD_CYCLES,
) -> WeightFit:
    """Refit weights by non-negative least squares, shrunk toward their table.

    Minimizes ``sum(((measured - predicted) / (sd measured))^2) + sum(((w - w_table) / prior_sd)^2)`` under the sign that each weight has in
    its table (Lawson and Hanson, "Solving Least Squares Problems", chapter 23, on rows augmented by the prior).

    Parameters
    ----------
    runs : sequence of CountedRun
        Measured cycles and counts.
    weights : mapping of str to (float, str)
        The events to refit: cycles and basis of the table's row.
    relative_sd : float
        Error of the model that the weights cannot explain, relative.
    prior_sd_cycles : mapping of str to float
        How far a weight may be from its table, by the basis of its row.

    Raises
    ------
    InputError
        If there are no runs, or no weights.
    """
    from scipy.optimize import nnls  # noqa: PLC0415 -- takes a while to load

    if not runs or not weights:
        raise InputError("nothing to refit: no runs, or no weights named")
    names = sorted(weights)
    before = np.array([weights[name][0] for name in names])
    prior_sd = np.array([prior_sd_cycles.get(weights[name][1], 1.0) for name in names])
    signs = np.where(before < 0, -1.0, 1.0)
    ordered = sorted(runs, key=lambda run: (run.place, run.measured_cycles))
    measured = np.array([run.measured_cycles for run in ordered])
    counts = np.array([[run.counts.get(name, 0.0) for name in names] for run in ordered])
    fixed = np.array([run.predicted_cycles for run in ordered]) - counts @ before
    scale = 1.0 / (relative_sd * measured)
    rows = np.vstack([counts * scale[:, None], np.diag(1.0 / prior_sd)])
    goal = np.concatenate([(measured - fixed) * scale, before / prior_sd])
    after = nnls(rows * signs, goal)[0] * signs
    posterior = np.sqrt(np.diag(np.linalg.inv(rows.T @ rows)))
    return WeightFit(
        tuple(
            RefittedWeight(name, weights[name][1], float(b), float(a), float(p), float(s), bool(s < _IDENTIFIED * p))
            for name, b, a, p, s in zip(names, before, after, prior_sd, posterior, strict=True)
        ),
        float(np.abs((fixed + counts @ before) / measured - 1).mean()),
        float(np.abs((fixed + counts @ after) / measured - 1).mean()),
        float(((rows @ after - goal) ** 2).sum()),
    )
