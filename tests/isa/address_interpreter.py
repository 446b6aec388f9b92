"""Slow reference: the addresses that a block's steps give for registers and memory at its start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from instsim.dynamics.address_operations import NO_REGISTER, Operation
from instsim.isa.address_step import AddressStep

MASK = 0xFFFFFFFF
ReadMemory = Callable[[int, int], int | None]
"""``read_memory(address, size)``: the number there, None where nothing can be read."""


def run_steps(steps: Iterable[AddressStep], registers: Mapping[int, int], read_memory: ReadMemory) -> list[tuple[int, bool, int | None, int, int]]:
    """Return place, whether it writes, address (None: not known), bytes of a word and words of every access."""
    file: dict[int, int | None] = dict(registers)
    accesses = []
    for step in steps:
        base = 0 if step.base == NO_REGISTER else file[step.base]
        scaled = 0 if step.index == NO_REGISTER else file[step.index]
        total = None if base is None or scaled is None else base + (scaled << step.shift) + step.offset & MASK
        if step.operation <= Operation.WRITE:
            accesses.append((step.place, step.operation is Operation.WRITE, total if step.known else None, step.size, step.words))
        elif step.operation is Operation.LOAD:
            word = None if total is None else read_memory(total, step.size)
            file[step.target] = word if word is None or not step.signed else signed(word, 8 * step.size) & MASK
        elif base is None or scaled is None or step.operation is Operation.FORGET:
            file[step.target] = None
        else:
            file[step.target] = computed(step, base, scaled << step.shift & MASK, total or 0) & MASK
    return accesses


def computed(step: AddressStep, base: int, scaled: int, total: int) -> int:
    other = step.offset if step.index == NO_REGISTER else scaled
    match step.operation:
        case Operation.SET:
            return step.offset
        case Operation.ADD:
            return total
        case Operation.SUBTRACT:
            return base - scaled - step.offset
        case Operation.AND:
            return base & other
        case Operation.OR:
            return base | other
        case Operation.XOR:
            return base ^ other
        case Operation.CLEAR:
            return base & ~other
        case Operation.SHIFT_LEFT:
            return base << other if other < 32 else 0
        case Operation.SHIFT_RIGHT:
            return base >> other if other < 32 else 0
        case Operation.SHIFT_RIGHT_SIGNED:
            return signed(base, 32) >> min(other, 31)
        case Operation.MULTIPLY:
            return base * scaled
        case Operation.EXTRACT:
            part = base >> step.shift & (1 << step.size) - 1
            return signed(part, step.size) if step.signed else part
        case _:
            raise AssertionError(step)


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value
