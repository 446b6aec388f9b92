"""A table in which native code finds what belongs to a machine, by Unicorn's handle; one for a process, with a row for each machine."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from instsim.emulate.engine import Engine

__all__ = ["EngineTable"]

_MOST_MACHINES = 64
"""Machines of one process that can be in it at the same time."""
_COUNT = 0
"""Word of the head: rows in use, from the first."""
_ENGINE = 0
"""Word of a row: Unicorn's handle; 0 if free."""


class EngineTable:
    """A head of words, and rows behind it. Word 0 of the head counts the rows in use, word 0 of a row is the handle of its engine.

    Parameters
    ----------
    head_words, row_words : int
        Their lengths.
    current_engine : int
        Word of the head in which native code remembers the engine that ran last: cleared when one leaves.

    Attributes
    ----------
    words : ndarray of uint64
        The whole table, which stays where it is.
    address : int
        Where that is.
    """

    def __init__(self, head_words: int, row_words: int, current_engine: int) -> None:
        self.words = np.zeros(head_words + _MOST_MACHINES * row_words, np.uint64)
        self.address = int(self.words.ctypes.data)
        self._rows = self.words[head_words:].reshape(_MOST_MACHINES, row_words)
        self._current_engine = current_engine

    def enter(self, owner: object, engine: Engine, *facts: int) -> bool:
        """Give a machine a row until its engine is closed or its owner is gone.

        Parameters
        ----------
        owner : object
            Whose end ends it.
        engine : Engine
            The machine's emulator.
        *facts : int
            The row's words behind the handle; 0 for those left out.

        Returns
        -------
        bool
            False if there is no room for another machine.
        """
        free = np.flatnonzero(self._rows[:, _ENGINE] == 0)
        if not free.size:
            return False
        index = int(free[0])
        row = self._rows[index]
        row[: 1 + len(facts)] = (engine.handle, *facts)
        self.words[_COUNT] = max(int(self.words[_COUNT]), index + 1)
        # Nothing of the machine may be held here: it would hold the owner, and neither would ever go.
        engine.before_close(weakref.finalize(owner, _leave, self.words[self._current_engine :], row))
        return True


def _leave(current_engine: Any, row: Any) -> None:
    current_engine[0] = 0
    row[:] = 0
