"""Conditions on dimensions that tell when something runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim.predict.exact_fit import information_bits

__all__ = ["Gate", "find_gate"]

Flags = npt.NDArray[np.bool_]
_MOST_LITERALS = 48


class Gate(NamedTuple):
    """A conjunction of conditions, or its opposite.

    Attributes
    ----------
    literals : tuple of str
        Conditions that all hold.
    is_negated : bool
        The gate is open where not all of them hold.
    """

    literals: tuple[str, ...]
    is_negated: bool = False

    def opposite(self) -> Gate:
        """Return the gate that is open where this one is not."""
        if len(self.literals) != 1 or self.is_negated:
            return Gate(self.literals, not self.is_negated)
        text = self.literals[0]
        return Gate((text[1:] if text.startswith("!") else f"!{text}",))


def find_gate(flags: Flags, conditions: Flags, names: Sequence[str]) -> Gate | None:
    """Find at most three conditions, or their opposites, that hold together exactly where a flag is set.

    Parameters
    ----------
    flags : ndarray of bool, shape (samples,)
        When something ran.
    conditions : ndarray of bool, shape (samples, conditions)
        Whether each condition held, the likeliest first.
    names : sequence of str
        Of the conditions.

    Returns
    -------
    Gate or None
        The first with the fewest conditions; None if there is none, or if the flags hold less information than naming it takes.
    """
    evidence = information_bits(flags.astype(np.int64))
    literals = np.concatenate([conditions, ~conditions], axis=1)
    texts = [*names, *(f"!{name}" for name in names)]
    for wanted, negated in ((flags, False), (~flags, True)):
        # Where a negated gate of one condition would do, so does the opposite condition.
        found = _conjunction(wanted, literals, fewest=2 if negated else 1)
        if found is not None and evidence >= sum(np.log2(place % len(names) + 2.0) + 1.0 for place in found):
            return Gate(tuple(texts[place] for place in found), negated)
    return None


def _conjunction(wanted: Flags, literals: Flags, fewest: int) -> tuple[int, ...] | None:
    implied = np.flatnonzero(literals[wanted].all(axis=0)) if wanted.any() else np.arange(literals.shape[1])
    beyond = (literals[:, implied] & ~wanted[:, None]).astype(np.int64)
    useful = beyond.sum(axis=0) < (~wanted).sum()
    implied, beyond = implied[useful], beyond[:, useful]
    half = literals.shape[1] // 2
    order = np.argsort(implied % half, kind="stable")[:_MOST_LITERALS]
    implied, beyond = implied[order], beyond[:, order]
    if fewest == 1:
        single = np.flatnonzero(beyond.sum(axis=0) == 0)
        if single.size:
            return (int(implied[single[0]]),)
    common = beyond.T @ beyond
    pairs = np.argwhere(np.triu(common == 0, 1))
    if pairs.size:
        left, right = min(pairs.tolist(), key=sum)
        return int(implied[left]), int(implied[right])
    best: tuple[int, int, int] | None = None
    for left in range(implied.size):
        for right in range(left + 1, implied.size):
            both = beyond[:, left] & beyond[:, right]
            third = np.flatnonzero(both @ beyond[:, right + 1 :] == 0)
            if third.size:
                found = (left, right, right + 1 + int(third[0]))
                if best is None or sum(found) < sum(best):
                    best = found
    return None if best is None else (int(implied[best[0]]), int(implied[best[1]]), int(implied[best[2]]))
