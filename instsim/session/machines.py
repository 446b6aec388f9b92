"""From a board and a core table to the machine that the emulator builds."""

from __future__ import annotations

from instsim.cost import Board, CoreTable
from instsim.emulate import MachineSpec, MemoryKind, MemorySpec

__all__ = ["machine_spec"]

_PAGE = 4096


def machine_spec(board: Board, core: CoreTable, clock_hz: float) -> MachineSpec:
    """Describe a board to the emulator.

    Parameters
    ----------
    board : Board
        Memory map and device windows.
    core : CoreTable
        Which processor to emulate.
    clock_hz : float
        Core clock.

    Returns
    -------
    MachineSpec
        Device windows without the memories that lie in them.
    """
    memories = tuple(
        MemorySpec(m.name, MemoryKind.RAM if m.writable else MemoryKind.FLASH, m.address, m.size_bytes, m.aliases)
        for m in board.memories
        if m.kind != "device"
    )
    windows = [(d.address, d.address + d.size_bytes) for d in board.devices]
    windows += [(m.address, m.address + m.size_bytes) for m in board.memories if m.kind == "device"]
    for memory in memories:
        start, stop = memory.address // _PAGE * _PAGE, -(-(memory.address + memory.size) // _PAGE) * _PAGE
        windows = [part for low, high in windows for part in ((low, min(high, start)), (max(low, stop), high)) if part[0] < part[1]]
    pages = sorted({(low // _PAGE * _PAGE, -(-high // _PAGE) * _PAGE - low // _PAGE * _PAGE) for low, high in windows})
    return MachineSpec(board.name, core.isa, core.emulated_cpu, memories, tuple(pages), clock_hz)
