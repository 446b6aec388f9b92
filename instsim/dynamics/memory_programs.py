"""The programs of blocks as the native simulation runs them (`instsim.dynamics.memory_layout`): from operations to words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import OPERATION_WORDS, SKIP_BIT, FetchWord, ProgramWord, StepKind, UseWord
from instsim.dynamics.memory_state import SystemState

__all__ = ["Operations", "head_words", "lay_out"]

Words = npt.NDArray[np.uint64]

_MASK = 0xFFFFFFFF
_FETCH = int(StepKind.FETCH)
_DATA = int(ProgramWord.DATA)
_CACHE, _PORT, _TALLY = int(FetchWord.CACHE), int(FetchWord.PORT), int(FetchWord.TALLY)


class Operations(NamedTuple):
    """Operations of one block.

    Attributes
    ----------
    words : sequence of sequence of int
        The `OPERATION_WORDS` words of each, without distances.
    paths : sequence of sequence of int
        For each and each system: what `SystemState.fetch_path` says of a fetch, where the system has to look at it; else 0.
    ticks : int
        Price of the block.
    """

    words: Sequence[Sequence[int]]
    paths: Sequence[Sequence[int]]
    ticks: int


def head_words(systems: int) -> int:
    """Return how many words stand before the operations of a program."""
    return ProgramWord.WORDS + UseWord.WORDS * systems


def lay_out(blocks: Sequence[Operations], states: Sequence[SystemState], room: Callable[[int], Words]) -> list[int]:
    """Write programs.

    Parameters
    ----------
    blocks : sequence of Operations
        What they are to do.
    states : sequence of SystemState
        The systems that they are for.
    room : callable
        ``room(length)`` gives words that stay where they are.

    Returns
    -------
    list of int
        The addresses of the programs.
    """
    words: list[int] = []
    heads = []
    for block in blocks:
        heads.append(len(words))
        words += _program(block, states)
    memory = room(len(words))
    memory[:] = words
    addresses = [int(memory.ctypes.data) + 8 * head for head in heads]
    for head, address in zip(heads, addresses, strict=True):
        memory[head + ProgramWord.WORDS + UseWord.PROGRAM : head + head_words(len(states)) : UseWord.WORDS] = address
    return addresses


def _program(block: Operations, states: Sequence[SystemState]) -> list[int]:
    """Return the words of a program, all but its own address."""
    start = head_words(len(states))
    end = start + OPERATION_WORDS * len(block.words)
    words = [0] * start
    # Slots stand one behind the other behind the operations.
    slots: list[int] = []
    numbered = tuple(enumerate(states))
    fetched: list[list[list[int]]] = [[] for _ in states]
    at, before = start, 0
    for (first, second, third), paths in zip(block.words, block.paths, strict=True):
        if first == _FETCH:
            words += first, second, third | 8 * (end + len(slots) - at) << SKIP_BIT
            for number, state in numbered:
                found = paths[number]
                slot = state.fetch_slot(second & _MASK, found)
                slots += slot
                if found:
                    fetched[number].append(slot)
        else:
            words += first, second, third
            _link(words, before, at)
            before = at
        at += OPERATION_WORDS
    _link(words, before, end)
    words[ProgramWord.START], words[ProgramWord.END], words[ProgramWord.TICKS] = 8 * start, 8 * end, block.ticks
    for number, of_system in enumerate(fetched):
        use = ProgramWord.WORDS + UseWord.WORDS * number
        words[use : use + UseWord.WORDS] = _use(of_system, number)
    return words + slots


def _link(words: list[int], before: int, at: int) -> None:
    """Lead from the operation at `before`, 0 for the head, to the next one that is no fetch, or to the end."""
    if before:
        words[before + 2] |= 8 * (at - before) << SKIP_BIT
    else:
        words[_DATA] = 8 * at


def _use(slots: Sequence[Sequence[int]], number: int) -> list[int]:
    """Return the `UseWord` record of a system, as far as that follows from the slots of its fetches."""
    use = [0] * UseWord.WORDS
    use[UseWord.SLOT], use[UseWord.FETCHES], use[UseWord.CAN_SKIP] = 8 * FetchWord.WORDS * number, len(slots), 1
    if slots:
        last = slots[-1]
        use[UseWord.CACHE], use[UseWord.PORT], use[UseWord.TALLY] = last[_CACHE], last[_PORT], last[_TALLY]
        use[UseWord.CAN_SKIP] = int(all(slot[_CACHE] and slot[_TALLY] == last[_TALLY] for slot in slots))
    return use
