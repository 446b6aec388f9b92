"""Memory that is not there until it is touched, a page at a time: arrays with a place for every address, and room for machine code."""

from __future__ import annotations

import mmap
import os

import numpy as np
import numpy.typing as npt

__all__ = ["code_room", "sparse_zeros"]


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


def code_room(length: int) -> npt.NDArray[np.uint8]:
    """Return bytes that the processor may execute, none where this is no x86-64 or the system does not allow it.

    Parameters
    ----------
    length : int
        How many.
    """
    nothing = np.zeros(0, np.uint8)
    if os.name != "posix" or os.uname().machine != "x86_64":
        return nothing
    try:
        room = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return nothing
    return np.frombuffer(room, np.uint8)
