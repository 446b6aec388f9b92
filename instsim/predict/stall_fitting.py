"""What a memory system adds to the cycles of an operator, learnt from layers run with it.

A loop waits for memory about as long in each of its turns, so stalls are a sum over the classes of counts that a predictor knows already, with
waits that are never negative. Weights are waited for once where a cache holds them, and again by every output where it does not; loops that do not
fit it together evict each other: each class is offered for layers whose weights fill a cache that much, and for those that run several loops in
turn, too. Few classes are enough, because most of them count alike.

A path of a kernel has few layers to learn from. So what weights add is learnt on all paths together as well, and each path takes of several sums
the one that does best on layers left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.cost.core_table import CoreTable
from instsim.dynamics.memory_system import Cache
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

_FOLDS = 5
_FEWEST_LAYERS = 8
_SMALL_CYCLES = 5000.0
"""Smaller layers count as if they took so long, or as the usual layer of the operator: networks are made of larger ones."""


@dataclass(frozen=True, slots=True)
class _Weights:
    """Bytes of weights that an operator reads, as terms.

    Attributes
    ----------
    once, again, whole : str
        Read at least once; read by an output behind another one; read by outputs whose window is not clipped.
    an_output, a_whole_output : str
        Read for one output of all channels: in the mean, and if its window is not clipped.
    depth : str
        What the inner loops run over.
    """

    once: str
    again: str
    whole: str
    an_output: str
    a_whole_output: str
    depth: str


_WEIGHTS = {
    "CONV_2D": _Weights("UY*UX*C*OC", "RE*C*OC", "IY*IX*K*OC", "KV*OC", "K*OC", "K"),
    "DEPTHWISE_CONV_2D": _Weights("UY*UX*OC", "RE*OC", "IY*IX*T*OC", "KV*M", "T*OC", "C"),
    "FULLY_CONNECTED": _Weights("C*OC", "N*C*OC", "N*C*OC", "C*OC", "C*OC", "C"),
}

_SMALLEST_LINE = 8

_FILLED = ((3, 4), (7, 8), (15, 16), (1, 1), (17, 16), (9, 8), (5, 4), (3, 2), (2, 1), (3, 1))
"""Sizes relative to a cache's from which weights may not stay in it: code takes room, and how a full set makes room matters."""

_LOOPS = (
    ("{}>=16", "{}%16>=4", "!{}%4==0"), ("{}>=16", "{}%16>=4"), ("{}>=16", "!{}%4==0"), ("{}%16>=4", "!{}%4==0"), ("{}>=16",), ("{}%16>=4",),
    ("!{}%4==0",),
)  # fmt: skip
"""Conditions under which several unrolled loops run in turn, the most loops first: together they may not fit a cache that each of them fits."""

_EIGHTHS = (1, 2, 4, 6, 7)
"""Of a line, that rows of weights end behind its start: where several rows are read at once, they may all want their next line at the same time."""

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


