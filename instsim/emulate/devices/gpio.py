"""Pins: outputs whose edges are recorded, inputs that the board file or a watcher sets."""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.spec import DeviceSpec

__all__ = ["Gpio", "NrfGpio", "Psoc6Gpio", "RpSio", "Stm32Gpio"]

_WORD = 0xFFFFFFFF


class Gpio(Device):
    """A port with an output register; the board file gives ``inputs`` as rows of pin and level."""

    parameters: ClassVar[frozenset[str]] = frozenset({"inputs"})

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self.output = 0
        self._inputs = sum(bool(level) << pin for pin, level in spec.pairs("inputs"))
        self._given = sum(1 << pin for pin, _ in spec.pairs("inputs"))
        super().__init__(spec, around)

    @property
    def input(self) -> int:
        """What the pins read as: what the board drives, else what the port puts out."""
        return self.output & ~self._given | self._inputs

    def drive(self, value: int) -> None:
        """Set the output register."""
        value &= _WORD
        changed = self.output ^ value
        self.output = value
        if changed:
            self.record((pin, bool(value >> pin & 1)) for pin in range(32) if changed >> pin & 1)


class Stm32Gpio(Gpio):
    """STM32's port (all families but F1)."""

    _IDR, _ODR, _BSRR, _BRR = 0x10, 0x14, 0x18, 0x28

    def read(self, offset: int) -> int | None:
        """Return the pins or the output register."""
        if offset == self._IDR:
            return self.input & 0xFFFF
        return self.output if offset == self._ODR else None

    def write(self, offset: int, value: int) -> None:
        """Set, clear or replace outputs."""
        if offset == self._ODR:
            self.registers[offset] = value & 0xFFFF
            self.drive(value & 0xFFFF)
        elif offset == self._BSRR:
            self.drive(self.output & ~(value >> 16) | value & 0xFFFF)
        elif offset == self._BRR:
            self.drive(self.output & ~value)
        else:
            super().write(offset, value)


class NrfGpio(Gpio):
    """Nordic's port (nRF52840 PS v1.7, chapter 6.9): its registers begin at 0x500."""

    default_size: ClassVar[int] = 0x300
    _OUT, _OUTSET, _OUTCLR, _IN = 0x004, 0x008, 0x00C, 0x010

    def read(self, offset: int) -> int | None:
        """Return the pins or the output register."""
        if offset == self._IN:
            return self.input
        return self.output if offset in (self._OUT, self._OUTSET, self._OUTCLR) else None

    def write(self, offset: int, value: int) -> None:
        """Set, clear or replace outputs."""
        if offset == self._OUT:
            self.drive(value)
        elif offset == self._OUTSET:
            self.drive(self.output | value)
        elif offset == self._OUTCLR:
            self.drive(self.output & ~value)
        else:
            super().write(offset, value)


class Psoc6Gpio(Gpio):
    """One port of PSoC 6 (Infineon mtb-pdl-cat1, cyip_gpio_v2.h)."""

    default_size: ClassVar[int] = 0x80
    _OUT, _CLEAR, _SET, _INVERT, _IN = 0x00, 0x04, 0x08, 0x0C, 0x10

    def read(self, offset: int) -> int | None:
        """Return the pins, the output register or a setting."""
        if offset == self._IN:
            return self.input & 0xFF
        return self.output if offset in (self._OUT, self._CLEAR, self._SET, self._INVERT) else self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Set, clear, flip or replace outputs."""
        if offset in (self._OUT, self._CLEAR, self._SET, self._INVERT):
            old = self.output
            self.drive({self._OUT: value, self._CLEAR: old & ~value, self._SET: old | value, self._INVERT: old ^ value}[offset])
        else:
            super().write(offset, value)


class RpSio(Gpio):
    """Single-cycle IO of RP2040 (datasheet chapter 2.3.1) and RP2350 (chapter 3.1): pins, spin locks, RP2040's divider.

    ``chip`` is 2040 or 2350, whose Cortex-M33 has coprocessors (`instsim.emulate.rp2350_coprocessors`). The second core never starts.
    """

    parameters: ClassVar[frozenset[str]] = frozenset({"inputs", "chip"})
    _IN, _OUT, _FIFO_ST, _FIFO_READY = 0x04, 0x10, 0x50, 2
    _UDIVIDEND, _UDIVISOR, _SDIVIDEND, _SDIVISOR, _QUOTIENT, _REMAINDER, _CSR = 0x60, 0x64, 0x68, 0x6C, 0x70, 0x74, 0x78
    _LOCKS, _LOCKS_END, _READY, _DIRTY = 0x100, 0x180, 1, 2

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        step = 4 if int(spec.value("chip", 2040)) == 2040 else 8
        self._set, self._clear, self._flip = (self._OUT + step * n for n in (1, 2, 3))
        self._has_divider = step == 4
        self.has_coprocessors = not self._has_divider
        self._locks = 0
        self._quotient = self._remainder = 0
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return pins, a lock or a quotient."""
        if offset == 0:
            return 0
        if offset == self._IN:
            return self.input
        if offset == self._OUT:
            return self.output
        if offset == self._FIFO_ST:
            return self._FIFO_READY
        if self._LOCKS <= offset < self._LOCKS_END:
            bit = 1 << (offset - self._LOCKS) // 4
            free = not self._locks & bit
            self._locks |= bit
            return bit if free else 0
        if self._has_divider and self._UDIVIDEND <= offset <= self._CSR:
            registers = {self._QUOTIENT: self._quotient, self._REMAINDER: self._remainder, self._CSR: self._READY}
            return registers.get(offset, self.registers.get(offset, 0))
        return None

    def write(self, offset: int, value: int) -> None:
        """Drive pins, free a lock, or divide."""
        if offset == self._OUT:
            self.drive(value)
        elif offset == self._set:
            self.drive(self.output | value)
        elif offset == self._clear:
            self.drive(self.output & ~value)
        elif offset == self._flip:
            self.drive(self.output ^ value)
        elif self._LOCKS <= offset < self._LOCKS_END:
            self._locks &= ~(1 << (offset - self._LOCKS) // 4)
        elif self._has_divider and offset == self._QUOTIENT:
            self._quotient = value
        elif self._has_divider and offset == self._REMAINDER:
            self._remainder = value
        else:
            super().write(offset, value)
            if self._has_divider and self._UDIVIDEND <= offset <= self._SDIVISOR:
                self._divide(offset, value)

    def _divide(self, offset: int, value: int) -> None:
        """RP2040 datasheet, 2.3.1.5: both views share the operands, the register written last decides the sign."""
        is_signed = offset >= self._SDIVIDEND
        is_divisor = offset in (self._UDIVISOR, self._SDIVISOR)
        for register in (self._UDIVISOR, self._SDIVISOR) if is_divisor else (self._UDIVIDEND, self._SDIVIDEND):
            self.registers[register] = value
        dividend, divisor = self.registers.get(self._UDIVIDEND, 0), self.registers.get(self._UDIVISOR, 0)
        if is_signed:
            dividend, divisor = (word - (word >> 31 << 32) for word in (dividend, divisor))
        if divisor == 0:
            quotient, remainder = 1 if is_signed and dividend < 0 else -1, dividend
        else:
            quotient = abs(dividend) // abs(divisor) * (1 if (dividend < 0) == (divisor < 0) else -1)
            remainder = dividend - quotient * divisor
        self._quotient, self._remainder = quotient & _WORD, remainder & _WORD
