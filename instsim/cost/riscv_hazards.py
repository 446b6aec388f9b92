"""Hazards that the RISC-V cores share, in the form their pipeline models need."""

from __future__ import annotations

from collections.abc import Sequence

from instsim.isa.instruction import Flow, Instruction

__all__ = ["JUMPS", "lands_off_word", "uses_loaded_value"]

JUMPS = frozenset((Flow.JUMP, Flow.CALL, Flow.INDIRECT, Flow.INDIRECT_CALL, Flow.RETURN))
"""Transfers that are always taken."""

_LOADS = frozenset(("load", "fp-load", "load-reserved", "atomic"))


def uses_loaded_value(previous: Instruction, instruction: Instruction, *, store_data_waits: bool) -> bool:
    """Whether an instruction needs what the one before it loads.

    Parameters
    ----------
    previous, instruction : Instruction
        Neighbours.
    store_data_waits : bool
        Whether a store waits for the value it stores, or takes it later.
    """
    if previous.instruction_class not in _LOADS:
        return False
    needed = instruction.reads if store_data_waits else instruction.reads & ~instruction.store_data | instruction.address_registers
    return previous.writes & needed != 0


def lands_off_word(block: Sequence[Instruction]) -> bool:
    """Whether a jump to the block meets a 32-bit instruction that crosses a word border: it takes two fetches."""
    return block[0].size == 4 and block[0].address & 2 != 0
