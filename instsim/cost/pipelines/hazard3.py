"""Hazard3 (three stages, in order), the RISC-V core of the RP2350.

Rules from Wren6991/Hazard3@8272910, ``doc/sections/instruction_timings.adoc``, checked on simulated RTL at zero wait states. The branch
predictor remembers one taken backward branch (`instsim.dynamics.target_buffer`): the machine follows it. In a profile where nobody did, every
backward conditional branch counts as a loop's, missed once when the loop starts and once when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from instsim.cost.charges import Charge, EventRule, LoopPath, Parameter, ParameterRule, Pipeline, When
from instsim.cost.hazard3_fetch import behind_jump_stall, steady_stall
from instsim.cost.riscv_hazards import JUMPS, lands_off_word, uses_loaded_value
from instsim.isa.instruction import Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge", "charge_loop"]

_SPARE_CYCLES = 3
_SIGNED_HIGH_PRODUCTS = frozenset(("mulh", "mulhsu"))


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:  # noqa: ARG001
    """Return the charges of a block beyond its issue cycles."""
    charges: list[Charge] = [
        Charge(place, "load-use") for place in range(1, len(block)) if uses_loaded_value(block[place - 1], block[place], store_data_waits=False)
    ]
    if parameters["sequential_multiplier"]:
        charges += [Charge(place, "product-sign") for place, instruction in enumerate(block) if instruction.mnemonic in _SIGNED_HIGH_PRODUCTS]
    last = len(block) - 1
    branch = block[last]
    predicts = bool(parameters["branch_predictor"])
    if branch.flow is Flow.CONDITIONAL and predicts:
        charges.append(Charge(last, "taken-branch", when=When.UNPREDICTED))
        charges.append(Charge(last, "loop-mispredicted", when=When.MISPREDICTED))
    elif branch.flow is Flow.CONDITIONAL or branch.flow in JUMPS:
        charges.append(Charge(last, "taken-branch", when=When.TAKEN))
    if lands_off_word(block):
        charges.append(Charge(0, "unaligned-target", when=When.REDIRECTED if predicts else When.ENTERED))
    return charges


def charge_loop(path: LoopPath, parameters: Mapping[str, Parameter]) -> list[Charge]:
    """Return what a predicted loop waits for its words: in the long run, and behind a jump, when fetch is not ahead."""
    if not parameters["branch_predictor"]:
        return []
    last = len(path.block) - 1
    steady = steady_stall(path.path, path.path_cycles) if _is_dense(path.path, path.path_cycles) else 0.0
    behind_jump = behind_jump_stall(path.block, path.block_cycles, path.head[0])
    charges = [Charge(last, "loop-fetch", steady, When.PREDICTED), Charge(last, "loop-fetch", behind_jump - steady, When.PREDICTED_BEHIND_JUMP)]
    return [charge for charge in charges if charge.occurrences]


def _is_dense(path: Sequence[Instruction], cycles: Sequence[float]) -> bool:
    """Whether a loop has no cycles to spare, or few: only then can fetch fall behind."""
    if not path:
        return False
    words = (path[-1].end - 1 >> 2) - (path[0].address >> 2) + 1
    return words + _SPARE_CYCLES >= sum(cycles)


PIPELINE = Pipeline(
    name="hazard3",
    title="Hazard3, three stages, in order, one-entry branch target buffer",
    isa=Isa.RV32,
    events=(
        EventRule("taken-branch", "a taken transfer that was not predicted"),
        EventRule("loop-mispredicted", "a branch that the target buffer predicted is not taken"),
        EventRule("unaligned-target", "fetch starts anew at a 32-bit instruction off a word boundary"),
        EventRule("loop-fetch", "a predicted loop waits for its words: it touches more of them than fetch is ahead"),
        EventRule("product-sign", "the high word of a signed product, made bit by bit: its sign is corrected"),
        EventRule("load-use", "the instruction behind a load needs its value, other than as store data"),
    ),
    parameters=(
        ParameterRule("branch_predictor", "whether the core is built with its one-entry branch predictor"),
        ParameterRule("sequential_multiplier", "whether products are made bit by bit (MUL_FAST and MULH_FAST off)"),
    ),
    charge=charge,
    lookback=1,
    charge_loop=charge_loop,
)
