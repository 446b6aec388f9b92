"""RISC-V interrupt sources: the standard machine interrupts with a CLINT, and the ESP32-C3's interrupt matrix.

The RISC-V Instruction Set Manual, volume II, 3.1.9 (``mip``, ``mie``); SiFive E31 core complex manual, chapter 6 (CLINT); ESP32-C3 technical
reference manual v1.1, chapter 8 (interrupt matrix). Nothing here knows the emulator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.events import EventQueue, ScheduledEvent

__all__ = ["Clint", "InterruptMatrix", "MachineInterrupts"]

_SOFTWARE, _TIMER, _EXTERNAL = 3, 7, 11
_ORDER = (_EXTERNAL, _SOFTWARE, _TIMER)
_WORD = 0xFFFFFFFF
_MTIMECMP, _MTIME = 0x4000, 0xBFF8


class MachineInterrupts:
    """Pending bits of the machine-mode interrupts; implements `instsim.emulate.interrupts.InterruptController`.

    Parameters
    ----------
    on_change : callable
        Called whenever an interrupt may have become ready.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._levels = 0
        self._pulses = 0

    def set_line(self, number: int, level: bool) -> None:
        """Drive a device's interrupt: a bit of ``mip``."""
        self.set_pending(number, level)

    def set_pending(self, number: int, level: bool) -> None:
        """Drive a bit of ``mip``."""
        bit = 1 << number
        changed = bool(self._levels & bit) != level
        self._levels = self._levels | bit if level else self._levels & ~bit
        if changed and level:
            self._on_change()

    def pulse(self, number: int) -> None:
        """Set a bit of ``mip`` until its interrupt is taken."""
        self._pulses |= 1 << number
        self._on_change()

    @property
    def pending(self) -> int:
        """``mip``."""
        return self._levels | self._pulses

    def first(self, enabled: int) -> int | None:
        """Return the interrupt to take among those enabled in ``mie``: external, then software, then timer."""
        ready = self.pending & enabled
        return next((number for number in _ORDER if ready >> number & 1), None)

    def taken(self, number: int) -> None:
        """Note that the core has taken an interrupt."""
        self._pulses &= ~(1 << number)

    def returned(self) -> None:
        """Note an ``mret``, from whichever trap."""


class Clint:
    """The core-local interruptor: ``msip``, ``mtimecmp``, ``mtime`` of one core.

    Parameters
    ----------
    now_cycles : callable
        Core cycles since reset.
    events : EventQueue
        Where the comparator's match is scheduled.
    interrupts : MachineInterrupts
        What it drives.
    divider : int
        Core cycles to one of ``mtime``.
    """

    SOFTWARE: ClassVar[int] = 0x0000
    """Offset of ``msip``, by which firmware interrupts itself."""

    def __init__(self, now_cycles: Callable[[], int], events: EventQueue, interrupts: MachineInterrupts, divider: int) -> None:
        self._now = now_cycles
        self._events = events
        self._interrupts = interrupts
        self._divider = divider
        self._offset = 0
        self._compare = (1 << 64) - 1
        self._event: ScheduledEvent | None = None
        self.reads = 0

    @property
    def time(self) -> int:
        """``mtime``."""
        return self._now() // self._divider + self._offset & ((1 << 64) - 1)

    def _plan(self) -> None:
        self._events.cancel(self._event)
        self._event = None
        now = self.time
        self._interrupts.set_pending(_TIMER, now >= self._compare)
        wait = self._compare - now
        if 0 < wait < 1 << 48:
            at_cycles = (self._compare - self._offset) * self._divider
            self._event = self._events.schedule(at_cycles * TICKS_PER_CYCLE, self._plan)

    def read(self, offset: int, size: int) -> int | None:
        """Return 1, 2 or 4 bytes at an offset into the device; None where it has no register."""
        word, value = offset & ~3, None
        if word == self.SOFTWARE:
            value = self._interrupts.pending >> _SOFTWARE & 1
        elif word in (_MTIMECMP, _MTIMECMP + 4):
            value = self._compare >> 8 * (word - _MTIMECMP) & _WORD
        elif word in (_MTIME, _MTIME + 4):
            self.reads += 1
            value = self.time >> 8 * (word - _MTIME) & _WORD
        return None if value is None else value >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def write(self, offset: int, size: int, value: int) -> bool:
        """Store a word; return whether the device has that register."""
        del size
        if offset == self.SOFTWARE:
            self._interrupts.set_pending(_SOFTWARE, bool(value & 1))
        elif offset in (_MTIMECMP, _MTIMECMP + 4):
            shift = 8 * (offset - _MTIMECMP)
            self._compare = self._compare & ~(_WORD << shift) | value << shift
            self._plan()
        elif offset in (_MTIME, _MTIME + 4):
            shift = 8 * (offset - _MTIME)
            self._offset += (self.time & ~(_WORD << shift) | value << shift) - self.time
            self._plan()
        else:
            return False
        return True


