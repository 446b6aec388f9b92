"""What a firmware image may ask of memory before it is refused as damaged."""

from __future__ import annotations

from collections.abc import Sequence

from instsim.errors import ImageError

__all__ = ["MAXIMUM_MEMORY_BYTES", "check_segments"]

MAXIMUM_MEMORY_BYTES = 64 << 20
"""More than any microcontroller's flash and RAM together, small enough to allocate without a thought."""

_ADDRESS_SPACE = 1 << 32


def check_segments(extents: Sequence[tuple[int, int, int, int]], name: str) -> None:
    """Refuse segments that no microcontroller could hold.

    Parameters
    ----------
    extents : sequence of (load address, bytes in the file, run-time address, bytes in memory)
        Sorted by load address.
    name : str
        The file's name, for the message.

    Raises
    ------
    ImageError
        If there are none, if they overlap, reach past the 32-bit address space or are larger than `MAXIMUM_MEMORY_BYTES` in all.
    """
    if not extents:
        raise ImageError(f"{name}: no loadable segments: the file holds nothing to write to the flash", hint="link it into an executable first")
    total = 0
    end_before = 0
    for load_address, file_size, virtual_address, memory_size in extents:
        if load_address + file_size > _ADDRESS_SPACE or virtual_address + memory_size > _ADDRESS_SPACE:
            raise ImageError(f"{name}: the segment at {load_address:#x} ({memory_size:,} bytes) reaches past the end of the address space")
        total += memory_size
        if total > MAXIMUM_MEMORY_BYTES:
            raise ImageError(
                f"{name}: segments larger than {MAXIMUM_MEMORY_BYTES >> 20} MB in all (the one at {load_address:#x} has {memory_size:,} bytes)",
                hint="the file is damaged, or its linker script reserves address space as if it were memory",
            )
        if file_size:
            if load_address < end_before:
                raise ImageError(
                    f"{name}: overlapping segments: two of them write to {load_address:#x}",
                    hint="check the load addresses (AT> and LMA) in the linker script",
                )
            end_before = load_address + file_size
    if not end_before:
        raise ImageError(f"{name}: no loadable segments: none has bytes to write to the flash", hint="link it into an executable first")
