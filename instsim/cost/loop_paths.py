"""Loops as the blocks between a backward branch and its target, for pipelines whose fetch can fall behind in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from instsim.cost.charges import SEEN_INSTRUCTIONS, LoopPath
from instsim.isa.instruction import Flow, Instruction

__all__ = ["backward_target", "following_instructions", "loop_path"]


def backward_target(last: Instruction) -> int | None:
    """Return the target of a conditional branch backward; None of any other instruction."""
    backward = last.flow is Flow.CONDITIONAL and last.target is not None and last.target <= last.address
    return last.target if backward else None


def following_instructions(decoded: Sequence[Sequence[Instruction]], first: int) -> tuple[Instruction, ...]:
    """Return the instructions from the start of a block on, without a gap and at most `SEEN_INSTRUCTIONS`."""
    found: list[Instruction] = []
    for block in decoded[first : first + SEEN_INSTRUCTIONS]:
        if found and found[-1].end != block[0].address:
            break
        found.extend(block)
        if len(found) >= SEEN_INSTRUCTIONS:
            break
    return tuple(found[:SEEN_INSTRUCTIONS])


def loop_path(decoded: Sequence[Sequence[Instruction]], cycles: Sequence[Sequence[float]], first: int, last: int) -> LoopPath:
    """Return the loop from the start of one block to the backward branch at the end of another.

    Parameters
    ----------
    decoded : sequence of blocks
        By ascending address.
    cycles : sequence of sequences of float
        Of each instruction of each block, as far as they do not depend on what surrounds it.
    first, last : int
        Indices of the blocks.
    """
    inner = decoded[first:last]
    joined = all(
        before[-1].end == behind[0].address and before[-1].flow in {Flow.NONE, Flow.CONDITIONAL}
        for before, behind in zip(inner, decoded[first + 1 : last + 1], strict=True)
    )
    return LoopPath(
        head=following_instructions(decoded, first),
        block=decoded[last],
        block_cycles=cycles[last],
        path=tuple(chain.from_iterable(decoded[first : last + 1])) if joined else (),
        path_cycles=tuple(chain.from_iterable(cycles[first : last + 1])) if joined else (),
    )
