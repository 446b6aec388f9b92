"""The tensor arena of TensorFlow Lite Micro, found by the header that its allocator leaves in it.

The allocator object is its own first allocation, at the arena's top. Layout: tensorflow/tflite-micro,
``tensorflow/lite/micro/arena_allocator/single_arena_buffer_allocator.h`` and, before July 2022, ``simple_memory_allocator.h``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instsim.emulate.memory import Bank, Memory
from instsim.emulate.spec import MemoryKind

__all__ = ["Arena", "find_arena", "find_arenas"]

_FIELD_OFFSETS = (8, 12)
"""Offset of ``buffer_head``; ``buffer_tail``, ``head``, ``tail`` and ``temp`` follow."""

_OBJECT_BYTES = (24, 60)
"""From TF 2.3 to the recording allocator of today."""

_OBJECT_WITH_TEMP = 28
"""TF 2.3 had no ``temp`` yet: its object ends behind ``tail``."""


@dataclass(frozen=True, slots=True)
class Arena:
    """A tensor arena.

    Attributes
    ----------
    address, size_bytes : int
        Where it lies and how large it is.
    used_bytes : int
        What ``arena_used_bytes()`` would return.
    fields : int
        Address of the allocator's ``buffer_head``; ``buffer_tail``, ``head`` and ``tail`` follow, and ``temp`` if there is one.
    has_temp : bool
        Whether the allocator has that last field.
    """

    address: int
    size_bytes: int
    used_bytes: int
    fields: int = 0
    has_temp: bool = True


def find_arena(memory: Memory) -> Arena | None:
    """Return the arena, or None if none or more than one plausible header lies in RAM."""
    found = find_arenas(memory)
    return found[0] if len(found) == 1 else None


def find_arenas(memory: Memory) -> tuple[Arena, ...]:
    """Return everything in RAM that looks like an arena's header, by address."""
    found: set[Arena] = set()
    # Pointers hold the address that the firmware uses, which may be an alias: STM32L4 firmware sees its SRAM2 behind SRAM1.
    for start, bank in memory.windows:
        if bank.spec.kind is MemoryKind.RAM:
            for offset, size in memory.used_spans(bank):
                found.update(_headers(bank, start, offset, size, memory))
    return tuple(sorted(found, key=lambda arena: arena.fields))


def _headers(bank: Bank, bank_start: int, offset: int, size: int, memory: Memory) -> list[Arena]:
    words = bank.bytes[offset : offset + size].view("<u4")
    own = np.arange(bank_start + offset, bank_start + offset + size, 4, dtype=np.uint32)
    found = []
    for first in _FIELD_OFFSETS:
        at = first // 4
        count = words.size - at - 5
        if count <= 0:
            continue
        # Few words point just behind themselves: only those are looked at closely. Differences wrap around below 0.
        near = np.flatnonzero(words[at + 1 : at + 1 + count] - own[:count] - _OBJECT_BYTES[0] <= _OBJECT_BYTES[1] - _OBJECT_BYTES[0])
        buffer_head, buffer_tail, head, tail, temp = (words[near + at + k].astype(np.int64) for k in range(5))
        position = bank_start + offset + 4 * near
        plausible = (
            (buffer_head <= head)
            & (head <= tail)
            & (tail <= position)
            & ((buffer_tail - position < _OBJECT_WITH_TEMP) | ((head <= temp) & (temp <= tail)))
        )
        for index in np.flatnonzero(plausible).tolist():
            # An arena may begin in another RAM, where a chip has them side by side.
            start_bank, vtable = memory.find(int(buffer_head[index])), memory.find(int(words[near[index]]))
            if start_bank is None or start_bank[0].spec.kind is not MemoryKind.RAM:
                continue
            # The generic boards do not know which of their memories is flash, so another memory than the object's will do.
            if vtable is not None and (vtable[0].spec.kind is MemoryKind.FLASH or vtable[0] is not bank):
                start, stop = int(buffer_head[index]), int(buffer_tail[index])
                has_temp = stop - int(position[index]) >= _OBJECT_WITH_TEMP
                used = max(int(head[index]), int(temp[index]) if has_temp else 0) - start + stop - int(tail[index])
                found.append(Arena(start, stop - start, used, int(position[index]) + first, has_temp))
    return found
