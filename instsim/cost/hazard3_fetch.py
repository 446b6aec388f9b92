"""Hazard3's fetch queue, cycle by cycle, over a stretch of code that is fetched without a gap.

After Wren6991/Hazard3@8272910, ``hdl/hazard3_frontend.v``, for memory that answers in the next cycle: a word is asked for in every cycle
(``fetch_stall``: but not while the queue of two words is full, nor while it holds one and another is on its way); words pass through the queue or
past it into a buffer of three half-words (``buf_level``, ``cir_room_for_fetch``), from which an instruction leaves when it is whole. Only the
half-words that belong to the stretch count: a predicted branch cuts off what lies behind it, a jump into the middle of a word what lies before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

from instsim.isa.instruction import Instruction

__all__ = ["behind_jump_stall", "steady_stall"]

_QUEUE_WORDS = 2
_WARM_UP_PASSES, _MEASURED_PASSES = 4, 6


def _half_words(start: int, end: int) -> list[int]:
    """Half-words that each fetched word contributes to the code from `start` to `end`."""
    first = start & ~3
    return [min(word + 4, end) - max(word, start) >> 1 for word in range(first, end, 4)]


def _starts(words: Iterator[int], instructions: Iterator[tuple[int, int]]) -> Iterator[int]:
    """Yield the cycle in which each instruction starts; the first word is asked for in cycle 0 by a jump.

    Parameters
    ----------
    words : iterator of int
        Half-words of each word, in the order of fetch; endless.
    instructions : iterator of (int, int)
        Half-words and cycles of each.
    """
    queue: deque[int] = deque()
    level = 0
    coming = next(words)
    size, wait = next(instructions)
    started = False
    cycle = 0
    while True:
        cycle += 1
        arrived = coming
        asks = not (len(queue) == _QUEUE_WORDS or (queue and arrived))
        used = 0
        if min(level, 2) >= size:
            if not started:
                yield cycle
                started = True
            wait -= 1
            if wait <= 0:
                used = size
                following = next(instructions, None)
                if following is None:
                    return
                size, wait = following
                started = False
        level -= used
        offered = queue[0] if queue else arrived
        if offered and level <= (1 if offered == 2 else 2):
            level += offered
            if queue:
                queue.popleft()
                if arrived:
                    queue.append(arrived)
        elif arrived:
            queue.append(arrived)
        coming = next(words) if asks else 0


def steady_stall(path: Sequence[Instruction], cycles: Sequence[float]) -> float:
    """Return the cycles that one pass of a predicted loop waits for its words.

    Parameters
    ----------
    path : sequence of Instruction
        From the loop's first instruction to its branch, in memory order.
    cycles : sequence of float
        Of each instruction, apart from fetch.
    """
    words = chain.from_iterable(repeat(_half_words(path[0].address, path[-1].end)))
    passes = _WARM_UP_PASSES + _MEASURED_PASSES
    steps = [(instruction.size >> 1, max(1, round(cost))) for instruction, cost in zip(path, cycles, strict=True)]
    starts = list(_starts(words, chain.from_iterable(repeat(steps, passes))))
    taken = starts[-len(steps)] - starts[(_WARM_UP_PASSES - 1) * len(steps)]
    return taken / _MEASURED_PASSES - sum(cost for _, cost in steps)


def behind_jump_stall(block: Sequence[Instruction], cycles: Sequence[float], target: Instruction) -> float:
    """Return the cycles that the target of a predicted branch waits for its words, if fetch started anew at the start of the branch's block.

    Parameters
    ----------
    block : sequence of Instruction
        Ends in the branch.
    cycles : sequence of float
        Of each instruction, apart from fetch.
    target : Instruction
        Where the branch leads.
    """
    words = chain(_half_words(block[0].address, block[-1].end), _half_words(target.address, target.end), repeat(2))
    steps = [(instruction.size >> 1, max(1, round(cost))) for instruction, cost in zip(block, cycles, strict=True)]
    starts = list(_starts(words, iter([*steps, (target.size >> 1, 1)])))
    return float(starts[-1] - starts[0] - sum(cost for _, cost in steps))
