"""Words at an address, for native hooks. Imported only where hooks are compiled, because it imports numba."""

from __future__ import annotations

from typing import Any

import numba
from numba import types

__all__ = ["HALF_WORDS", "OCTETS", "POINTER", "WORDS32", "half_words", "octets", "words", "words32"]

POINTER = types.CPointer(types.uint64)
HALF_WORDS = types.CPointer(types.uint16)
WORDS32 = types.CPointer(types.uint32)
OCTETS = types.CPointer(types.uint8)


def _view(pointer: Any, what: str) -> Any:
    """Return a function for compiled code that takes an address for an array."""

    def view(_context: Any, _address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(pointer))

        return pointer(types.uint64), generate

    view.__doc__ = f"Return the {what} at an address as an array."
    return numba.extending.intrinsic(view)


words = _view(POINTER, "64-bit words")
half_words = _view(HALF_WORDS, "16-bit words")
words32 = _view(WORDS32, "32-bit words")
octets = _view(OCTETS, "bytes")
