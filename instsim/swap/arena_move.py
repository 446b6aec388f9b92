"""Moving the tensor arena: five words of its allocator, between its creation and its first use for the model."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from instsim.emulate.arena import Arena
from instsim.emulate.memory import PAGE, Memory
from instsim.swap.spare import CONGRUENCE_BYTES

__all__ = ["MovedArena", "is_arena_ready", "move_arena", "used_bytes"]

_FIELDS = struct.Struct("<5I")
_GUARD_BYTES = 2 * PAGE


@dataclass(frozen=True, slots=True)
class MovedArena:
    """Where the arena lies now.

    Attributes
    ----------
    address, size_bytes : int
        Start and size.
    """

    address: int
    size_bytes: int


def is_arena_ready(memory: Memory, arena: Arena) -> bool:
    """Return whether the allocator has been created where it was learned to be."""
    fields = _read(memory, arena)
    if fields is None:
        return False
    head, tail, used_head, used_tail, temporary = fields
    inside = head == arena.address and tail == arena.address + arena.size_bytes and head <= used_head <= used_tail < tail
    return inside and (not arena.has_temp or head <= temporary <= used_tail)


def move_arena(memory: Memory, arena: Arena, address: int, room: int, size_bytes: int | None) -> MovedArena:
    """Move the arena; what lies at its tail already stays where it is and counts as used.

    Parameters
    ----------
    memory : Memory
        The machine's; the allocator must be ready.
    arena : Arena
        As it was learned.
    address, room : int
        Spare RAM. The arena keeps the low bits of its address.
    size_bytes : int or None
        Of the arena; None for as much as there is.
    """
    fields = _read(memory, arena)
    assert fields is not None
    head, tail, _, used_tail, _ = fields
    base = address + head % CONGRUENCE_BYTES
    top = base + size_bytes if size_bytes is not None else (address + room - _GUARD_BYTES) // PAGE * PAGE + tail % PAGE
    words = (base, top, base, top - (tail - used_tail), base)
    memory.write(arena.fields, struct.pack("<5I" if arena.has_temp else "<4I", *words[: 5 if arena.has_temp else 4]))
    return MovedArena(base, top - base)


def used_bytes(memory: Memory, arena: Arena) -> int:
    """Return what ``arena_used_bytes()`` would."""
    fields = _read(memory, arena)
    assert fields is not None
    head, tail, used_head, used_tail, temporary = fields
    return max(used_head, temporary if arena.has_temp else 0) - head + tail - used_tail


def _read(memory: Memory, arena: Arena) -> tuple[int, int, int, int, int] | None:
    data = memory.read(arena.fields, _FIELDS.size)
    if data is None:
        return None
    first, second, third, fourth, fifth = _FIELDS.unpack(data)
    return first, second, third, fourth, fifth
