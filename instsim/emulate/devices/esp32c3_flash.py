"""ESP32-C3's controller of the external flash, with the flash behind it, and the table by which the processor sees the flash.

Technical reference manual, chapters "SPI Controller" and "System and Memory"; ``soc/spi_mem_reg.h``, ``soc/mmu.h`` and ``hal/spimem_flash_ll.h`` of
ESP-IDF. The flash answers as a Winbond W25Q (its data sheet, "Instruction Set Table"). What is sent and received takes no time; erasing and
programming do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.serial_flash import PAGE_BYTES, PAGE_PROGRAM_S, SECTOR_BYTES, SerialFlash, erase_s
from instsim.emulate.spec import DeviceSpec

__all__ = ["Esp32c3Flash", "Esp32c3FlashMapping"]

_COMMAND, _ADDRESS, _USER, _USER2, _SENT_BITS, _READ_BITS, _READ_STATUS = 0x00, 0x04, 0x18, 0x20, 0x24, 0x28, 0x2C
_BUFFER, _BUFFER_END = 0x58, 0x98
_USER_COMMAND = 1 << 18
_READ_ID, _READ_STATUS_COMMAND, _ENABLE, _DISABLE = 1 << 28, 1 << 27, 1 << 30, 1 << 29
_PROGRAM, _ERASE_SECTOR, _ERASE_BLOCK, _ERASE_CHIP = 1 << 25, 1 << 24, 1 << 23, 1 << 22
_HAS_ANSWER, _HAS_DATA = 1 << 28, 1 << 27
_WRITE_ENABLED = 0x02
_BLOCK_BYTES = 0x1_0000
_READS = frozenset({0x03, 0x0B, 0x3B, 0x6B, 0xBB, 0xEB})
_PROGRAMS = frozenset({0x02, 0x32})
_ERASES: Mapping[int, int] = MappingProxyType({0x20: SECTOR_BYTES, 0x52: 0x8000, 0xD8: _BLOCK_BYTES})
_CHIP_ERASES = frozenset({0x60, 0xC7})
_WRITE_ENABLE, _WRITE_DISABLE = 0x06, 0x04
_ERASED = 0xFF


class Esp32c3Flash(Device):
    """Commands end at once; what they answer lies in the buffer then."""

    default_size: ClassVar[int] = 0x1000

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        held = around.external_flash()
        self.flash = around.serial_flash = SerialFlash(held.contents, held.size_bytes)
        self._is_enabled = False
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return a register; no command is ever under way."""
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Store a word, or carry a command out."""
        if offset != _COMMAND:
            super().write(offset, value)
        elif value & _USER_COMMAND:
            self._user_command(self.registers.get(_USER2, 0) & 0xFF)
        elif value & _READ_ID:
            self._answer(self._identity())
        elif value & _READ_STATUS_COMMAND:
            self.registers[_READ_STATUS] = self._status()
        elif value & (_ENABLE | _DISABLE):
            self._is_enabled = bool(value & _ENABLE)
        elif value & _PROGRAM:
            address = self.registers.get(_ADDRESS, 0)
            self._program(address & 0xFFFFFF, address >> 24)
        elif value & (_ERASE_SECTOR | _ERASE_BLOCK):
            self._erase(SECTOR_BYTES if value & _ERASE_SECTOR else _BLOCK_BYTES)
        elif value & _ERASE_CHIP:
            self._erase(self.flash.size_bytes)

    def _user_command(self, command: int) -> None:
        user = self.registers.get(_USER, 0)
        if command in (_WRITE_ENABLE, _WRITE_DISABLE):
            self._is_enabled = command == _WRITE_ENABLE
        elif command in _PROGRAMS:
            count = (self.registers.get(_SENT_BITS, 0) & 0x3FF) // 8 + 1 if user & _HAS_DATA else 0
            self._program(self.registers.get(_ADDRESS, 0) & 0xFFFFFF, count)
        elif command in _ERASES:
            self._erase(_ERASES[command])
        elif command in _CHIP_ERASES:
            self._erase(self.flash.size_bytes)
        elif user & _HAS_ANSWER:
            count = (self.registers.get(_READ_BITS, 0) & 0x3FF) // 8 + 1
            if command in _READS:
                self._answer(self.flash.read(self.registers.get(_ADDRESS, 0) & 0xFFFFFF, count))
            else:
                answers = {0x9F: self._identity(), 0x90: bytes.fromhex("ef15"), 0x05: bytes([self._status()]), 0x35: b"\x02", 0x15: bytes(1)}
                self._answer(answers.get(command, bytes([_ERASED]) * count)[:count])

    def _identity(self) -> bytes:
        """Return what says Winbond, and the power of two that is the size."""
        return bytes((0xEF, 0x40, self.flash.size_bytes.bit_length() - 1))

    def _status(self) -> int:
        return _WRITE_ENABLED if self._is_enabled else 0

    def _answer(self, data: bytes) -> None:
        padded = data.ljust(len(data) + 3 & ~3, b"\0")[: _BUFFER_END - _BUFFER]
        for place in range(0, len(padded), 4):
            self.registers[_BUFFER + place] = int.from_bytes(padded[place : place + 4], "little")

    def _program(self, address: int, count: int) -> None:
        words = (self.registers.get(place, 0).to_bytes(4, "little") for place in range(_BUFFER, _BUFFER_END, 4))
        data = b"".join(words)[:count]
        self._is_enabled = False
        self.flash.program(address, data)
        self._take_time(PAGE_PROGRAM_S * len(data) / PAGE_BYTES)

    def _erase(self, count: int) -> None:
        self._is_enabled = False
        self.flash.erase(self.registers.get(_ADDRESS, 0) & 0xFFFFFF, count)
        self._take_time(erase_s(count))

    def _take_time(self, seconds: float) -> None:
        self.around.pass_time(round(seconds * self.around.clock_hz))


class Esp32c3FlashMapping(Device):
    """The table that gives each page (64 KB) of the two windows, code and data alike, a page of the flash.

    A page without an entry keeps what it showed.
    """

    default_size: ClassVar[int] = 0x1000
    _WINDOWS: ClassVar[tuple[int, ...]] = (0x3C00_0000, 0x4200_0000)
    _ENTRIES, _PAGE_BYTES, _INVALID, _NUMBER = 128, 0x1_0000, 0x100, 0xFF

    def reset(self) -> None:
        """Map what a boot loader has mapped."""
        super().reset()
        self.registers.update((4 * entry, self._INVALID) for entry in range(self._ENTRIES))
        flash = self.around.serial_flash
        if flash is None:
            return
        flash.on_change = self._show_changed
        for address, offset, count in self.around.external_flash().mapped:
            first, page = address // self._PAGE_BYTES, offset // self._PAGE_BYTES
            for number in range(-(-(address % self._PAGE_BYTES + count) // self._PAGE_BYTES)):
                self.write(4 * ((first + number) % self._ENTRIES), page + number)

    def read(self, offset: int) -> int | None:
        """Return an entry."""
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Change an entry, and what is seen through it."""
        super().write(offset, value)
        if offset < 4 * self._ENTRIES and not value & self._INVALID:
            self._show(offset // 4, value & self._NUMBER)

    def _show(self, entry: int, page: int) -> None:
        if self.around.serial_flash is not None:
            data = self.around.serial_flash.read(page * self._PAGE_BYTES, self._PAGE_BYTES)
            for window in self._WINDOWS:
                self.around.show_memory(window + entry * self._PAGE_BYTES, data)

    def _show_changed(self, offset: int, count: int) -> None:
        pages = range(offset // self._PAGE_BYTES, -(-(offset + count) // self._PAGE_BYTES))
        for entry in range(self._ENTRIES):
            value = self.registers[4 * entry]
            if not value & self._INVALID and value & self._NUMBER in pages:
                self._show(entry, value & self._NUMBER)
