"""Images that the ROM of an ESP32-C3 starts by itself, without a second-stage boot loader ("direct boot").

The flash begins with a word that stands there twice. The ROM maps its first 4 MB whole, once for code and once for data, and jumps behind the
two words: github.com/espressif/esp32c3-direct-boot-example. Linker scripts give load addresses as offsets in the flash.
"""

from __future__ import annotations

from dataclasses import replace

from instsim.image.esp_flash import SMALLEST_FLASH
from instsim.image.firmware import ExternalFlash, FirmwareImage, Section, Segment
from instsim.image.flat_image import flat_image
from instsim.isa.instruction import Isa

__all__ = ["as_booted_directly", "is_direct_boot", "load_direct_boot"]

_MAGIC = (0xAEDB041D).to_bytes(4, "little") * 2
_CODE, _DATA, _MAPPED_BYTES = 0x4200_0000, 0x3C00_0000, 4 << 20
_CHIP = "ESP32-C3"


def is_direct_boot(data: bytes) -> bool:
    """Whether the contents of a flash are started so."""
    return data.startswith(_MAGIC)


def load_direct_boot(data: bytes, name: str) -> FirmwareImage:
    """Read the contents of a flash, as they are seen through both windows.

    Raises
    ------
    ImageError
        If it is too large.
    """
    blocks = [(_DATA, data), (_CODE, data)]
    image = flat_image(data, name, "bin", blocks, isa=Isa.RV32, entry=_CODE + len(_MAGIC), attributes={"ESP_chip": _CHIP})
    return replace(image, flash_bytes=len(data), external_flash=_flash(data))


def _flash(contents: bytes) -> ExternalFlash:
    size_bytes = max(SMALLEST_FLASH, 1 << (len(contents) - 1).bit_length())
    return ExternalFlash(contents, size_bytes, tuple((window, 0, _MAPPED_BYTES) for window in (_CODE, _DATA)))


def as_booted_directly(image: FirmwareImage) -> FirmwareImage:
    """Return an ELF image with load addresses that the chip has, and the entry that the ROM takes; any other image unchanged."""
    by_offset = image.read(0, len(_MAGIC)) == _MAGIC
    if image.isa is not Isa.RV32 or not (by_offset or image.read(_CODE, len(_MAGIC)) == _MAGIC):
        return image
    entry = _CODE + len(_MAGIC)
    if not by_offset:
        return replace(image, entry=entry, external_flash=_flash(_joined(image.segments)))
    segments = sorted((_mapped_segment(segment) for segment in image.segments), key=lambda segment: segment.address)
    sections = tuple(_mapped_section(section) for section in image.sections)
    # What runs where it is mapped was taken for code that start-up copies to RAM.
    copied = [section for section in sections if section.name in image.ram_sections and not _is_mapped(section.address)]
    return replace(
        image,
        entry=entry,
        segments=tuple(segments),
        sections=sections,
        static_ram_bytes=sum(section.size for section in copied) if sections else image.static_ram_bytes,
        ram_sections=tuple(section.name for section in copied),
        external_flash=_flash(_joined(image.segments)),
    )


def _joined(segments: tuple[Segment, ...]) -> bytes:
    """Return the flash from its first byte on, of segments by their offsets in it or by where it is seen."""
    contents = bytearray()
    for segment in segments:
        start = next((window for window in (_CODE, _DATA) if window <= segment.address < window + _MAPPED_BYTES), 0)
        offset = segment.address - start
        if offset < _MAPPED_BYTES:
            contents = contents.ljust(offset + len(segment.data), b"\xff")
            contents[offset : offset + len(segment.data)] = segment.data
    return bytes(contents)


def _is_mapped(address: int) -> bool:
    return any(start <= address < start + _MAPPED_BYTES for start in (_CODE, _DATA))


def _mapped_segment(segment: Segment) -> Segment:
    return replace(segment, address=_mapped(segment.address, segment.virtual_address)) if segment.data else segment


def _mapped_section(section: Section) -> Section:
    return replace(section, load_address=_mapped(section.load_address, section.address)) if section.has_bytes else section


def _mapped(offset: int, address: int) -> int:
    """Return where what lies at an offset of the flash is seen: where it runs, if that is a window, else by start-up code that copies it."""
    if offset >= _MAPPED_BYTES:
        return offset
    return address if address in (_CODE + offset, _DATA + offset) else _DATA + offset
