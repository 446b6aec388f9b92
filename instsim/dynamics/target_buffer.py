"""A branch target buffer of one entry, as in Hazard3: what it predicts depends on which loops ran before.

The rules, from Wren6991/Hazard3@8272910 (``hdl/hazard3_core.v``: ``x_btb_set``, ``x_btb_clear``; ``hdl/hazard3_frontend.v``: ``btb_match_word``):

* A conditional branch backward that is taken without having been predicted enters the buffer, whatever it held before.
* A branch in the buffer is predicted taken, if the word of its first half-word is fetched in sequence. The first word behind a redirection is
  fetched directly, past the buffer: a branch in the very word that control just jumped to is not predicted. So a loop of one word never is.
* A predicted branch that is not taken costs a redirection and empties the buffer. Unconditional jumps, calls and returns do not touch it.

The machine steps this in its native block hook for every RV32 program; `TargetBuffer` is the slow reference for that hook's tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["BlockEnd", "Outcome", "TargetBuffer"]


class Outcome(IntEnum):
    """What the buffer did to a branch."""

    HIT = 0
    """Predicted and taken: fetch went on without a gap."""
    HIT_BEHIND_JUMP = 1
    """A hit, in a block at whose start fetch had started anew, so that it is not ahead of the pipeline. Counted under `HIT` too."""
    EXIT = 2
    """Predicted, but not taken: fetch starts anew behind the branch."""


@dataclass(frozen=True, slots=True)
class BlockEnd:
    """How a block ended and what ran next.

    Attributes
    ----------
    end : int
        Address behind the block.
    branch : int or None
        Address of the backward conditional branch at its end; None if it ends otherwise.
    following : int
        Address of the block that ran next.
    """

    end: int
    branch: int | None
    following: int


@dataclass
class TargetBuffer:
    """The buffer, and what it did to each branch.

    Attributes
    ----------
    outcomes : dict of (int, Outcome) to int
        Occurrences by address of the branch.
    """

    outcomes: dict[tuple[int, Outcome], int] = field(default_factory=dict)
    _source: int | None = None
    _landed_word: int | None = None
    _started_anew: bool = False

    def step(self, block: BlockEnd) -> None:
        """Take note of one executed block."""
        branch, word = block.branch, block.following >> 2
        taken = block.following != block.end
        was_anew, self._started_anew = self._started_anew, False
        predicted = branch is not None and self._source == branch and self._landed_word != branch >> 2
        if predicted and taken:
            self._count(branch, Outcome.HIT)
            if was_anew:
                self._count(branch, Outcome.HIT_BEHIND_JUMP)
            self._landed_word = None
        elif predicted:
            self._count(branch, Outcome.EXIT)
            self._source, self._landed_word, self._started_anew = None, word, True
        elif taken:
            self._source = self._source if branch is None else branch
            self._landed_word, self._started_anew = word, True

    def _count(self, branch: int | None, outcome: Outcome) -> None:
        if branch is not None:
            self.outcomes[branch, outcome] = self.outcomes.get((branch, outcome), 0) + 1
