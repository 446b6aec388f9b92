"""Memory systems of the simulated RTL: caches that belong to a core, in front of memory without wait states."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from instsim.cost import CoreTable, CostModel, load_board
from instsim.cost.board import MemoryRegion
from instsim.cost.memory_resolution import resolve
from instsim.cost.memory_table import load_memory
from instsim.emulate.spec import MachineSpec, MemoryTiming

__all__ = ["rtl_memory"]


def rtl_memory(table: Path, core: CoreTable, soc: MachineSpec) -> MemoryTiming:
    """Return what the memories of a simulated system cost.

    Parameters
    ----------
    table : Path
        File of the memory system; its paths name the memories of `soc`.
    core : CoreTable
        The core in front of it.
    soc : MachineSpec
        Where the memories lie.
    """
    regions = tuple(MemoryRegion(memory.name, str(memory.kind), memory.address, memory.size) for memory in soc.memories)
    # A memory system is resolved for a board; of this one only the memories count.
    board = replace(load_board("generic-rv32"), name=soc.name, memories=regions)
    system = resolve(load_memory(table), board, soc.clock_hz).system
    return MemoryTiming(lambda _registers: (system,), {}, partial(CostModel(core).schedule, core.isa))
