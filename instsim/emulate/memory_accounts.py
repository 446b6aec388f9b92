"""Who is charged for what memories cost: differences of all that was counted, taken when the row in force changes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import SiteWord, Tally
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

    def copy(self) -> _Counted:
        return _Counted([sites.copy() for sites in self.sites], [tallies.copy() for tallies in self.tallies], self.runs.copy())

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
        self._parts: dict[tuple[int, int], _Counted] = {}
        self._row: int | None = None
        self._part = 0
        self._last: _Counted | None = None

    def charge(self, row: int | None, states: Sequence[SystemState], sites: int) -> None:
        """Charge what was counted since the last call to the row in force, and what follows to `row` (None: to nobody); so many sites are in use."""
        self._take(states, sites)
        self._row, self._part = row, 0

    def go_on(self, states: Sequence[SystemState], sites: int) -> None:
        """Keep what follows apart from what was charged to the row so far: it is sampled otherwise, and projected for itself."""
        self._take(states, sites)
        self._part = 1

    def _take(self, states: Sequence[SystemState], sites: int) -> None:
        now = self._now(states, sites)
        if self._row is not None and self._last is not None:
            since = now.copy()
            since.add(self._last, -1)
            key = self._row, self._part
            if key in self._parts:
                since.add(self._parts[key])
            self._parts[key] = since
        self._last = now

    def _now(self, states: Sequence[SystemState], sites: int) -> _Counted:
        runs = np.zeros((2, 0), np.int64) if self._sampled is None else self._sampled.counts()
        return _Counted([state.sites[:sites].copy() for state in states], [state.tallies.copy() for state in states], runs)

    def forget(self) -> None:
        """Forget everything charged so far."""
        self._parts.clear()

    def charge_everything(self, row: int, states: Sequence[SystemState], sites: int) -> None:
        """Charge a row with all that was counted since reset."""
        self._row, self._parts = None, {(row, 0): self._now(states, sites)}

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
        parts = [(row, part) for (row, _), part in self._parts.items() if row < rows]
        is_met = np.zeros(sites, bool)
        for _, part in parts:
            # Column by column: NumPy's own reduction of so short rows takes ten times as long.
            is_met[: len(part.sites[number])] |= functools.reduce(np.bitwise_or, part.sites[number].T) != 0
        met = np.flatnonzero(is_met)
        counts = np.zeros((SiteWord.WORDS, len(parts), met.size))
        tallies = np.array([part.tallies[number] for _, part in parts], float).reshape(len(parts), -1, Tally.WORDS)
        runs = np.zeros((len(parts), 2, 0 if self._sampled is None else self._sampled.programs), np.int64)
        for place, (_, part) in enumerate(parts):
            known = met[: np.searchsorted(met, len(part.sites[number]))]
            counts[:, place, : known.size] = part.sites[number][known].T
            runs[place, :, : part.runs.shape[1]] = part.runs
        if self._sampled is not None:
            counts, tallies = self._sampled.project(met, counts, tallies, runs, programs_and_sites)
        by_row = np.zeros((rows, len(parts)))
        by_row[[row for row, _ in parts], range(len(parts))] = 1
        return Account(met, by_row @ counts, np.tensordot(by_row, tallies, 1))
