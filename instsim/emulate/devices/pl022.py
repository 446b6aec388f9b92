"""Arm's PL022 SPI master (Arm DDI 0194), as in the RP2040 and RP2350. Transfers take no time; nobody answers, so that zeros come back."""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.spec import DeviceSpec

__all__ = ["Pl022"]

_DATA, _STATUS, _MASK, _RAW, _MASKED = 0x08, 0x0C, 0x14, 0x18, 0x1C
_ENTRIES = 8
_TRANSMIT_EMPTY, _TRANSMIT_NOT_FULL, _RECEIVE_NOT_EMPTY, _RECEIVE_FULL = 1, 2, 4, 8
_RECEIVE_HALF, _TRANSMIT_HALF = 4, 8


class Pl022(Device):
    """The transmit queue is always empty, the receive queue fills up with what is sent."""

    default_size: ClassVar[int] = 0x1000

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._received = 0
        super().__init__(spec, around)

    @property
    def _interrupts(self) -> int:
        return _TRANSMIT_HALF | (_RECEIVE_HALF if self._received >= _ENTRIES // 2 else 0)

    def read(self, offset: int) -> int | None:
        """Return received data, status or interrupts; else what was written."""
        if offset == _DATA:
            self._received = max(0, self._received - 1)
            self._update()
            return 0
        if offset == _STATUS:
            received = (_RECEIVE_NOT_EMPTY if self._received else 0) | (_RECEIVE_FULL if self._received == _ENTRIES else 0)
            return _TRANSMIT_EMPTY | _TRANSMIT_NOT_FULL | received
        if offset in (_RAW, _MASKED):
            return self._interrupts & (self.registers.get(_MASK, 0) if offset == _MASKED else _TRANSMIT_HALF | _RECEIVE_HALF)
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Send, or change a setting."""
        if offset == _DATA:
            self._received = min(_ENTRIES, self._received + 1)
        else:
            super().write(offset, value)
        self._update()

    def _update(self) -> None:
        self.set_irq(self._interrupts & self.registers.get(_MASK, 0))
