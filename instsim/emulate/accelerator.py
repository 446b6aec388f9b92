"""Makes Unicorn emit code without a call at every load, store and block start, where that can be done safely.

Unicorn 2.1.4 calls ``helper_check_exit_request`` at each block's start and behind each memory access. Its descriptor claims that it may read and
write any emulated register, so every call spills them: half of all run time. The counting hook makes the calls unnecessary, because it looks at
the machine's deadline at every block and leaves the emulator by itself. Here the descriptor is told the truth that holds then (reads no
registers, has no side effects), and Unicorn's translator drops the calls.

The price: ``uc_emu_stop`` from another thread or a device callback is no longer seen until the hook's deadline is. It applies to all Unicorn
instances of the process. Only the exact library that was studied is touched; any other runs as it is. ``INSTSIM_ACCELERATOR=off`` turns it off.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct
import sys
from dataclasses import dataclass

import numpy as np
import unicorn
from unicorn.unicorn_py3 import unicorn as binding

from instsim.isa import Isa

__all__ = ["ENVIRONMENT_VARIABLE", "ExitCheck", "relax_exit_check"]

ENVIRONMENT_VARIABLE = "INSTSIM_ACCELERATOR"
"""Set it to ``off`` to run Unicorn as it is."""

_VERSION = "2.1.4"
_TARGETS = {Isa.THUMB: "arm", Isa.RV32: "riscv32"}
_FLAGS_AS_BUILT, _SIZE_MASK = 0, 4
_NO_READ_GLOBALS, _NO_SIDE_EFFECTS = 1, 4
_DESCRIPTOR = struct.Struct("<QQII")
_PROT_READ, _PROT_WRITE = 1, 2


@dataclass(frozen=True, slots=True)
class ExitCheck:
    """Unicorn's exit check.

    Attributes
    ----------
    helper : int
        Address of ``helper_check_exit_request(engine, 0)``, which leaves the emulator if a stop was asked for; 0 if it was not found.
    is_relaxed : bool
        Whether the translator leaves its calls out.
    """

    helper: int
    is_relaxed: bool


@functools.cache
def relax_exit_check(isa: Isa) -> ExitCheck:
    """Let Unicorn's translator leave the exit checks out, if this is the library that was studied.

    Parameters
    ----------
    isa : Isa
        Unicorn has one helper for each processor family.
    """
    if os.environ.get(ENVIRONMENT_VARIABLE, "").lower() in ("off", "0", "no"):
        return ExitCheck(0, is_relaxed=False)
    studied = unicorn.__version__ == _VERSION and sys.platform == "linux" and platform.machine() == "x86_64" and struct.calcsize("P") == 8
    if not studied:
        return ExitCheck(0, is_relaxed=False)
    try:
        name = f"check_exit_request_{_TARGETS[isa]}"
        helper = ctypes.cast(getattr(binding.uclib, f"helper_{name}"), ctypes.c_void_p).value or 0
        descriptor = _find_descriptor(helper, name.encode() + b"\0")
    except (AttributeError, OSError, ValueError):
        return ExitCheck(0, is_relaxed=False)
    if descriptor is None:
        return ExitCheck(0, is_relaxed=False)
    address, protection = descriptor
    return ExitCheck(helper, is_relaxed=_write_flags(address, protection))


def _find_descriptor(helper: int, name: bytes) -> tuple[int, int] | None:
    """Return address and page protection of the one descriptor of the helper, or None if there is not exactly one."""
    library = next((line.split()[-1] for line in _maps() if "libunicorn" in line), None)
    found = []
    readable = [(line, line.split()) for line in _maps() if library is not None and line.split()[-1] == library]
    for _, fields in readable:
        low, high = (int(part, 16) for part in fields[0].split("-"))
        if fields[1][0] != "r" or fields[1][2] == "x":
            continue
        words = memoryview((ctypes.c_uint64 * ((high - low) // 8)).from_address(low)).cast("B").cast("Q")
        for index in np.flatnonzero(np.frombuffer(words, np.uint64) == helper).tolist():
            if 8 * index + _DESCRIPTOR.size <= high - low:
                _, text, flags, mask = _DESCRIPTOR.unpack_from(words, 8 * index)
                if (flags, mask) == (_FLAGS_AS_BUILT, _SIZE_MASK) and _text_at(text, len(name), readable) == name:
                    found.append((low + 8 * index, _PROT_READ | (_PROT_WRITE if fields[1][1] == "w" else 0)))
    return found[0] if len(found) == 1 else None


def _text_at(address: int, length: int, readable: list[tuple[str, list[str]]]) -> bytes:
    for _, fields in readable:
        low, high = (int(part, 16) for part in fields[0].split("-"))
        if low <= address and address + length <= high and fields[1][0] == "r":
            return ctypes.string_at(address, length)
    return b""


def _maps() -> list[str]:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 -- no path of the user's
        return [line for line in stream.read().splitlines() if len(line.split()) >= 6]


def _write_flags(address: int, protection: int) -> bool:
    page = os.sysconf("SC_PAGESIZE")
    start = address // page * page
    length = (address + _DESCRIPTOR.size - start + page - 1) // page * page
    mprotect = ctypes.CDLL(None, use_errno=True).mprotect
    mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if mprotect(start, length, _PROT_READ | _PROT_WRITE) != 0:
        return False
    ctypes.c_uint32.from_address(address + 16).value = _NO_READ_GLOBALS | _NO_SIDE_EFFECTS
    mprotect(start, length, protection)
    return True
