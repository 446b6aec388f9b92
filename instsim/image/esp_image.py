"""Espressif's image format: what ``esptool`` writes into the flash of an ESP32-C3, alone or with boot loader and partition table before it.

Format: docs.espressif.com esptool, "Firmware Image Format"; ESP-IDF ``components/bootloader_support/include/esp_app_format.h`` (header, chips) and
``esp_flash_partitions.h`` (partition table).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from instsim.errors import ImageError
from instsim.image.esp_flash import SMALLEST_FLASH, TABLE, flash_with_application, mappable
from instsim.image.firmware import ExternalFlash, FirmwareImage
from instsim.image.flat_image import flat_image
from instsim.isa.instruction import Isa

__all__ = ["is_esp_image", "load_esp_image"]

_MAGIC = 0xE9
_HEADER_BYTES, _SEGMENT_HEADER_BYTES = 24, 8
_MOST_SEGMENTS = 16
_ESP32_C3 = 5
_LARGEST_FLASH = 4
"""Sizes in the header are powers of two, in megabytes: up to 16."""
_CHIPS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        0: ("ESP32", "Xtensa"),
        2: ("ESP32-S2", "Xtensa"),
        5: ("ESP32-C3", "RISC-V"),
        9: ("ESP32-S3", "Xtensa"),
        12: ("ESP32-C2", "RISC-V"),
        13: ("ESP32-C6", "RISC-V"),
        16: ("ESP32-H2", "RISC-V"),
        18: ("ESP32-P4", "RISC-V"),
    }
)
_TABLE_BYTES, _ENTRY_BYTES = 0xC00, 32
_ENTRY_MAGIC = b"\xaa\x50"
_APPLICATION = 0
_DESCRIPTION_MAGIC, _DESCRIPTION_BYTES = 0xABCD5432, 256


def is_esp_image(data: bytes) -> bool:
    """Whether a file begins like such an image."""
    return len(data) > _HEADER_BYTES and data[0] == _MAGIC and 0 < data[1] <= _MOST_SEGMENTS and struct.unpack_from("<H", data, 12)[0] in _CHIPS


def load_esp_image(data: bytes, name: str) -> FirmwareImage:
    """Read an application, or the first application of a whole flash.

    Its segments lie at the addresses where the chip's boot loader copies or maps them to, so that a run begins at the application's entry.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name, for messages and the result.

    Raises
    ------
    ImageError
        If it is damaged, or for another chip than an ESP32-C3.
    """
    notes = []
    offset = _application(data)
    if offset:
        notes.append(f"the file holds a whole flash: its application at {offset:#x} was taken, as the boot loader has left it")
    if len(data) < offset + _HEADER_BYTES or data[offset] != _MAGIC:
        raise ImageError(f"{name}: the partition table names an application at {offset:#x}, where none is", hint="copy or build the file again")
    count, entry, chip = data[offset + 1], *struct.unpack_from("<I4xH", data, offset + 4)
    chip_name, kind = _CHIPS.get(chip, (f"chip {chip}", "an unknown processor"))
    if chip != _ESP32_C3:
        raise ImageError(f"{name}: an image for {chip_name} ({kind})", hint="of Espressif's chips only the ESP32-C3 is emulated")
    blocks, places = [], []
    at = offset + _HEADER_BYTES
    for index in range(count):
        if at + _SEGMENT_HEADER_BYTES > len(data):
            raise ImageError(f"{name}: truncated image: the header of segment {index} is missing", hint="copy or build the file again")
        address, size = struct.unpack_from("<2I", data, at)
        at += _SEGMENT_HEADER_BYTES
        if at + size > len(data):
            raise ImageError(f"{name}: truncated image: segment {index} ends at byte {at + size:,}, the file has {len(data):,}")
        if address:  # padding lies at address 0
            blocks.append((address, data[at : at + size]))
            places.append((address, at, size))
        at += size
    described = {"ESP_chip": chip_name, **_description(blocks)}
    flash_bytes = 1 << 20 + min(data[offset + 3] >> 4, _LARGEST_FLASH)
    if offset:
        size_bytes = max(SMALLEST_FLASH, flash_bytes, 1 << (len(data) - 1).bit_length())
        flash = ExternalFlash(data, size_bytes, mappable(places))
    else:
        flash = flash_with_application(data, flash_bytes, places)
        notes.append("the file holds an application alone: the flash around it has partitions as the Arduino core's default has them, empty")
    image = flat_image(data, name, "esp", sorted(blocks), isa=Isa.RV32, entry=entry, attributes=described, notes=notes)
    return replace(image, external_flash=flash)


def _application(data: bytes) -> int:
    """Return where the application starts: 0 in a file of its own, else as the partition table says."""
    for place in range(TABLE, min(TABLE + _TABLE_BYTES, len(data) - _ENTRY_BYTES), _ENTRY_BYTES):
        entry = data[place : place + _ENTRY_BYTES]
        if entry[:2] != _ENTRY_MAGIC:
            break
        if entry[2] == _APPLICATION:
            return int(struct.unpack_from("<I", entry, 4)[0])
    return 0


def _description(blocks: list[tuple[int, bytes]]) -> dict[str, str]:
    """Return what ``esp_app_desc_t`` says; it begins the first segment that is mapped from flash."""
    for _, data in blocks:
        if len(data) >= _DESCRIPTION_BYTES and struct.unpack_from("<I", data)[0] == _DESCRIPTION_MAGIC:
            texts = {"ESP_version": (16, 32), "ESP_project": (48, 32), "ESP_compiled": (96, 16), "ESP_IDF": (112, 32)}
            found = {key: data[start : start + size].split(b"\0")[0].decode("utf-8", "replace") for key, (start, size) in texts.items()}
            return {key: text for key, text in found.items() if text}
    return {}
