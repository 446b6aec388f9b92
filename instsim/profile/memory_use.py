"""What the chip's memories made of a run: stalls by place of code, hits and misses by memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MemoryUse", "PathUse", "memory_arrays", "memory_facts", "memory_from"]

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
    basis, source : str
        What the path's figures rest on.
    """

    memory: str
    access: str
    cache: str
    accesses: Counts
    misses: Counts
    read_ahead: Counts
    stall_cycles: Cycles
    basis: str = "assumed"
    source: str = ""


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
    table : str
        Name and digest of the table that the system was made from.
    board : str
        Board it belongs to.
    clock_hz : float
        Core clock it holds at.
    sampled : bool
        Whether the stalls were projected from samples of the run.
    crossing_basis, crossing_source : str
        What the stalls rest on that belong to no path: pairs of loads from two memories.
    """

    system: str
    addresses: Counts
    accesses: Counts
    stall_cycles: Cycles
    misses: Counts
    paths: tuple[PathUse, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    table: str = ""
    board: str = ""
    clock_hz: float = 0.0
    sampled: bool = False
    crossing_basis: str = "assumed"
    crossing_source: str = ""

    @property
    def total_stall_cycles(self) -> float:
        """Cycles lost in the region."""
        return float(self.stall_cycles.sum())

    def rows(self, chosen: Sequence[int]) -> MemoryUse:
        """Return the account of some rows of the profile alone."""
        index = list(chosen)
        paths = tuple(
            replace(
                path,
                accesses=path.accesses[index],
                misses=path.misses[index],
                read_ahead=path.read_ahead[index],
                stall_cycles=path.stall_cycles[index],
            )
            for path in self.paths
        )
        return replace(self, stall_cycles=self.stall_cycles[index], misses=self.misses[index], paths=paths)


_PATH_COUNTS = ("accesses", "misses", "read_ahead")
_FACTS = ("system", "warnings", "table", "board", "clock_hz", "sampled", "crossing_basis", "crossing_source")


def memory_arrays(uses: tuple[MemoryUse, ...]) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays of a profile's memory uses, by the names they have in its file."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for number, use in enumerate(uses):
        prefix = f"memory{number}_"
        arrays |= {prefix + name: getattr(use, name) for name in ("addresses", "accesses", "stall_cycles", "misses")}
        rows = use.misses.shape[0]
        arrays[prefix + "path_counts"] = np.array([[getattr(path, name) for name in _PATH_COUNTS] for path in use.paths], np.int64).reshape(
            len(use.paths), len(_PATH_COUNTS), rows
        )
        arrays[prefix + "path_stalls"] = np.array([path.stall_cycles for path in use.paths], np.float64).reshape(len(use.paths), rows)
    return arrays


def memory_facts(uses: tuple[MemoryUse, ...]) -> list[dict[str, Any]]:
    """Return what of a profile's memory uses is no array."""
    return [
        {
            **{name: getattr(use, name) for name in _FACTS},
            "settings": dict(use.settings),
            "paths": [{name: getattr(path, name) for name in ("memory", "access", "cache", "basis", "source")} for path in use.paths],
        }
        for use in uses
    ]


def memory_from(facts: list[dict[str, Any]], arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[MemoryUse, ...]:
    """Put together what `memory_arrays` and `memory_facts` took apart.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it does not go together.
    """
    uses = []
    for number, fact in enumerate(facts):
        prefix = f"memory{number}_"
        counts, stalls = arrays[prefix + "path_counts"].astype(np.int64), arrays[prefix + "path_stalls"].astype(np.float64)
        paths = tuple(
            PathUse(**row, **{name: counts[index, column] for column, name in enumerate(_PATH_COUNTS)}, stall_cycles=stalls[index])
            for index, row in enumerate(fact["paths"])
        )
        use = MemoryUse(
            addresses=arrays[prefix + "addresses"].astype(np.int64),
            accesses=arrays[prefix + "accesses"].astype(np.int64),
            stall_cycles=arrays[prefix + "stall_cycles"].astype(np.float64),
            misses=arrays[prefix + "misses"].astype(np.int64),
            **fact | {"paths": paths, "warnings": tuple(fact["warnings"])},
        )
        sites = use.addresses.size
        if use.accesses.shape != (sites,) or use.stall_cycles.shape != use.misses.shape or use.misses.shape[1:] != (sites,):
            raise ValueError("stalls that do not fit their sites")
        uses.append(use)
    return tuple(uses)
