"""Machines that run a few half-words of Thumb code."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from instsim.emulate.machine import Machine
from instsim.emulate.spec import BlockCycles, MachineSpec, MemoryKind, MemorySpec
from instsim.image.firmware import FirmwareImage, Segment
from instsim.isa import Isa

FLASH, RAM = 0x08000000, 0x20000000
CODE = FLASH + 8
"""Where the code begins, behind the vector table."""
_MEMORIES = MemorySpec("flash", MemoryKind.FLASH, FLASH, 0x10000), MemorySpec("ram", MemoryKind.RAM, RAM, 0x10000)


def machine_of_thumb(
    halves: Sequence[int], registers: Sequence[int], *, devices: tuple[tuple[int, int], ...] = (), block_cycles: BlockCycles | None = None
) -> Machine:
    """A Cortex-M4 that starts at some code, with values in its first registers."""
    code = struct.pack(f"<II{len(halves)}H", RAM + 0x1000, CODE | 1, *halves)
    image = FirmwareImage("test.bin", "bin", "0" * 64, Isa.THUMB, (Segment(FLASH, FLASH, code, len(code)),), entry=CODE, vector_table=FLASH)
    machine = Machine(image, MachineSpec("test", Isa.THUMB, "cortex-m4", _MEMORIES, devices, 1e6), block_cycles=block_cycles)
    for number, value in zip(machine.engine.registers.general, registers, strict=False):
        machine.engine.write_register(number, value)
    return machine
