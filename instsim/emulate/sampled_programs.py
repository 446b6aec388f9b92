"""From stalls that were counted in samples of a run to those of the whole run.

Every block's executions are known; of a sampled one also how many of them were counted. A site's stalls grow by the ratio of the two, in every row.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import ProgramWord, Tally, UseWord
from instsim.emulate.block_programs import MOST_SITES

__all__ = ["SampledPrograms"]

_COUNTED_BYTES = 8 * (ProgramWord.WORDS + UseWord.COUNTED)
"""From a program to what the first system counted of it."""

_LEAST_COUNTED = 8
"""Counted executions of a site in one row, from which on that row speaks for itself."""

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class SampledPrograms:
    """The blocks that go through the memory simulation: how often each ran, how often it was counted, and the sites it has.

    Parameters
    ----------
    executions : callable
        Executions so far of the blocks with some records, by the records' numbers.
    """

    def __init__(self, executions: Callable[[Counts], Counts]) -> None:
        self._executions = executions
        self._slots: list[int] = []
        self._programs: list[int] = []
        self._slots_array = np.zeros(0, np.int64)
        self._words = _Words(self._slots_array)
        self._frozen = np.zeros((2, 0), np.int64)
        self._frozen_sites = np.zeros((2, 0), np.int64)

    @property
    def programs(self) -> int:
        """Blocks so far."""
        return self._frozen.shape[1] + len(self._programs)

    def add(self, programs: Iterable[int], slots: Iterable[int]) -> None:
        """Add blocks: addresses of their programs (`instsim.dynamics.memory_layout.ProgramWord`), and numbers of their records."""
        self._programs += programs
        self._slots += slots

    def freeze(self, programs: Counts, sites: Counts) -> None:
        """Forget the blocks as they were prepared so far; they are going to be prepared anew, and to be counted there.

        Parameters
        ----------
        programs, sites : ndarray of int64, shape (n,)
            Pairs of the address of a program and the number of a site that it has.
        """
        self._frozen, self._frozen_sites = self.counts(), self._sites(programs, sites)
        self._programs.clear()
        self._slots.clear()
        self._words = _Words(self._slots_array[:0])

    def counts(self) -> Counts:
        """Return executions and counted executions of each block so far, shape (2, blocks)."""
        if self._words.places.size != len(self._slots):
            self._slots_array = np.array(self._slots, np.int64)
            self._words = _Words(np.array(self._programs, np.int64) + _COUNTED_BYTES)
        frozen = self._frozen.shape[1]
        counts = np.empty((2, frozen + len(self._slots)), np.int64)
        counts[:, :frozen] = self._frozen
        if self._slots:
            counts[0, frozen:], counts[1, frozen:] = self._executions(self._slots_array), self._words.values()
        return counts

    def _sites(self, programs: Counts, sites: Counts) -> Counts:
        """Return the sites that each block has: pairs, shape (2, n)."""
        order = np.argsort(self._programs)
        known = np.array(self._programs, np.int64)[order]
        places = np.minimum(np.searchsorted(known, programs), max(known.size - 1, 0))
        is_known = known[places] == programs if known.size else np.zeros(programs.shape, bool)
        pairs = np.unique((order[places[is_known]] + self._frozen.shape[1]) * MOST_SITES + sites[is_known])
        return np.concatenate([self._frozen_sites, np.stack([pairs // MOST_SITES, pairs % MOST_SITES])], axis=1)

    def project(self, met: Counts, sites: Floats, tallies: Floats, runs: Counts, places: tuple[Counts, Counts]) -> tuple[Floats, Floats]:
        """Return what the samples say of the whole run.

        Parameters
        ----------
        met : ndarray of int64, shape (sites,)
            Numbers of the sites where something was counted, rising.
        sites : ndarray of float64, shape (words, rows, sites)
            Of each, by `instsim.dynamics.memory_layout.SiteWord`.
        tallies : ndarray of float64, shape (rows, paths, kinds)
            As `instsim.dynamics.memory_layout.Tally`.
        runs : ndarray of int64, shape (rows, 2, blocks)
            Differences of `counts` by row.
        places : tuple of ndarray of int64
            As the parameters of `freeze`.

        Returns
        -------
        tuple of ndarray
            Both, projected. A site that a row counted too rarely goes by what all rows say of it.
        """
        all_owners, all_numbers = self._sites(*places)
        has_sites = np.bincount(all_owners, minlength=runs.shape[2]) > 0
        is_met = np.isin(all_numbers, met)
        owners, numbers, length = all_owners[is_met], np.searchsorted(met, all_numbers[is_met]), met.size
        whole, counted = (np.array([np.bincount(numbers, row[owners], length) for row in runs[:, kind]]).reshape(-1, length) for kind in (0, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            everywhere = np.nan_to_num(sites.sum(axis=1) / counted.sum(axis=0))
            own = np.where(counted > 0, sites / counted, 0.0)
        rates = np.where(counted >= np.minimum(_LEAST_COUNTED, np.maximum(whole, 1)), own, everywhere[:, None, :])
        projected = rates * whole
        blocks, counted_blocks = runs[:, :, has_sites].sum(axis=2).T.astype(float)
        factor = np.where(counted_blocks > 0, blocks / np.maximum(counted_blocks, 1.0), 1.0)
        all_tallies = tallies * factor[:, None, None]
        # The paths' stalls are those of the sites, shared out as they were counted.
        before, after = all_tallies[:, :, Tally.STALL].sum(axis=1), projected[0].sum(axis=1)
        scale = np.where(before > 0, after / np.maximum(before, 1e-9), 1.0)
        all_tallies[:, :, Tally.STALL] *= scale[:, None]
        return projected, all_tallies


class _Words:
    """The words at some addresses; a view from the first to the last, of which only these are read, whatever lies between."""

    def __init__(self, addresses: Counts) -> None:
        lowest, highest = (int(addresses.min()), int(addresses.max())) if addresses.size else (0, -8)
        self.places = (addresses - lowest) // 8
        self._view = np.ctypeslib.as_array((ctypes.c_int64 * ((highest - lowest) // 8 + 1)).from_address(lowest)) if addresses.size else addresses

    def values(self) -> Counts:
        """Return what they hold now."""
        values: Counts = self._view[self.places]
        return values
