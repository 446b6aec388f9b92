"""The flash around an application, where the file does not say what lies in it."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from instsim.image import ExternalFlash, load_image
from instsim.image.esp_flash import APPLICATION, PAGE_BYTES, TABLE, flash_of_segments
from instsim.image.firmware import Segment

_DATA, _CODE = 0x3C00_0020, 0x4201_0020


def application(*segments: tuple[int, bytes], size_code: int = 2) -> bytes:
    """An image whose segments lie where a boot loader can map them."""
    blob = bytearray(struct.pack("<4BI4xH10x", 0xE9, len(segments), 2, size_code << 4, _CODE, 5))
    for address, data in segments:
        blob += struct.pack("<2I", address, len(data)) + data
    return bytes(blob)


def flash_of(tmp_path: Path, data: bytes) -> ExternalFlash:
    path = tmp_path / "firmware.bin"
    path.write_bytes(data)
    flash = load_image(path).external_flash
    assert flash is not None
    return flash


def rows(flash: ExternalFlash) -> list[tuple[int, int, int, int, str]]:
    found = []
    for place in range(TABLE, TABLE + 0xC00, 32):
        entry = flash.contents[place : place + 32]
        if entry[:2] == b"\xaa\x50":
            kind, subtype, offset, size, name = struct.unpack("<2xBBII16s4x", entry)
            found.append((kind, subtype, offset, size, name.rstrip(b"\0").decode()))
    return found


def test_an_application_alone_lies_where_its_partition_says(tmp_path: Path) -> None:
    data = application((_DATA, b"data" * 10), (0x4038_0000, b"\x01\xa0"))
    flash = flash_of(tmp_path, data)
    assert flash.contents[APPLICATION:] == data
    assert flash.mapped == ((_DATA, APPLICATION + 0x20, 40),)
    partitions = rows(flash)
    assert [name for *_, name in partitions] == ["nvs", "otadata", "app0", "spiffs", "coredump"]
    starts = [offset for _, _, offset, _, _ in partitions]
    ends = [offset + size for _, _, offset, size, _ in partitions]
    assert starts[1:] == ends[:-1], "no gap, no overlap"
    assert ends[-1] == flash.size_bytes == 4 << 20


def test_the_table_ends_with_its_digest(tmp_path: Path) -> None:
    flash = flash_of(tmp_path, application((_DATA, bytes(40))))
    count = len(rows(flash))
    end = TABLE + 32 * count
    assert flash.contents[end : end + 2] == b"\xeb\xeb"
    assert flash.contents[end + 16 : end + 32] == hashlib.md5(flash.contents[TABLE:end]).digest()


@pytest.mark.parametrize(("bytes_of_data", "size_code", "megabytes"), [(40, 2, 4), (40, 4, 16), (40, 0, 4), (4 << 20, 2, 8)])
def test_the_flash_is_as_large_as_the_file_says_or_as_it_has_to_be(tmp_path: Path, bytes_of_data: int, size_code: int, megabytes: int) -> None:
    flash = flash_of(tmp_path, application((_DATA, bytes(bytes_of_data)), size_code=size_code))
    assert flash.size_bytes == megabytes << 20
    assert rows(flash)[-1][2] + rows(flash)[-1][3] == flash.size_bytes


def test_a_whole_flash_is_taken_as_it_is(tmp_path: Path) -> None:
    table = b"\xaa\x50" + struct.pack("<BBII16sI", 0, 0, APPLICATION, 0x10_0000, b"factory", 0)
    whole = application((0x3FCD_0000, bytes(4))).ljust(TABLE, b"\xff")
    whole = (whole + table).ljust(APPLICATION, b"\xff") + application((_DATA, bytes(0x1_0000 - 8)), (_CODE, b"\x01\xa0\x01\xa0"))
    flash = flash_of(tmp_path, whole)
    assert flash.contents == whole
    assert flash.mapped == ((_DATA, APPLICATION + 0x20, 0x1_0000 - 8), (_CODE, 2 * APPLICATION + 0x20, 4))


def test_what_no_page_can_show_is_not_mapped(tmp_path: Path) -> None:
    assert flash_of(tmp_path, application((0x4200_0000, b"\x01\xa0\x01\xa0"))).mapped == ()


def test_pages_of_an_image_that_knows_addresses_alone_lie_one_behind_the_other() -> None:
    def segment(address: int, data: bytes) -> Segment:
        return Segment(address, address, data, len(data))

    flash = flash_of_segments((segment(0x3C00_0100, b"data"), segment(0x3FC8_0000, b"ram"), segment(0x4205_FFFE, b"code")))
    assert flash.mapped == tuple((at, APPLICATION + n * PAGE_BYTES, PAGE_BYTES) for n, at in enumerate((0x3C00_0000, 0x4205_0000, 0x4206_0000)))
    held = flash.contents[APPLICATION:]
    assert held[0x100:0x104] == b"data"
    assert held[2 * PAGE_BYTES - 2 : 2 * PAGE_BYTES + 2] == b"code"
    assert b"ram" not in flash.contents
