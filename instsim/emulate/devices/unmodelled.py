"""Registers that nobody models: memory with reset values, and a way out of endless polling."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["UnmodelledRegisters"]

_POLL_LIMIT = 12
_TRIES = 8
"""Values that are tried in turn."""
_WORD = 0xFFFFFFFF


class UnmodelledRegisters:
    """Words that keep what was written to them.

    Firmware that reads one such register over and over waits for a bit: after twelve reads in a row other values are tried in turn, and the
    register is reported with the time spent on it.

    Parameters
    ----------
    now_cycles : callable
        Core cycles since reset.
    resets : mapping of int to int
        Reset values by address, as a description of the chip gives them.

    Attributes
    ----------
    polled : dict of int to int
        Reads by address that were answered by trying values.
    polling_cycles : int
        Core cycles between the first read of a register that was polled so and the last.
    """

    def __init__(self, now_cycles: Callable[[], int], resets: Mapping[int, int] | None = None) -> None:
        self._now = now_cycles
        self._resets = resets or {}
        self.words: dict[int, int] = {}
        self.polled: dict[int, int] = {}
        self.polling_cycles = 0
        self._last_read = -1
        self._repeats = 0
        self._since = 0

    def stored(self, word: int) -> int:
        """Return what the register at an address holds."""
        value = self.words.get(word)
        return self._resets.get(word, 0) if value is None else value

    def read(self, word: int, stored: int) -> int:
        """Return what a read of the register at an address, that holds `stored`, gives."""
        if word != self._last_read:
            self._last_read, self._repeats = word, 0
            return stored
        self._repeats += 1
        if self._repeats == 1:
            self._since = self._now()
        if self._repeats < _POLL_LIMIT:
            return stored
        self.polled[word] = self.polled.get(word, 0) + 1
        now = self._now()
        self.polling_cycles += max(0, now - self._since)
        self._since = now
        tries = (_WORD, 0, stored | stored << 1, stored | stored << 2, stored | stored << 3, stored | stored << 8, ~stored, stored)
        return tries[self._repeats % len(tries)] & _WORD

    def is_trying(self, word: int) -> bool:
        """Whether reads of a register are being answered by other values in turn, and not all of them have been tried."""
        return word == self._last_read and 0 < self._repeats < _POLL_LIMIT + _TRIES

    def touched(self, word: int) -> None:
        """Note that another register, of a modelled device, was read or written, which ends a polling loop of one register."""
        if word != self._last_read:
            self._last_read, self._repeats = word, 0

    def written(self) -> None:
        """Note that something was written: no loop that only waits does that."""
        self._last_read = -1
