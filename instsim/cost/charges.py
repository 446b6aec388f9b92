"""What a pipeline model says of a block: which events it meets, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from instsim.isa.instruction import Instruction, Isa

__all__ = [
    "SEEN_INSTRUCTIONS",
    "Charge",
    "ChargeRule",
    "EventRule",
    "FollowingRule",
    "LoopPath",
    "LoopRule",
    "Parameter",
    "ParameterRule",
    "Pipeline",
    "When",
]

Parameter = bool | int | str
"""Value of a core's parameter."""


class When(IntEnum):
    """Which executions of a block meet an event."""

    ALWAYS = 0
    """All."""
    TAKEN = 1
    """Those that left by a jump."""
    FALLTHROUGH = 2
    """Those that went on to the next address."""
    ENTERED = 3
    """Those that were entered by a jump."""
    SEQUENTIAL = 4
    """Those that were entered from the block in front of it in memory."""
    MINORITY = 5
    """The smaller of `TAKEN` and `FALLTHROUGH`: how often a two-bit predictor errs, about. Not linear in the counts."""
    PREDICTED = 6
    """Those whose branch the target buffer predicted, and that took it (`instsim.dynamics.target_buffer`)."""
    UNPREDICTED = 7
    """Those that left by a jump that the target buffer did not predict."""
    MISPREDICTED = 8
    """Those whose branch the target buffer predicted, and that did not take it."""
    PREDICTED_BEHIND_JUMP = 9
    """Those of `PREDICTED` before which fetch started anew."""
    REDIRECTED = 10
    """Those before which fetch started anew: entered by a jump that was not predicted, or sequentially behind a misprediction."""
    JUMPED = 11
    """Those that the jump at the end of one certain block led to (`instsim.cost.charge_matrix.ChargeMatrix.source`)."""


class Charge(NamedTuple):
    """Occurrences of one event at one instruction of a block.

    Attributes
    ----------
    place : int
        Index of the instruction in the block.
    event : str
        Name of the event.
    occurrences : float
        In one execution.
    when : When
        Executions that meet it.
    """

    place: int
    event: str
    occurrences: float = 1
    when: When = When.ALWAYS


@dataclass(frozen=True, slots=True)
class EventRule:
    """An event that a pipeline model knows; its weight stands in the core's table.

    Attributes
    ----------
    name : str
        Key in the table's ``[events]``.
    description : str
        When it happens.
    saving : bool
        The weight is negative: cycles that overlap with others.
    """

    name: str
    description: str
    saving: bool = False


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """A parameter of a pipeline model; its value stands in the core's table.

    Attributes
    ----------
    name : str
        Key in the table's ``[parameters]``.
    description : str
        What it is.
    choices : tuple of str
        Allowed values of a text parameter; empty for numbers and truth values.
    minimum, maximum : int
        Range of a whole number; both 0 for a truth value.
    """

    name: str
    description: str
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 0


ChargeRule = Callable[[Sequence[Instruction], Mapping[str, Parameter], Sequence[float]], list[Charge]]
"""Block, parameters, issue cycles of each instruction by its class: to charges beyond the issue cycles."""


@dataclass(frozen=True, slots=True)
class LoopPath:
    """A loop: from the target of a backward branch to that branch.

    Attributes
    ----------
    head : sequence of Instruction
        The first instructions, at most `SEEN_INSTRUCTIONS`.
    block : sequence of Instruction
        The block that ends in the branch.
    block_cycles : sequence of float
        Of each of its instructions: issue cycles and the charges that every execution meets.
    path : sequence of Instruction
        From the target to the branch, if the loop runs straight from one to the other while no branch in it is taken; else empty.
    path_cycles : sequence of float
        Of each instruction of the path.
    """

    head: Sequence[Instruction]
    block: Sequence[Instruction]
    block_cycles: Sequence[float]
    path: Sequence[Instruction]
    path_cycles: Sequence[float]


FollowingRule = Callable[[Sequence[Instruction], Sequence[Instruction]], list[Charge]]
"""A block and the instructions behind it in memory, as many as are known of the next `SEEN_INSTRUCTIONS`, to charges of the block."""

SEEN_INSTRUCTIONS = 4
"""How far fetch can be ahead of a branch that is decided, in instructions."""


LoopRule = Callable[[LoopPath, Mapping[str, Parameter]], list[Charge]]
"""A loop and parameters, to charges of the block that ends in its branch."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A static timing model of a family of cores.

    Every instruction is first charged the issue cycles of its class; `charge` adds what the pipeline makes of the sequence. It is a pure
    function of one basic block; the frame prices it in its own right and behind the blocks that it usually follows.

    Attributes
    ----------
    name : str
        Name of the family, the module's name.
    title : str
        What it is.
    isa : Isa
        Its instruction set.
    events : tuple of EventRule
        All events that `charge` may name.
    parameters : tuple of ParameterRule
        All parameters that `charge` reads.
    charge : ChargeRule
        The model.
    lookback : int
        Instructions of the block that ran before that can matter to a block.
    settling : int
        Instructions of a block whose charges can depend on what ran before it.
    behind_jumps : bool
        A block is also priced behind each block that jumps to it, as far as targets stand in the code; else it is taken to find the pipeline
        empty behind a jump.
    charge_loop : LoopRule or None
        What a loop costs beyond its blocks.
    crossing_event : str or None
        Event of an access whose bytes lie in two words, for profiles in which those were counted.
    crossing_loads_only : bool
        Stores whose bytes lie in two words cost nothing.
    charge_following : FollowingRule or None
        What a block costs more because of the instructions behind it, where those are known.
    """

    name: str
    title: str
    isa: Isa
    events: tuple[EventRule, ...]
    parameters: tuple[ParameterRule, ...]
    charge: ChargeRule
    lookback: int = 3
    settling: int = 6
    behind_jumps: bool = False
    charge_loop: LoopRule | None = None
    charge_following: FollowingRule | None = None
    crossing_event: str | None = None
    crossing_loads_only: bool = False
