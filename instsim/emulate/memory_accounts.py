"""Who is charged for what memories cost: differences of all that was counted, taken when the row in force changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import SiteWord
from instsim.dynamics.memory_state import SystemState
from instsim.emulate.sampled_programs import SampledPrograms

__all__ = ["Account", "MemoryAccounts"]

Counts = npt.NDArray[np.int64]
Stalls = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Account:
    """What was charged on one system.

    Attributes
    ----------
    sites : ndarray of int64, shape (n,)
        Numbers of the sites where something was counted.
    counts : ndarray of float64, shape (words, rows, n)
        Of each, by `instsim.dynamics.memory_layout.SiteWord`.
    tallies : ndarray of float64, shape (rows, paths, kinds)
        As `instsim.dynamics.memory_layout.Tally`.
    """

    sites: Counts
    counts: Stalls
    tallies: Stalls


@dataclass
class _Counted:
    """For each system what was counted, by site and by path. Where blocks are sampled, also how often each program ran and was counted."""

    sites: list[Counts]
    tallies: list[Counts]
    runs: Counts

    def parts(self) -> list[Counts]:
        return [*self.sites, *self.tallies, self.runs.T]

    def add(self, earlier: _Counted, sign: int = 1) -> None:
        """Add an earlier one, which knows no more sites and programs than this one."""
        for new, old in zip(self.parts(), earlier.parts(), strict=True):
            new[: len(old)] += sign * old


class MemoryAccounts:
    """Charges rows.

    Parameters
    ----------
    sampled : SampledPrograms or None
        Where blocks are sampled, what is known of their executions.
    """

    def __init__(self, sampled: SampledPrograms | None) -> None:
        self._sampled = sampled
        self._rows: dict[int, _Counted] = {}
        self._row: int | None = None
        self._last: _Counted | None = None

    def charge(self, row: int | None, states: Sequence[SystemState], sites: int) -> None:
        """Charge what was counted since the last call to the row in force, and what follows to `row` (None: to nobody); so many sites are in use."""
        if self._row is not None or row is not None:
            now = self._now(states, sites)
            if self._row is not None and self._last is not None:
                since = self._now(states, sites)
                since.add(self._last, -1)
                if self._row in self._rows:
                    since.add(self._rows[self._row])
                self._rows[self._row] = since
            self._last = now
        self._row = row

    def _now(self, states: Sequence[SystemState], sites: int) -> _Counted:
        runs = np.zeros((2, 0), np.int64) if self._sampled is None else self._sampled.counts()
        return _Counted([state.sites[:sites].copy() for state in states], [state.tallies.copy() for state in states], runs)

    def forget(self) -> None:
        """Forget everything charged so far."""
        self._rows.clear()

    def charge_everything(self, row: int, states: Sequence[SystemState], sites: int) -> None:
        """Charge a row with all that was counted since reset."""
        self._row, self._rows = None, {row: self._now(states, sites)}

    def account(self, number: int, rows: int, sites: int, programs_and_sites: tuple[Counts, Counts]) -> Account:
        """Return what was charged on a system, projected to the whole run where blocks are sampled.

        Parameters
        ----------
        number : int
            The system's.
        rows : int
            Rows from 0 on that are asked for.
        sites : int
            How many are in use.
        programs_and_sites : tuple of ndarray of int64
            As the parameters of `instsim.emulate.sampled_programs.SampledPrograms.freeze`.
        """
        chosen = {row: charged for row, charged in self._rows.items() if row < rows}
        is_met = np.zeros(sites, bool)
        for charged in chosen.values():
            is_met[: len(charged.sites[number])] |= charged.sites[number].any(axis=1)
        met = np.flatnonzero(is_met)
        counts = np.zeros((SiteWord.WORDS, rows, met.size))
        tallies = np.zeros((rows, *next((charged.tallies[number].shape for charged in self._rows.values()), (0, 0))))
        runs = np.zeros((rows, 2, 0 if self._sampled is None else self._sampled.programs), np.int64)
        for row, charged in chosen.items():
            known = met[: np.searchsorted(met, len(charged.sites[number]))]
            counts[:, row, : known.size] = charged.sites[number][known].T
            tallies[row] = charged.tallies[number]
            runs[row, :, : charged.runs.shape[1]] = charged.runs
        if self._sampled is not None:
            counts, tallies = self._sampled.project(met, counts, tallies, runs, programs_and_sites)
        return Account(met, counts, tallies)
