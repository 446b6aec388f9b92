"""Sizes of tensor arenas, by the rule of TensorFlow Lite Micro's planner, for many networks at once.

The rule is that of ``GreedyMemoryPlanner`` (tensorflow/tflite-micro, ``memory_planner/greedy_memory_planner.cc``): buffers, each rounded up to
16 bytes, are placed from the largest to the smallest, of equal ones the one added last first, each at the lowest place that is free of the
buffers placed so far that live at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from instsim.model.layer import ArenaTensor

__all__ = ["ALIGNMENT_BYTES", "planned_bytes"]

ALIGNMENT_BYTES = 16
_MOST_PAIRS = 4_000_000
"""Pairs of buffers looked at together, for the sake of memory."""

Integers = npt.NDArray[np.int64]


def planned_bytes(networks: Sequence[Sequence[ArenaTensor]]) -> Integers:
    """Return the bytes that the planner gives to the buffers of each network, shape (networks,).

    Parameters
    ----------
    networks : sequence of sequence of ArenaTensor
        Buffers of each network, in the order in which they are added: tensors as in the file, then scratch buffers.
    """
    planned = np.zeros(len(networks), np.int64)
    by_count: dict[int, list[int]] = {}
    for place, tensors in enumerate(networks):
        by_count.setdefault(len(tensors), []).append(place)
    for count, all_places in by_count.items():
        step = max(1, _MOST_PAIRS // max(count * count, 1))
        for start in range(0, len(all_places) if count else 0, step):
            places = all_places[start : start + step]
            values = np.array(list(chain.from_iterable(chain.from_iterable(networks[place] for place in places))), np.int64)
            sizes, first, last = values.reshape(len(places), count, len(ArenaTensor._fields)).transpose(2, 0, 1)
            planned[places] = _planned(first, last, -(-sizes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES)
    return planned


def _planned(first: Integers, last: Integers, sizes: Integers) -> Integers:
    """Return the planned bytes of networks with as many buffers each: when these live, and their sizes, shape (networks, buffers)."""
    networks, buffers = sizes.shape
    together = (first[:, :, None] <= last[:, None, :]) & (first[:, None, :] <= last[:, :, None]) & ~np.eye(buffers, dtype=bool)
    counts = together.sum(axis=2)
    most = max(int(counts.max()), 1)
    # Buffers that live at the same time as each; the last column of offsets stands for none.
    neighbours = np.argsort(~together, axis=2, kind="stable")[:, :, :most]
    neighbours[np.arange(most) >= counts[:, :, None]] = buffers
    order = np.lexsort((np.broadcast_to(-np.arange(buffers), sizes.shape), -sizes), axis=1)
    everyone = np.arange(networks)
    far = np.int64(1) << 50
    starts = np.full((networks, buffers + 1), far)
    ends = np.zeros((networks, buffers + 1), np.int64)
    for buffer in order.T:
        wanted = sizes[everyone, buffer]
        near = neighbours[everyone, buffer]
        near_starts, near_ends = np.take_along_axis(starts, near, axis=1), np.take_along_axis(ends, near, axis=1)
        candidates = np.concatenate([np.zeros((networks, 1), np.int64), near_ends], axis=1)
        free = (candidates[:, :, None] + wanted[:, None, None] <= near_starts[:, None, :]) | (candidates[:, :, None] >= near_ends[:, None, :])
        chosen = np.where(free.all(axis=2), candidates, far).min(axis=1)
        starts[everyone, buffer] = chosen
        ends[everyone, buffer] = chosen + wanted
    planned: Integers = ends[:, :buffers].max(axis=1)
    return planned
