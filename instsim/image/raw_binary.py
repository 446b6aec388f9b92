"""Raw binaries: bytes without addresses."""

from __future__ import annotations

import struct
from itertools import islice
from typing import TYPE_CHECKING

from instsim.errors import ImageError
from instsim.image.firmware import FirmwareImage
from instsim.image.flat_image import flat_image
from instsim.image.memory_limits import MAXIMUM_MEMORY_BYTES
from instsim.image.vector_table import is_plausible_stack_pointer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["guess_base", "load_raw_binary"]

_KNOWN_BASES = (
    0x0800_0000,  # STM32, GD32
    0x0000_0000,  # nRF52, SAM, LPC, NXP, QEMU's MPS2
    0x1000_0000,  # RP2040, RP2350, PSoC 6
    0x1000_2000,  # PSoC 6, second core
    0x0020_0000,  # STM32F7 flash on the ITCM bus
    0x0804_0000,  # STM32 applications behind a boot loader
    0x0C00_0000,  # STM32 with TrustZone, secure alias
)
_STEP = 0x1000
_MAXIMUM_CANDIDATES = 4096
_TABLE_OFFSETS = range(0, 0x8000, 0x80)
_TABLES_TRIED = 2
_MAXIMUM_COMPARISONS = 40_000_000
_FEWEST_HITS = 8
"""Pointers that must lead to function starts before they outweigh a well-known base."""


def load_raw_binary(data: bytes, name: str, base: int | None) -> FirmwareImage:
    """Read a raw binary.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name, for messages and the result.
    base : int or None
        Load address of its first byte; None to guess it from the vector table.

    Raises
    ------
    ImageError
        If no base was given and the contents do not tell it, or it does not fit the address space.
    """
    if len(data) > MAXIMUM_MEMORY_BYTES:
        raise ImageError(f"{name}: {len(data):,} bytes are too many for a raw binary (at most {MAXIMUM_MEMORY_BYTES >> 20} MB)")
    if base is not None:
        if not 0 <= base <= 0xFFFF_FFFF:
            raise ImageError(f"{name}: the base address {base:#x} does not fit 32 bits")
        return flat_image(data, name, "bin", [(base, data)])
    guessed = guess_base(data)
    if guessed is None:
        raise ImageError(
            f"{name}: not a firmware format known here (ELF, Intel HEX, UF2), and as a raw binary its load address cannot be told from its contents",
            hint="give the ELF file, or the address of the first byte with --base (0x08000000 for the flash of an STM32)",
        )
    return flat_image(
        data,
        name,
        "bin",
        [(guessed, data)],
        attributes={"load_address": f"{guessed:#010x} (guessed)"},
        notes=[f"the load address {guessed:#010x} was guessed from the vector table; --base settles it"],
    )


def guess_base(data: bytes) -> int | None:
    """Return the load address that fits the vector table of a raw binary, or None.

    The handlers bound the base from both sides. Within the bounds, the base is the one under which most odd words of the image point
    at a function's first instruction (``push {.., lr}``), if it stands out from all other multiples of 4 KB; else the only well-known
    base there.

    Parameters
    ----------
    data : bytes
        The file.
    """
    tables = ((offset, _handlers(data, offset)) for offset in _TABLE_OFFSETS)
    for offset, handlers in islice(((offset, handlers) for offset, handlers in tables if handlers), _TABLES_TRIED):
        lowest = max(0, max(handlers) + 2 - len(data))
        highest = min(handlers) - offset - 8
        if highest < lowest:
            continue
        known = [base for base in _KNOWN_BASES if lowest <= base <= highest]
        best = _base_of_pointers(data, lowest, highest)
        if best is not None:
            return best
        if len(known) == 1:
            return known[0]
    return None


def _handlers(data: bytes, offset: int) -> list[int]:
    """Return the addresses of the first handlers if there is a vector table at the offset, else nothing."""
    if offset + 64 > len(data):
        return []
    words = struct.unpack_from("<16I", data, offset)
    # Words 7 to 10 and 13 are reserved, and hold checksums on some parts.
    vectors = [words[index] for index in (1, 2, 3, 11, 14, 15) if words[index] or index < 4]
    if not is_plausible_stack_pointer(words[0]) or any(word % 2 == 0 for word in vectors):
        return []
    addresses = [word - 1 for word in vectors]
    return addresses if max(addresses) - min(addresses) < len(data) else []


def _base_of_pointers(data: bytes, lowest: int, highest: int) -> int | None:
    import numpy as np  # noqa: PLC0415 -- heavy, and only a guess needs it

    first = -(-lowest // _STEP) * _STEP
    candidates = np.arange(first, highest + 1, _STEP, dtype=np.int64)
    if not 0 < len(candidates) <= _MAXIMUM_CANDIDATES:
        return None
    halfwords = np.frombuffer(data, dtype="<u2", count=len(data) // 2)
    is_function = ((halfwords & 0xFF00) == 0xB500) | (halfwords == 0xE92D)
    words = np.frombuffer(data, dtype="<u4", count=len(data) // 4)
    targets = np.unique(words[(words % 2 == 1) & (words > lowest) & (words < highest + len(data))]).astype(np.int64) - 1
    if len(candidates) * len(targets) > _MAXIMUM_COMPARISONS:
        return None
    hits = np.array([_hits(is_function, targets - base) for base in candidates.tolist()])
    order = np.argsort(-hits, kind="stable")
    best = int(hits[order[0]])
    second = int(hits[order[1]]) if len(order) > 1 else 0
    return int(candidates[order[0]]) if best >= max(_FEWEST_HITS, 2 * second) else None


def _hits(is_function: NDArray[np.bool_], offsets: NDArray[np.int64]) -> int:
    inside = offsets[(offsets >= 0) & (offsets < 2 * len(is_function))]
    return int(is_function[inside // 2].sum())
