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
from instsim.predict.cost_stamp import cost_stamp
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
    stamp = cost_stamp(core)
    return next((name for name in predictor.cores if name in known and cost_stamp(load_core(name)) == stamp), None)


def price_kind(kind: KindModel, core: CoreTable, events_of: str | None = None) -> PricedKind:
    """Price one operator for a core.

    Parameters
    ----------
    kind : KindModel
        The operator.
    core : CoreTable
        Whose weights count.
    events_of : str, optional
        The core whose events its blocks meet, where it is another one with the same rules (`priced_as`).

    Raises
    ------
    UsageError
        If the predictor does not hold prices for this core, or the core's table lacks an event.
    """
    pieces = []
    for path in kind.paths:
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
            for gate, terms in scaled(record.formula.pieces, price):
                row = sums.setdefault(gate, {})
                for coefficient, term in terms:
                    row[term] = row.get(term, 0.0) + coefficient
        pieces.append(tuple(Piece(gate, tuple((value, term) for term, value in row.items() if value)) for gate, row in sums.items()))
    return PricedKind(tuple(path.gates for path in kind.paths), tuple(pieces))


def price_predictor(predictor: TaughtPredictor, core: CoreTable) -> Mapping[str, PricedKind]:
    """Price all operators of a predictor for a core; errors as for `price_kind`."""
    events_of = priced_as(predictor, core)
    return {name: price_kind(kind, core, events_of) for name, kind in predictor.kinds.items()}
