"""Bounds of every table and vector of a flatbuffer, checked before any of it is read.

FlatBuffers has a verifier for C++ but none for Python, and its Python accessors trust the buffer. What instsim reads comes out of a
firmware's flash, where no length is stored and where the identifier also occurs as a constant: so the whole tree is walked once, with
offsets, lengths and the work itself bounded. The accessors are then safe, and the furthest byte seen is the model's size.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from instsim.errors import ModelError

__all__ = ["Child", "Layout", "Scalar", "Tables", "Union", "Vector", "Verifier", "WorkBudget"]

_HINT = "Is this a complete TensorFlow Lite model?"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number stored in the table itself, of that many bytes."""

    width_bytes: int


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of numbers, or a string (one byte an element).

    Attributes
    ----------
    width_bytes : int
        Of one element.
    limit : int
        Most elements accepted.
    is_read : bool
        Whether the elements are read later: only then do they count as work.
    """

    width_bytes: int
    limit: int = 1 << 32
    is_read: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    """One table."""

    layout: Layout


@dataclass(frozen=True, slots=True)
class Tables:
    """A vector of tables, at most `limit` of them."""

    layout: Layout
    limit: int = 1 << 32


@dataclass(frozen=True, slots=True)
class Union:
    """A table whose layout is told by the number in the slot before; other numbers stand for tables without vectors."""

    members: Mapping[int, Layout] = field(default_factory=dict)


Field = Scalar | Vector | Child | Tables | Union

Layout = Mapping[int, Field]
"""Fields of a table by their slot (the schema's ``id``)."""


class WorkBudget:
    """Steps of work that may still be done; one step is about one access.

    Objects of a flatbuffer may be shared, so that a small hostile buffer could describe a tree of any size.

    Parameters
    ----------
    steps : int
        How many.
    """

    def __init__(self, steps: int) -> None:
        self.steps_left = steps

    @classmethod
    def for_bytes(cls, size: int) -> WorkBudget:
        """Return the budget of a buffer of `size` bytes: four times what unshared objects could need, a million steps at most."""
        return cls(min(size, 1_000_000) + 1_000)

    def spend(self, steps: int) -> None:
        """Take `steps` from the budget.

        Raises
        ------
        ModelError
            The budget is used up.
        """
        self.steps_left -= steps
        if self.steps_left < 0:
            raise ModelError("the model refers to the same bytes over and over, more often than any real model", hint=_HINT)


class Verifier:
    """Walks a flatbuffer by the layout of its tables.

    Parameters
    ----------
    buffer : memoryview
        Holds the flatbuffer and maybe much behind it.
    budget : WorkBudget
        What the walk may cost.

    Attributes
    ----------
    end : int
        Offset behind the furthest byte referred to so far.
    """

    def __init__(self, buffer: memoryview, budget: WorkBudget) -> None:
        self._buffer = buffer
        self._budget = budget
        self.end = 0

    def extend(self, start: int, size: int, what: str) -> None:
        """Note that ``start .. start + size`` belongs to the flatbuffer.

        Raises
        ------
        ModelError
            It lies outside the buffer.
        """
        if start < 0 or start + size > len(self._buffer):
            raise ModelError(
                f"a {what} of the model at offset {start:#x}, {size:,} bytes long, lies outside the {len(self._buffer):,} bytes at hand", hint=_HINT
            )
        self.end = max(self.end, start + size)

    def table(self, position: int, layout: Layout) -> None:
        """Check the table at `position` and all that hangs on it.

        Raises
        ------
        ModelError
            Something lies outside the buffer, is too long, or the budget is used up.
        """
        self._budget.spend(1)
        self.extend(position, 4, "table")
        (to_vtable,) = struct.unpack_from("<i", self._buffer, position)
        vtable = position - to_vtable
        self.extend(vtable, 4, "table's index")
        vtable_size, table_size = struct.unpack_from("<HH", self._buffer, vtable)
        if vtable_size < 4 or vtable_size % 2 or table_size < 4:
            raise ModelError(f"the table at offset {position:#x} has no valid index", hint=_HINT)
        self.extend(vtable, vtable_size, "table's index")
        self.extend(position, table_size, "table")
        offsets = struct.unpack_from(f"<{vtable_size // 2 - 2}H", self._buffer, vtable + 4)
        for slot, kind in layout.items():
            offset = offsets[slot] if slot < len(offsets) else 0
            if offset == 0:
                continue
            width = kind.width_bytes if isinstance(kind, Scalar) else 4
            if offset < 4 or offset + width > table_size:
                raise ModelError(f"field {slot} of the table at offset {position:#x} lies outside the table", hint=_HINT)
            if isinstance(kind, Union):
                type_offset = offsets[slot - 1]
                if type_offset >= table_size:
                    raise ModelError(f"field {slot - 1} of the table at offset {position:#x} lies outside the table", hint=_HINT)
                if type_offset:
                    self.table(self._follow(position + offset), kind.members.get(self._buffer[position + type_offset], {}))
            elif isinstance(kind, Child):
                self.table(self._follow(position + offset), kind.layout)
            elif not isinstance(kind, Scalar):
                self._vector(self._follow(position + offset), kind)

    def _follow(self, position: int) -> int:
        (distance,) = struct.unpack_from("<I", self._buffer, position)
        return position + int(distance)

    def _vector(self, position: int, kind: Vector | Tables) -> None:
        self.extend(position, 4, "vector")
        (length,) = struct.unpack_from("<I", self._buffer, position)
        if length > kind.limit:
            raise ModelError(
                f"the vector at offset {position:#x} has {length:,} elements, more than the {kind.limit:,} any real model has", hint=_HINT
            )
        if isinstance(kind, Vector):
            self.extend(position, 4 + length * kind.width_bytes, "vector")
            self._budget.spend(1 + length * kind.width_bytes // 4 if kind.is_read else 1)
            return
        self.extend(position, 4 + length * 4, "vector")
        for element in range(position + 4, position + 4 + length * 4, 4):
            self.table(self._follow(element), kind.layout)
