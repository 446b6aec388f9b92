"""What depends on data: a class as a share of another, or of a few terms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["closest_share", "fit_share"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_CLOSE = 0.02
"""Scatter of a share that needs no second term."""

_PREFERENCE = 0.85
"""A term replaces an understood class as the base of a share only if its scatter is that much smaller."""


def fit_share(counts: Integers, known: Integers, terms: Integers) -> tuple[tuple[float, int], ...]:
    """Express a count as a mean share of something that is understood.

    Parameters
    ----------
    counts : ndarray of int64, shape (samples,)
        What to express.
    known : ndarray of int64, shape (samples, classes)
        Classes with exact formulas.
    terms : ndarray of int64, shape (samples, terms)
        Terms.

    Returns
    -------
    tuple of (float, int)
        Factors and columns; class ``k`` is column ``-1 - k``. Empty if nothing runs wherever the count does.
    """
    best = closest_share(counts, known)
    choice: tuple[tuple[float, int], ...] = ()
    scatter = np.inf
    if best is not None:
        scatter, factor, column = best
        choice = ((factor, -1 - column),)
    if scatter > _CLOSE:
        other = closest_share(counts, terms)
        if other is not None and other[0] < _PREFERENCE * scatter:
            scatter, factor, column = other
            choice = ((factor, column),)
    if scatter > _CLOSE:
        pair = _two_terms(counts, terms)
        if pair is not None and pair[0] < 0.6 * scatter:
            choice = pair[1]
    return choice


def closest_share(counts: Integers, bases: Integers) -> tuple[float, float, int] | None:
    """Return the least scattered ratio: its scatter, its mean and the column."""
    usable = np.flatnonzero(((bases > 0) | (counts[:, None] == 0)).all(axis=0) & (bases > 0).any(axis=0) & (bases >= 0).all(axis=0))
    if not usable.size:
        return None
    columns = bases[:, usable].astype(np.float64)
    weights = np.sqrt(columns)
    total = weights.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(columns > 0, counts[:, None] / columns, 0.0)
    means = (weights * ratios).sum(axis=0) / total
    spread = np.sqrt((weights * (ratios - means) ** 2).sum(axis=0) / total) / np.maximum(means, 1e-12)
    place = int(np.argmin(np.round(spread, 6)))
    return float(spread[place]), float(means[place]), int(usable[place])


def _two_terms(counts: Integers, terms: Integers) -> tuple[float, tuple[tuple[float, int], ...]] | None:
    """Return the best sum of two terms with positive factors, by relative least squares, and its scatter."""
    ran = counts > 0
    if ran.sum() < 12 or not ran.all():
        return None
    weights = 1.0 / counts.astype(np.float64)
    columns = terms * weights[:, None]
    norms = np.sqrt((columns**2).sum(axis=0))
    usable = np.flatnonzero((norms > 0) & (terms >= 0).all(axis=0))
    unit = columns[:, usable] / norms[usable]
    ones = np.ones(counts.size)
    single = unit.T @ ones
    order = np.argsort(-single)[:300]
    usable, unit, single = usable[order], unit[:, order], single[order]
    gram = unit.T @ unit
    denominator = 1 - gram**2
    denominator[denominator < 1e-6] = np.inf
    gain = (single[:, None] ** 2 + single[None, :] ** 2 - 2 * gram * single[:, None] * single[None, :]) / denominator
    first = (single[:, None] - gram * single[None, :]) / denominator
    gain[(first <= 0) | (first.T <= 0)] = 0
    left, right = np.unravel_index(int(np.argmax(gain)), gain.shape)
    if gain[left, right] <= 0:
        return None
    rest = max(float(ones @ ones - gain[left, right]), 0.0)
    factors = (first[left, right] / norms[usable[left]], first[right, left] / norms[usable[right]])
    return float(np.sqrt(rest / counts.size)), ((float(factors[0]), int(usable[left])), (float(factors[1]), int(usable[right])))
