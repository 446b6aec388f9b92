"""Arrays with a place for every address, of which a run touches few: memory that is not there until it is touched, a page at a time."""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt

__all__ = ["sparse_zeros"]


def sparse_zeros(*shape: int) -> npt.NDArray[np.uint64]:
    """Return zeros of 64-bit words.

    NumPy asks the system for huge pages behind its own large arrays, and each is cleared as a whole when one of its words is touched:
    milliseconds for a machine that has ten such arrays.

    Parameters
    ----------
    shape : int
        Lengths of the array's dimensions.
    """
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.zeros(shape, np.uint64)
    room = mmap.mmap(-1, int(np.prod(shape)) * 8, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        room.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(room, np.uint64).reshape(shape)
