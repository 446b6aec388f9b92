"""From stalls that were counted in samples of a run to those of the whole run.

Every block's executions are known; of a sampled one also how many of them were counted. A site's stalls grow by the ratio of the two, in every row.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import ProgramWord, Tally, UseWord
from instsim.emulate.layout import Record

__all__ = ["SampledPrograms"]

_LEAST_COUNTED = 8
"""Counted executions of a site in one row, from which on that row speaks for itself."""

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class SampledPrograms:
    """The blocks that go through the memory simulation: how often each ran, how often it was counted, and the sites it has."""

    def __init__(self) -> None:
        self._records: list[int] = []
        self._heads: list[int] = []
        self._frozen = np.zeros(0, np.int64)
        self._site_rows: list[tuple[int, int]] = []
        self._before = np.zeros((2, 0), np.int64)

    @property
    def programs(self) -> int:
        """Blocks so far."""
        return len(self._heads)

    def add(self, program: int, record: int, sites: Iterable[int]) -> None:
        """Add a block.

        Parameters
        ----------
        program : int
            Address of its program (`instsim.dynamics.memory_layout.ProgramWord`).
        record : int
            Address of its record (`instsim.emulate.layout.Record`).
        sites : iterable of int
            Numbers of the sites that it has.
        """
        index = self.programs
        self._records.append(record + 8 * Record.EXECUTIONS)
        self._heads.append(program + 8 * (ProgramWord.WORDS + UseWord.COUNTED))
        self._site_rows += [(index, site) for site in dict.fromkeys(sites)]

    def freeze(self) -> None:
        """Forget the blocks as they were prepared so far; they are going to be prepared anew, and to be counted there."""
        self._frozen = np.append(self._frozen, _words_at(self._records))
        self._records.clear()

    def take(self) -> Counts:
        """Return executions and counted executions of each block since the last call, shape (2, blocks)."""
        now = np.stack([np.append(self._frozen, _words_at(self._records)), _words_at(self._heads)])
        since = now.copy()
        since[:, : self._before.shape[1]] -= self._before
        self._before = now
        return since

    def project(self, sites: Floats, tallies: Floats, runs: Counts) -> tuple[Floats, Floats]:
        """Return what the samples say of the whole run.

        Parameters
        ----------
        sites : ndarray of float64, shape (words, rows, sites)
            Counted, by `instsim.dynamics.memory_layout.SiteWord`.
        tallies : ndarray of float64, shape (rows, paths, kinds)
            As `instsim.dynamics.memory_layout.Tally`.
        runs : ndarray of int64, shape (rows, 2, blocks)
            Sums of `take` by row.

        Returns
        -------
        tuple of ndarray
            Both, projected. A site that a row counted too rarely goes by what all rows say of it.
        """
        owners, places = np.array(self._site_rows, np.int64).reshape(-1, 2).T
        length = sites.shape[2]
        whole, counted = (np.array([np.bincount(places, row[owners], length) for row in runs[:, kind]]).reshape(-1, length) for kind in (0, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            everywhere = np.nan_to_num(sites.sum(axis=1) / counted.sum(axis=0))
            own = np.where(counted > 0, sites / counted, 0.0)
        rates = np.where(counted >= np.minimum(_LEAST_COUNTED, np.maximum(whole, 1)), own, everywhere[:, None, :])
        projected = rates * whole
        blocks, counted_blocks = runs.sum(axis=2).T.astype(float)
        factor = np.where(counted_blocks > 0, blocks / np.maximum(counted_blocks, 1.0), 1.0)
        all_tallies = tallies * factor[:, None, None]
        # The paths' stalls are those of the sites, shared out as they were counted.
        before, after = all_tallies[:, :, Tally.STALL].sum(axis=1), projected[0].sum(axis=1)
        scale = np.where(before > 0, after / np.maximum(before, 1e-9), 1.0)
        all_tallies[:, :, Tally.STALL] *= scale[:, None]
        return projected, all_tallies


def _words_at(addresses: Sequence[int]) -> Counts:
    """Return the words at some addresses."""
    if not addresses:
        return np.zeros(0, np.int64)
    places = np.array(addresses, np.int64)
    lowest = int(places.min())
    # A view from the first to the last: only the words that are asked for are read, whatever lies between.
    view = np.ctypeslib.as_array((ctypes.c_int64 * ((int(places.max()) - lowest) // 8 + 1)).from_address(lowest))
    words: Counts = view[(places - lowest) // 8]
    return words
