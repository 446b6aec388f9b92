"""The chip's memories as host buffers: found by address, read and written without the emulator's help."""

from __future__ import annotations

import functools
import mmap
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from instsim.emulate.sparse import sparse_zeros
from instsim.emulate.spec import MemoryKind, MemorySpec
from instsim.errors import ImageError
from instsim.image import FirmwareImage

__all__ = ["PAGE", "Bank", "Memory"]

PAGE = 4096
_PAGES = 1 << 20
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
            banks.append(Bank(replace(spec, address=start, size=size), buffer, view))
        self.banks: tuple[Bank, ...] = tuple(banks)
        self._used_pages: dict[str, set[int]] = {bank.spec.name: set() for bank in banks}
        windows = [(bank.spec.address, bank) for bank in banks]
        windows += [(alias // PAGE * PAGE, bank) for bank in banks for alias in bank.spec.aliases]
        self._windows = tuple(sorted(windows, key=lambda window: window[0]))

    @property
    def windows(self) -> tuple[tuple[int, Bank], ...]:
        """Every address at which a bank starts, aliases included, with the bank."""
        return self._windows

    @functools.cached_property
    def host_pages(self) -> npt.NDArray[np.uint64]:
        """Host address of each of the 2**20 pages of the address space, 0 where there is no memory."""
        pages = sparse_zeros(_PAGES)
        for start, bank in self._windows:
            count = bank.spec.size // PAGE
            pages[start // PAGE : start // PAGE + count] = bank.host_address + np.arange(count, dtype=np.uint64) * PAGE
        return pages

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

    def halfword(self, address: int) -> int | None:
        """Return the 16-bit little-endian number at an even address, or None outside all memories."""
        found = self.find(address)
        return None if found is None else int(found[0].bytes[found[1]]) | int(found[0].bytes[found[1] + 1]) << 8

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
        self._used_pages[found[0].spec.name].update(range(found[1] // PAGE, -(-(found[1] + here) // PAGE)))
        return True

    def show(self, address: int, data: bytes) -> list[int]:
        """Let pages of one memory, which is mapped, hold something else; return the addresses of those that change."""
        found = self.find(address)
        if found is None:
            return []
        held, new = found[0].bytes[found[1] : found[1] + len(data)], np.frombuffer(data, np.uint8)
        changed = np.flatnonzero((held != new).reshape(-1, PAGE).any(axis=1))
        held[:] = new
        return [address + PAGE * int(page) for page in changed]

    def write_ram(self, address: int, data: bytes) -> bool:
        """Write bytes as the chip itself could; return False, with nothing written, if they do not all lie in one RAM."""
        found = self.find(address)
        if found is None or found[0].spec.kind is not MemoryKind.RAM or found[1] + len(data) > found[0].spec.size:
            return False
        return self.write(address, data)

    def touch(self, bank: Bank, offset: int) -> None:
        """Remember that the page around an offset is in use."""
        self._used_pages[bank.spec.name].add(offset // PAGE)

    def used_spans(self, bank: Bank) -> list[tuple[int, int]]:
        """Return offset and size of the stretches of a bank that the image or the firmware has used, ascending."""
        spans: list[tuple[int, int]] = []
        for page in sorted(self._used_pages[bank.spec.name]):
            if spans and spans[-1][0] + spans[-1][1] == page * PAGE:
                spans[-1] = (spans[-1][0], spans[-1][1] + PAGE)
            else:
                spans.append((page * PAGE, PAGE))
        return spans

    def load(self, image: FirmwareImage, board: str) -> None:
        """Put an image's segments where a flasher would; the rest of a flash page that holds some of the image reads as erased.

        Raises
        ------
        ImageError
            If a segment does not fit, naming it.
        """
        for segment in image.segments:
            found = self.find(segment.address) if segment.data else None
            if found is not None and found[0].spec.kind is MemoryKind.FLASH:
                first, last = found[1] // PAGE * PAGE, -(-(found[1] + len(segment.data)) // PAGE) * PAGE
                for page in range(first, min(last, found[0].spec.size), PAGE):
                    if page // PAGE not in self._used_pages[found[0].spec.name]:
                        found[0].bytes[page : page + PAGE] = _ERASED
            if segment.data and not self.write(segment.address, segment.data):
                raise ImageError(
                    f"{image.name}: {len(segment.data):,} bytes at {segment.address:#010x} do not fit the memory of {board}",
                    hint="choose the board the image was linked for with --board, or describe it with 'instsim boards new'",
                    details=tuple(f"{b.spec.name}: {b.spec.address:#010x}-{b.spec.address + b.spec.size - 1:#010x}" for b in self.banks),
                )
