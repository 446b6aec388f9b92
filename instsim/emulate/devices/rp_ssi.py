"""RP2040's flash interface (a Synopsys SSI) with a serial flash at its other end, for firmware that sends commands instead of reading by address.

Raspberry Pi, RP2040 datasheet chapter 4.10 (SSI); commands and status bits: Winbond W25Q16JV data sheet, chapter 8. Transfers take no time, and
contents do not change: erasing and programming are accepted and left undone.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.registers import RegisterFile
from instsim.emulate.spec import DeviceSpec

__all__ = ["RpQspiPins", "RpSsi"]


class RpSsi(Device):
    """Transmit and receive queues of the interface, and a W25Q that answers identity and status.

    A command begins with the first byte after the receive queue was drained, or, where firmware drives the flash's select pin itself, after
    that changed. The settings that boot code leaves behind (divider, lengths of address and of the pause behind it) stay in `registers`.
    """

    default_size: ClassVar[int] = 0x1000
    CTRLR0, ENABLE, BAUDR, SPI_CTRLR0 = 0x00, 0x08, 0x14, 0xF4
    _TX_LEVEL, _RX_LEVEL, _STATUS, _ID, _VERSION = 0x20, 0x24, 0x28, 0x58, 0x5C
    _DATA, _DATA_STOP = 0x60, 0xF0
    _TX_NOT_FULL, _TX_EMPTY, _RX_NOT_EMPTY = 2, 4, 8
    _MANUFACTURER = bytes.fromhex("ef4015")
    """W25Q16: Winbond, SPI, 2 MB."""
    _UNIQUE = bytes.fromhex("e660000000000001")
    _REPLIES: ClassVar[dict[int, bytes]] = {
        0x05: bytes(1),
        0x35: b"\x02",  # quad mode is enabled, so that boot code need not program it
        0x15: bytes(1),
        0x9F: _MANUFACTURER,
        0x4B: bytes(4) + _UNIQUE,
        0x90: bytes(3) + b"\xef\x14",
    }
    """What follows a command, by its code; a status repeats for as long as it is read."""

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._received: deque[int] = deque()
        self._command: int | None = None
        self._sent = 0
        self._held = False
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return status, the levels of the queues, or what the flash sent."""
        if self._DATA <= offset < self._DATA_STOP:
            value = self._received.popleft() if self._received else 0
            if not self._received and not self._held:
                self._command = None
            return value
        if offset == self._STATUS:
            return self._TX_NOT_FULL | self._TX_EMPTY | (self._RX_NOT_EMPTY if self._received else 0)
        fixed = {self._TX_LEVEL: 0, self._RX_LEVEL: len(self._received), self._ID: 0x51535049, self._VERSION: 0x3430312A}
        return fixed[offset] if offset in fixed else self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Send a frame, or change a setting."""
        if self._DATA <= offset < self._DATA_STOP:
            self._send(value & 0xFF)
            return
        super().write(offset, value)
        if offset == self.ENABLE and not value & 1:
            self._received.clear()
            self._command = None

    def select(self, *, held: bool) -> None:
        """Take note that firmware holds the flash selected, or does no longer."""
        self._held = held
        self._command = None

    def _send(self, byte: int) -> None:
        if self._command is None:
            self._command, self._sent = byte, 0
            self._received.append(0)
            return
        reply = self._REPLIES.get(self._command, b"")
        place = self._sent % len(reply) if reply and len(reply) == 1 else self._sent
        self._received.append(reply[place] if place < len(reply) else 0)
        self._sent += 1


class RpQspiPins(RegisterFile):
    """Functions of the flash's pins; forcing its select pin begins and ends a command (RP2040 datasheet chapter 2.19.6.2)."""

    default_size: ClassVar[int] = 0x1000
    _SELECT, _OVERRIDE, _LOW = 0x0C, 8, 2

    def write(self, offset: int, value: int) -> None:
        """Store a word; pass on what becomes of the select pin."""
        super().write(offset, value)
        if offset == self._SELECT:
            for device in self.around.devices.values():
                if isinstance(device, RpSsi):
                    device.select(held=value >> self._OVERRIDE & 3 == self._LOW)
