"""Hazard3 (three stages, in order), the RISC-V core of the RP2350.

Rules from Wren6991/Hazard3@8272910, ``doc/sections/instruction_timings.adoc``, checked on simulated RTL at zero wait states. The branch
predictor remembers one taken backward branch; what it holds when is known only to running code. Here a backward conditional branch is
taken to be a loop's: mispredicted once when the loop starts and once when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from instsim.cost.charges import Charge, EventRule, Parameter, ParameterRule, Pipeline, When
from instsim.cost.riscv_hazards import JUMPS, lands_off_word, uses_loaded_value
from instsim.isa.instruction import Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge"]


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:  # noqa: ARG001
    """Return the charges of a block beyond its issue cycles."""
    charges: list[Charge] = [
        Charge(place, "load-use") for place in range(1, len(block)) if uses_loaded_value(block[place - 1], block[place], store_data_waits=False)
    ]
    last = len(block) - 1
    branch = block[last]
    if lands_off_word(block):
        charges.append(Charge(0, "unaligned-target", when=When.ENTERED))
    if branch.flow in JUMPS:
        charges.append(Charge(last, "taken-branch", when=When.TAKEN))
    elif branch.flow is Flow.CONDITIONAL:
        backward = branch.target is not None and branch.target <= branch.address
        if not (backward and parameters["branch_predictor"]):
            charges.append(Charge(last, "taken-branch", when=When.TAKEN))
        elif branch.target is not None and branch.target >> 2 == branch.address >> 2:
            # The predictor never sees a loop that fits one fetch word.
            charges.append(Charge(last, "taken-branch", when=When.TAKEN))
        else:
            charges.append(Charge(last, "loop-mispredicted", 2, When.MINORITY))
            charges.extend(_loop_fetch(block))
    return charges


def _loop_fetch(block: Sequence[Instruction]) -> list[Charge]:
    """Charge a predicted loop of one block: it takes as many cycles as words are touched, if these are more than its instructions."""
    branch = block[-1]
    if branch.target != block[0].address:
        return []
    words = (branch.end - 1 >> 2) - (block[0].address >> 2) + 1
    behind = max(0, words - len(block)) - lands_off_word(block)
    return [Charge(len(block) - 1, "unaligned-target", behind, When.TAKEN)] if behind else []


PIPELINE = Pipeline(
    name="hazard3",
    title="Hazard3, three stages, in order, one-entry branch target buffer",
    isa=Isa.RV32,
    events=(
        EventRule("taken-branch", "a taken transfer that was not predicted"),
        EventRule("loop-mispredicted", "a loop's branch is mispredicted, at its start or at its end"),
        EventRule(
            "unaligned-target", "a jump lands on a 32-bit instruction off a word boundary, or a predicted loop touches more words than instructions"
        ),
        EventRule("load-use", "the instruction behind a load needs its value, other than as store data"),
    ),
    parameters=(ParameterRule("branch_predictor", "whether the core is built with its one-entry branch predictor"),),
    charge=charge,
    lookback=1,
)
