"""Clock, reset and watchdog blocks of chips other than STM32's, and watchdogs of all: everything is ready at once, nothing ever bites.

Nordic nRF52840 PS v1.7, chapter 5.4, and nrf5340_application.h of nrfx (CLOCK); Raspberry Pi RP2040 datasheet, chapters 2.14 and 2.15 (resets,
clocks), RP2350 datasheet, chapters 7 and 8; Espressif ESP32-C3 TRM v1.1, chapters 6, 9 and 16.
"""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.gpio import Gpio
from instsim.emulate.devices.registers import ReadyBits, RegisterFile
from instsim.emulate.spec import DeviceSpec

__all__ = ["CacheController", "Esp32c3Gpio", "Esp32c3Rtc", "Esp32c3System", "NrfClock", "RpClocks", "RpResets", "Watchdog"]

_WORD = 0xFFFFFFFF


class Watchdog(RegisterFile):
    """A watchdog that can be set up and fed, and never bites."""


class CacheController(Device):
    """A cache's control registers: every operation is done at once.

    ``status`` is the offset of the status register, ``value`` what it reads as.
    """

    parameters: ClassVar[frozenset[str]] = frozenset({"status", "value", "resets"})

    def read(self, offset: int) -> int | None:
        """Return the status, or what was written."""
        if offset == int(self.spec.value("status", 4)):
            return int(self.spec.value("value", 0))
        return self.registers.get(offset, 0)


class NrfClock(Device):
    """nRF's CLOCK and POWER, which share their addresses. ``chip`` is 52 or 53.

    On a chip 52 with a USB controller, POWER has told of the cable since power came on, if it is plugged in.
    """

    default_size: ClassVar[int] = 0x1000
    parameters: ClassVar[frozenset[str]] = frozenset({"chip"})
    _TASKS_52: ClassVar[dict[int, tuple[int, int]]] = {0x000: (0x100, 0), 0x008: (0x104, 1), 0x010: (0x10C, 3)}
    """Task by offset: the event it leads to, and its bit in the mask."""
    _TASKS_53: ClassVar[dict[int, tuple[int, int]]] = {0x000: (0x100, 0), 0x008: (0x104, 1), 0x010: (0x11C, 7), 0x018: (0x120, 8), 0x020: (0x124, 9)}
    _STOP_HIGH, _STOP_LOW, _HIGH_RUN, _HIGH_STATUS, _LOW_RUN, _LOW_STATUS, _LOW_COPY, _LOW_SOURCE = (
        0x004,
        0x00C,
        0x408,
        0x40C,
        0x414,
        0x418,
        0x41C,
        0x518,
    )
    _INTENSET, _INTENCLR, _RUNNING, _CRYSTAL = 0x304, 0x308, 1 << 16, 1
    _USB_EVENTS: ClassVar[dict[int, int]] = {0x11C: 7, 0x124: 9}
    """Voltage detected, and supply ready: the event's bit in the mask by its offset."""
    _USB_STATUS, _USB_READY = 0x438, 3

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._enabled = 0
        self._high = self._low = False
        is_52 = int(spec.value("chip", 52)) == 52
        self._tasks = self._TASKS_52 if is_52 else self._TASKS_53
        self._usb_untold = set(self._USB_EVENTS) if is_52 else set[int]()
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return a clock's state, an event or the mask."""
        if self._has_usb and offset in (*self._USB_EVENTS, self._USB_STATUS):
            value = self._USB_READY if offset == self._USB_STATUS else int(offset in self._usb_untold)
            return value if self.around.usb.is_plugged else 0
        source = self.registers.get(self._LOW_SOURCE, 0) & 3
        states = {
            self._HIGH_RUN: int(self._high),
            self._HIGH_STATUS: self._RUNNING | (self._CRYSTAL if self._high else 0),
            self._LOW_RUN: int(self._low),
            self._LOW_STATUS: self._RUNNING | source if self._low else 0,
            self._LOW_COPY: source,
            self._INTENSET: self._enabled,
            self._INTENCLR: self._enabled,
        }
        if any(offset == event for event, _ in self._tasks.values()):
            return self.registers.get(offset, 0)
        return states.get(offset)

    def write(self, offset: int, value: int) -> None:
        """Start or stop a clock, clear an event, or set the mask."""
        if offset in self._tasks:
            if value:
                self.registers[self._tasks[offset][0]] = 1
                self._high |= offset == 0
                self._low |= offset == 8
        elif offset == self._STOP_HIGH:
            self._high = False
        elif offset == self._STOP_LOW:
            self._low = False
        elif self._has_usb and offset in self._USB_EVENTS:
            self._usb_untold.discard(offset)
        elif offset == self._INTENSET:
            self._enabled |= value
        elif offset == self._INTENCLR:
            self._enabled &= ~value
        else:
            super().write(offset, value)
        told = [bit for event, bit in self._tasks.values() if self.registers.get(event, 0)]
        told += [self._USB_EVENTS[event] for event in self._usb_untold if self._has_usb and self.around.usb.is_plugged]
        self.set_irq(any(self._enabled >> bit & 1 for bit in told))

    @property
    def _has_usb(self) -> bool:
        return self._tasks is self._TASKS_52 and self.around.usb.controller is not None


