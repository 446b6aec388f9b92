"""Which exceptions were taken, how often and how, and who wants to know of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["ExceptionCounts", "ExceptionLog", "ExceptionWatcher"]


class ExceptionWatcher(Protocol):
    """Told of every change between a thread and its handlers, while the machine stands still or before the returning instruction.

    A context is the stack pointer at which the interrupted code was left: it is the same when that code is resumed, also if an operating
    system ran other threads in between.
    """

    def on_exception_entry(self, context: int) -> None:
        """Note that a handler starts; what ran until now is kept under `context`."""

    def on_exception_return(self, context: int) -> None:
        """Note that what was left under `context` goes on; a context nobody left is a new thread."""


@dataclass(slots=True)
class ExceptionCounts:
    """How often one handler was run for one exception.

    Attributes
    ----------
    entries : int
        Times it was taken with the interrupted code's registers being stacked.
    tail_chained : int
        Times it was taken directly behind another handler.
    returns : int
        Returns that restored registers.
    float_frames : int
        Entries that made room for the floating-point registers.
    float_saves : int
        Handlers that used the floating-point unit, so that the registers had to be stored; all frames where stacking is not lazy.
    """

    entries: int = 0
    tail_chained: int = 0
    returns: int = 0
    float_frames: int = 0
    float_saves: int = 0

    def minus(self, other: ExceptionCounts) -> ExceptionCounts:
        """Return what has been added since `other`."""
        return ExceptionCounts(
            self.entries - other.entries,
            self.tail_chained - other.tail_chained,
            self.returns - other.returns,
            self.float_frames - other.float_frames,
            self.float_saves - other.float_saves,
        )


class ExceptionLog:
    """Counts by exception number and handler address, and the watchers."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int], ExceptionCounts] = {}
        self.watchers: list[ExceptionWatcher] = []

    def of(self, number: int, handler: int) -> ExceptionCounts:
        """Return the counts to add to."""
        return self._counts.setdefault((number, handler), ExceptionCounts())

    def entered(self, context: int) -> None:
        """Tell the watchers."""
        for watcher in self.watchers:
            watcher.on_exception_entry(context)

    def returned(self, context: int) -> None:
        """Tell the watchers."""
        for watcher in self.watchers:
            watcher.on_exception_return(context)

    def snapshot(self) -> dict[tuple[int, int], ExceptionCounts]:
        """Return the counts so far, for `since`."""
        return {key: counts.minus(ExceptionCounts()) for key, counts in self._counts.items()}

    def since(self, before: dict[tuple[int, int], ExceptionCounts]) -> dict[tuple[int, int], ExceptionCounts]:
        """Return what has been counted since a snapshot, without exceptions that did not happen."""
        nothing = ExceptionCounts()
        deltas = {key: counts.minus(before.get(key, nothing)) for key, counts in sorted(self._counts.items())}
        return {key: delta for key, delta in deltas.items() if delta != nothing}
