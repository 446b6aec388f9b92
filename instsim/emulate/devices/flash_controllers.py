"""Controllers through which firmware erases and programs the chip's own flash.

A key sequence unlocks a controller, a bit in its control register lets stores through, another starts an erasure; another key sequence lets
option bytes be programmed, which hold from the next reset on. Secure and other code have registers of their own where TrustZone is. While the
flash is busy the core, which runs from it, stands still: the time passes at once, and the busy bit is never seen. Registers: CMSIS device headers
of ST (``FLASH_TypeDef``) and Nordic (``NRF_NVMC_Type``). Typical times are parameters of the board files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.spec import DeviceSpec

__all__ = ["NrfNvmc", "Stm32Flash"]

_KEYS = (0x45670123, 0xCDEF89AB)
_OPTION_KEYS = (0x08192A3B, 0x4C5D6E7F)
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

    doors: tuple[tuple[int, int], ...]
    """Key register and control register; where there are two, the second pair is that of secure code."""
    page_bit: int
    page_width: int
    option_key: int
    option_control: int
    """The control register itself, or one for option bytes alone."""
    bank_bit: int | None = None
    """Chooses the second half of the flash."""
    mass_bits: tuple[int, ...] = (2,)
    lock: int = 1 << 31
    programs: int = 1
    erases: int = 2
    starts: int = 1 << 16
    option_lock: int = 1 << 30
    option_starts: int = 1 << 17
    option_launch: int = 1 << 27
    """Resets the chip, so that option bytes hold."""
    option_pairs: tuple[int, ...] = ()
    """Registers that hold option bytes to be programmed, right behind those that show them."""


_H7_OPTIONS = (0x20, 0x2C, 0x34, 0x3C, 0x44)
_LAYOUTS = {
    "l4": _Layout(((0x08, 0x14),), 3, 8, 0x0C, 0x14, 11, (2, 15)),
    "g4": _Layout(((0x08, 0x14),), 3, 7, 0x0C, 0x14, 11, (2, 15)),
    "g0": _Layout(((0x08, 0x14),), 3, 10, 0x0C, 0x14, 13, (2, 15)),
    "f4": _Layout(((0x04, 0x10),), 3, 4, 0x08, 0x14, option_lock=1, option_starts=2, option_launch=0),
    "f7": _Layout(((0x04, 0x10),), 3, 4, 0x08, 0x14, option_lock=1, option_starts=2, option_launch=0),
    "h743": _Layout(
        ((0x04, 0x0C),), 8, 3, 0x08, 0x18, None, (3,), 1, 2, 4, 1 << 7, option_lock=1, option_starts=2, option_launch=0, option_pairs=_H7_OPTIONS
    ),
    "h7a3": _Layout(
        ((0x04, 0x0C),), 6, 7, 0x08, 0x18, None, (3,), 1, 2, 4, 1 << 5, option_lock=1, option_starts=2, option_launch=0, option_pairs=_H7_OPTIONS
    ),
    "u3": _Layout(((0x08, 0x28), (0x0C, 0x2C)), 3, 8, 0x10, 0x28, 11, (2, 15)),
    "u5": _Layout(((0x08, 0x28), (0x0C, 0x2C)), 3, 8, 0x10, 0x28, 11, (2, 15)),
}


class Stm32Flash(_FlashController):
    """``FLASH`` of one STM32 family: pages of one size, or sectors (rows of number and bytes) on F4 and F7; on H7 one device for each bank."""

    parameters: ClassVar[frozenset[str]] = _FlashController.parameters | {"family", "sectors"}

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._layout = _LAYOUTS[spec.value("family", "l4")]
        self._last_keys: dict[int, int] = {}
        super().__init__(spec, around)

    def reset(self) -> None:
        """Give all registers their reset values: locked."""
        super().reset()
        layout = self._layout
        for _, control in layout.doors:
            self.registers[control] = layout.lock
        self.registers[layout.option_control] = self.registers.get(layout.option_control, 0) | layout.option_lock

    def write(self, offset: int, value: int) -> None:
        """Unlock by the keys, erase, let stores through, or program option bytes."""
        layout = self._layout
        controls = [control for _, control in layout.doors]
        for key, control in layout.doors:
            if offset == key:
                self._take_key(offset, value, _KEYS, control, layout.lock)
        if offset == layout.option_key:
            self._take_key(offset, value, _OPTION_KEYS, layout.option_control, layout.option_lock)
        elif offset in controls:
            if not self.registers.get(offset, 0) & layout.lock:
                self._control(offset, value)
        elif offset == layout.option_control:
            self._control_options(offset, value)
        elif all(offset != key for key, _ in layout.doors):
            super().write(offset, value)

    def _take_key(self, offset: int, value: int, keys: tuple[int, int], control: int, lock: int) -> None:
        if (self._last_keys.get(offset), value) == keys:
            self.registers[control] = self.registers.get(control, 0) & ~lock
        self._last_keys[offset] = value

    def _control(self, offset: int, value: int) -> None:
        """Store to a control register that is unlocked."""
        layout = self._layout
        if offset == layout.option_control:
            value = self._control_options(offset, value)
        super().write(offset, value & ~layout.starts)
        now = (self.registers[control] for _, control in layout.doors)
        self._let_through(any(control & layout.programs and not control & layout.lock for control in now))
        if value & layout.starts:
            self._start_erasing(value)

    def _control_options(self, offset: int, value: int) -> int:
        """Store to the register that locks and programs option bytes; return what it holds then."""
        layout, before = self._layout, self.registers.get(offset, 0)
        is_locked = bool(before & layout.option_lock)
        if is_locked and offset not in (control for _, control in layout.doors):
            return before
        # Keys alone take the lock away.
        value |= before & layout.option_lock
        if value & layout.option_starts and not is_locked:
            for place in layout.option_pairs:
                self.registers[place - 4] = self.registers.get(place, 0)
            self._take_time(self.spec.value("erase_us", 0))
        super().write(offset, value & ~(layout.option_starts | layout.option_launch))
        if value & layout.option_launch and not is_locked:
            self.around.ask_for_reset("OBL_LAUNCH: option bytes are loaded by it")
        return self.registers[offset] | value & layout.starts

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
            self._take_time(flash.close_erasing(self._page_bytes) * self.spec.value("erase_us", 0))
