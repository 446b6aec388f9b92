"""Tensor arenas, found by the header that their allocator leaves in them."""

from __future__ import annotations

import struct

import pytest

from instsim.emulate import MemoryKind, MemorySpec
from instsim.emulate.arena import Arena, find_arena
from instsim.emulate.memory import Memory

_FLASH, _RAM, _MORE_RAM, _BEHIND = 0x0800_0000, 0x2000_0000, 0x2000_4000, 0x1000_0000
_VTABLE = _FLASH + 0x100


def memory() -> Memory:
    return Memory(
        (
            MemorySpec("flash", MemoryKind.FLASH, _FLASH, 0x1000),
            MemorySpec("sram1", MemoryKind.RAM, _RAM, 0x4000),
            MemorySpec("sram2", MemoryKind.RAM, _BEHIND, 0x4000, aliases=(_MORE_RAM,)),
        )
    )


def with_arena(start: int, stop: int, object_bytes: int, first_field: int = 8, vtable: int = _VTABLE) -> Memory:
    """Memory with an arena in which 64 bytes at the head and 128 at the tail are in use."""
    found = memory()
    words = [vtable, *[0] * (first_field // 4 - 1), start, stop, start + 64, stop - 128, start + 64]
    found.write(stop - object_bytes, struct.pack(f"<{len(words)}I", *words))
    return found


@pytest.mark.parametrize(("object_bytes", "first_field"), [(28, 8), (36, 8), (40, 12), (52, 8), (60, 8)])
def test_the_allocators_of_all_years_are_known(object_bytes: int, first_field: int) -> None:
    start, stop = _RAM + 0x70, _RAM + 0x2070
    found = find_arena(with_arena(start, stop, object_bytes, first_field))
    assert found == Arena(start, stop - start, 64 + 128, stop - object_bytes + first_field, has_temp=True)


def test_an_allocator_without_a_field_for_temporaries_ends_behind_its_tail() -> None:
    found = find_arena(with_arena(_RAM, _RAM + 0x1000, 24))
    assert found is not None
    assert (found.used_bytes, found.has_temp) == (192, False)


def test_an_arena_may_reach_from_one_memory_into_the_next() -> None:
    found = find_arena(with_arena(_RAM + 0x3000, _MORE_RAM + 0x1000, 36))
    assert found is not None
    assert (found.address, found.size_bytes) == (_RAM + 0x3000, 0x2000)


def test_an_arena_is_found_at_either_address_of_its_memory() -> None:
    for start in (_MORE_RAM, _BEHIND):
        found = find_arena(with_arena(start, start + 0x1000, 36))
        assert found is not None
        assert (found.address, found.fields) == (start, start + 0x1000 - 36 + 8)


def test_code_may_lie_in_another_memory_that_is_not_known_for_flash() -> None:
    found = find_arena(with_arena(_RAM, _RAM + 0x1000, 36, vtable=_MORE_RAM))
    assert found is not None


def test_what_begins_outside_ram_or_has_its_functions_there_is_none() -> None:
    assert find_arena(with_arena(_RAM - 0x1000, _RAM + 0x1000, 36)) is None
    assert find_arena(with_arena(_RAM, _RAM + 0x1000, 36, vtable=_RAM)) is None
    assert find_arena(with_arena(_RAM, _RAM + 0x1000, 64)) is None


def test_two_arenas_are_not_told_apart() -> None:
    found = with_arena(_RAM, _RAM + 0x1000, 36)
    words = (_VTABLE, 0, _MORE_RAM, _MORE_RAM + 0x800, _MORE_RAM, _MORE_RAM + 0x700, _MORE_RAM)
    found.write(_MORE_RAM + 0x800 - 36, struct.pack("<7I", *words))
    assert find_arena(found) is None