def fit_stalls(kind: KindModel, core: CoreTable, runs: Sequence[LayerStalls], caches: Sequence[Cache]) -> StallModel:
    """Learn what a memory system adds to one operator.

    Parameters
    ----------
    kind : KindModel
        The operator.
    core : CoreTable
        One it has prices for.
    runs : sequence of LayerStalls
        At least one.
    caches : sequence of Cache
        Those that reads of weights go through.

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
    together = cycles + stalls
    usual = float(np.median(together))
    bases: list[Pieces] = [()]
    if kind.kind in _WEIGHTS and caches:
        shared = _offered(kind.kind, [], quantities, caches)
        bases.append(_summed(shared, _fitted(_columns(shared, quantities), stalls, 1.0 / (together + _SMALL_CYCLES))))
    pieces = []
    for number, path in enumerate(kind.paths):
        rows = np.flatnonzero(chosen == number)
        if rows.size < _FEWEST_LAYERS:
            share = float(stalls[rows].sum() / cycles[rows].sum()) if rows.size else everywhere
            pieces.append(scaled(priced.pieces[number], share))
            continue
        part = quantities.take(rows)
        exact = [record.formula.pieces for record in path.classes if record.formula.is_exact]
        offered = _offered(kind.kind, [priced.pieces[number], *exact], part, caches)
        columns, took = _columns(offered, part), together[rows]
        ways = [(base, stalls[rows] - evaluate(base, part), 1.0 / (took + small)) for base in bases for small in (_SMALL_CYCLES, usual)]
        errors = [_held_out_error(columns, wanted, weights, 1.0 / (took + usual)) for _, wanted, weights in ways]
        base, wanted, weights = ways[int(np.argmin(errors))]
        pieces.append(merged((*base, *_summed(offered, _fitted(columns, wanted, weights)))))
    return StallModel(tuple(pieces), len(runs), float((stalls / (cycles + stalls)).mean()))


def _offered(kind: str, parts: Sequence[Pieces], quantities: Quantities, caches: Sequence[Cache]) -> list[Pieces]:
    """Return what stalls may be made of, each different from all others in these layers; the simplest first."""
    plain = [_term("1"), *parts]
    gates: list[tuple[str, ...]] = []
    weights = _WEIGHTS.get(kind)
    if weights is not None:
        limits = [cache.size_bytes * times // over + 1 for cache in caches for times, over in _FILLED]
        plain += [_term(text) for text in dict.fromkeys((weights.once, weights.again, weights.whole))]
        gates += [(f"{text}>={limit}",) for text in dict.fromkeys((weights.an_output, weights.a_whole_output)) for limit in limits]
        gates += [tuple(loop.format(weights.depth) for loop in loops) for loops in _LOOPS]
        lines = sorted({cache.line_bytes for cache in caches if cache.line_bytes >= _SMALLEST_LINE})
        gates += [(f"{sign}{weights.depth}%{line}>={line * eighths // 8}",) for line in lines for eighths in _EIGHTHS for sign in ("", "!")]
    found: dict[bytes, Pieces] = {}
    for pieces in [*plain, *(gated(pieces, gate) for gate in gates for pieces in plain)]:
        values = evaluate(pieces, quantities)
        if (values >= 0).all() and values.any():
            found.setdefault(values.tobytes(), pieces)
    return list(found.values())


def _term(text: str) -> Pieces:
    return (Piece((), ((1.0, text),)),)


def _columns(offered: Sequence[Pieces], quantities: Quantities) -> Floats:
    return np.stack([evaluate(pieces, quantities) for pieces in offered], axis=1)


def _summed(offered: Sequence[Pieces], waits: Mapping[int, float]) -> Pieces:
    return merged([piece for place, wait in waits.items() for piece in scaled(offered[place], wait)])


def _held_out_error(columns: Floats, wanted: Floats, weights: Floats, judged: Floats) -> float:
    """Return the squared error on layers that a fit has not seen, each left out once; `weights` are those of the fit, `judged` of the error."""
    fold = np.arange(wanted.size) % _FOLDS
    total = 0.0
    for number in range(_FOLDS):
        inside, outside = fold != number, fold == number
        waits = _fitted(columns[inside], wanted[inside], weights[inside])
        missed = wanted[outside] - columns[np.ix_(outside, np.array(list(waits), np.int64))] @ np.array(list(waits.values()))
        total += float(((missed * judged[outside]) ** 2).sum())
    return total


def _fitted(columns: Floats, wanted: Floats, weights: Floats) -> dict[int, float]:
    """Return the sum of few columns that is closest to what is wanted, by column: one after the other, none with a negative wait."""
    columns, wanted = columns * weights[:, None], wanted * weights
    norms = np.sqrt((columns**2).sum(axis=0))
    norms[norms == 0] = np.inf
    taken: list[int] = []
    waits = np.zeros(0)
    rest = wanted
    left = float(rest @ rest)
    for _ in range(min(_MOST_PARTS, wanted.size // _LAYERS_A_PART)):
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
    return dict(zip(taken, waits.tolist(), strict=True))


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
