"""Nordic's TIMER and RTC. Nordic nRF52840 PS v1.7, chapters 6.30 (TIMER) and 6.22 (RTC)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from functools import partial
from typing import ClassVar

from instsim.emulate.devices.counter import Counter
from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.nrf_ppi import signal
from instsim.emulate.events import ScheduledEvent
from instsim.emulate.spec import DeviceSpec

__all__ = ["NrfRtc", "NrfTimer"]

_START, _STOP, _COUNT, _CLEAR, _CAPTURE = 0x000, 0x004, 0x008, 0x00C, 0x040
_EVENTS_ENABLED = 0x340
_COMPARE, _SHORTS, _INTEN, _INTENSET, _INTENCLR, _BITMODE, _PRESCALER, _CC = 0x140, 0x200, 0x300, 0x304, 0x308, 0x508, 0x510, 0x540
_CHANNELS = 6
_FIRST_COMPARE_BIT = 16
_TIMER_HZ = 16_000_000
_BITS = (16, 8, 24, 32)


class _NrfCounter(Device, ABC):
    """What TIMER and RTC share: compare events with their masks."""

    default_size: ClassVar[int] = 0x1000

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._counter = Counter(around.now_cycles)
        self._events: dict[int, ScheduledEvent | None] = {}
        super().__init__(spec, around)

    def reset(self) -> None:
        """Give all registers their reset values; the counter stands still."""
        super().reset()
        self._set_rate()

    @abstractmethod
    def _set_rate(self) -> None:
        """Take the count's speed and width from the registers."""

    def read(self, offset: int) -> int | None:
        """Return an event, a mask or a compare value."""
        if offset in (_INTENSET, _INTENCLR, _INTEN):
            return self.registers.get(_INTEN, 0)
        if _COMPARE <= offset < _COMPARE + 4 * _CHANNELS or _CC <= offset < _CC + 4 * _CHANNELS:
            return self.registers.get(offset, 0)
        return None

    def write(self, offset: int, value: int) -> None:
        """Start a task, clear an event, or change a setting."""
        if offset in (_START, _STOP):
            if value:
                self._counter.run(offset == _START)
        elif offset == _INTENSET:
            self.registers[_INTEN] = self.registers.get(_INTEN, 0) | value
        elif offset == _INTENCLR:
            self.registers[_INTEN] = self.registers.get(_INTEN, 0) & ~value
        else:
            super().write(offset, value)
            if _COMPARE <= offset < _COMPARE + 4 * _CHANNELS:
                self._update()
                return
            if _CC <= offset < _CC + 4 * _CHANNELS:
                self._plan((offset - _CC) // 4)
                return
            self._set_rate()
        self._plan()
        self._update()

    def _plan(self, *channels: int) -> None:
        """Find anew when channels compare next, all of them by default."""
        for channel in channels or range(_CHANNELS):
            self.around.events.cancel(self._events.get(channel))
            self._events[channel] = None
            enabled = self.registers.get(_INTEN, 0) | self.registers.get(_EVENTS_ENABLED, 0)
            wanted = enabled >> (_FIRST_COMPARE_BIT + channel) & 1 or self.registers.get(_SHORTS, 0) >> channel & 1
            cycle = self._counter.cycle_of(self.registers.get(_CC + 4 * channel, 0)) if wanted else None
            if cycle is not None:
                self._events[channel] = self.around.at(cycle, partial(self._compare, channel))

    def _compare(self, channel: int) -> None:
        if self.registers.get(_SHORTS, 0) >> channel & 1:
            self._counter.set(0)
            self._plan()
        else:
            self._plan(channel)
        signal(self, _COMPARE + 4 * channel)
        self._update()

    def _update(self) -> None:
        enabled = self.registers.get(_INTEN, 0) >> _FIRST_COMPARE_BIT
        self.set_irq(any(enabled >> channel & 1 and self.registers.get(_COMPARE + 4 * channel, 0) for channel in range(_CHANNELS)))


class NrfTimer(_NrfCounter):
    """TIMER: 16 MHz over a power of two, read by capturing."""

    resets: ClassVar[dict[int, int]] = {_PRESCALER: 4}

    def _set_rate(self) -> None:
        hertz = Fraction(_TIMER_HZ, 1 << min(9, self.registers.get(_PRESCALER, 4) & 15))
        self._counter.change(Fraction(self.around.clock_hz) / hertz, (1 << _BITS[self.registers.get(_BITMODE, 0) & 3]) - 1)

    def write(self, offset: int, value: int) -> None:
        """Capture or clear the count; else see the base class."""
        if _CAPTURE <= offset < _CAPTURE + 4 * _CHANNELS:
            self.around.timer_reads += 1
            self.registers[_CC + offset - _CAPTURE] = self._counter.value
        elif offset == _CLEAR:
            self._counter.set(0)
            self._plan()
        else:
            super().write(offset, value)


class NrfRtc(_NrfCounter):
    """RTC: 32768 Hz over a prescaler, 24 bits."""

    _RTC_CLEAR, _TRIGOVRFLW, _COUNTER, _RTC_PRESCALER = 0x008, 0x00C, 0x504, 0x508
    _EVTENSET, _EVTENCLR = 0x344, 0x348
    _LIMIT = (1 << 24) - 1

    def _set_rate(self) -> None:
        hertz = Fraction(32768, (self.registers.get(self._RTC_PRESCALER, 0) & 0xFFF) + 1)
        self._counter.change(Fraction(self.around.clock_hz) / hertz, self._LIMIT)

    def read(self, offset: int) -> int | None:
        """Return the count; else see the base class."""
        if offset == self._COUNTER:
            self.around.timer_reads += 1
            return self._counter.value
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Clear the count; else see the base class."""
        if offset in (self._RTC_CLEAR, self._TRIGOVRFLW):
            self._counter.set(0 if offset == self._RTC_CLEAR else 0xFFFFF0)
            self._plan()
        elif offset == self._EVTENSET:
            super().write(_EVENTS_ENABLED, self.registers.get(_EVENTS_ENABLED, 0) | value)
        elif offset == self._EVTENCLR:
            super().write(_EVENTS_ENABLED, self.registers.get(_EVENTS_ENABLED, 0) & ~value)
        else:
            super().write(offset, value)
