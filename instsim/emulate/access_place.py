"""Which instruction of a running block a device is being accessed by: Unicorn leaves the program counter behind within a block.

The emulator notes where in translated code it left for a device, and its own ``cpu_restore_state`` makes the program counter of that.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

import numpy as np
from unicorn.unicorn_py3 import unicorn as binding

from instsim.emulate.register_file import PROCESSOR_POINTER
from instsim.isa import Isa

__all__ = ["AccessPlace"]

_RESTORE = {Isa.THUMB: "cpu_restore_state_arm", Isa.RV32: "cpu_restore_state_riscv32"}
_PROCESSOR_BYTES = 1 << 16
_USUAL_OFFSET = 0x8178
"""Where in the processor's state Unicorn 2.1.4 keeps the note on Linux for x86-64: looked at first."""


class AccessPlace:
    """Finds the instruction; only while a device is accessed.

    Parameters
    ----------
    handle : int
        Unicorn's engine.
    isa : Isa
        Unicorn has a library function for each processor family.
    read_pc : callable
        Returns the program counter as the emulator has it.
    """

    def __init__(self, handle: int, isa: Isa, read_pc: Callable[[], int]) -> None:
        self._handle = handle
        self._read_pc = read_pc
        self._processor = 0
        self._note: ctypes.c_uint64 | None = None
        self._is_found = False
        self._restore = getattr(binding.uclib, _RESTORE[isa], None)
        if self._restore is not None:
            self._restore.argtypes, self._restore.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_bool), ctypes.c_bool

    @property
    def place(self) -> int:
        """Where translated code was left for the device: an instruction's own, until all code is forgotten; 0 if that is not known (yet)."""
        return 0 if self._note is None else self._note.value

    def pc(self, start: int, end: int) -> int | None:
        """Return the address of the instruction, which is one of those from `start` up to `end`; None if the host does not tell.

        Side effect: a Thumb IT block's state comes back as well, which is to be cleared before the emulator goes on.
        """
        if not self._is_found:
            self._is_found = True
            self._note = self._find(start, end)
        if self._note is None:
            return None
        return self._pc_of(self._note.value, start, end)

    def _pc_of(self, place: int, start: int, end: int) -> int | None:
        """Return the program counter of a place in translated code; None for other places, of which the function changes nothing."""
        if self._restore is None or not self._restore(self._processor, place, False):
            return None
        pc = self._read_pc()
        return pc if start <= pc < end else None

    def _find(self, start: int, end: int) -> ctypes.c_uint64 | None:
        """Return the word of the processor's state that holds the note: no other points into translated code of this block."""
        try:
            memory = os.open("/proc/self/mem", os.O_RDONLY)
        except OSError:
            return None
        try:
            self._processor = int.from_bytes(os.pread(memory, 8, self._handle + PROCESSOR_POINTER), "little")
            words = np.frombuffer(os.pread(memory, _PROCESSOR_BYTES, self._processor), np.uint64)
        except (OSError, OverflowError):
            return None
        finally:
            os.close(memory)
        for index in (_USUAL_OFFSET // 8, *np.flatnonzero(words).tolist()):
            if index < words.size and self._pc_of(int(words[index]), start, end) is not None:
                return ctypes.c_uint64.from_address(self._processor + 8 * index)
        return None
