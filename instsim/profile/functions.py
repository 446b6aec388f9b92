"""Which functions own which addresses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from instsim.image import FirmwareImage, short_name
from instsim.profile.block_profile import FunctionSpan

__all__ = ["functions_of", "owners"]


def functions_of(image: FirmwareImage, addresses: npt.NDArray[np.int64]) -> tuple[FunctionSpan, ...]:
    """Return the functions that hold any of the addresses, by address; empty for a stripped image.

    A symbol without a size reaches to the next symbol.

    Parameters
    ----------
    image : FirmwareImage
        Its function symbols.
    addresses : ndarray of int64
        Addresses of code, in any order.
    """
    functions = image.functions
    if not functions or not addresses.size:
        return ()
    starts = np.array([symbol.address for symbol in functions], np.int64)
    sizes = np.array([symbol.size for symbol in functions], np.int64)
    nexts = np.append(starts[1:], starts[-1] + max(int(sizes[-1]), 2))
    stops = np.where(sizes > 0, starts + sizes, nexts)
    index = np.searchsorted(starts, addresses, side="right") - 1
    inside = (index >= 0) & (addresses < stops[index])
    return tuple(FunctionSpan(short_name(functions[i].name), int(starts[i]), int(stops[i] - starts[i])) for i in sorted(set(index[inside].tolist())))


def owners(functions: tuple[FunctionSpan, ...], addresses: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the place in `functions` of each address's owner, -1 where none is known."""
    if not functions:
        return np.full(addresses.shape, -1, np.int64)
    starts = np.array([span.address for span in functions], np.int64)
    stops = starts + np.array([span.size for span in functions], np.int64)
    index = np.searchsorted(starts, addresses, side="right") - 1
    inside = (index >= 0) & (addresses < stops[np.maximum(index, 0)])
    return np.where(inside, index, -1)
