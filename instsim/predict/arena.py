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

__all__ = ["ALIGNMENT_BYTES", "buffers_of", "planned_bytes", "planning_bytes"]

ALIGNMENT_BYTES = 16
_TENSOR_RECORD_BYTES = 24
"""``AllocationInfo`` of each tensor and scratch buffer, constants included (``micro_allocation_info.h``, 32-bit processors)."""
_BUFFER_RECORD_BYTES = 40
"""``GreedyMemoryPlanner::per_buffer_size()`` for each buffer that is planned."""
_MOST_PAIRS = 4_000_000
"""Pairs of buffers looked at together, for the sake of memory."""

Integers = npt.NDArray[np.int64]


def buffers_of(networks: Sequence[Sequence[ArenaTensor]]) -> tuple[Integers, Integers]:
    """Return the tensors of networks as `planned_bytes` takes them: buffers, and how many each network has."""
    buffers = np.array(list(chain.from_iterable(chain.from_iterable(networks))), np.int64)
    return buffers.reshape(-1, len(ArenaTensor._fields)), np.array([len(tensors) for tensors in networks], np.int64)


def planned_bytes(buffers: Integers, counts: Integers) -> Integers:
    """Return the bytes that the planner gives to the buffers of each network, shape (networks,).

    Parameters
    ----------
    buffers : ndarray of int64, shape (buffers, 3)
        Fields of an `ArenaTensor` for each buffer: those of the first network, those of the next, and so on, in the order in which they are added:
        tensors as in the file, then scratch buffers.
    counts : ndarray of int64, shape (networks,)
        Buffers of each network.
    """
    planned = np.zeros(counts.size, np.int64)
    starts = np.cumsum(counts) - counts
    for count in np.unique(counts[counts > 0]).tolist():
        alike = np.flatnonzero(counts == count)
        step = max(1, _MOST_PAIRS // (count * count))
        for begin in range(0, alike.size, step):
            places = alike[begin : begin + step]
            sizes, first, last = buffers[starts[places, None] + np.arange(count)].transpose(2, 0, 1)
            planned[places] = _planned(first, last, -(-sizes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES)
    return planned


def planning_bytes(tensors: Integers, buffers: Integers) -> Integers:
    """Return the room that making the plan takes where the buffers will lie: small networks of many tensors need it, and no more once it is made.

    Parameters
    ----------
    tensors : ndarray of int64, shape (networks,)
        Tensors of each network, constants and scratch buffers included.
    buffers : ndarray of int64, shape (networks,)
        Those that are planned.
    """
    return tensors * _TENSOR_RECORD_BYTES + buffers * _BUFFER_RECORD_BYTES + ALIGNMENT_BYTES


def _planned(first: Integers, last: Integers, sizes: Integers) -> Integers:
    """Return the planned bytes of networks with as many buffers each: when these live, and their sizes, shape (networks, buffers)."""
    networks, buffers = sizes.shape
    together = (first[:, :, None] <= last[:, None, :]) & (first[:, None, :] <= last[:, :, None]) & ~np.eye(buffers, dtype=bool)
    counts = together.sum(axis=2)
    # Buffers that live at the same time as each; the last column of offsets stands for none.
    neighbours = np.full((networks * buffers, max(int(counts.max()), 1)), buffers)
    rows, columns = np.nonzero(together.reshape(networks * buffers, buffers))
    neighbours[rows, np.arange(rows.size) - (np.cumsum(counts) - counts.ravel())[rows]] = columns
    neighbours = neighbours.reshape(networks, buffers, -1)
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
