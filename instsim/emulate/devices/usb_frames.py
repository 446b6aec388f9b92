"""Frames of a full-speed bus: one every millisecond, counted when somebody looks and told only to firmware that wants to know."""

from __future__ import annotations

from collections.abc import Callable

from instsim.emulate.devices.device import Surroundings
from instsim.emulate.events import ScheduledEvent

__all__ = ["UsbFrames"]

_FRAMES_PER_SECOND, _NUMBERS = 1000, 1 << 11


class UsbFrames:
    """The frames that a controller sees.

    Parameters
    ----------
    around : Surroundings
        The machine.
    on_frame : callable
        Called when a frame begins, while frames are told.

    Attributes
    ----------
    are_running : bool
        Whether the host sends them: from the end of the bus's reset on.
    """

    def __init__(self, around: Surroundings, on_frame: Callable[[], None]) -> None:
        self._around = around
        self._on_frame = on_frame
        self._seen = -1
        self._next: ScheduledEvent | None = None
        self.are_running = False

    def _number(self, cycles: int) -> int:
        return int(cycles * _FRAMES_PER_SECOND // self._around.clock_hz)

    def _now(self) -> int:
        return self._number((self._around.note_cycles or self._around.now_cycles)())

    @property
    def number(self) -> int:
        """Number of this frame, as firmware reads it; 0 if there are none."""
        return self._number(self._around.now_cycles()) % _NUMBERS if self.are_running else 0

    @property
    def waits(self) -> bool:
        """Whether a frame has begun since the last that was seen."""
        return self.are_running and self._now() != self._seen

    def see(self) -> None:
        """Note that the firmware knows of this frame."""
        self._seen = self._now()

    def tell(self, *, wanted: bool) -> None:
        """Have the next frame told, or no longer."""
        if wanted and self.are_running and not self.waits:
            if self._next is None:
                cycle = (self._now() + 1) * self._around.clock_hz / _FRAMES_PER_SECOND
                self._next = self._around.at(cycle + 1, self._begin)
        else:
            self._around.events.cancel(self._next)
            self._next = None

    def _begin(self) -> None:
        self._next = None
        self._on_frame()
