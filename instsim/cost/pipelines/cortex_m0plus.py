"""Cortex-M0+ (two stages): the class table, and one refill after every taken branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from instsim.cost.charges import Charge, EventRule, Parameter, Pipeline, When
from instsim.isa.instruction import Flow, Instruction, Isa

__all__ = ["PIPELINE", "charge"]


def charge(block: Sequence[Instruction], parameters: Mapping[str, Parameter], issue: Sequence[float]) -> list[Charge]:  # noqa: ARG001
    """Return the charges of a block beyond its issue cycles."""
    last = len(block) - 1
    if block[last].flow in {Flow.NONE, Flow.TRAP}:
        return []
    return [Charge(last, "taken-branch", when=When.TAKEN)]


PIPELINE = Pipeline(
    name="cortex_m0plus",
    title="Cortex-M0+, two stages, in order",
    isa=Isa.THUMB,
    events=(EventRule("taken-branch", "control leaves the sequence: the pipeline is refilled"),),
    parameters=(),
    charge=charge,
    lookback=0,
)
