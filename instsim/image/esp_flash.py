"""What lies in the flash of an ESP32-C3 around an application, where the firmware file does not say: pages, and a table of partitions.

A boot loader maps pages of 64 KB of the flash, anywhere in it, to the pages of two windows (ESP32-C3 technical reference manual, chapter "System
and Memory", section "External Memory"). The table's form: ESP-IDF ``components/bootloader_support/include/esp_flash_partitions.h``. The partitions
are those of the Arduino core's default (``tools/partitions/default.csv``), with an application as large as its slot or larger.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence

from instsim.image.firmware import ExternalFlash, Segment

__all__ = ["APPLICATION", "PAGE_BYTES", "SMALLEST_FLASH", "TABLE", "flash_of_segments", "flash_with_application", "is_mapped"]

PAGE_BYTES = 0x1_0000
"""Of the mapping."""

TABLE, APPLICATION, SMALLEST_FLASH = 0x8000, 0x1_0000, 4 << 20
"""Offset of the partition table, of the application, and the bytes of the chip on most boards."""

_WINDOWS, _WINDOW_BYTES = (0x3C00_0000, 0x4200_0000), 0x80_0000
_SLOT_BYTES = 0x14_0000
_APP, _DATA, _OTA_0, _OTA_DATA, _NVS, _CORE_DUMP, _SPIFFS = 0, 1, 0x10, 0x00, 0x02, 0x03, 0x82
_CORE_DUMP_BYTES = 0x1_0000
_ENTRY_MAGIC, _DIGEST_MAGIC = b"\xaa\x50", b"\xeb\xeb" + b"\xff" * 14


def is_mapped(address: int) -> bool:
    """Whether an address lies in a window through which the processor sees the flash."""
    return any(start <= address < start + _WINDOW_BYTES for start in _WINDOWS)


def flash_with_application(application: bytes, size_bytes: int, segments: Iterable[tuple[int, int, int]]) -> ExternalFlash:
    """Return a flash that holds one application and a partition table of instsim's own.

    Parameters
    ----------
    application : bytes
        The firmware file.
    size_bytes : int
        The flash's size at least.
    segments : iterable of (int, int, int)
        Run-time address of each segment, its offset in the application, and its bytes.
    """
    slot = max(_SLOT_BYTES, -(-len(application) // PAGE_BYTES) * PAGE_BYTES)
    size = max(size_bytes, SMALLEST_FLASH)
    while size < APPLICATION + slot + PAGE_BYTES + _CORE_DUMP_BYTES:
        size *= 2
    contents = bytearray(b"\xff" * APPLICATION)
    table = _table(APPLICATION + slot, size)
    contents[TABLE : TABLE + len(table)] = table
    return ExternalFlash(bytes(contents) + application, size, mappable((address, APPLICATION + offset, count) for address, offset, count in segments))


def mappable(segments: Iterable[tuple[int, int, int]]) -> tuple[tuple[int, int, int], ...]:
    """Return those of (address, offset, bytes) that a boot loader can map: in a window, and at the same place in a page of either."""
    return tuple((at, offset, count) for at, offset, count in segments if is_mapped(at) and (at - offset) % PAGE_BYTES == 0)


def flash_of_segments(segments: Sequence[Segment]) -> ExternalFlash:
    """Return a flash that holds the pages of an image that knows run-time addresses only (an ELF file), one behind the other."""
    seen = [segment for segment in segments if segment.data and is_mapped(segment.address)]
    numbers = {
        page: 0 for segment in seen for page in range(segment.address // PAGE_BYTES, (segment.address + len(segment.data) - 1) // PAGE_BYTES + 1)
    }
    pages = {page: bytearray(b"\xff" * PAGE_BYTES) for page in sorted(numbers)}
    for segment in seen:
        at, data = segment.address, segment.data
        while data:
            page, start = divmod(at, PAGE_BYTES)
            part = data[: PAGE_BYTES - start]
            pages[page][start : start + len(part)] = part
            at, data = at + len(part), data[len(part) :]
    places = ((page * PAGE_BYTES, index * PAGE_BYTES, PAGE_BYTES) for index, page in enumerate(pages))
    return flash_with_application(b"".join(pages.values()), SMALLEST_FLASH, tuple(places))


def _table(first_free: int, size_bytes: int) -> bytes:
    rows = (
        (_DATA, _NVS, 0x9000, 0x5000, b"nvs"),
        (_DATA, _OTA_DATA, 0xE000, 0x2000, b"otadata"),
        (_APP, _OTA_0, APPLICATION, first_free - APPLICATION, b"app0"),
        (_DATA, _SPIFFS, first_free, size_bytes - _CORE_DUMP_BYTES - first_free, b"spiffs"),
        (_DATA, _CORE_DUMP, size_bytes - _CORE_DUMP_BYTES, _CORE_DUMP_BYTES, b"coredump"),
    )
    entries = b"".join(_ENTRY_MAGIC + struct.pack("<2B2I16sI", kind, subtype, offset, count, name, 0) for kind, subtype, offset, count, name in rows)
    # The table carries the digest of its rows, and firmware looks whether they are right.
    return entries + _DIGEST_MAGIC + hashlib.md5(entries, usedforsecurity=False).digest()