class InterruptMatrix:
    """The ESP32-C3's 62 sources, each mapped to one of 31 interrupts of the core; an `InterruptController`.

    Parameters
    ----------
    on_change : callable
        Called whenever an interrupt may have become ready.
    """

    _SOURCES = 62
    _ENABLE, _TYPE, _CLEAR, _STATUS, _PRIORITY, _THRESHOLD = 0x104, 0x108, 0x10C, 0x110, 0x114, 0x194

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._map = [0] * self._SOURCES
        self._levels = 0
        self._latched = 0
        self._words: dict[int, int] = {}

    def set_line(self, number: int, level: bool) -> None:
        """Drive a source."""
        bit = 1 << number
        rising = level and not self._levels & bit
        self._levels = self._levels | bit if level else self._levels & ~bit
        if rising:
            if self._word(self._TYPE) >> self._map[number] & 1:
                self.pulse(number)
            else:
                self._on_change()

    def pulse(self, number: int) -> None:
        """Latch a source's interrupt until its handler clears it or it is taken."""
        self._latched |= 1 << self._map[number]
        self._on_change()

    def _word(self, offset: int) -> int:
        return self._words.get(offset, 0)

    @property
    def pending(self) -> int:
        """Interrupts of the core that are asserted (bit n: interrupt n)."""
        bits = self._latched
        for source in _places(self._levels):
            bits |= 1 << self._map[source]
        return bits & ~1

    def first(self, enabled: int) -> int | None:
        """Return the interrupt to take: the highest priority not below the threshold, then the lowest number; ``mie`` plays no part."""
        del enabled
        ready = self.pending & self._word(self._ENABLE)
        best = (0, 0)
        for number in _places(ready):
            priority = self._word(self._PRIORITY + 4 * number) & 15
            if priority > best[0] and priority >= self._word(self._THRESHOLD):
                best = (priority, number)
        return best[1] or None

    def taken(self, number: int) -> None:
        """Note that the core has taken an interrupt; edges stay latched until the firmware clears them."""

    def returned(self) -> None:
        """Note an ``mret``, from whichever trap."""

    def read(self, offset: int, size: int) -> int | None:
        """Return a word at an offset into the matrix."""
        del size
        if offset < 4 * self._SOURCES:
            return self._map[offset // 4]
        if offset == self._STATUS:
            return self.pending
        if offset in (0xF8, 0xFC):
            return self._levels >> 32 * (offset == 0xFC) & _WORD
        return self._words.get(offset)

    def write(self, offset: int, size: int, value: int) -> bool:
        """Store a word."""
        del size
        if offset < 4 * self._SOURCES:
            self._map[offset // 4] = value & 31
        elif offset == self._CLEAR:
            self._latched &= ~value
            self._words[offset] = value
        elif offset in (self._ENABLE, self._TYPE) or self._PRIORITY <= offset <= self._THRESHOLD:
            self._words[offset] = value
        else:
            return False
        self._on_change()
        return True


def _places(bits: int) -> Iterator[int]:
    """Give the numbers of the bits that are set, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
