"""What the chip's memories made of a run: stalls by place of code, hits and misses by memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["MemoryUse", "PathUse"]

Counts = npt.NDArray[np.int64]
Cycles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PathUse:
    """How often one memory was used in one way. Arrays have a value for each row of the profile, shape (1 + kernels,).

    Attributes
    ----------
    memory : str
        Name of the memory.
    access : {'fetch', 'read', 'write'}
        Kind of access.
    cache : str
        Cache in front, empty for none.
    accesses : ndarray of int64
        Words of data accessed; for fetches, lines or words of code entered.
    misses : ndarray of int64
        Those that waited for the memory itself.
    read_ahead : ndarray of int64
        Those that met a line on its way.
    stall_cycles : ndarray of float64
        Cycles lost.
    """

    memory: str
    access: str
    cache: str
    accesses: Counts
    misses: Counts
    read_ahead: Counts
    stall_cycles: Cycles


@dataclass(frozen=True)
class MemoryUse:
    """One memory system's account of the region.

    Attributes
    ----------
    system : str
        Name of the `instsim.dynamics.memory_system.MemorySystem`.
    addresses : ndarray of int64, shape (sites,)
        Instructions that lost cycles or missed: for a fetch the first one of the line or word.
    accesses : ndarray of int64, shape (sites,)
        `instsim.dynamics.memory_system.Access` of each.
    stall_cycles : ndarray of float64, shape (1 + kernels, sites)
        Cycles lost, rows as in the profile.
    misses : ndarray of int64, shape (1 + kernels, sites)
        Misses.
    paths : tuple of PathUse
        Totals by memory and kind of access.
    settings : mapping of str to str
        What the system was set to, and by whom.
    warnings : tuple of str
        What a reader should know.
    """

    system: str
    addresses: Counts
    accesses: Counts
    stall_cycles: Cycles
    misses: Counts
    paths: tuple[PathUse, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
