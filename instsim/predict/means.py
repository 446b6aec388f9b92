"""What data decide, in the mean: classes that samples of one layer count differently, as sums of the same few columns.

A branch on data is taken as often as it is not in no two runs, but both add up to something exact. So all classes of a path are fitted on the
same columns with the same weights: what one of them has too much, another has too little.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["data_spread", "fit_means"]

_FOLDS = 5
_MOST_COLUMNS = 8
_LAYERS_A_COLUMN = 8
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def fit_means(counts: Integers, prices: Floats, groups: Integers, columns: Integers) -> tuple[tuple[tuple[float, int], ...], ...]:
    """Express counts as sums of few columns.

    Parameters
    ----------
    counts : ndarray of int64, shape (samples, classes)
        What to express.
    prices : ndarray of float64, shape (classes,)
        Cycles of one count of each class: which columns are taken is decided by the cycles of all of them.
    groups : ndarray of int64, shape (samples,)
        Samples of one group are of one layer.
    columns : ndarray of int64, shape (samples, columns)
        What they may be made of, the simplest first.

    Returns
    -------
    tuple of tuple of (float, int)
        For each class factors and columns.
    """
    cycles = counts @ prices
    # Data decide about one output apart from the next, so the variance grows with their number.
    weights = 1.0 / np.sqrt(np.maximum(cycles, max(float(np.median(cycles)) / 100, 1.0)))
    norms = np.abs(columns).max(axis=0).astype(np.float64)
    usable = np.flatnonzero(norms > 0)
    scaled = columns[:, usable] / norms[usable]
    fold = np.unique(groups, return_inverse=True)[1] % _FOLDS
    chosen = _chosen(scaled * weights[:, None], cycles * weights, fold)
    if not chosen:
        return tuple(() for _ in range(counts.shape[1]))
    places: list[int] = usable[chosen].tolist()
    factors: Floats = _solved(scaled[:, chosen] * weights[:, None], counts * weights[:, None]) / norms[places, None]
    return tuple(tuple((float(factor), place) for factor, place in zip(row, places, strict=True)) for row in factors.T)


def data_spread(cycles: Floats, groups: Integers) -> float:
    """Return the variance of a layer's cycles over random data divided by their mean, in cycles.

    Every output adds its share of both, so it is about the same for small layers and large ones.

    Parameters
    ----------
    cycles : ndarray of float64, shape (samples,)
        Of samples.
    groups : ndarray of int64, shape (samples,)
        Samples of one group are of one layer.

    Returns
    -------
    float
        Cycles; 0.0 if no layer was run twice.
    """
    _, groups, runs = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.bincount(groups, cycles) / runs
    degrees = int((runs - 1).sum())
    return float(((cycles - means[groups]) ** 2 / means[groups]).sum() / degrees) if degrees else 0.0


def _chosen(columns: Floats, wanted: Floats, fold: Integers) -> list[int]:
    """Return the columns whose sum does best on layers left out, taken one after the other."""
    taken: list[int] = []
    left = float(wanted @ wanted)
    # The best of many columns takes so much away by chance (Foster and George, The risk inflation criterion for multiple regression, 1994).
    by_chance = 2 * np.log(max(columns.shape[1], 2)) / fold.size
    for _ in range(min(_MOST_COLUMNS, int(fold.size) // _LAYERS_A_COLUMN)):
        others = [place for place in range(columns.shape[1]) if place not in taken]
        errors = [_held_out_error(columns[:, [*taken, place]], wanted, fold) for place in others]
        if not errors:
            break
        best = int(np.argmin(errors))
        if errors[best] >= (1 - by_chance) * left:
            break
        taken, left = [*taken, others[best]], errors[best]
    return taken


def _held_out_error(columns: Floats, wanted: Floats, fold: Integers) -> float:
    total = 0.0
    for number in range(_FOLDS):
        inside, outside = fold != number, fold == number
        missed = wanted[outside] - columns[outside] @ _solved(columns[inside], wanted[inside])
        total += float(missed @ missed)
    return total


def _solved(columns: Floats, wanted: Floats) -> Floats:
    found: Floats = np.linalg.lstsq(columns, wanted, rcond=None)[0].astype(np.float64)
    return found
