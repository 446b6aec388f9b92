"""Records of steps to addresses (`QuickWord`), in machine code: each holds where its operands are, so that carrying steps out is one loop."""

from __future__ import annotations

from typing import Any

from instsim.dynamics.address_computation import combine
from instsim.dynamics.address_operations import FIRST_TEMPORARY, Operation
from instsim.dynamics.memory_layout import OPERATION_WORDS, QuickWord, StepKind, TraceWord
from instsim.dynamics.native_words import out_of_line, words, words32

__all__ = ["count_steps", "home", "lay_operation", "lay_step", "take_steps"]

_MASK = 0xFFFFFFFF
_OPERATION_BYTES, _QUICK_BYTES = 8 * OPERATION_WORDS, 8 * QuickWord.WORDS


def take_steps(at: Any, end: Any, state: Any) -> None:
    """Carry out the steps to the addresses of a block's accesses, whose records lie from `at` to `end`."""
    while at < end:
        quick = words(at)
        kind = quick[QuickWord.KIND]
        base, index = words32(quick[QuickWord.BASE])[0], words32(quick[QuickWord.INDEX])[0]
        total = (quick[QuickWord.CONSTANT] + base + (index << quick[QuickWord.SHIFT])) & _MASK
        page = words(state[TraceWord.PAGES])[total >> 12]
        if kind == Operation.LOAD and quick[QuickWord.BYTES] == 4 and page != 0 and total & 3 == 0:
            quick[QuickWord.RESULT] = words32(page + (total & 0xFFF))[0]
        elif kind == Operation.ADD:
            quick[QuickWord.RESULT] = total
        elif kind == Operation.MULTIPLY:
            quick[QuickWord.RESULT] = base * index
        else:
            quick[QuickWord.RESULT] = combine(kind, quick[QuickWord.FIRST], quick[QuickWord.CONSTANT], base, index, state[TraceWord.PAGES])
        at += _QUICK_BYTES


def count_steps(at: Any, end: Any) -> Any:
    """Return how many operations are steps to an address."""
    steps = 0
    while at < end:
        kind = words(at)[0] & 255
        if kind != StepKind.FETCH and kind > Operation.WRITE:
            steps += 1
        at += _OPERATION_BYTES
    return steps


@out_of_line
def home(number: Any, records: Any, behind: Any, state: Any) -> Any:
    """Return where the value of a register is, or that of the last step that made it, of those whose records end at `behind`."""
    if number < FIRST_TEMPORARY:
        return state[TraceWord.REGISTERS] + 4 * number
    at = behind
    while at > records:
        at -= _QUICK_BYTES
        if words(at)[QuickWord.FIRST] >> 8 & 255 == number:
            return at + 8 * QuickWord.RESULT
    return state[TraceWord.SCRATCH] + 4 * number


def lay_operation(quick_address: Any, operation: Any, records: Any, behind: Any, state: Any) -> None:
    """Lay down the record of an operation behind steps whose records lie from `records` to `behind`."""
    quick = words(quick_address)
    first = operation[0]
    quick[QuickWord.KIND], quick[QuickWord.FIRST], quick[QuickWord.CONSTANT] = first & 255, first, operation[1] & _MASK
    quick[QuickWord.BASE] = home(first >> 16 & 255, records, behind, state)
    quick[QuickWord.INDEX] = home(first >> 24 & 255, records, behind, state)
    quick[QuickWord.SHIFT] = first >> 32 & 63


def lay_step(quick_address: Any, operation: Any, records: Any, state: Any) -> None:
    """Lay down the record of a step behind those from `records` on, and carry it out."""
    lay_operation(quick_address, operation, records, quick_address, state)
    words(quick_address)[QuickWord.BYTES] = operation[0] >> 40 & 255
    take_steps(quick_address, quick_address + _QUICK_BYTES, state)
