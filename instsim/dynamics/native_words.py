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


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def words(_context: Any, _address: Any) -> Any:
    """Return the 64-bit words at an address as an array."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(POINTER))

    return POINTER(types.uint64), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def half_words(_context: Any, _address: Any) -> Any:
    """Return the 16-bit words at an address as an array."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(HALF_WORDS))

    return HALF_WORDS(types.uint64), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def words32(_context: Any, _address: Any) -> Any:
    """Return the 32-bit words at an address as an array."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(WORDS32))

    return WORDS32(types.uint64), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def octets(_context: Any, _address: Any) -> Any:
    """Return the bytes at an address as an array."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(OCTETS))

    return OCTETS(types.uint64), generate
