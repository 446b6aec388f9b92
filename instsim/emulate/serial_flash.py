"""A flash chip behind a serial interface: its contents, and how long it takes to erase and program it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["PAGE_BYTES", "PAGE_PROGRAM_S", "SECTOR_BYTES", "SECTOR_ERASE_S", "SerialFlash", "erase_s"]

SECTOR_BYTES, PAGE_BYTES = 4096, 256
SECTOR_ERASE_S, PAGE_PROGRAM_S = 45e-3, 0.4e-3
_BLOCK_ERASE_S = {0x8000: 120e-3, 0x1_0000: 150e-3}
"""Typical times of the Winbond W25Q16JV and its relatives, which the boards carry; from memory."""

_ERASED = 0xFF


def erase_s(size_bytes: int) -> float:
    """Return how long it takes to erase a sector or a block; of anything larger, block by block."""
    if size_bytes in _BLOCK_ERASE_S:
        return _BLOCK_ERASE_S[size_bytes]
    block = max(_BLOCK_ERASE_S)
    return -(-size_bytes // SECTOR_BYTES) * SECTOR_ERASE_S if size_bytes < block else size_bytes / block * _BLOCK_ERASE_S[block]


class SerialFlash:
    """The chip.

    Parameters
    ----------
    contents : bytes
        From its first byte on; the rest is erased.
    size_bytes : int
        A power of two. Offsets beyond it mean what their low bits mean.

    Attributes
    ----------
    on_change : callable
        Called with the offset and the bytes of what was programmed or erased.
    """

    def __init__(self, contents: bytes, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.on_change: Callable[[int, int], None] = lambda _offset, _count: None
        self._bytes = np.full(size_bytes, _ERASED, np.uint8)
        held = contents[:size_bytes]
        self._bytes[: len(held)] = np.frombuffer(held, np.uint8)

    def read(self, offset: int, count: int) -> bytes:
        """Return what lies at an offset; behind the last byte comes the first."""
        offset %= self.size_bytes
        here = self._bytes[offset : offset + count].tobytes()
        return here if len(here) == count else here + self.read(0, count - len(here))

    def program(self, offset: int, data: bytes) -> None:
        """Clear the bits that are zero in `data`, all in one page of the chip."""
        page, start = divmod(offset % self.size_bytes, PAGE_BYTES)
        for place, byte in enumerate(data):
            self._bytes[page * PAGE_BYTES + (start + place) % PAGE_BYTES] &= byte
        self.on_change(page * PAGE_BYTES, PAGE_BYTES)

    def erase(self, offset: int, count: int) -> None:
        """Set all bits of the sector or block that an offset lies in."""
        start = offset % self.size_bytes // count * count
        self._bytes[start : start + count] = _ERASED
        self.on_change(start, count)
