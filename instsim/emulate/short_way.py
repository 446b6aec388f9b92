"""The short way from translated code to the native code for RISC-V extensions, where that can be taken safely.

Unicorn 2.1.4 ends the run loop at every instruction that it does not decode, and looks through the list of all hooks at every hooked
instruction: 50 ns and more for each. Both happen in helper functions that translated code calls: ``helper_raise_exception`` and
``helper_uc_tracecode``. Here their first bytes are replaced by a jump to code of our own. It looks whether the instruction is one of ours;
if so it carries it out and jumps on to the translated code behind it, as Unicorn's own indirect jumps do; else it calls the original.

Only the exact library that was studied is touched, under the same switch and conditions as the accelerator
(`instsim.emulate.accelerator`); any other takes the long way through Unicorn's hooks, with the same results. It applies to all Unicorn
instances of the process; instances that are not ours find the original functions behind the jump.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import struct
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from unicorn.unicorn_py3 import unicorn as binding

from instsim.emulate.accelerator import relax_exit_check
from instsim.emulate.extension_layout import MOST_MACHINES, MachineEntry, MachineTable
from instsim.isa import Isa

__all__ = ["ShortWay", "open_short_way"]

_RAISE, _TRACE, _LOOKUP, _RAISE_INNER = (
    "helper_raise_exception_riscv32",
    "helper_uc_tracecode",
    "helper_lookup_tb_ptr_riscv32",
    "riscv_raise_exception_riscv32",
)
_RAISE_CODE = "4883ec0831d2e8........0f1f4400 00"
"""``sub rsp, 8; xor edx, edx; call riscv_raise_exception; nop``."""
_TRACE_CODE = "4155 89f0 83e63f 4189fd 4154 83e040 4989cc 55 4889d5 53"
"""Whole instructions that work at any address."""
_JUMP = bytes.fromhex("ff2500000000")
"""``jmp`` to the address that follows."""
_JUMP_BYTES = len(_JUMP) + 8
_PROT_ALL, _PROT_CODE = 7, 5


class ShortWay:
    """The jumps and the table of machines they look into.

    Parameters
    ----------
    raise_function, trace_function : int
        Addresses of the native code that takes over.

    Raises
    ------
    OSError
        If the host forbids it, or the library is not the one that was studied.
    """

    def __init__(self, raise_function: int, trace_function: int) -> None:
        self._table = np.zeros(MachineTable.WORDS + MOST_MACHINES * MachineEntry.WORDS, np.uint64)
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code_address = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        raising, tracing = _function(_RAISE), _function(_TRACE)
        if not _starts_with(raising, _RAISE_CODE) or not _starts_with(tracing, _TRACE_CODE):
            raise OSError("not the library that was studied")
        table = self._table.ctypes.data
        # Translated code expects nothing of a helper's frame: dropping the return address and jumping on is what its own jumps amount to.
        on_raise = b"\x48\x83\xec\x08" + b"\x48\xba" + _word(table) + b"\x48\xb8" + _word(raise_function) + b"\xff\xd0\x48\x83\xc4\x10\xff\xe0"
        # The processor's registers are at rbp in translated code.
        on_trace = b"\x48\x83\xec\x08" + b"\x49\xb8" + _word(table) + b"\x49\x89\xe9" + b"\x48\xb8" + _word(trace_function) + b"\xff\xd0"
        on_trace += b"\x48\x83\xc4\x08\x48\x85\xc0\x75\x01\xc3" + b"\x48\x83\xc4\x08\xff\xe0"
        start = bytes.fromhex(_TRACE_CODE)
        original_trace = start + _JUMP + _word(tracing + len(start))
        places = []
        position = 0
        for part in (on_raise, on_trace, original_trace):
            self._code[position : position + len(part)] = part
            places.append(code_address + position)
            position += -(-len(part) // 16) * 16
        self._table[MachineTable.LOOKUP_FUNCTION] = _function(_LOOKUP)
        self._table[MachineTable.RAISE_FUNCTION] = _function(_RAISE_INNER)
        self._table[MachineTable.TRACE_FUNCTION] = places[2]
        _write_code(raising, _JUMP + _word(places[0]))
        _write_code(tracing, _JUMP + _word(places[1]))

    @property
    def table_address(self) -> int:
        """Where the table of machines lies."""
        return int(self._table.ctypes.data)

    def enter(self, owner: object, uc: Any, state_address: int) -> bool:
        """Let a machine take the short way until its owner is gone.

        Parameters
        ----------
        owner : object
            Whose end ends it.
        uc : unicorn.Uc
            The machine's Unicorn instance, kept alive till then.
        state_address : int
            Its `ExtensionState`.

        Returns
        -------
        bool
            False if there is no room for another machine.
        """
        entries = self._table[MachineTable.WORDS :].reshape(MOST_MACHINES, MachineEntry.WORDS)
        free = np.flatnonzero(entries[:, MachineEntry.ENGINE] == 0)
        if not free.size:
            return False
        index = int(free[0])
        entries[index] = (uc._uch.value, 0, state_address, 0)  # noqa: SLF001 -- Unicorn's binding has no public way to its handle
        self._table[MachineTable.COUNT] = max(int(self._table[MachineTable.COUNT]), index + 1)
        weakref.finalize(owner, _leave, entries[index], uc)
        return True


def _leave(entry: Any, _uc: Any) -> None:
    entry[:] = 0


@functools.cache
def open_short_way(raise_function: int, trace_function: int) -> ShortWay | None:
    """Put the jumps in place, once for a process.

    Parameters
    ----------
    raise_function, trace_function : int
        Addresses of the native code that takes over.

    Returns
    -------
    ShortWay or None
        None if this is not the library that was studied, the accelerator is off, or the host forbids it.
    """
    if not relax_exit_check(Isa.RV32).is_relaxed or _has_shadow_stack():
        return None
    try:
        return ShortWay(raise_function, trace_function)
    except (OSError, AttributeError, ValueError):
        return None


def _has_shadow_stack() -> bool:
    """Whether the processor compares return addresses, which dropping one would upset."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return any(line.startswith("x86_Thread_features:") and "shstk" in line for line in status.splitlines())


def _function(name: str) -> int:
    return ctypes.cast(getattr(binding.uclib, name), ctypes.c_void_p).value or 0


def _word(value: int) -> bytes:
    return struct.pack("<Q", value)


def _starts_with(address: int, pattern: str) -> bool:
    wanted = pattern.replace(" ", "")
    have = ctypes.string_at(address, len(wanted) // 2).hex()
    return all(want in (".", digit) for want, digit in zip(wanted, have, strict=True))


def _write_code(address: int, code: bytes) -> None:
    page = os.sysconf("SC_PAGESIZE")
    start = address // page * page
    length = -(-(address + len(code) - start) // page) * page
    mprotect = ctypes.CDLL(None, use_errno=True).mprotect
    mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if mprotect(start, length, _PROT_ALL) != 0:
        raise OSError(ctypes.get_errno(), "the library's code cannot be written")
    ctypes.memmove(address, code, len(code))
    mprotect(start, length, _PROT_CODE)
