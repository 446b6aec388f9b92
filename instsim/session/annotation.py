"""A function's instructions with what each of them cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from instsim.image.source_lines import SourceLine
from instsim.session.estimate import BoardChoice, EstimatedEvent

__all__ = ["AnnotatedBlock", "AnnotatedEvent", "AnnotatedInstruction", "Annotation"]


@dataclass(frozen=True, slots=True)
class AnnotatedEvent:
    """What one event cost at one instruction.

    Attributes
    ----------
    name : str
        As in `instsim.session.estimate.EstimatedEvent`; ``class:load`` for the issue of the instruction itself.
    count : float
        Occurrences in the region (a fraction where an event stands for one in so many executions).
    cycles : float
        Of all of them; negative for a saving.
    """

    name: str
    count: float
    cycles: float


@dataclass(frozen=True, slots=True)
class AnnotatedInstruction:
    """One instruction and what it cost in the region.

    Attributes
    ----------
    address, size : int
        Where it lies, and its length in bytes.
    mnemonic, operands : str
        Its text.
    instruction_class : str
        Its class in the core's table.
    executions : int
        How often it was issued.
    cycles : float
        What all of that cost, stalls and refills included.
    share : float
        Of the function's cycles.
    events : tuple of AnnotatedEvent
        What the cycles are made of, issue first; they sum to `cycles`.
    taken, fallen_through : int or None
        Executions of a conditional transfer at the end of a block by where they went; None of any other instruction.
    target : int or None
        Where a direct transfer leads.
    source : SourceLine or None
        The source line it was made from.
    """

    address: int
    size: int
    mnemonic: str
    operands: str
    instruction_class: str
    executions: int
    cycles: float
    share: float
    events: tuple[AnnotatedEvent, ...]
    taken: int | None = None
    fallen_through: int | None = None
    target: int | None = None
    source: SourceLine | None = None

    @property
    def cycles_per_execution(self) -> float:
        """Mean cycles of one execution."""
        return self.cycles / self.executions if self.executions else 0.0


@dataclass(frozen=True, slots=True)
class AnnotatedBlock:
    """A basic block that ran.

    Attributes
    ----------
    address, size : int
        Start, and length in bytes.
    executions : int
        In the region.
    cycles : float
        Of all executions.
    share : float
        Of the function's cycles.
    instructions : tuple of AnnotatedInstruction
        In order of address.
    """

    address: int
    size: int
    executions: int
    cycles: float
    share: float
    instructions: tuple[AnnotatedInstruction, ...]


@dataclass(frozen=True)
class Annotation:
    """A function with what each of its instructions cost in the region.

    Attributes
    ----------
    firmware : str
        Name of the image.
    board : BoardChoice
        The board, and how it was chosen.
    core, core_title : str
        Core table.
    clock_hz : float
        Core clock.
    region : str
        What was measured, in words.
    operator : str
        The operator that the figures are restricted to; empty for the whole region.
    function : str
        Its name, readable.
    address, size : int
        Where it starts, and its length in bytes.
    cycles : float
        Its own cycles, without those of functions that it called; equal to the function's in the estimate.
    instructions : int
        Issued in it.
    region_cycles : float
        Of the whole region, or of the operator.
    blocks : tuple of AnnotatedBlock
        Those that ran, in order of address.
    events : tuple of EstimatedEvent
        Its cycles by event, descending; shares are of the function.
    notes : tuple of str
        What a reader should know.
    warnings : tuple of str
        What makes the figures doubtful.
    """

    firmware: str
    board: BoardChoice
    core: str
    core_title: str
    clock_hz: float
    region: str
    operator: str
    function: str
    address: int
    size: int
    cycles: float
    instructions: int
    region_cycles: float
    blocks: tuple[AnnotatedBlock, ...]
    events: tuple[EstimatedEvent, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> Iterator[AnnotatedInstruction]:
        """All instructions, in order of address."""
        for block in self.blocks:
            yield from block.instructions

    @property
    def share(self) -> float:
        """Share of the region's cycles, or of the operator's."""
        return self.cycles / self.region_cycles if self.region_cycles else 0.0
