"""64-bit system timers at a fixed rate: that of RP2040 and RP2350, and ESP32-C3's SYSTIMER.

Raspberry Pi, RP2040 datasheet chapter 4.6 and RP2350 datasheet chapter 12.8; Espressif ESP32-C3 TRM v1.1 chapter 10.
"""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

from instsim.emulate.devices.counter import Counter
from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.events import ScheduledEvent
from instsim.emulate.spec import DeviceSpec

__all__ = ["Esp32c3SysTimer", "RpTimer"]

_WORD = 0xFFFFFFFF
_LIMIT = (1 << 64) - 1


class RpTimer(Device):
    """The microsecond timer with its four alarms; ``interrupt_offset`` is 0x34 (RP2040) or 0x3C (RP2350)."""

    default_size: ClassVar[int] = 0x1000
    parameters: ClassVar[frozenset[str]] = frozenset({"interrupt_offset"})
    _TIMEHW, _TIMELW, _TIMEHR, _TIMELR, _ALARM0, _ARMED, _TIMERAWH, _TIMERAWL = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x20, 0x24, 0x28
    _ALARMS = 4

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._counter = Counter(around.now_cycles)
        self._counter.change(Fraction(around.clock_hz) / 1_000_000, _LIMIT)
        self._counter.run(running=True)
        self._high = 0
        self._raised = 0
        self._interrupts = int(spec.value("interrupt_offset", 0x34))
        self._events: dict[int, ScheduledEvent | None] = {}
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return half of the time, or interrupt status."""
        if offset in (self._TIMELR, self._TIMERAWL, self._TIMEHR, self._TIMERAWH):
            self.around.timer_reads += 1
            value = self._counter.value
            if offset == self._TIMELR:
                # Reading the low half latches the high one.
                self._high = value >> 32
            elif offset == self._TIMEHR:
                return self._high
            return value >> 32 if offset == self._TIMERAWH else value & _WORD
        if offset == self._ARMED:
            return sum(1 << alarm for alarm in range(self._ALARMS) if self._events.get(alarm) is not None)
        if offset == self._interrupts:
            return self._raised
        if offset == self._interrupts + 12:
            return self._raised & self.registers.get(self._interrupts + 4, 0)
        return None

    def write(self, offset: int, value: int) -> None:
        """Arm or disarm an alarm, or clear its interrupt."""
        alarm = (offset - self._ALARM0) // 4
        if 0 <= alarm < self._ALARMS:
            super().write(offset, value)
            self._disarm(alarm)
            low = self._counter.value & _WORD
            distance = (value - low) % (1 << 32) or 1 << 32
            self._events[alarm] = self.around.after(float(distance * self._counter.cycles_per_step), lambda: self._fire(alarm))
        elif offset == self._ARMED:
            for number in range(self._ALARMS):
                if value >> number & 1:
                    self._disarm(number)
        elif offset == self._interrupts:
            self._raised &= ~value
        else:
            super().write(offset, value)
        self._update()

    def _disarm(self, alarm: int) -> None:
        self.around.events.cancel(self._events.get(alarm))
        self._events[alarm] = None

    def _fire(self, alarm: int) -> None:
        self._events[alarm] = None
        self._raised |= 1 << alarm
        self._update()

    def _update(self) -> None:
        status = (self._raised | self.registers.get(self._interrupts + 8, 0)) & self.registers.get(self._interrupts + 4, 0)
        for alarm in range(self._ALARMS):
            self.set_irq(status >> alarm & 1, alarm)


class Esp32c3SysTimer(Device):
    """SYSTIMER: two 16 MHz counters of 52 bits, three comparators."""

    default_size: ClassVar[int] = 0x1000
    _UNIT_OP, _VALUE, _TARGET, _TARGET_CONF, _COMP_LOAD = 0x04, 0x40, 0x1C, 0x34, 0x50
    _INT_ENA, _INT_RAW, _INT_CLR, _INT_ST, _CONF = 0x64, 0x68, 0x6C, 0x70, 0x00
    _HERTZ, _COMPARATORS = 16_000_000, 3
    _UPDATE, _VALID, _PERIOD_MODE, _PERIOD_MASK = 1 << 30, 1 << 29, 1 << 30, (1 << 26) - 1
    resets: ClassVar[dict[int, int]] = {0x00: 0x46000000}

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._counter = Counter(around.now_cycles)
        self._counter.change(Fraction(around.clock_hz) / self._HERTZ, (1 << 52) - 1)
        self._counter.run(running=True)
        self._captured = [0, 0]
        self._raised = 0
        self._events: dict[int, ScheduledEvent | None] = {}
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return half of a captured time, or interrupt status."""
        unit = (offset - self._VALUE) // 8
        if 0 <= unit < len(self._captured):
            return self._captured[unit] >> 32 if offset % 8 == 0 else self._captured[unit] & _WORD
        if offset in (self._UNIT_OP, self._UNIT_OP + 4):
            return self._VALID
        if offset == self._INT_RAW:
            return self._raised
        if offset == self._INT_ST:
            return self._raised & self.registers.get(self._INT_ENA, 0)
        return None

    def write(self, offset: int, value: int) -> None:
        """Capture a time, load a comparator, or mask interrupts."""
        if offset in (self._UNIT_OP, self._UNIT_OP + 4):
            if value & self._UPDATE:
                self.around.timer_reads += 1
                self._captured[(offset - self._UNIT_OP) // 4] = self._counter.value
        elif offset == self._INT_CLR:
            self._raised &= ~value
        else:
            super().write(offset, value)
            for comparator in range(self._COMPARATORS):
                if offset in (self._CONF, self._COMP_LOAD + 4 * comparator, self._TARGET_CONF + 4 * comparator):
                    self._plan(comparator)
        self._update()

    def _plan(self, comparator: int) -> None:
        self.around.events.cancel(self._events.get(comparator))
        self._events[comparator] = None
        if not self.registers.get(self._CONF, 0) >> (24 - comparator) & 1:
            return
        settings = self.registers.get(self._TARGET_CONF + 4 * comparator, 0)
        now = self._counter.value
        if settings & self._PERIOD_MODE:
            steps = settings & self._PERIOD_MASK
        else:
            base = self._TARGET + 8 * comparator
            steps = max(0, (self.registers.get(base, 0) & 0xFFFFF) << 32 | self.registers.get(base + 4, 0)) - now
        if steps > 0 or not settings & self._PERIOD_MODE:
            delay = float(max(1, steps) * self._counter.cycles_per_step)
            self._events[comparator] = self.around.after(delay, lambda: self._fire(comparator))

    def _fire(self, comparator: int) -> None:
        self._events[comparator] = None
        self._raised |= 1 << comparator
        if self.registers.get(self._TARGET_CONF + 4 * comparator, 0) & self._PERIOD_MODE:
            self._plan(comparator)
        self._update()

    def _update(self) -> None:
        status = self._raised & self.registers.get(self._INT_ENA, 0)
        for comparator in range(self._COMPARATORS):
            self.set_irq(status >> comparator & 1, comparator)
