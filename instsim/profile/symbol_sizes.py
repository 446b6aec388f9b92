"""What the symbols of an image occupy."""

from __future__ import annotations

from instsim.image import FirmwareImage, short_name
from instsim.profile.block_profile import SymbolSize

__all__ = ["SYMBOLS_KEPT", "symbol_sizes"]

SYMBOLS_KEPT = 512
"""Names that stay: those of a whole application with its C++ library would be most of a report."""


def symbol_sizes(image: FirmwareImage) -> tuple[tuple[SymbolSize, ...], int]:
    """Return the largest symbols of an image, by size and then name, and how many are left out.

    Names of one place count once; the sizes of local symbols that share a name are added up.

    Parameters
    ----------
    image : FirmwareImage
        Its symbols of functions and objects with a size.
    """
    places: dict[tuple[int, str], tuple[int, str]] = {}
    for symbol in image.symbols:
        if symbol.kind not in {"function", "object"} or symbol.size <= 0:
            continue
        size, name = places.get((symbol.address, symbol.kind), (0, ""))
        if (symbol.size, symbol.name) > (size, name):
            places[symbol.address, symbol.kind] = (symbol.size, symbol.name)
    sizes: dict[tuple[str, str], int] = {}
    for (_, kind), (size, name) in places.items():
        sizes[name, kind] = sizes.get((name, kind), 0) + size
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    # Names are made readable only where they are kept: that is the costly part.
    kept = tuple(SymbolSize(short_name(name), kind, size) for (name, kind), size in ordered[:SYMBOLS_KEPT])
    return kept, len(ordered) - len(kept)
