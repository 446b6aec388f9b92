"""Which runs to measure next: those that tighten the predictions most.

The relative error of an image is taken as a board's own factor, plus what its mix of instructions adds, plus the scatter of a measurement:
``ln(measured / predicted) = k + z g + e``, with ``z`` the shares of the image's cycles by class. The board's factor is unknown, the effects of
the mix are normal with the spread that known boards show. Each measurement narrows all of them (Bayesian linear regression); the next image is
the one after which the targets' variance is smallest. No random number is drawn: the same images give the same plan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.errors import UsageError

__all__ = ["MixedImage", "PlannedRun", "expected_spread", "plan_runs"]

_FACTOR_SD = 1.0
"""Spread of the board's factor before any run: a factor of e, as good as nothing known."""

_METER_SD = 0.02

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MixedImage:
    """An image as the plan sees it.

    Attributes
    ----------
    name : str
        Unique.
    shares : tuple of float
        Shares of its cycles, in the same order for every image.
    cycles : float
        Length of a run.
    """

    name: str
    shares: tuple[float, ...]
    cycles: float


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A step of a plan.

    Attributes
    ----------
    name : str
        Image to measure.
    spread : float
        Root mean square of the targets' relative standard error of prediction, once this and all runs before it are measured.
    """

    name: str
    spread: float


def _features(images: Sequence[MixedImage], center: Array, scale: float) -> Array:
    shares = np.array([image.shares for image in images], dtype=float)
    return np.column_stack([np.ones(len(images)), (shares - center) * scale])


def _prepared(pool: Sequence[MixedImage], ln_sd: float) -> tuple[Array, float]:
    """Return the mean mix of all images, and the scale at which their mixes differ by the spread of known boards."""
    shares = np.array([image.shares for image in pool], dtype=float)
    center = shares.mean(axis=0)
    length = math.sqrt(float(((shares - center) ** 2).sum(axis=1).mean()))
    return center, ln_sd / length if length > 0 else 0.0


def _precision(rows: Array) -> Array:
    prior = np.ones(rows.shape[1])
    prior[0] = 1.0 / _FACTOR_SD**2
    return np.diag(prior) + rows.T @ rows / _METER_SD**2


def _spread(precision: Array, targets: Array) -> float:
    variance = np.einsum("ij,ij->i", targets @ np.linalg.inv(precision), targets) + _METER_SD**2
    return math.sqrt(float(variance.mean()))


def expected_spread(measured: Sequence[MixedImage], targets: Sequence[MixedImage], ln_sd: float, pool: Sequence[MixedImage]) -> float:
    """Return the targets' root mean square relative standard error of prediction when some images are measured.

    Parameters
    ----------
    measured, targets : sequence of MixedImage
        Images.
    ln_sd : float
        Spread that different mixes of instructions show on known boards.
    pool : sequence of MixedImage
        All images: their mean mix is where the effects are zero.
    """
    center, scale = _prepared(pool, ln_sd)
    rows = _features(measured, center, scale) if measured else np.zeros((0, 1 + len(pool[0].shares)))
    return _spread(_precision(rows), _features(targets, center, scale))


def plan_runs(
    candidates: Sequence[MixedImage], targets: Sequence[MixedImage], runs: int, ln_sd: float, measured: Sequence[MixedImage] = ()
) -> tuple[PlannedRun, ...]:
    """Choose images to measure, one after the other.

    Parameters
    ----------
    candidates : sequence of MixedImage
        That can be measured; each at most once.
    targets : sequence of MixedImage
        Whose prediction is to be tightened.
    runs : int
        How many to choose.
    ln_sd : float
        Spread that different mixes of instructions show on known boards.
    measured : sequence of MixedImage
        Runs that exist already.

    Raises
    ------
    UsageError
        If there are fewer candidates than runs, or none.
    """
    if not candidates or not targets:
        raise UsageError("no candidate is left to choose from", hint="name images that have not been measured yet")
    if runs > len(candidates):
        raise UsageError(f"{runs} runs of {len(candidates)} images", hint="name more candidates, or ask for fewer runs")
    pool = sorted({image.name: image for image in (*candidates, *targets, *measured)}.values(), key=lambda image: image.name)
    center, scale = _prepared(pool, ln_sd)
    goals = _features(targets, center, scale)
    precision = _precision(_features(measured, center, scale) if measured else np.zeros((0, goals.shape[1])))
    left = sorted(candidates, key=lambda image: (image.name, image.cycles))
    steps = []
    for _ in range(runs):
        rows = _features(left, center, scale)
        spreads = [round(_spread(precision + np.outer(row, row) / _METER_SD**2, goals), 12) for row in rows]
        # Of images that tell the same the longest is measured best.
        best = min(range(len(left)), key=lambda index: (spreads[index], -left[index].cycles, left[index].name))
        precision = precision + np.outer(rows[best], rows[best]) / _METER_SD**2
        steps.append(PlannedRun(left.pop(best).name, spreads[best]))
    return tuple(steps)
