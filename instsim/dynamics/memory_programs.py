"""The programs of blocks as the native simulation runs them (`instsim.dynamics.memory_layout`): from operations to words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from instsim.dynamics.memory_layout import OPERATION_WORDS, SKIP_BIT, FetchWord, ProgramWord, StepKind, UseWord

__all__ = ["Operations", "program_words"]

_FETCH = int(StepKind.FETCH)
_REST_OF_SLOT = (0,) * (FetchWord.WORDS - 1)


class Operations(NamedTuple):
    """Operations of one block.

    Attributes
    ----------
    words : sequence of sequence of int
        The `OPERATION_WORDS` words of each, without distances.
    paths : sequence of sequence of int
        For each and each system: what `instsim.dynamics.memory_state.SystemState.fetch_path` says of a fetch, where the system has to look at it;
        else 0.
    ticks : int
        Price of the block.
    """

    words: Sequence[Sequence[int]]
    paths: Sequence[Sequence[int]]
    ticks: int


def _head_words(systems: int) -> int:
    """Return how many words stand before the operations of a program."""
    return ProgramWord.WORDS + UseWord.WORDS * systems


def program_words(block: Operations, systems: int, code_bytes: int) -> list[int]:
    """Return the words of a block's program; there is no address among them.

    Parameters
    ----------
    block : Operations
        What it is to do.
    systems : int
        How many systems it is for.
    code_bytes : int
        Length of the block.
    """
    start = _head_words(systems)
    end = start + OPERATION_WORDS * len(block.words)
    words = [0] * start
    words[ProgramWord.START], words[ProgramWord.END], words[ProgramWord.TICKS] = 8 * start, 8 * end, block.ticks
    words[ProgramWord.CODE_BYTES] = code_bytes
    # Slots stand one behind the other behind the operations.
    slots: list[int] = []
    for (first, second, third), paths in zip(block.words, block.paths, strict=True):
        if first == _FETCH:
            words += first, second, third | 8 * (end + len(slots) - len(words)) << SKIP_BIT
            for found in paths:
                slots += found, *_REST_OF_SLOT
        else:
            words += first, second, third
    return words + slots
