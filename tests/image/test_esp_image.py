"""Espressif's image format: applications alone, and in a whole flash behind a partition table."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from instsim.errors import ImageError
from instsim.image import load_image
from instsim.isa import Isa

_ENTRY = 0x4038_0004
_DESCRIPTION = struct.pack("<I12x32s32s16s16s32s", 0xABCD_5432, b"1.2", b"thermostat", b"10:00:00", b"Nov 1 2026", b"v5.3").ljust(256, b"\0")


def _application(segments: tuple[tuple[int, bytes], ...], chip: int = 5) -> bytes:
    header = struct.pack("<4BI4xH10x", 0xE9, len(segments), 2, 0x2F, _ENTRY, chip)
    return header + b"".join(struct.pack("<2I", address, len(data)) + data for address, data in segments)


_SEGMENTS = ((0x3C00_0020, _DESCRIPTION), (0, bytes(8)), (0x4038_0000, b"\x01\x00" * 8))


def test_segments_lie_where_the_boot_loader_puts_them(tmp_path: Path) -> None:
    path = tmp_path / "firmware.bin"
    path.write_bytes(_application(_SEGMENTS))
    image = load_image(path)
    assert (image.format, image.isa, image.entry) == ("esp", Isa.RV32, _ENTRY)
    assert [(s.address, len(s.data)) for s in image.segments] == [(0x3C00_0020, 256), (0x4038_0000, 16)], "padding is no segment"
    assert image.attributes["ESP_chip"] == "ESP32-C3"
    assert (image.attributes["ESP_project"], image.attributes["ESP_IDF"]) == ("thermostat", "v5.3")


def test_the_application_of_a_whole_flash_is_found_by_its_partition_table(tmp_path: Path) -> None:
    path = tmp_path / "flash.bin"
    boot_loader = _application(((0x3FCD_5820, bytes(32)),))
    table = struct.pack("<2s2B2I16sI", b"\xaa\x50", 1, 2, 0x9000, 0x6000, b"nvs", 0) + struct.pack(
        "<2s2B2I16sI", b"\xaa\x50", 0, 0, 0x10000, 0x100000, b"factory", 0
    )
    path.write_bytes(boot_loader.ljust(0x8000, b"\xff") + table.ljust(0x8000, b"\xff") + _application(_SEGMENTS))
    image = load_image(path)
    assert [s.address for s in image.segments] == [0x3C00_0020, 0x4038_0000]
    assert any("0x10000" in note for note in image.notes)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_application(_SEGMENTS, chip=9), "ESP32-S3 \\(Xtensa\\)"),
        (_application(_SEGMENTS, chip=13), "ESP32-C6"),
        (_application(_SEGMENTS)[:-4], "segment 2 ends at byte"),
        (_application(_SEGMENTS)[:40], "segment 0 ends at byte"),
    ],
)
def test_other_chips_and_damaged_files_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "firmware.bin"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=words):
        load_image(path)
