"""Models in batches of a second's work: what a scheduler does for each batch takes milliseconds, as a small model does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from instsim.sweep.evaluating import Content

__all__ = ["BATCH_S", "Batch", "Batches"]

BATCH_S = 1.0
"""A worker gives back what it has done of a batch after this time."""

_MOST_MODELS = 1024
_MOST_BYTES = 4 << 20
_FILL_S = 0.05
"""Models that come slower than this are not waited for while a worker could be at work on those that are there."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Models for a worker.

    Attributes
    ----------
    numbers : tuple of int
        By which the sweep knows them.
    models : tuple
        The same models' contents.
    is_suspect : bool
        A worker has died at work on a batch that this one model was of.
    """

    numbers: tuple[int, ...]
    models: tuple[Content, ...]
    is_suspect: bool = False

    def behind(self, done: int) -> Batch:
        """Return what is left when so many are done."""
        return Batch(self.numbers[done:], self.models[done:])

    def suspects(self) -> list[Batch]:
        """Return its models one by one."""
        return [Batch((number,), (model,), is_suspect=True) for number, model in zip(self.numbers, self.models, strict=True)]


class Batches:
    """Cuts a stream of models into batches, by the pace of those that are done.

    Parameters
    ----------
    models : iterator of (int, Content)
        Numbered models.
    left : callable
        ``left()`` is about how many more there will be, 0 if nobody knows. The last ones are shared out evenly.
    least : int
        Models that are best evaluated together.
    sharers : int
        Batches that are out at the same time.
    """

    def __init__(self, models: Iterator[tuple[int, Content]], left: Callable[[], int], least: int, sharers: int) -> None:
        self._models, self._left, self._least, self._sharers = models, left, least, sharers
        self._size = least

    def take(self) -> Batch | None:
        """Return the next batch; None if there are no more models."""
        left = self._left()
        size = max(self._least, min(self._size, -(-left // self._sharers))) if left else self._size
        numbers: list[int] = []
        models: list[Content] = []
        size_bytes = 0
        started = time.monotonic()
        while len(models) < size and size_bytes < _MOST_BYTES and time.monotonic() - started < _FILL_S:
            taken = next(self._models, None)
            if taken is None:
                break
            numbers.append(taken[0])
            models.append(taken[1])
            size_bytes += len(taken[1]) if isinstance(taken[1], bytes) else 0
        return Batch(tuple(numbers), tuple(models)) if models else None

    def note(self, done: int, seconds: float) -> None:
        """Learn that so many models took a worker so long."""
        self._size = max(self._least, min(_MOST_MODELS, int(done * BATCH_S / max(seconds, 1e-9))))
