"""Who is charged for the blocks that run: counts split into rows, one for each kernel and one for all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from instsim.emulate.counters import BlockCounters
from instsim.profile.basic_blocks import TranslationBlocks

if TYPE_CHECKING:
    from instsim.emulate.memory_trace import MemoryTrace

__all__ = ["Ledger"]

Counts = npt.NDArray[np.int64]


class Ledger:
    """Counts of the open region by row.

    Parameters
    ----------
    counters : BlockCounters
        Counts since reset.
    memory : MemoryTrace, optional
        What memories cost, charged alike.
    """

    def __init__(self, counters: BlockCounters, memory: MemoryTrace | None = None) -> None:
        self._counters = counters
        self.memory = memory
        self._rows: dict[int, Counts] = {}
        self._parts: dict[tuple[int, int, bool], dict[int, int]] = {}
        self._row: int | None = None
        self._last = counters.counts()
        self._split: tuple[tuple[int, int], int] | None = None

    @property
    def is_open(self) -> bool:
        """Whether anyone is charged at the moment."""
        return self._row is not None

    @property
    def row(self) -> int | None:
        """Who is charged at the moment."""
        return self._row

    def charge(self, row: int | None, at: int | None) -> None:
        """Charge what ran since the last call to the row in force, and what follows to `row`.

        Parameters
        ----------
        row : int or None
            New row; None to charge nobody.
        at : int or None
            The next instruction to run, if a hook before it is asking: the block around it is counted already, and is split there. None if the
            running block belongs to the old row to its end.
        """
        if self.memory is not None:
            self.memory.charge(row)
        counts = self._counters.counts()
        place, start, end = self._counters.current_block()
        if at is None or place < 0 or not start <= at < end:
            self._take(self._row, counts)
            self._last, self._row = counts, row
            return
        run = (place, int(counts[0, place]))
        if self._split is not None and self._split[0] == run:
            # Split once already in this very execution: the second part ends here instead.
            start = self._split[1]
            self._add_part(self._row, (start, end - start, False), -1)
        elif at == start:
            counts[0, place] -= 1
            self._take(self._row, counts)
            self._last, self._row = counts, row
            return
        # The whole block stays out of both rows: its parts stand for it.
        without = counts.copy()
        if self._split is None or self._split[0] != run:
            without[0, place] -= 1
        self._take(self._row, without)
        self._add_part(self._row, (start, at - start, True), 1)
        self._add_part(row, (at, end - at, False), 1)
        self._last, self._row, self._split = counts, row, (run, at)

    def restart(self, row: int, at: int | None) -> None:
        """Forget everything charged so far and charge `row` from here on."""
        self.charge(None, at)
        if self.memory is not None:
            self.memory.restart(row)
        self._rows.clear()
        self._parts.clear()
        self._row = row

    def take_everything(self, row: int) -> None:
        """Charge a row with all that ran since reset."""
        self._rows[row] = self._counters.counts()
        if self.memory is not None:
            self.memory.charge_everything(row)

    def _take(self, row: int | None, counts: Counts) -> None:
        if row is None:
            return
        delta = counts.copy()
        delta[:, : self._last.shape[1]] -= self._last
        have = self._rows.get(row)
        if have is not None:
            delta[:, : have.shape[1]] += have
        self._rows[row] = delta

    def _add_part(self, row: int | None, part: tuple[int, int, bool], count: int) -> None:
        if row is not None:
            parts = self._parts.setdefault(part, {})
            parts[row] = parts.get(row, 0) + count

    def blocks(self, rows: int) -> TranslationBlocks:
        """Return the counts of rows 0 to ``rows - 1``; the machine must stand still and nobody be charged."""
        addresses, sizes = self._counters.addresses, self._counters.sizes
        outcomes = None
        known = addresses.size
        executions = np.zeros((rows, known + len(self._parts)), np.int64)
        fallthroughs = np.zeros_like(executions)
        for row, counts in self._rows.items():
            executions[row, : counts.shape[1]] = counts[0]
            fallthroughs[row, : counts.shape[1]] = counts[1]
            if self._counters.follows_branches:
                if outcomes is None:
                    outcomes = np.zeros((counts.shape[0] - 2, *executions.shape), np.int64)
                outcomes[:, row, : counts.shape[1]] = counts[2:]
        for column, by_row in enumerate(self._parts.values(), known):
            for row, count in by_row.items():
                executions[row, column] = count
        # The first part of a split block always runs on into the second; the second falls through as its block did, where that is counted.
        for column, (_, _, continues) in enumerate(self._parts, known):
            if continues:
                fallthroughs[:, column] = executions[:, column]
        part_starts = np.array([start for start, _, _ in self._parts], np.int64)
        part_sizes = np.array([size for _, size, _ in self._parts], np.int64)
        return TranslationBlocks(
            np.concatenate([addresses, part_starts]),
            np.concatenate([sizes, part_sizes]),
            executions,
            fallthroughs,
            outcomes,
        )
