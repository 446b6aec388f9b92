"""From a board and a core table to the machine that the emulator builds."""

from __future__ import annotations

from instsim.cost import Board, CoreTable
from instsim.cost.exception_events import EXCEPTION_EVENTS
from instsim.emulate import DeviceSpec, InterruptSpec, MachineSpec, MemoryKind, MemorySpec
from instsim.emulate.spec import ExceptionCycles
from instsim.isa import Isa

__all__ = ["machine_spec"]

_PAGE = 4096
_CLINT, _MATRIX = "clint", "esp32c3-interrupt-matrix"
_HAZARD3 = "hazard3"
_OF_THE_CORE = (_CLINT, _MATRIX)


def machine_spec(board: Board, core: CoreTable, clock_hz: float) -> MachineSpec:
    """Describe a board to the emulator.

    Parameters
    ----------
    board : Board
        Memory map and devices.
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
        MemorySpec(m.name, MemoryKind.RAM if m.writable else MemoryKind.FLASH, m.address, m.size_bytes, m.aliases, m.contents, m.ignores_stores)
        for m in board.memories
        if m.kind != "device"
    )
    windows = [(d.address, d.address + d.size_bytes) for d in board.devices]
    windows += [(m.address, m.address + m.size_bytes) for m in board.memories if m.kind == "device"]
    for memory in memories:
        start, stop = memory.address // _PAGE * _PAGE, -(-(memory.address + memory.size) // _PAGE) * _PAGE
        windows = [part for low, high in windows for part in ((low, min(high, start)), (max(low, stop), high)) if part[0] < part[1]]
    pages = sorted({(low // _PAGE * _PAGE, -(-high // _PAGE) * _PAGE - low // _PAGE * _PAGE) for low, high in windows})
    return MachineSpec(
        board.name,
        core.isa,
        core.emulated_cpu,
        memories,
        tuple(pages),
        clock_hz,
        interrupts=_interrupts(board, core),
        devices=tuple(
            DeviceSpec(d.model, d.name, d.address, d.size_bytes, d.irqs, d.parameters) for d in board.models if d.model not in _OF_THE_CORE
        ),
        mirrors=tuple((w.address, w.size_bytes, w.mirror_of) for w in board.devices if w.mirror_of is not None),
        atomic_windows=tuple((w.address, w.size_bytes) for w in board.devices if w.atomic_aliases),
        stack_pointer=board.boot.stack_pointer,
    )


def _interrupts(board: Board, core: CoreTable) -> InterruptSpec:
    """Interrupt hardware that a board file lists as a device; the core's own otherwise."""
    clint = next((device for device in board.models if device.model == _CLINT), None)
    matrix = next((device for device in board.models if device.model == _MATRIX), None)
    return InterruptSpec(
        priority_bits=board.priority_bits,
        clint=None if clint is None else clint.address,
        clint_divider=1 if clint is None else int(dict(clint.parameters).get("divider", 1)),
        esp32c3_matrix=None if matrix is None else matrix.address,
        hazard3=core.name == _HAZARD3,
        cycles=_exception_cycles(core),
    )


def _exception_cycles(core: CoreTable) -> ExceptionCycles:
    """Return how long a core takes to change to handlers and back; nothing where its table does not say."""
    cycles = {name: core.events[name].cycles if name in core.events else 0.0 for name in EXCEPTION_EVENTS}
    return ExceptionCycles(
        entry=cycles["interrupt-entry" if core.isa is Isa.RV32 else "exception-entry"],
        leave=cycles["exception-return"],
        tail_chain=cycles["exception-tail-chain"],
        float_save=cycles["exception-float-save"],
    )
