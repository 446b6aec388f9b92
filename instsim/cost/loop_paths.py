"""Loops as the blocks between a backward branch and its target, for pipelines whose fetch can fall behind in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from instsim.cost.charges import SEEN_INSTRUCTIONS, Charge, LoopPath, Parameter, Pipeline
from instsim.isa.instruction import Flow, Instruction

__all__ = ["backward_target", "charge_loops", "following_instructions"]


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


def charge_loops(
    pipeline: Pipeline, parameters: Mapping[str, Parameter], decoded: Sequence[Sequence[Instruction]], cycles: Sequence[Sequence[float]]
) -> Iterator[tuple[int, Charge]]:
    """Charge every loop of a profile.

    Parameters
    ----------
    pipeline : Pipeline
        With a rule for loops, or nothing is charged.
    parameters : mapping
        Of the core.
    decoded : sequence of blocks
        By ascending address.
    cycles : sequence of sequences of float
        Of each instruction of each block, as far as they do not depend on what surrounds it.

    Yields
    ------
    tuple of (int, Charge)
        Block and charge.
    """
    if pipeline.charge_loop is None:
        return
    numbers = {block[0].address: number for number, block in enumerate(decoded)}
    for number, block in enumerate(decoded):
        target = backward_target(block[-1])
        first = None if target is None else numbers.get(target)
        if first is None:
            continue
        inner = decoded[first:number]
        joined = all(
            before[-1].end == behind[0].address and before[-1].flow in {Flow.NONE, Flow.CONDITIONAL}
            for before, behind in zip(inner, decoded[first + 1 : number + 1], strict=True)
        )
        path = LoopPath(
            head=following_instructions(decoded, first),
            block=block,
            block_cycles=cycles[number],
            path=tuple(chain.from_iterable(decoded[first : number + 1])) if joined else (),
            path_cycles=tuple(chain.from_iterable(cycles[first : number + 1])) if joined else (),
        )
        yield from ((number, charge) for charge in pipeline.charge_loop(path, parameters))
