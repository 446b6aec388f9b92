"""What will happen at a known time: a queue of callbacks on the machine's clock.

The run loop stops before the first block that would start at or after the earliest event, and then calls what is due. Nothing here depends on
the host's clock, so two runs of one image see the same events between the same blocks.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["EventQueue", "ScheduledEvent"]


@dataclass(eq=False, slots=True)
class ScheduledEvent:
    """One callback to come.

    Attributes
    ----------
    at_ticks : int
        When, in ticks of the machine's clock (`instsim.emulate.layout.TICKS_PER_CYCLE` to a core cycle).
    callback : callable
        What to call, without arguments, while the machine stands still between two blocks.
    is_cancelled : bool
        Whether it was taken back; see `EventQueue.cancel`.
    """

    at_ticks: int
    callback: Callable[[], None]
    is_cancelled: bool = False


class EventQueue:
    """Events by time, then by order of scheduling.

    Parameters
    ----------
    on_earlier : callable
        ``on_earlier(at_ticks)`` is called for every new event, so that a running machine stops in time for it.
    """

    def __init__(self, on_earlier: Callable[[int], None]) -> None:
        # Time, then order of scheduling; no two are equal, so that events themselves are never compared.
        self._heap: list[tuple[int, int, ScheduledEvent]] = []
        self._sequence = 0
        self._on_earlier = on_earlier

    def schedule(self, at_ticks: int, callback: Callable[[], None]) -> ScheduledEvent:
        """Have `callback` called at a time; a time that has passed means before the next block.

        Devices may schedule from their register accesses and from other events. The callback may schedule again (periodic events do) and
        raise or drop interrupt lines; it must not run the machine.

        Parameters
        ----------
        at_ticks : int
            Absolute time in ticks: ``machine.counters.ticks + delay_cycles * TICKS_PER_CYCLE``. Read ``machine.now_cycles()`` first where
            exact time matters: it puts right the price of blocks that have not been priced yet.
        callback : callable
            Without arguments.

        Returns
        -------
        ScheduledEvent
            For `cancel`.
        """
        event = ScheduledEvent(at_ticks, callback)
        heapq.heappush(self._heap, (at_ticks, self._sequence, event))
        self._sequence += 1
        self._on_earlier(at_ticks)
        return event

    def cancel(self, event: ScheduledEvent | None) -> None:
        """Take an event back; one that has happened, was cancelled or is None is ignored."""
        if event is not None:
            event.is_cancelled = True

    @property
    def next_ticks(self) -> int | None:
        """Time of the earliest event; None if there is none."""
        heap = self._heap
        while heap and heap[0][2].is_cancelled:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def fire_due(self, now_ticks: int) -> int:
        """Call everything that is due, in order; return how many callbacks that were.

        Events that callbacks schedule for a time up to `now_ticks` are due as well.
        """
        fired, heap = 0, self._heap
        while heap and heap[0][0] <= now_ticks:
            event = heapq.heappop(heap)[2]
            if not event.is_cancelled:
                event.is_cancelled = True
                event.callback()
                fired += 1
        return fired
