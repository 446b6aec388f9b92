"""What pooling of random values makes a kernel do, in the mean: how often a running maximum rises, and how many bits a mean has.

Both depend on how many taps lie inside the input at each output. Kernels branch, or divide in a loop, by what they find there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim.predict.copies import Axis

__all__ = ["mean_bits", "rises"]

_CLIPPED = 64
"""Outputs at either end of an axis whose taps are counted one by one; all others are taken to have whole windows."""

_EULER = 0.5772156649
_VALUE_BITS = 6.0
"""Bits of an evenly distributed int8 value's magnitude, in the mean."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Sums(NamedTuple):
    """Of the taps inside the input, over the outputs of an axis; each of shape (layers,)."""

    outputs: Floats
    logarithms: Floats
    powers: dict[int, Floats]


def rises(rows: Axis, columns: Axis) -> Integers:
    """Return how often a running maximum over the taps of a window rises behind its first tap, in thousandths, summed over all outputs.

    Of `n` values in random order the ``i``-th is the largest so far with the chance ``1 / i``: harmonic numbers, by their asymptotic series.

    Parameters
    ----------
    rows, columns : Axis
        Of the windows.

    Returns
    -------
    ndarray of int64, shape (layers,)
        Thousandths.
    """
    down, across = _sums(rows), _sums(columns)
    total = _logarithms(down, across) + (_EULER - 1) * down.outputs * across.outputs
    for power, factor in ((1, 1 / 2), (2, -1 / 12), (4, 1 / 120)):
        total += factor * down.powers[power] * across.powers[power]
    return _thousandths(total)


def mean_bits(rows: Axis, columns: Axis) -> Integers:
    """Return the bits of the mean of a window's taps, in thousandths, summed over all outputs.

    The mean of `n` random values is as a value over the root of `n`, so that each fourfold window takes one bit.

    Parameters
    ----------
    rows, columns : Axis
        Of the windows.

    Returns
    -------
    ndarray of int64, shape (layers,)
        Thousandths.
    """
    down, across = _sums(rows), _sums(columns)
    return _thousandths(_VALUE_BITS * down.outputs * across.outputs - _logarithms(down, across) / (2 * math.log(2)))


def _logarithms(down: _Sums, across: _Sums) -> Floats:
    return across.outputs * down.logarithms + down.outputs * across.logarithms


def _thousandths(values: Floats) -> Integers:
    rounded: Integers = np.rint(1000 * np.maximum(values, 0)).astype(np.int64)
    return rounded


def _sums(axis: Axis) -> _Sums:
    places = np.arange(_CLIPPED)
    first = np.broadcast_to(places, (axis.outputs.size, _CLIPPED))
    last = axis.outputs[:, None] - 1 - places
    outputs = np.concatenate([first, last], axis=1)
    counted = np.concatenate([first < axis.outputs[:, None], last >= _CLIPPED], axis=1)
    starts = outputs * axis.stride[:, None] - axis.padding[:, None]
    inside = np.minimum(starts + axis.taps[:, None], axis.size[:, None]) - np.maximum(starts, 0)
    taps = np.where(counted, np.maximum(inside, 1), 1).astype(np.float64)
    others = (axis.outputs - counted.sum(axis=1)).astype(np.float64)
    whole = np.maximum(axis.taps, 1).astype(np.float64)
    return _Sums(
        axis.outputs.astype(np.float64),
        np.log(taps).sum(axis=1) + others * np.log(whole),
        {power: np.where(counted, taps**-power, 0.0).sum(axis=1) + others * whole**-power for power in (1, 2, 4)},
    )
