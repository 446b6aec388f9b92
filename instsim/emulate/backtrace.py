"""The calls that led to a place, as far as the stack tells."""

from __future__ import annotations

import struct

from instsim.emulate.engine import Engine
from instsim.emulate.memory import Memory
from instsim.emulate.spec import MemoryKind
from instsim.isa import Isa

__all__ = ["return_addresses"]

_SEARCHED_BYTES, _LEAST_SEARCHED_BYTES = 1024, 64


def return_addresses(engine: Engine, memory: Memory, pc: int, depth: int) -> tuple[int, ...]:
    """Return an address and the return addresses that lie on the stack, innermost first.

    Parameters
    ----------
    engine : Engine
        Its link register and stack pointer.
    memory : Memory
        Stack and code.
    pc : int
        Where the firmware is.
    depth : int
        Most addresses to return.

    Returns
    -------
    tuple of int
        Every stacked word that points behind a call instruction counts, so a stale one may be among them.
    """
    found = [pc]
    candidates = [engine.read_register(engine.registers.link)]
    stack = memory.read(engine.sp, _SEARCHED_BYTES) or memory.read(engine.sp, _LEAST_SEARCHED_BYTES) or b""
    candidates += struct.unpack(f"<{len(stack) // 4}I", stack[: len(stack) // 4 * 4])
    for value in candidates:
        if len(found) >= depth:
            break
        if _is_behind_call(engine.isa, memory, value):
            address = value & ~1
            if address != found[-1]:
                found.append(address)
    return tuple(found)


def _is_behind_call(isa: Isa, memory: Memory, value: int) -> bool:
    address = value & ~1
    bank = memory.find(address)
    if bank is None or bank[0].spec.kind is not MemoryKind.FLASH:
        return False
    before = memory.read(address - 4, 4)
    if before is None:
        return False
    first, second = struct.unpack("<HH", before)
    if isa is Isa.THUMB:
        return bool(value & 1) and ((first & 0xF800 == 0xF000 and second & 0xD000 == 0xD000) or second & 0xFF87 == 0x4780)
    word = first | second << 16
    return word & 0xFFF in (0x0EF, 0x0E7) or second & 0xF07F == 0x9002 or second & 0xE003 == 0x2001
