"""Copies and fills that kernels leave to the C library: how many there are, how long, and where they lie.

Nothing of it depends on data: tensors and buffers start at words, and the rest follows from the places of taps and rows. Three lay-outs are known:
windows of a convolution laid side by side (``arm_convolve_s8`` of CMSIS-NN 4ab83cc3: one copy for each tap inside the input, one fill for
each tap outside, two windows in the buffer), rows with a border (``arm_pad_s8``: a copy and two fills for each row, a fill above and one
below), and rows of several tensors one behind the other (``reference_ops::Concatenation`` of TensorFlow Lite: a copy for each).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from instsim.predict.library_calls import KINDS, WORD_BYTES, Calls, Copies, Fills, library_calls

__all__ = ["CALLS", "JOINING", "PADDING", "WINDOWS", "Axis", "joining_calls", "padding_calls", "window_calls"]

WINDOWS, PADDING, JOINING = "", "R", "J"
"""Prefixes of the names of calls, by lay-out."""

_LAYOUTS = {WINDOWS: "windows side by side", PADDING: "rows with a border", JOINING: "rows of several tensors"}
CALLS: Mapping[str, str] = MappingProxyType({prefix + name: f"{what}: {said}" for prefix, said in _LAYOUTS.items() for name, what in KINDS.items()})
"""Names of all calls, with what they are."""

_LARGEST_WINDOW = 64
"""Taps an axis up to which places are told apart; in larger windows all are taken to lie at words."""

_MOST_TENSORS = 16
"""Tensors up to which all copies are told apart; of more, the rest is taken to lie like the first."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a window that moves over an input; arrays of shape (layers,).

    Attributes
    ----------
    size, outputs, taps, stride, padding : ndarray of int64
        Of the input, of the output, of the window; between windows; before the input.
    """

    size: Integers
    outputs: Integers
    taps: Integers
    stride: Integers
    padding: Integers

    def take(self, layers: Integers) -> Axis:
        """Return the axis of some of the layers."""
        return Axis(self.size[layers], self.outputs[layers], self.taps[layers], self.stride[layers], self.padding[layers])


def window_calls(rows: Axis, columns: Axis, channels: Integers) -> Mapping[str, Calls]:
    """Return what is copied and filled for all windows of some layers, by the names of `KINDS`.

    Parameters
    ----------
    rows, columns : Axis
        The axes.
    channels : ndarray of int64, shape (layers,)
        Bytes of a tap.
    """
    inside, outside = _places(rows, columns, channels)
    at, off = np.zeros_like(channels), np.ones_like(channels)
    # Of a source off words it does not matter how far.
    copies = [
        Copies(inside[0, 0], at, at, channels),
        Copies(inside[0, 1:].sum(axis=0), at, off, channels),
        *(Copies(inside[1:, past].sum(axis=0), off, past * off, channels) for past in range(WORD_BYTES)),
    ]
    return library_calls(copies, [Fills(outside[past], past * off, channels) for past in range(WORD_BYTES)])


def padding_calls(rows: tuple[Integers, Integers], columns: tuple[Integers, Integers], channels: Integers) -> Mapping[str, Calls]:
    """Return what is copied and filled where tensors get a border, half of it (rounded down) before the input, by the names of `KINDS`.

    Parameters
    ----------
    rows, columns : tuple of ndarray of int64, shape (layers,)
        Of the input and of the output.
    channels : ndarray of int64, shape (layers,)
        Bytes of an element of a row.
    """
    height, out_height = rows
    width, out_width = columns
    above, left = (out_height - height) // 2, (out_width - width) // 2
    row_bytes, one = out_width * channels, np.ones_like(channels)
    copies = []
    fills = [
        Fills(one, 0 * one, above * row_bytes),
        Fills(one, (above + height) * row_bytes % WORD_BYTES, (out_height - height - above) * row_bytes),
    ]
    for remainder in range(WORD_BYTES):
        count = _congruent(height, remainder)
        start = (above + remainder) * row_bytes
        inner = start + left * channels
        copies.append(Copies(count, remainder * width * channels % WORD_BYTES, inner % WORD_BYTES, width * channels))
        fills += [
            Fills(count, start % WORD_BYTES, left * channels),
            Fills(count, (inner + width * channels) % WORD_BYTES, (out_width - width - left) * channels),
        ]
    return library_calls(copies, fills)


def joining_calls(rows: Integers, tensors: Integers, row_bytes: Integers) -> Mapping[str, Calls]:
    """Return what is copied where tensors of equal shapes are joined along their last axis, by the names of `KINDS`.

    Parameters
    ----------
    rows, tensors, row_bytes : ndarray of int64, shape (layers,)
        Rows of each tensor, tensors, bytes of a row of one.
    """
    copies = []
    for tensor in range(min(int(tensors.max(initial=1)), _MOST_TENSORS)):
        alike = np.where(tensor == 0, 1 + np.maximum(tensors - _MOST_TENSORS, 0), tensor < tensors)
        for remainder in range(WORD_BYTES):
            place = (remainder * tensors + tensor) * row_bytes
            copies.append(Copies(alike * _congruent(rows, remainder), remainder * row_bytes % WORD_BYTES, place % WORD_BYTES, row_bytes))
    return library_calls(copies)


def _places(rows: Axis, columns: Axis, channels: Integers) -> tuple[Integers, Integers]:
    """Return how many taps inside lie how many bytes past a word, and how many outside do.

    Shapes are (source, destination, layers) and (destination, layers): with the layers last, arithmetic runs along memory.
    """
    inside = np.zeros((WORD_BYTES, WORD_BYTES, channels.size), np.int64)
    outside = np.zeros((WORD_BYTES, channels.size), np.int64)
    within = _taps_inside(rows) * _taps_inside(columns)
    inside[0, 0] = within
    outside[0] = rows.outputs * columns.outputs * rows.taps * columns.taps - within
    # Where taps are whole words, so is every place.
    off = np.flatnonzero((channels % WORD_BYTES != 0) & (np.maximum(rows.taps, columns.taps) <= _LARGEST_WINDOW))
    if off.size:
        inside[..., off], outside[:, off] = _off_words(rows.take(off), columns.take(off), channels[off])
    return inside, outside


def _off_words(rows: Axis, columns: Axis, channels: Integers) -> tuple[Integers, Integers]:
    """Return what `_places` does, for layers whose taps are not whole words.

    Tap (ky, kx) of output (oy, ox) reads place (y, x), ``C * (y * W + x)`` bytes into the input, and writes ``C * (ky * KW + kx)`` bytes into its
    window; every other window lies K bytes into the buffer. Modulo four, both are sums of a part of either axis.
    """
    row_bytes, window_row_bytes = columns.size * channels, columns.taps * channels
    ones = np.ones_like(channels)
    found = []
    for taps in (_taps_by_place, _taps_anywhere):
        down = _by_remainders(taps(rows), row_bytes, window_row_bytes, columns.outputs)
        across = _by_remainders(taps(columns), channels, channels, ones)
        found.append(_joined(down, across, rows.taps * window_row_bytes))
    inside, every = found
    return inside, every[0] - inside.sum(axis=0)


def _bounds(axis: Axis, tap: Integers | int) -> tuple[Integers, Integers]:
    """Return the first output whose tap lies inside the input, and the first behind that whose tap does not."""
    first = np.maximum(-((tap - axis.padding) // axis.stride), 0)
    behind = np.minimum((axis.size - 1 + axis.padding - tap) // axis.stride + 1, axis.outputs)
    first = np.minimum(first, axis.outputs)
    return first, np.maximum(behind, first)


def _taps_by_place(axis: Axis) -> Integers:
    """Count the taps inside by place, tap and output, each modulo four; shape (4, 4, 4, layers)."""
    counts = np.zeros((WORD_BYTES, WORD_BYTES, WORD_BYTES, axis.size.size), np.int64)
    layers = np.arange(axis.size.size)
    for tap in range(int(axis.taps.max(initial=0))):
        first, behind = _bounds(axis, tap)
        behind = np.where(tap < axis.taps, behind, first)
        for output in range(WORD_BYTES):
            place = (output * axis.stride - axis.padding + tap) % WORD_BYTES
            counts[place, tap % WORD_BYTES, output, layers] += _congruent(behind, output) - _congruent(first, output)
    return counts


def _taps_anywhere(axis: Axis) -> Integers:
    """Count all taps by tap and output as `_taps_by_place` does, whatever their place; shape (1, 4, 4, layers)."""
    numbers = np.arange(WORD_BYTES)[:, None]
    taps, outputs = (_congruent(every, numbers) for every in (axis.taps, axis.outputs))
    counts: Integers = (taps[:, None] * outputs)[None]
    return counts


def _congruent(limit: Integers, remainder: Integers | int) -> Integers:
    """Return how many numbers below a limit leave a remainder modulo four."""
    found: Integers = (limit - remainder + WORD_BYTES - 1) // WORD_BYTES
    return found


def _by_remainders(counts: Integers, source: Integers, destination: Integers, outputs: Integers) -> Integers:
    """Regroup counts by bytes past a word in the input, in the window, and by the number of windows modulo two; shape (places, 4, 2, layers)."""
    found = counts
    for axis, factors, modulus in ((0, source, counts.shape[0]), (1, destination, WORD_BYTES), (2, outputs, 2)):
        found = _multiplied(found, axis, factors, modulus)
    return found


def _multiplied(counts: Integers, axis: int, factors: Integers, modulus: int) -> Integers:
    """Regroup counts along an axis: what stands at i goes to i times the layer's factor, modulo the axis' new length."""
    found = np.zeros((*counts.shape[:axis], modulus, *counts.shape[axis + 1 :]), np.int64)
    was, goes = np.moveaxis(counts, axis, 0), np.moveaxis(found, axis, 0)
    for place in range(was.shape[0]):
        target = place * factors % modulus
        for which in range(modulus):
            there = target == which
            if there.any():
                goes[which] += was[place] * there
    return found


def _joined(down: Integers, across: Integers, window_bytes: Integers) -> Integers:
    """Return the taps of both axes together by bytes past a word of source and destination, shape (places, 4, layers)."""
    both = np.zeros_like(down)
    for turn in np.ndindex(*down.shape[:-1]):
        both += np.roll(down, turn, axis=(0, 1, 2)) * across[turn]
    behind = (np.arange(WORD_BYTES)[:, None] - window_bytes) % WORD_BYTES
    second: Integers = np.take_along_axis(both[:, :, 1], behind[None], axis=1)
    return both[:, :, 0] + second


def _taps_inside(axis: Axis) -> Integers:
    """Count the taps inside along an axis, over all outputs."""
    last = (axis.outputs - 1) * axis.stride + axis.taps - axis.size - axis.padding
    total = axis.outputs * axis.taps
    for reach in (axis.padding, last):
        clipped = np.minimum(axis.outputs, np.maximum(-(-reach // axis.stride), 0))
        total = total - (clipped * reach - axis.stride * (clipped * (clipped - 1) // 2))
    return total
