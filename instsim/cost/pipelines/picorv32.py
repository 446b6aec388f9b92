"""PicoRV32: a state machine without a pipeline, so that the cycles of instructions add up.

Cycles from YosysHQ/picorv32@87c89ac, ``README.md`` (cycles per instruction, two register ports). The rules for 32-bit instructions off a word
boundary follow from ``picorv32.v`` (``mem_la_firstword``, ``mem_la_secondword``, ``mem_do_prefetch``) and are checked on simulated RTL: the
first half waits in a buffer and takes a turn of its own, and a taken branch waits for the prefetch of the instruction behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from instsim.cost.charges import Charge, EventRule, Parameter, ParameterRule, Pipeline, When
from instsim.isa.instruction import Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge", "charge_following"]

_LARGE_STEP_BITS = 4
_MEAN_STEPS = 5.0
"""Of shift amounts 0 to 31, in steps of four bits and then of one."""


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:  # noqa: ARG001
    """Return the charges of a block beyond its issue cycles."""
    charges = [Charge(place, "split-instruction") for place, instruction in enumerate(block) if _is_split(instruction)]
    if not parameters["barrel_shifter"]:
        charges += [
            Charge(place, "shift-step", steps)
            for place, instruction in enumerate(block)
            if instruction.instruction_class == "shift" and (steps := _shift_steps(instruction))
        ]
    last = len(block) - 1
    if block[last].flow is Flow.CONDITIONAL:
        charges.append(Charge(last, "taken-branch", when=When.TAKEN))
    return charges


def charge_following(block: Sequence[Instruction], following: Sequence[Instruction]) -> list[Charge]:
    """Return what a taken branch waits for: the prefetch of both words of the instruction behind it."""
    last = len(block) - 1
    return [Charge(last, "split-prefetch", when=When.TAKEN)] if block[last].flow is Flow.CONDITIONAL and _is_split(following[0]) else []


def _is_split(instruction: Instruction) -> bool:
    return instruction.size == 4 and instruction.address & 2 != 0


def _shift_steps(instruction: Instruction) -> float:
    amount = instruction.operands.rsplit(",", 1)[-1].strip()
    try:
        bits = int(amount, 0)
    except ValueError:
        return _MEAN_STEPS
    return bits // _LARGE_STEP_BITS + bits % _LARGE_STEP_BITS


PIPELINE = Pipeline(
    name="picorv32",
    title="PicoRV32, a multi-cycle state machine",
    isa=Isa.RV32,
    events=(
        EventRule("taken-branch", "a conditional branch is taken"),
        EventRule("split-instruction", "a 32-bit instruction off a word boundary: two words make it"),
        EventRule("split-prefetch", "a branch is taken whose next instruction in memory is split: its prefetch ends first"),
        EventRule("shift-step", "a step of a shift without barrel shifter: four bits, or one of the rest"),
    ),
    parameters=(ParameterRule("barrel_shifter", "whether shifts take one step"),),
    charge=charge,
    lookback=0,
    charge_following=charge_following,
)
