"""Memory that the user writes before the region and reads behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from instsim.errors import UsageError

if TYPE_CHECKING:
    from instsim.emulate.machine import Machine

__all__ = ["Peek", "Poke", "RegionAccess"]


@dataclass(frozen=True, slots=True)
class Poke:
    """Bytes to write: what the user called the place, its address, and the bytes."""

    name: str
    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Peek:
    """Memory to read: what the user called the place, its address, and its length in bytes."""

    name: str
    address: int
    size: int


class RegionAccess:
    """Does what was asked, once.

    Parameters
    ----------
    machine : Machine
        Its memory.
    pokes, peeks : tuple of Poke, tuple of Peek
        What to write and read.

    Raises
    ------
    UsageError
        If one of them does not lie in the memory of the chip.
    """

    def __init__(self, machine: Machine, pokes: tuple[Poke, ...], peeks: tuple[Peek, ...]) -> None:
        self._memory = machine.memory
        self._pokes, self._peeks = pokes, peeks
        self._is_written = False
        self.found: dict[Peek, bytes] = {}
        places = [("--poke", poke.name, poke.address, len(poke.data)) for poke in pokes]
        places += [("--peek", peek.name, peek.address, peek.size) for peek in peeks]
        for option, name, address, size in places:
            if self._memory.read(address, size) is None:
                raise UsageError(f"{option} {name}: {size:,} bytes at {address:#010x} do not lie in the memory of {machine.spec.name}")

    def before(self) -> None:
        """Write, as the region opens."""
        if not self._is_written:
            self._is_written = True
            for poke in self._pokes:
                self._memory.write(poke.address, poke.data)

    def after(self) -> None:
        """Read, as the region closes."""
        for peek in self._peeks:
            self.found.setdefault(peek, self._memory.read(peek.address, peek.size) or b"")
