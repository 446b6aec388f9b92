"""Telling calls of kernels from other indirect calls in machine code: what `instsim.emulate.kernels` tells of each, asked at every one.

Imported only when the object code is not in the cache, because it imports numba.
"""

from __future__ import annotations

from typing import Any

import numba
from numba import types

from instsim.dynamics.native_words import half_words, words, words32
from instsim.emulate.kernels import INVOKE, PREPARE, REGISTRATION_OFFSETS

__all__ = ["is_kernel", "riscv_calls_register", "thumb_calls_register"]

_U64 = types.uint64
_OFFSETS, _INVOKE, _PREPARE = REGISTRATION_OFFSETS, INVOKE, PREPARE


@numba.njit  # type: ignore[untyped-decorator]
def _half(address: Any, code: Any) -> Any:
    page = words(code)[address >> _U64(12) & _U64(0xFFFFF)]
    return _U64(0) if page == _U64(0) else _U64(half_words(page + (address & _U64(0xFFE)))[0])


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def thumb_calls_register(end: Any, code: Any) -> Any:
    """Return 1 if the Thumb instruction that ends at `end`, at a block's end, is one of `instsim.isa.indirect_call_sites`."""
    return _U64(_half(end - _U64(2), code) & _U64(0xFF87) == _U64(0x4780))


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def riscv_calls_register(end: Any, code: Any) -> Any:
    """Return the same for RV32; 1 for some direct jumps, too."""
    half = _half(end - _U64(2), code)
    compressed = half & _U64(0xF07F) == _U64(0x9002) and half & _U64(0x0F80) != _U64(0)
    return _U64(compressed or _half(end - _U64(4), code) & _U64(0x7FFF) == _U64(0x00E7))


@numba.njit  # type: ignore[untyped-decorator]
def _word(address: Any, pages: Any) -> Any:
    """Return an aligned word of the machine's memory, 0 where there is none."""
    page = words(pages)[address >> _U64(12) & _U64(0xFFFFF)]
    return _U64(0) if page == _U64(0) else _U64(words32(page + (address & _U64(0xFFC)))[0])


@numba.njit  # type: ignore[untyped-decorator]
def is_kernel(target: Any, node: Any, pages: Any) -> Any:
    """Tell whether `KernelFinder.classify` knows a call: target as the code has it, second argument; `pages` are `Memory.host_pages`."""
    if node & _U64(3) != _U64(0):
        return False
    for place in range(len(_OFFSETS)):
        registration = _word(node + _U64(_OFFSETS[place]), pages)
        if registration == _U64(0) or registration & _U64(3) != _U64(0):
            continue
        if _word(registration + _U64(_INVOKE), pages) == target or _word(registration + _U64(_PREPARE), pages) == target:
            return True
    return False
