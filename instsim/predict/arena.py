"""Sizes of tensor arenas, by the rule of TensorFlow Lite Micro's planner, for many networks at once.

The rule is that of ``GreedyMemoryPlanner`` (tensorflow/tflite-micro, ``memory_planner/greedy_memory_planner.cc``): buffers, each rounded up to
16 bytes, are placed from the largest to the smallest, of equal ones the one added last first, each at the lowest place that is free of the
buffers placed so far that live at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from instsim.model.layer import ArenaTensor

__all__ = ["ALIGNMENT_BYTES", "planned_bytes"]

ALIGNMENT_BYTES = 16

Integers = npt.NDArray[np.int64]


def planned_bytes(networks: Sequence[Sequence[ArenaTensor]]) -> Integers:
    """Return the bytes that the planner gives to the buffers of each network, shape (networks,).

    Parameters
    ----------
    networks : sequence of sequence of ArenaTensor
        Buffers of each network, in the order in which they are added: tensors as in the file, then scratch buffers.
    """
    planned = np.zeros(len(networks), np.int64)
    by_times: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for place, tensors in enumerate(networks):
        by_times.setdefault(tuple((tensor.first, tensor.last) for tensor in tensors), []).append(place)
    for times, places in by_times.items():
        if times:
            sizes = np.array([[tensor.size_bytes for tensor in networks[place]] for place in places], np.int64)
            planned[places] = _planned(times, -(-sizes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES)
    return planned


def _planned(times: tuple[tuple[int, int], ...], sizes: Integers) -> Integers:
    """Return the planned bytes of networks whose buffers live at the same times; sizes of shape (networks, buffers)."""
    networks, buffers = sizes.shape
    first, last = np.array(times, np.int64).T
    together = (first[:, None] <= last[None, :]) & (first[None, :] <= last[:, None]) & ~np.eye(buffers, dtype=bool)
    most = max(int(together.sum(axis=1).max()), 1)
    # Buffers that live at the same time as each; the last column of offsets stands for none.
    neighbours = np.full((buffers, most), buffers, np.int64)
    for number in range(buffers):
        found = np.flatnonzero(together[number])
        neighbours[number, : found.size] = found
    order = np.lexsort((np.broadcast_to(-np.arange(buffers), sizes.shape), -sizes), axis=1)
    everyone = np.arange(networks)
    far = np.int64(1) << 50
    starts = np.full((networks, buffers + 1), far)
    ends = np.zeros((networks, buffers + 1), np.int64)
    for buffer in order.T:
        wanted = sizes[everyone, buffer]
        near = neighbours[buffer]
        near_starts, near_ends = np.take_along_axis(starts, near, axis=1), np.take_along_axis(ends, near, axis=1)
        candidates = np.concatenate([np.zeros((networks, 1), np.int64), near_ends], axis=1)
        free = (candidates[:, :, None] + wanted[:, None, None] <= near_starts[:, None, :]) | (candidates[:, :, None] >= near_ends[:, None, :])
        chosen = np.where(free.all(axis=2), candidates, far).min(axis=1)
        starts[everyone, buffer] = chosen
        ends[everyone, buffer] = chosen + wanted
    planned: Integers = ends[:, :buffers].max(axis=1)
    return planned
