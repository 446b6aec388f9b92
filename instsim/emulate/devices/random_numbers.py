"""Random number generators: always ready, the same numbers in every run.

The numbers are SplitMix64's (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.spec import DeviceSpec

__all__ = ["NrfRng", "RandomWord", "Stm32Rng"]

_MASK = (1 << 64) - 1


class _Random(Device):
    parameters: ClassVar[frozenset[str]] = frozenset({"seed"})

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._state = int(spec.value("seed", 1))
        super().__init__(spec, around)

    def draw(self) -> int:
        """Return the next 32 random bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = (self._state ^ self._state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
        return (mixed ^ mixed >> 31) >> 32


class RandomWord(_Random):
    """A register that reads as a random word (ESP32-C3's ``RNG_DATA``, RP2040's ``RANDOMBIT``)."""

    default_size: ClassVar[int] = 4

    def read(self, offset: int) -> int | None:
        """Return random bits."""
        del offset
        return self.draw()


class Stm32Rng(_Random):
    """STM32's generator (ST RM0390 chapter 24 of F4's larger parts; the same registers in every family)."""

    _CR, _SR, _DR, _DATA_READY, _ENABLE, _INTERRUPT = 0x00, 0x04, 0x08, 1, 1 << 2, 1 << 3

    def read(self, offset: int) -> int | None:
        """Return status or random bits."""
        if offset == self._SR:
            return self._DATA_READY if self.registers.get(self._CR, 0) & self._ENABLE else 0
        return self.draw() if offset == self._DR else None

    def write(self, offset: int, value: int) -> None:
        """Switch the generator or its interrupt."""
        super().write(offset, value)
        control = self.registers.get(self._CR, 0)
        self.set_irq(control & self._ENABLE and control & self._INTERRUPT)


class NrfRng(_Random):
    """Nordic's generator: bytes, an event for each (nRF52840 PS v1.7, chapter 6.20)."""

    default_size: ClassVar[int] = 0x1000
    _START, _STOP, _VALRDY, _INTENSET, _INTENCLR, _VALUE = 0x000, 0x004, 0x100, 0x304, 0x308, 0x508

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._running = False
        self._enabled = 0
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return the event, the mask or a random byte."""
        if offset == self._VALRDY:
            return int(self._running)
        if offset in (self._INTENSET, self._INTENCLR):
            return self._enabled
        return self.draw() & 0xFF if offset == self._VALUE else None

    def write(self, offset: int, value: int) -> None:
        """Start, stop, or set the mask."""
        if offset in (self._START, self._STOP):
            self._running = offset == self._START
        elif offset == self._INTENSET:
            self._enabled |= value
        elif offset == self._INTENCLR:
            self._enabled &= ~value
        else:
            super().write(offset, value)
        self.set_irq(self._running and self._enabled & 1)
