"""Leading an interpreter from the firmware's own model to another.

A FlatBuffer begins with the distance to its root table, added modulo 2**32: one word at the old model's address leads to a root anywhere in memory.
Where the compiler has read that word itself, the old root table stays, and each of its fields leads to the new model instead. The rest of the
old model is overwritten, so that nothing of it can be read by mistake.
"""

from __future__ import annotations

import struct

from instsim.errors import SwapError
from instsim.swap.facts import RunnerFacts

__all__ = ["blank_model", "redirected_model"]

_WORD = 0xFFFFFFFF
_ERASED = b"\xff"
_FIRST_OFFSET_FIELD = 6
"""The index of the model's table: its version, a number, comes first; all other fields are offsets."""
_NEEDED_FIELDS = (6, 8, 12)
"""Operator codes, subgraphs and buffers."""


def redirected_model(facts: RunnerFacts, model: bytes, address: int) -> bytes:
    """Return what is to lie at the own model's address, so that the model at `address` is read.

    Parameters
    ----------
    facts : RunnerFacts
        The runner.
    model : bytes
        The other model, checked.
    address : int
        Where that lies.

    Raises
    ------
    SwapError
        If the own root table stays and lacks a field that the other model needs.
    """
    root = int.from_bytes(model[:4], "little")
    if not facts.is_folded:
        return struct.pack("<I", address + root - facts.model_address & _WORD)
    return _redirected_root(facts, model, address, root)


def blank_model(facts: RunnerFacts) -> bytes:
    """Return the bytes that take the own model's place where nothing of it is to be read."""
    return _ERASED * len(facts.own_model)


def _redirected_root(facts: RunnerFacts, model: bytes, address: int, root: int) -> bytes:
    own, place = facts.own_model, facts.root_offset
    index, index_size, table_size = _index(own, place)
    new_index, new_index_size, _ = _index(model, root)
    body = bytearray(blank_model(facts))
    for start, size in ((0, 8), (place, table_size), (index, index_size)):
        body[start : start + size] = own[start : start + size]
    for field in range(_FIRST_OFFSET_FIELD, max(index_size, new_index_size), 2):
        (offset,) = struct.unpack_from("<H", own, index + field) if field < index_size else (0,)
        (new_offset,) = struct.unpack_from("<H", model, new_index + field) if field < new_index_size else (0,)
        if not offset:
            if new_offset and field in _NEEDED_FIELDS:
                raise SwapError("runner", "the firmware's own model has no place for a field that the other model has, and its compiler has read it")
            continue
        if not new_offset:
            struct.pack_into("<H", body, index + field, 0)
            continue
        target = address + root + new_offset + struct.unpack_from("<I", model, root + new_offset)[0]
        struct.pack_into("<I", body, place + offset, target - (facts.model_address + place + offset) & _WORD)
    return bytes(body)


def _index(buffer: bytes, table: int) -> tuple[int, int, int]:
    """Return place and size of a table's index, and the table's size."""
    index = table - struct.unpack_from("<i", buffer, table)[0]
    return (index, *struct.unpack_from("<HH", buffer, index))
