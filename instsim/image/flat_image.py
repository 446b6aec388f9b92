"""Firmware files that are addresses and bytes, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from instsim.image.compiler_strings import find_compilers
from instsim.image.firmware import FirmwareImage, Segment
from instsim.image.memory_limits import check_segments
from instsim.image.vector_table import find_vector_table
from instsim.isa.instruction import Isa

__all__ = ["flat_image", "joined_blocks"]


def joined_blocks(blocks: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Sort blocks of (address, bytes) and join those that follow each other without a gap; overlapping ones stay apart."""
    joined: list[tuple[int, list[bytes]]] = []
    end = -1
    for address, data in sorted(blocks, key=lambda block: block[0]):
        if joined and address == end:
            joined[-1][1].append(data)
        else:
            joined.append((address, [data]))
        end = address + len(data)
    return [(address, b"".join(parts)) for address, parts in joined]


def flat_image(
    file_data: bytes,
    name: str,
    file_format: str,
    blocks: Sequence[tuple[int, bytes]],
    *,
    isa: Isa | None = None,
    entry: int | None = None,
    attributes: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> FirmwareImage:
    """Make an image of blocks of bytes.

    Parameters
    ----------
    file_data : bytes
        The file, for its digest.
    name, file_format : str
        As in `FirmwareImage`.
    blocks : sequence of (address, bytes)
        Sorted by address.
    isa : Isa, optional
        If the format tells. Otherwise a vector table means Thumb, and without one it stays unknown.
    entry : int, optional
        If the format tells; otherwise the reset vector.
    attributes : mapping of str to str, optional
        What the format tells beside that.
    notes : sequence of str
        What was guessed so far.

    Raises
    ------
    ImageError
        If the blocks overlap, reach past the address space or are too large.
    """
    check_segments([(address, len(data), address, len(data)) for address, data in blocks], name)
    segments = tuple(Segment(address, address, data, len(data)) for address, data in blocks)
    vector_table = find_vector_table(segments) if isa is not Isa.RV32 else None
    said = [*notes, f"{file_format} files do not say how much RAM the firmware uses"]
    if isa is None and vector_table is None:
        said.append("the instruction set is unknown: no vector table of a Cortex-M was found")
    image = FirmwareImage(
        name=name,
        format=file_format,
        sha256=hashlib.sha256(file_data).hexdigest(),
        isa=isa if vector_table is None else Isa.THUMB,
        segments=segments,
        vector_table=vector_table,
        entry=entry,
        attributes=dict(attributes or {}),
        compilers=find_compilers(data for _, data in blocks),
        flash_bytes=sum(len(data) for _, data in blocks),
        notes=tuple(said),
    )
    return replace(image, entry=image.reset_vector & ~1) if entry is None and image.reset_vector is not None else image
