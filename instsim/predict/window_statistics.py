"""What pooling of random values depends on, in the mean: how many taps lie inside the input at each output.

A running maximum over `n` taps rises as a harmonic number says, and the mean of `n` taps is as one tap over the root of `n`. Kernels branch, or
divide in a loop, by what they find there. Sums over all outputs are taken of functions of `n` that are products of one for rows and one for
columns, or sums, so that no window is visited by itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim.predict.copies import Axis

__all__ = ["bits_of", "rises", "tap_bits", "tap_logarithms", "tap_powers"]

_CLIPPED = 64
"""Outputs at either end of an axis whose taps are counted one by one; all others are taken to have whole windows."""

_EULER = 0.5772156649
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Sums(NamedTuple):
    """Of the taps inside the input, over the outputs of an axis; each of shape (layers,) but for `taps` and `counts`, (layers, places).

    `counts` says how many outputs have so many `taps`.
    """

    taps: Integers
    counts: Integers
    outputs: Floats
    logarithms: Floats
    powers: dict[float, Floats]


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


def tap_logarithms(rows: Axis, columns: Axis) -> Integers:
    """Return the natural logarithm of how many taps lie inside, in thousandths, summed over all outputs; arguments as for `rises`."""
    return _thousandths(_logarithms(_sums(rows), _sums(columns)))


def tap_powers(rows: Axis, columns: Axis, power: float) -> Integers:
    """Return how many taps lie inside to a negative power, in thousandths, summed over all outputs.

    Parameters
    ----------
    rows, columns : Axis
        Of the windows.
    power : float
        0.5 or 1: one over the root of the taps, or over the taps.

    Returns
    -------
    ndarray of int64, shape (layers,)
        Thousandths.
    """
    return _thousandths(_sums(rows).powers[power] * _sums(columns).powers[power])


def tap_bits(rows: Axis, columns: Axis) -> Integers:
    """Return the bits of the number of taps inside, summed over all outputs; arguments as for `rises`."""
    down, across = _sums(rows), _sums(columns)
    total: Integers = np.zeros(down.taps.shape[0], np.int64)
    for place in range(down.taps.shape[1]):
        bits = bits_of(down.taps[:, place, None] * across.taps)
        total += down.counts[:, place] * (across.counts * bits).sum(axis=1)
    return total


def bits_of(values: Integers) -> Integers:
    """Return the number of significant bits of positive values below 2**53."""
    exponents: Integers = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    return exponents


def _logarithms(down: _Sums, across: _Sums) -> Floats:
    return across.outputs * down.logarithms + down.outputs * across.logarithms


def _thousandths(values: Floats) -> Integers:
    rounded: Integers = np.rint(1000 * np.maximum(values, 0)).astype(np.int64)
    return rounded


def _sums(axis: Axis) -> _Sums:
    # No more places than some layer has clipped windows at an end.
    behind = (axis.outputs - 1) * axis.stride + axis.taps - axis.size - axis.padding
    reach = np.maximum(axis.padding, behind) // np.maximum(axis.stride, 1) + 1
    places = np.arange(min(_CLIPPED, int(np.minimum(reach, axis.outputs).max(initial=1))))
    first = np.broadcast_to(places, (axis.outputs.size, places.size))
    last = axis.outputs[:, None] - 1 - places
    outputs = np.concatenate([first, last], axis=1)
    counted = np.concatenate([first < axis.outputs[:, None], last >= places.size], axis=1)
    starts = outputs * axis.stride[:, None] - axis.padding[:, None]
    inside = np.minimum(starts + axis.taps[:, None], axis.size[:, None]) - np.maximum(starts, 0)
    others = axis.outputs - counted.sum(axis=1)
    taps = np.concatenate([np.where(counted, np.maximum(inside, 1), 1), np.maximum(axis.taps, 1)[:, None]], axis=1)
    counts = np.concatenate([counted.astype(np.int64), others[:, None]], axis=1)
    exact = taps.astype(np.float64)
    return _Sums(
        taps,
        counts,
        axis.outputs.astype(np.float64),
        (np.log(exact) * counts).sum(axis=1),
        {power: (exact**-power * counts).sum(axis=1) for power in (0.5, 1, 2, 4)},
    )
