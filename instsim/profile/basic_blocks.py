"""From the emulator's translation blocks to basic blocks.

A translation block can start inside another, end at a page border and end without a branch. Basic blocks are cut where control was
seen to enter or leave and nowhere else, so they are a property of the run and not of the emulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.isa import Isa
from instsim.isa.transfers import ends_in_transfer

__all__ = ["BEHIND_BYTES", "BasicBlocks", "TranslationBlocks", "code_behind", "to_basic_blocks"]

BEHIND_BYTES = 16
"""Length of the code kept behind each block: four instructions of 32 bits."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TranslationBlocks:
    """Counts as the emulator gives them.

    Attributes
    ----------
    addresses, sizes : ndarray of int64, shape (n,)
        In any order; overlaps are allowed.
    executions, fallthroughs : ndarray of int64, shape (rows, n)
        How often each ran, and how often the next block executed was the one behind it in memory.
    buffer_outcomes : ndarray of int64, shape (outcomes, rows, n), or None
        What a branch target buffer did to the branch at each block's end.
    """

    addresses: Counts
    sizes: Counts
    executions: Counts
    fallthroughs: Counts
    buffer_outcomes: Counts | None = None


@dataclass(frozen=True)
class BasicBlocks:
    """Basic blocks, by ascending address: see `instsim.profile.BlockProfile` for the meaning of each array."""

    addresses: Counts
    sizes: Counts
    executions: Counts
    fallthroughs: Counts
    buffer_outcomes: Counts | None = None


def code_behind(blocks: BasicBlocks, read_code: Callable[[int, int], bytes]) -> bytes:
    """Return the `BEHIND_BYTES` behind each block, one after the other; zeros where there is no memory.

    Parameters
    ----------
    blocks : BasicBlocks
        Blocks that ran.
    read_code : callable
        ``read_code(address, size)`` gives bytes of memory, run or not; none if there are none.
    """
    ends = (blocks.addresses + blocks.sizes).tolist()
    return b"".join(read_code(end, BEHIND_BYTES)[:BEHIND_BYTES].ljust(BEHIND_BYTES, b"\0") for end in ends)


def to_basic_blocks(isa: Isa, blocks: TranslationBlocks, read_code: Callable[[int, int], bytes]) -> BasicBlocks:
    """Split overlapping translation blocks at every start and end, then join what only the emulator had cut.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    blocks : TranslationBlocks
        As counted; blocks that never ran may be among them.
    read_code : callable
        ``read_code(address, size)`` gives the bytes of executed code.

    Returns
    -------
    BasicBlocks
        Only blocks that ran in some row. Executed instructions and bytes are the same as before, in every row.
    """
    ran = blocks.executions.any(axis=0) | blocks.fallthroughs.any(axis=0)
    starts, ends = blocks.addresses[ran], (blocks.addresses + blocks.sizes)[ran]
    executions, fallthroughs = blocks.executions[:, ran], blocks.fallthroughs[:, ran]
    rows = executions.shape[0]
    if not starts.size:
        empty = np.zeros(0, np.int64)
        return BasicBlocks(empty, empty, np.zeros((rows, 0), np.int64), np.zeros((rows, 0), np.int64))
    # Asked for nothing else, np.unique loads numpy.ma.
    cuts = np.unique(np.concatenate([starts, ends]), return_index=True)[0]
    first, last = np.searchsorted(cuts, starts), np.searchsorted(cuts, ends)
    entering = np.zeros((rows, cuts.size), np.int64)
    leaving_taken = np.zeros((rows, cuts.size), np.int64)
    for row in range(rows):
        np.add.at(entering[row], first, executions[row])
        np.subtract.at(entering[row], last, executions[row])
        np.add.at(leaving_taken[row], last, executions[row] - fallthroughs[row])
    counts = np.cumsum(entering, axis=1)[:, :-1]
    onward = counts - leaving_taken[:, 1:]
    live = np.flatnonzero(counts.any(axis=0))
    addresses, sizes = cuts[live], cuts[live + 1] - cuts[live]
    counts, onward = counts[:, live], onward[:, live]

    # A cut is the emulator's own where all control passed straight over it and no branch stands before it.
    straight = np.zeros(live.size, bool)
    straight[1:] = (
        (addresses[1:] == addresses[:-1] + sizes[:-1])
        & (counts[:, 1:] == counts[:, :-1]).all(axis=0)
        & (onward[:, :-1] == counts[:, :-1]).all(axis=0)
    )
    for index in np.flatnonzero(straight):
        if ends_in_transfer(isa, read_code(int(addresses[index - 1]), int(sizes[index - 1]))):
            straight[index] = False
    heads = np.flatnonzero(~straight)
    tails = np.append(heads[1:], live.size) - 1
    stops = addresses[tails] + sizes[tails]
    if blocks.buffer_outcomes is None:
        return BasicBlocks(addresses[heads], stops - addresses[heads], counts[:, heads], onward[:, tails])
    outcomes = np.zeros((blocks.buffer_outcomes.shape[0], rows, cuts.size), np.int64)
    for kind, by_row in enumerate(blocks.buffer_outcomes[:, :, ran]):
        for row in range(rows):
            np.add.at(outcomes[kind, row], last, by_row[row])
    return BasicBlocks(addresses[heads], stops - addresses[heads], counts[:, heads], onward[:, tails], outcomes[:, :, live[tails] + 1])
