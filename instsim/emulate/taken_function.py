"""A function of Unicorn's library that code of our own stands before: it is called instead, and can call what it replaces.

The function's first bytes are replaced by a jump. They are kept, followed by a jump to the rest of the function, as what to call for everything
that is not ours; a second piece of code that takes the same function finds the first one's there, and calls that.
Only for the exact library that was studied: the first bytes have to be what they were there. It applies to all Unicorn instances of the process.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct

from unicorn.unicorn_py3 import unicorn as binding

__all__ = ["TakenFunction", "call_of_hooks"]

_JUMP = bytes.fromhex("ff2500000000")
"""``jmp`` to the address that follows."""
_PROT_ALL, _PROT_CODE = 7, 5
_TRACE, _TRACE_CODE = "helper_uc_tracecode", bytes.fromhex("4155 89f0 83e63f 4189fd 4154 83e040 4989cc 55 4889d5 53")


class TakenFunction:
    """A function that can be taken over.

    Parameters
    ----------
    name : str
        Its name in the library.
    first_bytes : bytes
        Whole instructions that work at any address, at least as many bytes as a jump has.

    Raises
    ------
    AttributeError
        If the library has no such function.
    OSError
        If it does not begin with these bytes, or the host forbids executable memory.

    Attributes
    ----------
    original : int
        Address of what is called without us.
    """

    def __init__(self, name: str, first_bytes: bytes) -> None:
        self._address = ctypes.cast(getattr(binding.uclib, name), ctypes.c_void_p).value or 0
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code_bytes = 0
        head = ctypes.string_at(self._address, len(first_bytes))
        if head == first_bytes:
            self.original = self._place(first_bytes + _jump(self._address + len(first_bytes)))
        elif head.startswith(_JUMP):
            (self.original,) = struct.unpack_from("<Q", head, len(_JUMP))
        else:
            raise OSError("not the library that was studied")

    def _place(self, code: bytes) -> int:
        """Put machine code into executable memory; return its address."""
        start = self._code_bytes
        self._code[start : start + len(code)] = code
        self._code_bytes += -(-len(code) // 16) * 16
        return ctypes.addressof(ctypes.c_char.from_buffer(self._code)) + start

    def lead_to(self, function: int, more_arguments: bytes) -> None:
        """Have a function called instead for as long as the process lives.

        Parameters
        ----------
        function : int
            Its address.
        more_arguments : bytes
            Instructions that load what it is given beside the arguments of the one in the library.

        Raises
        ------
        OSError
            If the library's code cannot be written.
        """
        code = _jump(self._place(more_arguments + _jump(function)))
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._code))  # the library leads there even if nobody else remembers
        page = os.sysconf("SC_PAGESIZE")
        start = self._address // page * page
        length = -(-(self._address + len(code) - start) // page) * page
        mprotect = ctypes.CDLL(None, use_errno=True).mprotect
        mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        if mprotect(start, length, _PROT_ALL) != 0:
            raise OSError(ctypes.get_errno(), "the library's code cannot be written")
        ctypes.memmove(self._address, code, len(code))
        mprotect(start, length, _PROT_CODE)


def call_of_hooks() -> TakenFunction:
    """Return the function that translated code calls before a hooked instruction: ``helper_uc_tracecode(size, index, engine, address)``.

    Raises
    ------
    OSError, AttributeError
        As `TakenFunction`.
    """
    return TakenFunction(_TRACE, _TRACE_CODE)


def _jump(address: int) -> bytes:
    return _JUMP + struct.pack("<Q", address)