class RpResets(Device):
    """RESETS: a block is out of reset as soon as its bit is cleared.

    ``holds`` has rows of a bit and an address in the block that it resets; other blocks keep their state.
    """

    default_size: ClassVar[int] = 0x1000
    parameters: ClassVar[frozenset[str]] = frozenset({"holds"})
    resets: ClassVar[dict[int, int]] = {0x0: 0x1FFFFFFF}
    _RESET, _DONE = 0x0, 0x8

    def read(self, offset: int) -> int | None:
        """Return which blocks are in reset, or out of it."""
        state = self.registers.get(self._RESET, 0)
        return {self._RESET: state, self._DONE: ~state & 0x1FFFFFFF}.get(offset)

    def write(self, offset: int, value: int) -> None:
        """Reset blocks, or let them go."""
        before = self.registers.get(offset, 0)
        super().write(offset, value)
        for bit, address in self.spec.pairs("holds") if offset == self._RESET else ():
            found = self.around.locate(address)
            if found is not None and value & ~before & 1 << bit:
                found[0].reset()


class RpClocks(Device):
    """CLOCKS: glitchless multiplexers have switched at once; the frequency counter is always done."""

    default_size: ClassVar[int] = 0x1000
    _REFERENCE, _SYSTEM, _STEP, _SELECTED, _CLOCKS = 0x30, 0x3C, 12, 8, 10
    _COUNTER_STATUS, _DONE = 0x98, 1 << 4

    def read(self, offset: int) -> int | None:
        """Return the selected source of a clock as one bit."""
        if offset == self._COUNTER_STATUS:
            return self._DONE
        clock, register = divmod(offset, self._STEP)
        if clock >= self._CLOCKS or register != self._SELECTED:
            return None
        control = offset - self._SELECTED
        sources = {self._REFERENCE: 3, self._SYSTEM: 1}.get(control)
        return 1 if sources is None else 1 << (self.registers.get(control, 0) & sources)


class Esp32c3Rtc(Device):
    """RTC_CNTL: the slow clock's time, captured on demand; watchdogs that never bite."""

    default_size: ClassVar[int] = 0x1000
    parameters: ClassVar[frozenset[str]] = frozenset({"resets"})
    _TIME_UPDATE, _TIME_LOW, _TIME_HIGH, _SLOW_HZ = 0x0C, 0x10, 0x14, 136_000
    _CALIBRATION = 0x34

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._captured = 0
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return half of the captured time."""
        return {self._TIME_LOW: self._captured & _WORD, self._TIME_HIGH: self._captured >> 32}.get(offset)

    def write(self, offset: int, value: int) -> None:
        """Capture the time, or change a setting."""
        if offset == self._TIME_UPDATE:
            self.around.timer_reads += 1
            self._captured = int(self.around.now_cycles() * self._SLOW_HZ / self.around.clock_hz)
        super().write(offset, value)


class Esp32c3System(ReadyBits):
    """SYSTEM: clocks and resets, and the four registers by which firmware interrupts itself (FreeRTOS changes tasks by the first)."""

    default_size: ClassVar[int] = 0x1000
    _FIRST, _INTERRUPTS = 0x28, 4

    def write(self, offset: int, value: int) -> None:
        """Store a word; drive the interrupt line of one of the four."""
        super().write(offset, value)
        number = (offset - self._FIRST) // 4
        if 0 <= number < self._INTERRUPTS:
            self.set_irq(value & 1, number)


class Esp32c3Gpio(Gpio):
    """ESP32-C3's GPIO matrix: outputs by set and clear registers."""

    default_size: ClassVar[int] = 0x1000
    _OUT, _OUT_SET, _OUT_CLEAR, _IN = 0x04, 0x08, 0x0C, 0x3C

    def read(self, offset: int) -> int | None:
        """Return the pins or the output register."""
        if offset == self._IN:
            return self.input
        return self.output if offset == self._OUT else None

    def write(self, offset: int, value: int) -> None:
        """Set, clear or replace outputs."""
        if offset == self._OUT:
            self.drive(value)
        elif offset == self._OUT_SET:
            self.drive(self.output | value)
        elif offset == self._OUT_CLEAR:
            self.drive(self.output & ~value)
        else:
            super().write(offset, value)
