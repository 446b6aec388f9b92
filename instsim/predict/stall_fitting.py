"""What a memory system adds to the cycles of an operator, learnt from layers run with it.

A loop waits for memory about as long in each of its turns, so stalls are a sum over the classes of counts that a predictor knows already, with
waits that are never negative. Where data lie in a cache they are waited for once, else at every pass, and loops that do not fit it together evict
each other: each class is offered for layers with weights larger than the cache, and for those that run several loops in turn, too. Few classes are
enough, because most of them count alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.cost.core_table import CoreTable
from instsim.model.layer import Layer
from instsim.predict.class_fitting import merged
from instsim.predict.formula import Piece, evaluate, gated, scaled
from instsim.predict.paths import assign_paths
from instsim.predict.predictor import KindModel, StallModel
from instsim.predict.pricing import price_kind
from instsim.predict.quantities import Quantities

__all__ = ["LayerStalls", "fit_stalls"]

_MOST_PARTS = 8
_LAYERS_A_PART = 8
_LEAST_GAIN = 0.02
"""Share of the squared error that a further part must take away."""

_FEWEST_LAYERS = 8
_SMALL_CYCLES = 5000.0
"""Smaller layers count as if they took so long: networks are made of larger ones."""

_WEIGHTS = {"CONV_2D": ("K*OC", "K"), "DEPTHWISE_CONV_2D": ("T*OC", "C"), "FULLY_CONNECTED": ("C*OC", "C")}
"""Bytes of weights, as terms, and what the inner loops run over."""

_LOOPS = (("{}>=16", "{}%16>=4", "!{}%4==0"), ("{}>=16", "{}%16>=4"), ("{}>=16", "!{}%4==0"))
"""Conditions under which several unrolled loops run in turn, the most loops first: together they may not fit a cache that each of them fits."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class LayerStalls:
    """One layer run with a memory system.

    Attributes
    ----------
    layer : Layer
        The layer.
    cycles, stalls : float
        Its cycles at ideal memory, and what waiting added.
    """

    layer: Layer
    cycles: float
    stalls: float


def fit_stalls(kind: KindModel, core: CoreTable, runs: Sequence[LayerStalls], cache_bytes: Sequence[int]) -> StallModel:
    """Learn what a memory system adds to one operator.

    Parameters
    ----------
    kind : KindModel
        The operator.
    core : CoreTable
        One it has prices for.
    runs : sequence of LayerStalls
        At least one.
    cache_bytes : sequence of int
        Sizes of the caches that data go through.

    Returns
    -------
    StallModel
        Without errors on fresh layers.
    """
    priced = price_kind(kind, core)
    quantities = Quantities([run.layer for run in runs])
    chosen = assign_paths(priced.paths, quantities)
    cycles, stalls = (np.array([getattr(run, name) for run in runs]) for name in ("cycles", "stalls"))
    everywhere = float(stalls.sum() / max(cycles.sum(), 1.0))
    pieces = []
    for number, path in enumerate(kind.paths):
        rows = np.flatnonzero(chosen == number)
        if rows.size < _FEWEST_LAYERS:
            share = float(stalls[rows].sum() / cycles[rows].sum()) if rows.size else everywhere
            pieces.append(scaled(priced.pieces[number], share))
            continue
        part = quantities.take(rows)
        exact = [record.formula.pieces for record in path.classes if record.formula.is_exact]
        offered = _offered(kind.kind, [priced.pieces[number], *exact], part, cache_bytes)
        pieces.append(_fitted(offered, part, stalls[rows], 1.0 / (cycles[rows] + stalls[rows] + _SMALL_CYCLES)))
    return StallModel(tuple(pieces), len(runs), float((stalls / (cycles + stalls)).mean()))


def _offered(kind: str, parts: Sequence[Pieces], quantities: Quantities, cache_bytes: Sequence[int]) -> list[Pieces]:
    """Return what stalls may be made of, each different from all others in these layers; the simplest first."""
    plain = [(Piece((), ((1.0, "1"),)),), *parts]
    gates: list[tuple[str, ...]] = []
    if kind in _WEIGHTS:
        weights, depth = _WEIGHTS[kind]
        gates += [(f"{weights}>={size * times // 2 + 1}",) for size in cache_bytes for times in (1, 2, 4)]
        gates += [tuple(loop.format(depth) for loop in loops) for loops in _LOOPS]
    found: dict[bytes, Pieces] = {}
    for pieces in [*plain, *(gated(pieces, gate) for gate in gates for pieces in plain)]:
        values = evaluate(pieces, quantities)
        if (values >= 0).all() and values.any():
            found.setdefault(values.tobytes(), pieces)
    return list(found.values())


def _fitted(offered: Sequence[Pieces], quantities: Quantities, stalls: Floats, weights: Floats) -> Pieces:
    """Return the sum of few parts that is closest to the stalls: one part after the other, none with a negative wait."""
    columns = np.stack([evaluate(pieces, quantities) for pieces in offered], axis=1) * weights[:, None]
    wanted = stalls * weights
    norms = np.sqrt((columns**2).sum(axis=0))
    norms[norms == 0] = np.inf
    taken: list[int] = []
    waits = np.zeros(0)
    rest = wanted
    left = float(rest @ rest)
    for _ in range(min(_MOST_PARTS, stalls.size // _LAYERS_A_PART)):
        gains = columns.T @ rest / norms
        gains[taken] = -np.inf
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        trial = [*taken, best]
        found = _non_negative(columns[:, trial], wanted)
        after = wanted - columns[:, trial] @ found
        if float(after @ after) > (1 - _LEAST_GAIN) * left:
            break
        kept = found > 0
        taken, waits = [place for place, keep in zip(trial, kept.tolist(), strict=True) if keep], found[kept]
        rest, left = after, float(after @ after)
    return merged([piece for place, wait in zip(taken, waits.tolist(), strict=True) for piece in scaled(offered[place], wait)])


def _non_negative(columns: Floats, wanted: Floats) -> Floats:
    """Return least squares without negative factors: the most negative one goes until none is left."""
    active = list(range(columns.shape[1]))
    found = np.zeros(columns.shape[1])
    while active:
        factors = np.linalg.lstsq(columns[:, active], wanted, rcond=None)[0]
        worst = int(np.argmin(factors))
        if factors[worst] >= 0:
            found[active] = factors
            break
        del active[worst]
    return found
