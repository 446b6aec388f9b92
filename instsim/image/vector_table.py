"""Find the vector table that an M-profile core boots from."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from instsim.image.firmware import Segment

__all__ = ["count_interrupts", "find_vector_table", "is_plausible_stack_pointer", "is_vector_table", "load_address_of"]

_SCANNED_BYTES = 1 << 18
_SCANNED_BYTES_OF_SEGMENT = 1 << 16
_SYSTEM_VECTORS = 16
_MOST_VECTORS = 512
"""Of the architecture: 16 and 496 interrupts."""
_NMI_AND_HARD_FAULT = (2, 3)
_OTHER_HANDLERS = (11, 14, 15)
"""SVCall, PendSV and SysTick exist on every M-profile core; the reserved words hold checksums on some parts."""


def is_plausible_stack_pointer(word: int) -> bool:
    """Whether a word may be an initial stack pointer: word-aligned, in the RAM that Cortex-M parts have from 0x10000000 to 0x3FFFFFFF.

    The end of a RAM is a good value too (the stack grows down), so 0x40000000 passes.
    """
    return word % 4 == 0 and 0x1000_0000 < word <= 0x4000_0000


def load_address_of(segments: Iterable[Segment], virtual_address: int) -> int | None:
    """Return where the byte at a run-time address lies in the image, or None if the image has no byte for it."""
    for segment in segments:
        offset = virtual_address - segment.virtual_address
        if 0 <= offset < len(segment.data):
            return segment.address + offset
    return None


def is_vector_table(segments: Sequence[Segment], address: int, *, strict: bool) -> bool:
    """Whether the words at a load address can be a vector table.

    Parameters
    ----------
    segments : sequence of Segment
        The image.
    address : int
        Load address.
    strict : bool
        Whether NMI and HardFault must be handlers inside the image, and SVCall, PendSV and SysTick handlers or zero. Otherwise a
        stack pointer and a reset vector suffice.
    """
    segment = next((segment for segment in segments if 0 <= address - segment.address < len(segment.data)), None)
    return segment is not None and _Code(segments).is_table(segment, address - segment.address, strict=strict)


def find_vector_table(segments: Sequence[Segment], *, named: Iterable[int] = ()) -> int | None:
    """Return the load address of the vector table, or None if there is none.

    Tried in this order: places that the file names, the start of the lowest segment, the first 64 KB of the segments (at most 256 KB
    in all; places aligned to 128 bytes first, as the architecture asks: on RP2040, 256 bytes of second-stage boot loader come before
    the table), and last the starts of the other segments.

    Parameters
    ----------
    segments : sequence of Segment
        The image, sorted by address.
    named : iterable of int
        Load addresses of sections and symbols that are named like a vector table, the most trusted first.
    """
    filled = [segment for segment in segments if segment.data]
    code = _Code(filled)
    for address in named:
        segment = next((segment for segment in filled if 0 <= address - segment.address < len(segment.data)), None)
        # A name is evidence enough for stacks in memories that no rule foresees.
        if segment is not None and address % 4 == 0 and code.is_table(segment, address - segment.address, strict=False, any_stack=True):
            return address
    if filled and code.is_table(filled[0], 0, strict=False):
        return filled[0].address
    for alignment in (128, 4):
        left = _SCANNED_BYTES
        for segment in filled:
            scanned = min(len(segment.data), _SCANNED_BYTES_OF_SEGMENT, left)
            left -= scanned
            first = -segment.address % alignment
            for offset in range(first, scanned - 7, alignment):
                if code.is_table(segment, offset, strict=True):
                    return segment.address + offset
    return next((segment.address for segment in filled[1:] if code.is_table(segment, 0, strict=False)), None)


def count_interrupts(segments: Sequence[Segment], table: int) -> int:
    """Return how many interrupts a vector table has an entry for.

    Parameters
    ----------
    segments : sequence of Segment
        The image.
    table : int
        Load address of the vector table.

    Returns
    -------
    int
        Entries behind the 16 of the system up to the last handler; the table ends where a word is neither a handler in the image nor zero.
        Start-up code of a chip's maker has one for each interrupt of the chip.
    """
    segment = next((segment for segment in segments if 0 <= table - segment.address < len(segment.data)), None)
    if segment is None:
        return 0
    code, offset = _Code(segments), table - segment.address
    last = 0
    for index in range(_SYSTEM_VECTORS, min(_MOST_VECTORS, (len(segment.data) - offset) // 4)):
        (word,) = struct.unpack_from("<I", segment.data, offset + 4 * index)
        if code.is_handler(word):
            last = index - _SYSTEM_VECTORS + 1
        elif word:
            break
    return last


class _Code:
    """Where handlers can lie: the bytes of the image, at their load and at their run-time addresses."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        extents = sorted({(start, start + len(segment.data)) for segment in segments for start in (segment.address, segment.virtual_address)})
        self._starts: list[int] = []
        self._stops: list[int] = []
        for start, stop in extents:
            if self._stops and start <= self._stops[-1]:
                self._stops[-1] = max(self._stops[-1], stop)
            else:
                self._starts.append(start)
                self._stops.append(stop)

    def is_handler(self, word: int) -> bool:
        index = bisect_right(self._starts, word - 1) - 1
        return word % 2 == 1 and index >= 0 and word - 1 < self._stops[index]

    def is_table(self, segment: Segment, offset: int, *, strict: bool, any_stack: bool = False) -> bool:
        start = _words(segment, offset, 2)
        if start is None or not self.is_handler(start[1]):
            return False
        if not is_plausible_stack_pointer(start[0]) and not (any_stack and start[0] and start[0] % 4 == 0):
            return False
        if not strict:
            return True
        words = _words(segment, offset, _SYSTEM_VECTORS)
        return (
            words is not None
            and all(self.is_handler(words[index]) for index in _NMI_AND_HARD_FAULT)
            and all(words[index] == 0 or self.is_handler(words[index]) for index in _OTHER_HANDLERS)
        )


def _words(segment: Segment, offset: int, count: int) -> tuple[int, ...] | None:
    return struct.unpack_from(f"<{count}I", segment.data, offset) if offset + 4 * count <= len(segment.data) else None
