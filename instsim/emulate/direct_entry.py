"""Starting at a function instead of at reset, for images whose boot cannot run."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from instsim.emulate.spec import MemoryKind
from instsim.errors import ImageError
from instsim.isa import Isa

if TYPE_CHECKING:
    from instsim.emulate.machine import Machine

__all__ = ["start_at"]

_GLOBAL_POINTER, _GP = "__global_pointer$", 3
_ENDLESS_LOOPS = {Isa.THUMB: 0xE7FE, Isa.RV32: 0x0000006F}
_RESERVED_BYTES = 16
_CPACR, _FULL_ACCESS = 0xE000ED88, 0x00F00000


def start_at(machine: Machine, address: int) -> None:
    """Prepare a machine to run one function: data copied to RAM as start-up code would, a stack, a return address that ends in a loop.

    Constructors do not run. The stack is the vector table's on Cortex-M, else the end of the largest RAM.

    Raises
    ------
    ImageError
        If the chip has no RAM for a stack.
    """
    for segment in machine.image.segments:
        if segment.virtual_address != segment.address and segment.data:
            machine.memory.write(segment.virtual_address, segment.data)
    top = _stack_top(machine)
    loop = top - _RESERVED_BYTES
    machine.memory.write(loop, struct.pack("<I", _ENDLESS_LOOPS[machine.isa]))
    engine = machine.engine
    engine.write_register(engine.registers.sp, loop)
    engine.write_register(engine.registers.link, loop | 1 if machine.isa is Isa.THUMB else loop)
    if machine.isa is Isa.THUMB:
        machine.devices.write(_CPACR, 4, _FULL_ACCESS)
    else:
        pointer = machine.image.symbol(_GLOBAL_POINTER)
        if pointer is not None:
            engine.write_register(engine.registers.general[_GP], pointer.address)
    machine.start_from(address, loop)


def _stack_top(machine: Machine) -> int:
    table = machine.image.vector_table
    sp = machine.memory.word(table) if table is not None and machine.isa is Isa.THUMB else None
    if sp is not None:
        found = machine.memory.find(sp - 4)
        if found is not None and found[0].spec.kind is MemoryKind.RAM:
            return sp & ~7
    banks = [bank.spec for bank in machine.memory.banks if bank.spec.kind is MemoryKind.RAM]
    if not banks:
        raise ImageError(f"{machine.spec.name} has no RAM for a stack")
    largest = max(banks, key=lambda spec: spec.size)
    return largest.address + largest.size
