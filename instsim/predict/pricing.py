"""A predictor priced for one core: what remains of thousands of formulas when equal products are added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.cost.core_table import CoreTable, core_names, load_core
from instsim.errors import UsageError
from instsim.model.layer import Layer
from instsim.predict.classes import priced_events
from instsim.predict.formula import Piece, evaluate, scaled
from instsim.predict.gates import Gate
from instsim.predict.paths import assign_paths
from instsim.predict.predictor import KindModel, TaughtPredictor
from instsim.predict.quantities import Quantities

__all__ = ["PricedKind", "price_kind", "price_predictor", "priced_as"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PricedKind:
    """Cycles of one operator as one formula for each path.

    Attributes
    ----------
    paths : tuple of tuple of Gate
        Conditions that lead to each path.
    pieces : tuple of tuple of Piece
        Cycles on each path.
    """

    paths: tuple[tuple[Gate, ...], ...]
    pieces: tuple[tuple[Piece, ...], ...]

    def cycles(self, layers: Sequence[Layer]) -> Floats:
        """Return the cycles of layers of this kind, shape (layers,)."""
        return self.of(Quantities(layers))

    def of(self, quantities: Quantities) -> Floats:
        """Return the cycles of layers whose quantities are at hand, shape (layers,)."""
        if len(self.paths) == 1:
            total = evaluate(self.pieces[0], quantities)
        else:
            chosen = assign_paths(self.paths, quantities)
            total = np.zeros(quantities.count)
            for number, pieces in enumerate(self.pieces):
                rows = np.flatnonzero(chosen == number)
                if rows.size:
                    total[rows] = evaluate(pieces, quantities.take(rows))
        return np.maximum(total, 0.0)


def priced_as(predictor: TaughtPredictor, core: CoreTable) -> str | None:
    """Return the core whose events a predictor prices a core by: itself, or one with the same pipeline model and parameters, else None.

    A table of one's own has other weights than the core it was made from, and the same events.
    """
    if core.name in predictor.cores:
        return core.name
    known = set(core_names())
    return next((name for name in predictor.cores if name in known and _has_same_rules(load_core(name), core)), None)


def _has_same_rules(one: CoreTable, other: CoreTable) -> bool:
    return one.pipeline == other.pipeline and one.parameter_values == other.parameter_values


def price_kind(kind: KindModel, core: CoreTable, memory: str | None = None, *, events_of: str | None = None) -> PricedKind:
    """Price one operator for a core.

    Parameters
    ----------
    kind : KindModel
        The operator.
    core : CoreTable
        Whose weights count.
    memory : str, optional
        Memory system whose stalls are added, if they were taught; without it memories are ideal.
    events_of : str, optional
        The core whose events its blocks meet, where it is another one with the same rules (`priced_as`).

    Raises
    ------
    UsageError
        If the predictor does not hold prices for this core, or the core's table lacks an event.
    """
    pieces = []
    stalls = kind.stalls.get(memory or "")
    for number, path in enumerate(kind.paths):
        sums: dict[tuple[str, ...], dict[str, float]] = {}
        for record in path.classes:
            events = record.events.get(events_of or core.name)
            if events is None:
                raise UsageError(
                    f"the predictor of {kind.kind} was not priced for {core.name}", hint="`instsim predictor show` lists the cores it has"
                )
            try:
                price = priced_events(core, events, kind.operands)
            except KeyError as error:
                raise UsageError(
                    f"the table of {core.name} has no event {error}, which the predictor of {kind.kind} needs", hint="train it again"
                ) from error
            _add(sums, scaled(record.formula.pieces, price))
        if stalls is not None:
            _add(sums, stalls.pieces[number])
        pieces.append(tuple(Piece(gate, tuple((value, term) for term, value in row.items() if value)) for gate, row in sums.items()))
    return PricedKind(tuple(path.gates for path in kind.paths), tuple(pieces))


def _add(sums: dict[tuple[str, ...], dict[str, float]], pieces: Sequence[Piece]) -> None:
    for gate, terms in pieces:
        row = sums.setdefault(gate, {})
        for coefficient, term in terms:
            row[term] = row.get(term, 0.0) + coefficient


def price_predictor(predictor: TaughtPredictor, core: CoreTable, memory: str | None = None) -> Mapping[str, PricedKind]:
    """Price all operators of a predictor for a core; `memory` and errors as for `price_kind`."""
    events_of = priced_as(predictor, core)
    return {name: price_kind(kind, core, memory, events_of=events_of) for name, kind in predictor.kinds.items()}
