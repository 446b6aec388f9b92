"""The bus: which device answers at an address, and what happens where none does."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping

from instsim.emulate.devices.core_space import CoreSpace
from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.models import make_device
from instsim.emulate.devices.unmodelled import UnmodelledRegisters
from instsim.emulate.spec import MachineSpec
from instsim.isa import Isa

__all__ = ["Devices"]

_WORD = 0xFFFFFFFF
_WORD_BYTES = 4
_CORE_SPACE = 0xE0000000
_ALIAS_MASK, _ALIAS_SHIFT = 0x3000, 12
_XOR, _SET, _CLEAR = 1, 2, 3


class Devices:
    """All device registers of a machine.

    Parameters
    ----------
    spec : MachineSpec
        The chip's devices, mirrored windows and windows with atomic aliases.
    vector_table : int
        Reset value of ``VTOR``.
    around : Surroundings
        The machine.
    resets : mapping of int to int, optional
        Reset values by address, for registers that no device models.
    """

    def __init__(self, spec: MachineSpec, vector_table: int, around: Surroundings, resets: Mapping[int, int] | None = None) -> None:
        self.around = around
        self._mirrors = spec.mirrors
        self._atomic = spec.atomic_windows
        self._core = CoreSpace(spec.cpu, vector_table, around) if spec.isa is Isa.THUMB else None
        self.unmodelled = UnmodelledRegisters(
            around.note_cycles or around.now_cycles, {**(resets or {}), **(self._core.resets if self._core else {})}
        )
        devices = sorted((make_device(device, around) for device in spec.devices), key=lambda device: device.spec.address)
        around.devices.update((device.spec.name, device) for device in devices)
        self._starts = [device.spec.address for device in devices]
        self._devices = devices
        self._places: dict[int, tuple[Device | None, int, int, int]] = {}
        around.locate = self.locate
        self.watched: frozenset[int] = frozenset()
        self.on_watched: Callable[[int, int], None] = lambda _address, _value: None

    @property
    def timer_reads(self) -> int:
        """How often the firmware read a clock."""
        return self.around.timer_reads

    @timer_reads.setter
    def timer_reads(self, count: int) -> None:
        self.around.timer_reads = count

    @property
    def polled(self) -> dict[int, int]:
        """Registers that nobody models and that the firmware polled, with the reads answered by trying values."""
        return self.unmodelled.polled

    @property
    def reset_reason(self) -> str:
        """By which register the firmware asked for a reset of the chip; '' if it did not."""
        return self.around.reset_reason

    def find(self, word: int) -> Device | None:
        """Return the device that answers at an address."""
        place = bisect_right(self._starts, word) - 1
        if place < 0:
            return None
        device = self._devices[place]
        return device if word - device.spec.address < device.spec.size else None

    def locate(self, address: int) -> tuple[Device, int] | None:
        """Return the device behind an address, a mirrored one as well, and the offset of its register; None where no device is."""
        device, offset, _, _ = self._places.get(address & ~3) or self._place(address & ~3)
        return None if device is None else (device, offset)

    def read(self, address: int, size: int) -> int:
        """Return the value of 1, 2 or 4 bytes at a register's address."""
        device, offset, word, _ = self._places.get(address & ~3) or self._place(address & ~3)
        value = self._read_word(device, offset, word)
        return value if size == _WORD_BYTES else value >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        """Store 1, 2 or 4 bytes."""
        device, offset, word, operation = self._places.get(address & ~3) or self._place(address & ~3)
        shift = 8 * (address & 3)
        mask = ((1 << 8 * size) - 1) << shift
        before = self.unmodelled.stored(word) if device is None else device.registers.get(offset, 0)
        placed = value << shift & mask
        merged = before & ~mask | placed
        if operation == _CLEAR and device is not None and offset in device.one_clears:
            merged = placed
        elif operation:
            merged = {_XOR: before ^ placed, _SET: before | placed, _CLEAR: before & ~placed}[operation]
        merged &= _WORD
        if word in self.watched:
            self.on_watched(word, merged)
        self.unmodelled.written()
        if device is not None:
            device.write(offset, merged)
            return
        if self._core is not None and word >= _CORE_SPACE:
            self._core.write(word, merged)
        self.unmodelled.words[word] = merged

    def tell_watcher(self, address: int, size: int, value: int) -> None:
        """Tell of a write that somebody else has taken: a register of the core."""
        if address in self.watched and size == _WORD_BYTES:
            self.on_watched(address, value & _WORD)

    def _place(self, address: int) -> tuple[Device | None, int, int, int]:
        """Return who answers at an address, once found: device, offset in it, the address it stands for, and an alias's operation."""
        word, operation = self._canonical(address)
        device = self.find(word)
        place = self._places[address] = (device, 0 if device is None else word - device.spec.address, word, operation)
        return place

    def _canonical(self, word: int) -> tuple[int, int]:
        """Return the address that a mirrored or atomic alias stands for, and the alias's operation."""
        for start, size, target in self._mirrors:
            if start <= word < start + size:
                word = word - start + target
        for start, size in self._atomic:
            if start <= word < start + size:
                return word & ~_ALIAS_MASK, word >> _ALIAS_SHIFT & 3
        return word, 0

    def _read_word(self, device: Device | None, offset: int, word: int) -> int:
        if device is not None:
            value = device.read(offset)
            if value is None:
                return self.unmodelled.read(word, device.registers.get(offset, 0))
        elif self._core is not None and word >= _CORE_SPACE:
            value = self._core.read(word, self.unmodelled.stored(word))
        else:
            value = None
        if value is None:
            return self.unmodelled.read(word, self.unmodelled.stored(word))
        self.unmodelled.touched(word)
        return value & _WORD
