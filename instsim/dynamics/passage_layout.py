"""Memory layout of what `instsim.dynamics.passages` learns of a run: indices into arrays of 64-bit words."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["BUCKETS", "CheckWord", "PassageWord", "SituationWord", "WayWord"]

BUCKETS = 4096
"""Lists of situations by their hash; a power of two."""


class SituationWord(IntEnum):
    """What all caches and ports of a system are at between two blocks, in times relative to that moment."""

    PASSAGES = 0
    """First of the passages (`PassageWord`) that begin here, 0 if there is none."""
    NEXT = 1
    """Next situation of the bucket, 0 for none."""
    HASH = 2
    CONTENT = 3
    """`SystemWord.SITUATION_WORDS` words: of each cache the tags of each set from the one that makes room last to the one that does first, then its
    last line and what is read ahead until when; of each port until when it is busy and with whose read-ahead."""


class PassageWord(IntEnum):
    """An execution of a block in one situation, its data accesses going one way."""

    PROGRAM = 0
    """Address of the block's program."""
    NEXT = 1
    """Next passage from the same situation, 0 for none."""
    WAY = 2
    TARGET = 3
    """The situation behind it."""
    TICKS = 4
    """How long it takes, with its stalls."""
    TIMES = 5
    """Executions that are not in tallies and sites yet."""
    NEXT_PASSED = 6
    """Passage that got its first one of `TIMES` before this one, or `END_OF_LIST`."""
    USE = 7
    """Address of the block's `instsim.dynamics.memory_layout.UseWord` record for the system."""
    NOTES_END = 8
    """Where its notes end: two words for each access that stalled or missed, its site times two plus whether it missed, and its stall."""
    TALLIES = 9
    """What one execution adds to the tally of each path; the notes follow."""


class WayWord(IntEnum):
    """Which path each data access of a block takes, as what is to be asked of registers at the block's start."""

    STEPS = 0
    """First of the records (`instsim.dynamics.memory_layout.QuickWord`) of steps to addresses, ..."""
    CHECKS = 1
    """... first of the checks (`CheckWord`) ..."""
    END = 2
    """... and behind the last one."""
    NEXT = 3
    """Next way of the block, 0 for none."""
    USE = 4
    """As `PassageWord.USE`."""
    NEXT_KNOWN = 5
    """Way that was learned before this one, of whatever block, 0 for none."""
    WORDS = 6


class CheckWord(IntEnum):
    """What the base of some data accesses has to be for each to stay on its path: all addresses that differ by constants are checked at once."""

    BASE = 0
    """Where the base register's value is ..."""
    INDEX = 1
    """... and the index register's, ..."""
    SHIFT = 2
    """... which is shifted by this."""
    LOW = 3
    """Least value of the sum ..."""
    LIMIT = 4
    """... and how far behind that it may be."""
    ALIGN = 5
    """Bits of its distance from the least value that must be 0, lest an access lie in two words."""
    WORDS = 6
