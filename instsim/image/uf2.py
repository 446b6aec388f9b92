"""UF2 files, as the boot loaders of the RP2040 and RP2350 take them.

Format: github microsoft/uf2, README.md and utils/uf2families.json.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType

from instsim.errors import ImageError
from instsim.image.firmware import FirmwareImage
from instsim.image.flat_image import flat_image, joined_blocks
from instsim.isa.instruction import Isa

__all__ = ["UF2_MAGIC", "load_uf2"]

UF2_MAGIC = b"UF2\n\x57\x51\x5d\x9e"

_BLOCK_BYTES = 512
_MAXIMUM_PAYLOAD_BYTES = 476
_END_MAGIC = 0x0AB16F30
_MAXIMUM_FILE_BYTES = 256 << 20
_NOT_MAIN_FLASH, _FILE_CONTAINER, _FAMILY_ID_PRESENT = 0x1, 0x1000, 0x2000

_FAMILIES: Mapping[int, str] = MappingProxyType(
    {
        0xE48BFF56: "RP2040",
        0xE48BFF57: "RP2XXX_ABSOLUTE",
        0xE48BFF58: "RP2XXX_DATA",
        0xE48BFF59: "RP2350_ARM_S",
        0xE48BFF5A: "RP2350_RISCV",
        0xE48BFF5B: "RP2350_ARM_NS",
    }
)
_NO_PROGRAM = (0xE48BFF57, 0xE48BFF58)
"""Blocks at absolute addresses (the workaround of the RP2350's erratum E10 is one) and data partitions: not what the core boots."""


def load_uf2(data: bytes, name: str) -> FirmwareImage:
    """Read a UF2 file.

    Of a file for several families the first is taken. The family stands in the attributes as ``UF2_family``.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name, for messages and the result.

    Raises
    ------
    ImageError
        If a block is damaged or missing, or nothing in it is a program.
    """
    if len(data) > _MAXIMUM_FILE_BYTES:
        raise ImageError(f"{name}: {len(data):,} bytes are too many for a UF2 file (at most {_MAXIMUM_FILE_BYTES >> 20} MB)")
    if len(data) % _BLOCK_BYTES:
        raise ImageError(f"{name}: truncated UF2 file: {len(data):,} bytes are no multiple of {_BLOCK_BYTES}", hint="copy or build the file again")
    by_family: dict[int | None, list[tuple[int, bytes]]] = {}
    announced: dict[int | None, int] = {}
    for offset in range(0, len(data), _BLOCK_BYTES):
        flags, address, size, _, count, family_id = struct.unpack_from("<6I", data, offset + 8)
        end_magic = struct.unpack_from("<I", data, offset + _BLOCK_BYTES - 4)[0]
        if data[offset : offset + 8] != UF2_MAGIC or end_magic != _END_MAGIC or size > _MAXIMUM_PAYLOAD_BYTES:
            raise ImageError(f"{name}: damaged UF2 file: block {offset // _BLOCK_BYTES}", hint="copy or build the file again")
        if flags & (_NOT_MAIN_FLASH | _FILE_CONTAINER):
            continue
        family = family_id if flags & _FAMILY_ID_PRESENT else None
        by_family.setdefault(family, []).append((address, data[offset + 32 : offset + 32 + size]))
        announced.setdefault(family, count)
    programs = [family for family in by_family if family not in _NO_PROGRAM]
    if not programs:
        raise ImageError(f"{name}: no block of this UF2 file is a program for the flash")
    family = programs[0]
    blocks = by_family[family]
    if len(blocks) < announced[family]:
        raise ImageError(f"{name}: truncated UF2 file: {len(blocks)} of {announced[family]} blocks are there", hint="copy or build the file again")
    family_name = "unnamed" if family is None else _FAMILIES.get(family, f"{family:#010x}")
    notes = [f"of the {len(programs)} families in the file, {family_name} was taken"] if len(programs) > 1 else []
    is_riscv = family_name == "RP2350_RISCV"
    joined = joined_blocks(blocks)
    if is_riscv:
        notes.append("the entry point was taken to be the lowest address, as the RP2350 does where the image does not define another")
    return flat_image(
        data,
        name,
        "uf2",
        joined,
        isa=Isa.RV32 if is_riscv else None,
        entry=joined[0][0] if is_riscv else None,
        attributes={} if family is None else {"UF2_family": family_name},
        notes=notes,
    )
