"""Intel HEX files."""

from __future__ import annotations

import re
from io import StringIO

from instsim.errors import ImageError
from instsim.image.firmware import FirmwareImage
from instsim.image.flat_image import flat_image, joined_blocks

__all__ = ["load_intel_hex"]

_MAXIMUM_FILE_BYTES = 64 << 20
_MAXIMUM_BLOCKS = 65536
_EXTENDED_ADDRESS = re.compile(r"(?im)^(?=:0200000[24])")
_END_OF_FILE = re.compile(rb"(?im)^:00[0-9a-f]{4}01[0-9a-f]{2}\s*$")


def load_intel_hex(data: bytes, name: str) -> FirmwareImage:
    """Read an Intel HEX file.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name, for messages and the result.

    Raises
    ------
    ImageError
        If a record is damaged, the end is missing, or two records write to the same address.
    """
    from intelhex import IntelHex, IntelHexError  # noqa: PLC0415 -- only HEX files need it

    if len(data) > _MAXIMUM_FILE_BYTES:
        raise ImageError(f"{name}: {len(data):,} bytes are too many for an Intel HEX file (at most {_MAXIMUM_FILE_BYTES >> 20} MB)")
    if not _END_OF_FILE.search(data):
        raise ImageError(f"{name}: truncated Intel HEX file: the end-of-file record is missing", hint="copy or build the file again")
    blocks: list[tuple[int, bytes]] = []
    entry: int | None = None
    first_line = 1
    # The package holds every byte in a dictionary. One piece for each extended address, 64 KB at most, keeps that small.
    for piece in _EXTENDED_ADDRESS.split(data.decode("latin-1")):
        reader = IntelHex()
        try:
            reader.loadhex(StringIO(piece))
        except (IntelHexError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ImageError(
                f"{name}: damaged Intel HEX file, in the records from line {first_line} on: {error}", hint="copy or build the file again"
            ) from error
        first_line += piece.count("\n")
        if reader.start_addr:
            entry = reader.start_addr.get("EIP", entry)
        blocks += [(start, reader.tobinstr(start=start, end=stop - 1)) for start, stop in reader.segments()]
        if len(blocks) > _MAXIMUM_BLOCKS:
            raise ImageError(f"{name}: more than {_MAXIMUM_BLOCKS:,} separate blocks of bytes are too many for firmware")
    return flat_image(data, name, "hex", joined_blocks(blocks), entry=None if entry is None else entry & ~1)
