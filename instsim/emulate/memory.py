"""The chip's memories as host buffers: found by address, read and written without the emulator's help."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from instsim.emulate.spec import MemoryKind, MemorySpec
from instsim.errors import ImageError
from instsim.image import FirmwareImage, Segment

__all__ = ["PAGE", "Bank", "Memory"]

PAGE = 4096
_ERASED = 0xFF


@dataclass(frozen=True)
class Bank:
    """One memory and the host buffer behind it."""

    spec: MemorySpec
    buffer: mmap.mmap = field(repr=False)
    bytes: npt.NDArray[np.uint8] = field(repr=False)

    @property
    def host_address(self) -> int:
        """Where the buffer lies in the host's memory."""
        return int(self.bytes.ctypes.data)


class Memory:
    """All memories of one chip.

    Parameters
    ----------
    specs : tuple of MemorySpec
        Starts and sizes are rounded outward to whole pages.
    """

    def __init__(self, specs: tuple[MemorySpec, ...]) -> None:
        banks = []
        for spec in specs:
            start = spec.address // PAGE * PAGE
            size = -(-(spec.address + spec.size - start) // PAGE) * PAGE
            buffer = mmap.mmap(-1, size)
            view = np.frombuffer(buffer, np.uint8)
            banks.append(Bank(MemorySpec(spec.name, spec.kind, start, size, spec.aliases), buffer, view))
        self.banks: tuple[Bank, ...] = tuple(banks)
        windows = [(bank.spec.address, bank) for bank in banks]
        windows += [(alias // PAGE * PAGE, bank) for bank in banks for alias in bank.spec.aliases]
        self._windows = tuple(sorted(windows, key=lambda window: window[0]))

    def find(self, address: int) -> tuple[Bank, int] | None:
        """Return the bank that answers at an address (aliases included) and the offset in it, or None."""
        for start, bank in self._windows:
            if start <= address < start + bank.spec.size:
                return bank, address - start
        return None

    def canonical(self, address: int) -> int:
        """Return the main address of a byte seen through an alias; other addresses unchanged."""
        found = self.find(address)
        return address if found is None else found[0].spec.address + found[1]

    def read(self, address: int, size: int) -> bytes | None:
        """Return bytes, or None if they do not all lie in memory."""
        found = self.find(address)
        if found is None or size < 0:
            return None
        here = min(size, found[0].spec.size - found[1])
        data = found[0].bytes[found[1] : found[1] + here].tobytes()
        if here == size:
            return data
        rest = self.read(address + here, size - here)
        return None if rest is None else data + rest

    def word(self, address: int) -> int | None:
        """Return a 32-bit little-endian word, or None outside all memories."""
        data = self.read(address & 0xFFFFFFFF, 4)
        return None if data is None else int.from_bytes(data, "little")

    def write(self, address: int, data: bytes) -> bool:
        """Write bytes, flash included; return False, with nothing written, if they do not all lie in memory."""
        found = self.find(address)
        if found is None:
            return False
        here = min(len(data), found[0].spec.size - found[1])
        if here < len(data) and not self.write(address + here, data[here:]):
            return False
        found[0].bytes[found[1] : found[1] + here] = np.frombuffer(data[:here], np.uint8)
        return True

    def load(self, image: FirmwareImage, board: str) -> None:
        """Put an image's segments where a flasher would; the rest of the flash reads as erased.

        Raises
        ------
        ImageError
            If a segment does not fit, naming it.
        """
        for bank in self.banks:
            if bank.spec.kind is MemoryKind.FLASH:
                used = max((s.address + len(s.data) for s in image.segments if self._holds(bank, s)), default=bank.spec.address)
                stop = min(-(-(used - bank.spec.address) // PAGE) * PAGE, bank.spec.size)
                bank.bytes[:stop] = _ERASED
        for segment in image.segments:
            if segment.data and not self.write(segment.address, segment.data):
                raise ImageError(
                    f"{image.name}: {len(segment.data):,} bytes at {segment.address:#010x} do not fit the memory of {board}",
                    hint="choose the board the image was linked for with --board, or describe it with 'instsim boards new'",
                    details=tuple(f"{b.spec.name}: {b.spec.address:#010x}-{b.spec.address + b.spec.size - 1:#010x}" for b in self.banks),
                )

    @staticmethod
    def _holds(bank: Bank, segment: Segment) -> bool:
        return bank.spec.address <= segment.address < bank.spec.address + bank.spec.size
