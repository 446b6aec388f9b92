"""ESP32-C3's controller of the external flash, and the flash behind it.

Technical reference manual, chapter SPI Controller; ``soc/spi_mem_reg.h`` of ESP-IDF. The flash answers with its identity and its status, and reads as
erased: a firmware file tells what code sees, not where it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from instsim.emulate.devices.device import Device

__all__ = ["Esp32c3Flash"]

_COMMAND, _USER, _USER2, _READ_BITS, _READ_STATUS, _BUFFER, _BUFFER_END = 0x00, 0x18, 0x20, 0x28, 0x2C, 0x58, 0x98
_USER_COMMAND, _READ_ID, _READ_STATUS_COMMAND = 1 << 18, 1 << 28, 1 << 27
_HAS_ANSWER = 1 << 28
_ANSWERS: Mapping[int, bytes] = MappingProxyType(
    {
        0x9F: bytes.fromhex("ef4016"),  # Winbond, 4 MB
        0x90: bytes.fromhex("ef15"),
        0x05: bytes(1),
        0x35: b"\x02",  # quad mode is on
        0x15: bytes(1),
    }
)
_ERASED = 0xFF


class Esp32c3Flash(Device):
    """Commands end at once; what they answer lies in the buffer then."""

    default_size: ClassVar[int] = 0x1000

    def read(self, offset: int) -> int | None:
        """Return a register; no command is ever under way."""
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Store a word, or carry a command out."""
        if offset != _COMMAND:
            super().write(offset, value)
            return
        if value & _USER_COMMAND and self.registers.get(_USER, 0) & _HAS_ANSWER:
            count = (self.registers.get(_READ_BITS, 0) & 0x3FF) // 8 + 1
            self._answer(_ANSWERS.get(self.registers.get(_USER2, 0) & 0xFF, b""), count)
        elif value & _READ_ID:
            self._answer(_ANSWERS[0x9F], 4)
        elif value & _READ_STATUS_COMMAND:
            self.registers[_READ_STATUS] = 0

    def _answer(self, data: bytes, count: int) -> None:
        room = _BUFFER_END - _BUFFER
        padded = (data or bytes([_ERASED]) * room).ljust(room, b"\0")[: min(count + 3 & ~3, room)]
        for place in range(0, len(padded), 4):
            self.registers[_BUFFER + place] = int.from_bytes(padded[place : place + 4], "little")
