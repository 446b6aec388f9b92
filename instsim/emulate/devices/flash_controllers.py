"""Controllers through which firmware erases and programs the chip's own flash.

A key sequence unlocks a controller, a bit in its control register lets stores through, another starts an erasure. While the flash is busy the core,
which runs from it, stands still: the time passes at once, and the busy bit is never seen. Registers: CMSIS device headers of ST (``FLASH_TypeDef``)
and Nordic (``NRF_NVMC_Type``). Typical times are parameters of the board files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.spec import DeviceSpec

__all__ = ["NrfNvmc", "Stm32Flash"]

_KEYS = (0x45670123, 0xCDEF89AB)
_NO_SECTORS: tuple[tuple[int, int], ...] = ()


class _FlashController(Device):
    """What all share: a stretch of flash, and the time that its operations take."""

    default_size: ClassVar[int] = 0x400
    parameters: ClassVar[frozenset[str]] = frozenset({"flash", "flash_bytes", "page_bytes", "unit_bytes", "program_us", "erase_us", "resets"})

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._is_open = False
        super().__init__(spec, around)
        if around.flash is not None:
            around.flash.blank(self._start, self._bytes)

    def read(self, offset: int) -> int | None:
        """Return what was written last; no operation is ever under way."""
        return self.registers.get(offset, 0)

    def _let_through(self, wanted: bool) -> None:
        flash = self.around.flash
        if flash is None or wanted == self._is_open:
            return
        self._is_open = wanted
        if wanted:
            flash.open()
        else:
            self._take_time(flash.close(int(self.spec.value("unit_bytes", 4))) * self.spec.value("program_us", 0))

    def _erase(self, address: int, size_bytes: int) -> None:
        if self.around.flash is not None:
            self.around.flash.erase(address, size_bytes)
            self._take_time(self.spec.value("erase_us", 0))

    def _take_time(self, microseconds: float) -> None:
        self.around.pass_time(round(microseconds * 1e-6 * self.around.clock_hz))

    @property
    def _start(self) -> int:
        return int(self.spec.value("flash", 0))

    @property
    def _bytes(self) -> int:
        return int(self.spec.value("flash_bytes", 0))

    @property
    def _page_bytes(self) -> int:
        return int(self.spec.value("page_bytes", 4096))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Offsets of one family's registers, and the bits of its control register."""

    key: int
    control: int
    page_bit: int
    page_width: int
    bank_bit: int | None = None
    """Chooses the second half of the flash."""
    mass_bits: tuple[int, ...] = (2,)
    lock: int = 1 << 31
    programs: int = 1
    erases: int = 2
    starts: int = 1 << 16


_LAYOUTS = {
    "l4": _Layout(0x08, 0x14, 3, 8, 11, (2, 15)),
    "g4": _Layout(0x08, 0x14, 3, 7, 11, (2, 15)),
    "g0": _Layout(0x08, 0x14, 3, 10, 13, (2, 15)),
    "f4": _Layout(0x04, 0x10, 3, 4),
    "f7": _Layout(0x04, 0x10, 3, 4),
    "h743": _Layout(0x04, 0x0C, 8, 3, None, (3,), lock=1, programs=2, erases=4, starts=1 << 7),
    "h7a3": _Layout(0x04, 0x0C, 6, 7, None, (3,), lock=1, programs=2, erases=4, starts=1 << 5),
    "u3": _Layout(0x08, 0x28, 3, 8, 11, (2, 15)),
    "u5": _Layout(0x08, 0x28, 3, 8, 11, (2, 15)),
}


class Stm32Flash(_FlashController):
    """``FLASH`` of one STM32 family: pages of one size, or sectors (rows of number and bytes) on F4 and F7; on H7 one device for each bank."""

    parameters: ClassVar[frozenset[str]] = _FlashController.parameters | {"family", "sectors"}

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._layout = _LAYOUTS[spec.value("family", "l4")]
        self._last_key = 0
        super().__init__(spec, around)

    def reset(self) -> None:
        """Give all registers their reset values: locked."""
        super().reset()
        self.registers[self._layout.control] = self._layout.lock

    def write(self, offset: int, value: int) -> None:
        """Unlock by the two keys, erase, or let stores through."""
        layout = self._layout
        if offset == layout.key:
            if (self._last_key, value) == _KEYS:
                self.registers[layout.control] = self.registers.get(layout.control, 0) & ~layout.lock
            self._last_key = value
        elif offset != layout.control:
            super().write(offset, value)
        elif not self.registers.get(offset, 0) & layout.lock:
            super().write(offset, value & ~layout.starts)
            self._let_through(bool(value & layout.programs) and not value & layout.lock)
            if value & layout.starts:
                self._start_erasing(value)

    def _start_erasing(self, control: int) -> None:
        layout = self._layout
        if any(control >> bit & 1 for bit in layout.mass_bits):
            self._erase(self._start, self._bytes)
        elif control & layout.erases:
            number = control >> layout.page_bit & ((1 << layout.page_width) - 1)
            start, size_bytes = self._place(number)
            if layout.bank_bit is not None and control >> layout.bank_bit & 1:
                start += self._bytes // 2
            if start + size_bytes <= self._start + self._bytes:
                self._erase(start, size_bytes)

    def _place(self, number: int) -> tuple[int, int]:
        """Return start and size of a page, or of a sector where they differ in size."""
        start = self._start
        for count, size_bytes in self.spec.rows("sectors") or _NO_SECTORS:
            if number < count:
                return start + number * size_bytes, size_bytes
            number -= count
            start += count * size_bytes
        return start + number * self._page_bytes, self._page_bytes


class NrfNvmc(_FlashController):
    """Nordic's ``NVMC``: always ready; pages are erased by their address, or, with ``chip`` 53, by storing ones to their first word."""

    default_size: ClassVar[int] = 0x1000
    _READY, _READY_NEXT, _CONFIG, _ERASE_PAGE, _ERASE_ALL = 0x400, 0x408, 0x504, 0x508, 0x50C
    _WRITE_ENABLED, _ERASE_ENABLED = 1, 2
    parameters: ClassVar[frozenset[str]] = _FlashController.parameters | {"chip"}

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._is_erasing = False
        super().__init__(spec, around)

    def read(self, offset: int) -> int | None:
        """Return that it is ready, or what was written last."""
        return 1 if offset in (self._READY, self._READY_NEXT) else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Let stores through, or erase."""
        erases = self.registers.get(self._CONFIG, 0) == self._ERASE_ENABLED
        super().write(offset, value)
        if offset == self._CONFIG:
            self._let_through(value & 3 == self._WRITE_ENABLED)
            self._erase_by_stores(value & 3 == self._ERASE_ENABLED and int(self.spec.value("chip", 52)) == 53)
        elif offset == self._ERASE_PAGE and erases:
            page = value // self._page_bytes * self._page_bytes
            if self._start <= page < self._start + self._bytes:
                self._erase(page, self._page_bytes)
        elif offset == self._ERASE_ALL and erases and value & 1:
            self._erase(self._start, self._bytes)

    def _erase_by_stores(self, wanted: bool) -> None:
        flash = self.around.flash
        if flash is None or wanted == self._is_erasing:
            return
        self._is_erasing = wanted
        if wanted:
            flash.open()
        else:
            self._take_time(flash.close_erasing() * self.spec.value("erase_us", 0))
