"""The programs of blocks as the native simulation runs them (`instsim.dynamics.memory_layout`): from columns of operations to words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import OPERATION_WORDS, SKIP_BIT, FetchWord, ProgramWord, StepKind, UseWord
from instsim.dynamics.memory_state import SystemState

__all__ = ["Operations", "head_words", "lay_out"]

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Operations:
    """Operations of some blocks, one behind the other.

    Attributes
    ----------
    counts : ndarray of int64, shape (blocks,)
        Operations of each block.
    ticks : ndarray of int64, shape (blocks,)
        Price of each block.
    words : ndarray of uint64, shape (operations, `OPERATION_WORDS`)
        The operations, without distances.
    paths : ndarray of uint8, shape (operations, systems)
        What `SystemState.fetch_path` says of a fetch, where the system has to look at it; else 0.
    """

    counts: Numbers
    ticks: Numbers
    words: Words
    paths: npt.NDArray[np.uint8]


def head_words(systems: int) -> int:
    """Return how many words stand before the operations of a program."""
    return ProgramWord.WORDS + UseWord.WORDS * systems


def lay_out(operations: Operations, states: Sequence[SystemState], room: Callable[[int], Words]) -> Numbers:
    """Write programs.

    Parameters
    ----------
    operations : Operations
        What they are to do.
    states : sequence of SystemState
        The systems that they are for.
    room : callable
        ``room(length)`` gives words of zero that stay where they are.

    Returns
    -------
    ndarray of int64, shape (blocks,)
        The addresses of the programs.
    """
    counts, head = operations.counts, head_words(len(states))
    is_fetch = operations.words[:, 0] == StepKind.FETCH
    owner = np.repeat(np.arange(len(counts)), counts)
    stops = np.cumsum(counts)
    slot_words = FetchWord.WORDS * len(states)
    sizes = head + OPERATION_WORDS * counts + slot_words * np.bincount(owner[is_fetch], minlength=len(counts))
    heads = np.cumsum(sizes) - sizes
    places = heads[owner] + head + OPERATION_WORDS * (np.arange(len(owner)) - (stops - counts)[owner])
    ends = heads + head + OPERATION_WORDS * counts
    words = room(int(sizes.sum()))
    words[places[:, None] + np.arange(OPERATION_WORDS)] = operations.words
    data = np.searchsorted(np.flatnonzero(~is_fetch), np.arange(len(owner) + 1))
    data = np.append(np.flatnonzero(~is_fetch), len(owner))[data]

    def data_from(indices: Numbers, blocks: Numbers) -> Numbers:
        """Return the places of the first operations of blocks from some index on that are no fetches, or of the blocks' ends."""
        found = data[indices]
        return np.where(found < stops[blocks], np.append(places, 0)[found], ends[blocks])

    # Slots stand one behind the other behind the operations of their block.
    fetched = np.cumsum(is_fetch) - is_fetch
    slots_at = ends[owner] + slot_words * (fetched - fetched[(stops - counts)[owner]])
    distances = np.where(is_fetch, slots_at, data_from(np.arange(len(owner)) + 1, owner)) - places
    words[places + 2] |= (8 * distances).astype(np.uint64) << np.uint64(SKIP_BIT)
    words[heads + ProgramWord.DATA] = 8 * (data_from(stops - counts, np.arange(len(counts))) - heads)
    words[heads + ProgramWord.START], words[heads + ProgramWord.END], words[heads + ProgramWord.TICKS] = (
        8 * head,
        8 * (ends - heads),
        operations.ticks,
    )
    addresses: Numbers = words.ctypes.data + 8 * heads
    for number, state in enumerate(states):
        fetches = np.flatnonzero(operations.paths[:, number])
        slots = state.fetch_slots(operations.words[fetches, 1] & np.uint64(0xFFFFFFFF), operations.paths[fetches, number])
        words[(slots_at[fetches] + FetchWord.WORDS * number)[:, None] + np.arange(FetchWord.WORDS)] = slots
        uses = _uses(slots, owner[fetches], len(counts))
        uses[:, UseWord.PROGRAM] = addresses
        uses[:, UseWord.SLOT] = 8 * FetchWord.WORDS * number
        words[(heads + ProgramWord.WORDS + UseWord.WORDS * number)[:, None] + np.arange(UseWord.WORDS)] = uses
    return addresses


def _uses(slots: Words, owner: Numbers, blocks: int) -> Words:
    """Return the `UseWord` records of a system's fetches, as far as they follow from the slots; `owner` is the block of each."""
    uses = np.zeros((blocks, UseWord.WORDS), np.uint64)
    uses[:, UseWord.CAN_SKIP] = 1
    uses[:, UseWord.FETCHES] = np.bincount(owner, minlength=blocks)
    for use, slot in ((UseWord.CACHE, FetchWord.CACHE), (UseWord.PORT, FetchWord.PORT), (UseWord.TALLY, FetchWord.TALLY)):
        uses[owner, use] = slots[:, slot]
    differs = (slots[:, FetchWord.TALLY] != uses[owner, UseWord.TALLY]) | (slots[:, FetchWord.CACHE] == 0)
    uses[owner[differs], UseWord.CAN_SKIP] = 0
    return uses
