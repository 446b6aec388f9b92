"""A count as a sum of products of dimensions, each part under conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim.predict.quantities import Quantities

__all__ = ["Formula", "Piece", "evaluate", "gated", "scaled"]


class Piece(NamedTuple):
    """A part of a formula: what it adds where all its conditions hold.

    Attributes
    ----------
    gate : tuple of str
        Literals (`instsim.predict.quantities`); none: everywhere.
    terms : tuple of (float, str)
        Coefficients and terms.
    """

    gate: tuple[str, ...]
    terms: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """How often the blocks of a class run.

    Attributes
    ----------
    pieces : tuple of Piece
        They add up.
    is_exact : bool
        Whether it reproduced every layer it was found on; else it is a mean of something that depends on data or addresses.
    """

    pieces: tuple[Piece, ...]
    is_exact: bool = True


def evaluate(pieces: Sequence[Piece], quantities: Quantities) -> npt.NDArray[np.float64]:
    """Return the sum of some pieces for every layer, shape (layers,)."""
    total = np.zeros(quantities.count)
    for gate, terms in pieces:
        value = np.zeros(quantities.count)
        for coefficient, term in terms:
            value += coefficient * quantities.term(term)
        total += np.where(quantities.gate(gate), value, 0.0) if gate else value
    return total


def scaled(pieces: Sequence[Piece], factor: float) -> tuple[Piece, ...]:
    """Return the pieces of a multiple."""
    return tuple(Piece(gate, tuple((coefficient * factor, term) for coefficient, term in terms)) for gate, terms in pieces)


def gated(pieces: Sequence[Piece], literals: tuple[str, ...], *, negated: bool = False) -> tuple[Piece, ...]:
    """Return what a formula is where all literals hold; `negated`: where not all of them do."""
    inside = tuple(Piece(tuple(dict.fromkeys((*gate, *literals))), terms) for gate, terms in pieces)
    return (*pieces, *scaled(inside, -1.0)) if negated else inside
