"""Ibex (two stages, or three with a write-back stage).

Rules from lowRISC/ibex@8b8ee086, ``doc/03_reference/pipeline_details.rst`` and RTL, checked on simulated RTL at zero wait states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from instsim.cost.charges import Charge, EventRule, Parameter, ParameterRule, Pipeline, When
from instsim.cost.riscv_hazards import JUMPS, lands_off_word, uses_loaded_value
from instsim.isa.instruction import Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge"]

_DIRECT = frozenset((Flow.JUMP, Flow.CALL))


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:  # noqa: ARG001
    """Return the charges of a block beyond its issue cycles."""
    waits = bool(parameters["writeback_stage"])
    charges = [
        Charge(place, "load-use")
        for place in range(1, len(block))
        if waits and uses_loaded_value(block[place - 1], block[place], store_data_waits=True)
    ]
    last = len(block) - 1
    branch = block[last]
    predicts = bool(parameters["branch_predictor"])
    if branch.flow is Flow.CONDITIONAL:
        backward = branch.target is not None and branch.target <= branch.address
        if predicts and backward:
            charges.append(Charge(last, "mispredicted", when=When.FALLTHROUGH))
        else:
            charges.append(Charge(last, "taken-branch", when=When.TAKEN))
    elif branch.flow in JUMPS and not (predicts and branch.flow in _DIRECT):
        charges.append(Charge(last, "jump", when=When.TAKEN))
    if lands_off_word(block):
        charges.append(Charge(0, "unaligned-target", when=When.ENTERED))
    return charges


PIPELINE = Pipeline(
    name="ibex",
    title="Ibex, two or three stages, in order",
    isa=Isa.RV32,
    events=(
        EventRule("taken-branch", "a conditional branch is taken: fetch starts again"),
        EventRule("jump", "an unconditional transfer: fetch starts again"),
        EventRule("crosses-word", "a load or store whose bytes lie in two words: two accesses"),
        EventRule("mispredicted", "a backward branch is not taken (with the static branch predictor)"),
        EventRule("unaligned-target", "a jump lands on a 32-bit instruction off a word boundary"),
        EventRule("load-use", "the instruction behind a load needs its value (with a write-back stage)"),
    ),
    parameters=(
        ParameterRule("writeback_stage", "whether there is a third stage that writes back, so that loads overlap"),
        ParameterRule("branch_predictor", "whether direct jumps and backward branches are predicted taken"),
    ),
    charge=charge,
    lookback=1,
    crossing_event="crosses-word",
)
