"""Spare memory for what would not fit where the firmware has its own: at addresses that the chip does not use."""

from __future__ import annotations

from dataclasses import dataclass, replace

from instsim.emulate.memory import PAGE
from instsim.emulate.spec import MachineSpec, MemoryKind, MemorySpec
from instsim.errors import SwapError
from instsim.swap.checks import ARENA_ROOM_BYTES, LARGEST_MODEL_BYTES
from instsim.swap.facts import RunnerFacts

__all__ = ["CONGRUENCE_BYTES", "MODEL_ROOM_BYTES", "Spare", "add_spare"]

CONGRUENCE_BYTES = 1 << 16
"""Spare addresses equal those that they stand for modulo this: lines of a cache fall into the same sets."""

MODEL_ROOM_BYTES = LARGEST_MODEL_BYTES + 2 * CONGRUENCE_BYTES
_GRAIN = 1 << 24
_LOWEST, _HIGHEST = 0x01000000, 0xDF000000
"""Addresses above are the core's own on Cortex-M; below, vector tables and ROMs."""


@dataclass(frozen=True, slots=True)
class Spare:
    """Where the spare memories lie.

    Attributes
    ----------
    model : MemorySpec
        For the model: flash, or RAM for a runner that has it in RAM.
    arena : MemorySpec
        For the tensor arena.
    model_stands_for, arena_stands_for : str
        Memories of the chip that hold the firmware's own.
    """

    model: MemorySpec
    arena: MemorySpec
    model_stands_for: str
    arena_stands_for: str

    @property
    def landing(self) -> int:
        """A page for code, behind the model."""
        return self.model.address + MODEL_ROOM_BYTES - PAGE


def add_spare(spec: MachineSpec, facts: RunnerFacts) -> tuple[MachineSpec, Spare]:
    """Return a chip with spare memories beside its own, and where they are.

    Raises
    ------
    SwapError
        If the address space is full.
    """
    taken = [(m.address, m.address + m.size) for m in spec.memories]
    taken += [(alias, alias + m.size) for m in spec.memories for alias in m.aliases]
    taken += [(start, start + size) for start, size in spec.device_windows]
    model_at = _gap(spec, taken, facts.model_address, MODEL_ROOM_BYTES)
    taken.append((model_at, model_at + MODEL_ROOM_BYTES))
    arena_at = _gap(spec, taken, facts.arena.address, ARENA_ROOM_BYTES)
    kind = MemoryKind.RAM if facts.is_in_ram else MemoryKind.FLASH
    spare = Spare(
        MemorySpec("spare-model", kind, model_at, MODEL_ROOM_BYTES),
        MemorySpec("spare-arena", MemoryKind.RAM, arena_at, ARENA_ROOM_BYTES),
        _holder(spec, facts.model_address),
        _holder(spec, facts.arena.address),
    )
    return replace(spec, memories=(*spec.memories, spare.model, spare.arena)), spare


def _holder(spec: MachineSpec, address: int) -> str:
    """Return the name of the memory at an address."""
    return next((m.name for m in spec.memories for start in (m.address, *m.aliases) if start <= address < start + m.size), "")


def _gap(spec: MachineSpec, taken: list[tuple[int, int]], near: int, size: int) -> int:
    """Return the free stretch that is nearest to an address, from it upwards and then from the bottom."""
    candidates: list[int] = [*range(near // _GRAIN * _GRAIN, _HIGHEST - size, _GRAIN), *range(_LOWEST, near, _GRAIN)]
    for start in candidates:
        if start >= _LOWEST and all(stop <= start or start + size <= begin for begin, stop in taken):
            return start
    raise SwapError("runner", f"{spec.name} has no free stretch of {size:,} bytes in its address space for another model")
