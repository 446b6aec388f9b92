"""Telling calls of kernels from other indirect calls in machine code: what `instsim.emulate.kernels` tells of each, asked at every one.

Compiled when the object code is not in the cache (`instsim.emulate.native`).
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.native_words import half_words, words, words32
from instsim.emulate.kernels import INVOKE, PREPARE, REGISTRATION_OFFSETS

__all__ = ["is_kernel", "riscv_calls_register", "thumb_calls_register"]

_OFFSETS, _INVOKE, _PREPARE = REGISTRATION_OFFSETS, INVOKE, PREPARE


def _half(address: Any, code: Any) -> Any:
    page = words(code)[address >> 12 & 0xFFFFF]
    return 0 if page == 0 else half_words(page + (address & 0xFFE))[0]


def thumb_calls_register(end: Any, code: Any) -> Any:
    """Return 1 if the Thumb instruction that ends at `end`, at a block's end, is one of `instsim.isa.indirect_call_sites`."""
    return _half(end - 2, code) & 0xFF87 == 0x4780


def riscv_calls_register(end: Any, code: Any) -> Any:
    """Return the same for RV32; 1 for some direct jumps, too."""
    half = _half(end - 2, code)
    compressed = half & 0xF07F == 0x9002 and half & 0x0F80 != 0
    return compressed or _half(end - 4, code) & 0x7FFF == 0x00E7


def _word(address: Any, pages: Any) -> Any:
    """Return an aligned word of the machine's memory, 0 where there is none."""
    page = words(pages)[address >> 12 & 0xFFFFF]
    return 0 if page == 0 else words32(page + (address & 0xFFC))[0]


def is_kernel(target: Any, node: Any, pages: Any) -> Any:
    """Tell whether `KernelFinder.classify` knows a call: target as the code has it, second argument; `pages` are `Memory.host_pages`."""
    if node & 3 != 0:
        return False
    for place in range(len(_OFFSETS)):
        registration = _word(node + _OFFSETS[place], pages)
        if registration == 0 or registration & 3 != 0:
            continue
        if _word(registration + _INVOKE, pages) == target or _word(registration + _PREPARE, pages) == target:
            return True
    return False
