"""Starting at a function instead of at reset, for images whose boot cannot run."""

from __future__ import annotations

import struct

from instsim.emulate.chip import Chip
from instsim.emulate.spec import MemoryKind
from instsim.errors import ImageError
from instsim.isa import Isa

__all__ = ["start_at"]

_GLOBAL_POINTER, _GP = "__global_pointer$", 3
_ENDLESS_LOOPS = {Isa.THUMB: 0xE7FE, Isa.RV32: 0x0000006F}
_RESERVED_BYTES = 16
_CPACR, _FULL_ACCESS = 0xE000ED88, 0x00F00000


def start_at(chip: Chip, address: int) -> None:
    """Prepare a machine to run one function: data copied to RAM as start-up code would, a stack, a return address that ends in a loop.

    Constructors do not run. The stack is the vector table's on Cortex-M, else the end of the largest RAM.

    Raises
    ------
    ImageError
        If the chip has no RAM for a stack.
    """
    for segment in chip.image.segments:
        if segment.virtual_address != segment.address and segment.data:
            chip.memory.write(segment.virtual_address, segment.data)
    top = _stack_top(chip)
    loop = top - _RESERVED_BYTES
    chip.memory.write(loop, struct.pack("<I", _ENDLESS_LOOPS[chip.isa]))
    engine = chip.engine
    engine.write_register(engine.registers.sp, loop)
    engine.write_register(engine.registers.link, loop | 1 if chip.isa is Isa.THUMB else loop)
    if chip.isa is Isa.THUMB:
        chip.devices.write(_CPACR, 4, _FULL_ACCESS)
    else:
        pointer = chip.image.symbol(_GLOBAL_POINTER)
        if pointer is not None:
            engine.write_register(engine.registers.general[_GP], pointer.address)
    chip.start_from(address, loop)


def _stack_top(chip: Chip) -> int:
    table = chip.image.vector_table
    sp = chip.memory.word(table) if table is not None and chip.isa is Isa.THUMB else None
    if sp is not None:
        found = chip.memory.find(sp - 4)
        if found is not None and found[0].spec.kind is MemoryKind.RAM:
            return sp & ~7
    banks = [bank.spec for bank in chip.memory.banks if bank.spec.kind is MemoryKind.RAM]
    if not banks:
        raise ImageError(f"{chip.spec.name} has no RAM for a stack")
    largest = max(banks, key=lambda spec: spec.size)
    return largest.address + largest.size
