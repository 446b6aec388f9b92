"""Cortex-M's SysTick: a down-counter whose wraps are events on the machine's clock.

Arm DDI 0403E, B3.3. Counting from RELOAD to 0 takes RELOAD + 1 cycles; at 0 ``COUNTFLAG`` is set and, with ``TICKINT``, the exception pends.
"""

from __future__ import annotations

from collections.abc import Callable

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.events import EventQueue, ScheduledEvent

__all__ = ["SysTick"]

_CSR, _RVR, _CVR, _CALIB = 0x10, 0x14, 0x18, 0x1C
_ENABLE, _TICKINT, _CLKSOURCE, _COUNTFLAG = 1, 2, 4, 1 << 16
_COUNTER_MASK = 0xFFFFFF


class SysTick:
    """The timer.

    Parameters
    ----------
    now_cycles : callable
        Core cycles since reset.
    events : EventQueue
        Where wraps are scheduled.
    on_wrap : callable
        Called at each wrap while ``TICKINT`` is set.
    reference_divider : int
        Core cycles to one of the reference clock's, for ``CLKSOURCE`` = 0.
    """

    def __init__(self, now_cycles: Callable[[], int], events: EventQueue, on_wrap: Callable[[], None], reference_divider: int = 1) -> None:
        self._now = now_cycles
        self._events = events
        self._on_wrap = on_wrap
        self._reference_divider = reference_divider
        self._control = 0
        self._reload = 0
        self._value = 0
        self._since = 0
        self._flag = False
        self._event: ScheduledEvent | None = None
        self.reads = 0

    @property
    def raises_interrupts(self) -> bool:
        """Whether it counts with its interrupt on."""
        return self._control & (_ENABLE | _TICKINT) == _ENABLE | _TICKINT and self._reload > 0

    def _divider(self) -> int:
        return 1 if self._control & _CLKSOURCE else self._reference_divider

    def _settle(self) -> None:
        """Bring the value up to now."""
        now = self._now()
        if not self._control & _ENABLE:
            self._since = now
            return
        # The clock can go back a little when blocks get their price.
        steps = max(0, now - self._since) // self._divider()
        self._since += steps * self._divider()
        if steps == 0:
            return
        if self._value == 0:
            # A cleared counter loads RELOAD with its next clock.
            if self._reload == 0:
                return
            self._value, steps = self._reload, steps - 1
        if steps < self._value:
            self._value -= steps
            return
        steps -= self._value
        self._flag = True
        remainder = steps % (self._reload + 1)
        self._value = 0 if remainder == 0 else self._reload + 1 - remainder

    def _cycles_to_wrap(self) -> int:
        steps = self._value or self._reload + 1
        return self._since + steps * self._divider()

    def _plan(self) -> None:
        self._events.cancel(self._event)
        self._event = None
        if self.raises_interrupts:
            self._event = self._events.schedule(self._cycles_to_wrap() * TICKS_PER_CYCLE, self._wrap)

    def _wrap(self) -> None:
        self._settle()
        self._on_wrap()
        self._plan()

    def read(self, offset: int) -> int | None:
        """Return a register's word by its offset into the system control space, or None if it is none of the timer's."""
        if offset not in (_CSR, _RVR, _CVR, _CALIB):
            return None
        if offset == _RVR:
            return self._reload
        if offset == _CALIB:
            return 0
        self.reads += 1
        self._settle()
        if offset == _CVR:
            return self._value
        value = self._control | (_COUNTFLAG if self._flag else 0)
        self._flag = False
        return value

    def write(self, offset: int, value: int) -> bool:
        """Store a word; return whether the register is one of the timer's."""
        if offset not in (_CSR, _RVR, _CVR, _CALIB):
            return False
        self._settle()
        if offset == _CSR:
            self._control = value & 7
        elif offset == _RVR:
            self._reload = value & _COUNTER_MASK
        elif offset == _CVR:
            self._value, self._flag = 0, False
        self._plan()
        return True
