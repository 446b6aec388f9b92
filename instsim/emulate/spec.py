"""What the machine is told about the chip: plain values, made by whoever knows boards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from instsim.isa import Isa

__all__ = ["BlockCycles", "MachineSpec", "MemoryKind", "MemorySpec"]

BlockCycles = Callable[[int, bytes], float]
"""``block_cycles(address, code)``: mean cycles of one execution of a block, for the timers that firmware reads."""


class MemoryKind(StrEnum):
    """What the firmware may do to a memory."""

    FLASH = "flash"
    """Read and executed; a store is an error."""
    RAM = "ram"
    """Read, written and executed."""


@dataclass(frozen=True, slots=True)
class MemorySpec:
    """One memory of the chip.

    Attributes
    ----------
    name : str
        For messages.
    kind : MemoryKind
        Flash-like or RAM-like.
    address, size : int
        Where it lies; both multiples of 4096 (`MachineSpec` users round outward).
    aliases : tuple of int
        Further addresses at which the same bytes appear.
    """

    name: str
    kind: MemoryKind
    address: int
    size: int
    aliases: tuple[int, ...] = ()


@dataclass(frozen=True)
class MachineSpec:
    """The chip as the emulator sees it.

    Attributes
    ----------
    name : str
        Board's name, for messages.
    isa : Isa
        Instruction set.
    cpu : str
        Emulated processor: ``cortex-m0``, ``cortex-m3``, ``cortex-m4``, ``cortex-m7``, ``cortex-m33``, ``rv32``.
    memories : tuple of MemorySpec
        Not overlapping.
    device_windows : tuple of (int, int)
        Start and size of address ranges that hold device registers.
    clock_hz : float
        Core clock, for semihosting's clock.
    """

    name: str
    isa: Isa
    cpu: str
    memories: tuple[MemorySpec, ...]
    device_windows: tuple[tuple[int, int], ...]
    clock_hz: float
