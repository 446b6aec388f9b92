"""What an operator takes in the arena beyond its tensors, learnt from the arenas of models of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from instsim.model.layer import ArenaTensor, Layer, chain
from instsim.predict.arena import buffers_of, planned_bytes
from instsim.predict.formula import Formula, Piece
from instsim.predict.quantities import Quantities
from instsim.predict.samples import Sample
from instsim.predict.vocabulary import conditions_of, terms_of

__all__ = ["fit_arena"]

_KEPT_TERMS = ("1", "BIAS", "OCB", "PCH*OCB", "IN")
"""Terms of what is kept for good: structures, and arrays with an element for each output channel. Larger things are scratch buffers."""

_DISPATCH_TERMS = ("1", "H")
_SCRATCH_TERMS = ("KB", "KB*[T>=2]", "C", "OC", "T*C", "T*C*[M==1]", "K", "L", "Q", "WC", "OWC")
_TERMS_TRIED = 200
_ROUNDING_BYTES = 16
_BETTER = 0.95
_CONDITIONS_TRIED = 12


def fit_arena(samples: Sequence[Sample], *, all_kept: bool = False) -> tuple[Formula, Formula]:
    """Learn what is kept for good and what is scratch.

    The arena of a model with one layer is its tensors as the planner places them, and what is wanted. Sizes are rounded at several places, so that a
    formula need not be whole: it is fitted by least squares on the few terms that structures and buffers are made of.

    Parameters
    ----------
    samples : sequence of Sample
        With `Sample.arena_bytes`, else they are left out.
    all_kept : bool
        There are no scratch buffers.

    Returns
    -------
    tuple of Formula
        Kept bytes and scratch bytes.
    """
    known = [sample for sample in samples if sample.arena_bytes is not None]
    if len(known) < 4:
        return Formula(()), Formula(())
    layers = [sample.layer for sample in known]
    tensors = np.zeros(len(known), np.int64) if all_kept else planned_bytes(*buffers_of([_tensors(layer) for layer in layers]))
    extra = np.array([sample.arena_bytes for sample in known], np.int64) - tensors
    quantities = Quantities(layers)
    tried = _DISPATCH_TERMS if all_kept else _KEPT_TERMS
    kept_terms = [name for name in tried if name == "1" or np.unique(quantities.term(name)).size > 1]
    columns = np.stack([quantities.term(name) for name in kept_terms], axis=1).astype(np.float64)
    factors, *_ = np.linalg.lstsq(columns, extra.astype(np.float64), rcond=None)
    if all_kept or np.abs(columns @ factors - extra).max() <= _ROUNDING_BYTES:
        return _formula(kept_terms, factors), Formula(())
    names = tuple(dict.fromkeys((*_SCRATCH_TERMS, *terms_of(layers[0].kind)[:_TERMS_TRIED])))
    conditions = ["!T==9", *(text for name in conditions_of(layers[0].kind)[:_CONDITIONS_TRIED] for text in (name, f"!{name}"))]
    tried_gates = [((), name) for name in names] + [((gate,), name) for name in _SCRATCH_TERMS for gate in conditions]
    best: tuple[float, Piece, npt.NDArray[np.floating[Any]]] | None = None
    for gate, name in tried_gates:
        if name in kept_terms:
            continue
        own = np.where(quantities.gate(gate), quantities.term(name), 0).astype(np.float64)
        wider = np.concatenate([columns, own[:, None]], axis=1)
        found, residual, rank, _ = np.linalg.lstsq(wider, extra.astype(np.float64), rcond=None)
        if rank == wider.shape[1] and residual.size and found[-1] > 0 and (best is None or residual[0] < _BETTER * best[0]):
            best = (float(residual[0]), Piece(gate, ((float(found[-1]), name),)), found)
    if best is None:
        return _formula(kept_terms, factors), Formula(())
    _, piece, found = best
    return _formula(kept_terms, found[:-1]), Formula((piece,), is_exact=False)


def _tensors(layer: Layer) -> tuple[ArenaTensor, ...]:
    """Return the tensors of a model of one layer, each operand an input of its own."""
    alone = chain([layer]).tensors
    return (*(alone[0] for _ in range(layer.operands)), alone[1])


def _formula(names: Sequence[str], factors: npt.NDArray[np.floating[Any]]) -> Formula:
    terms = tuple((float(np.round(factor, 3)), name) for factor, name in zip(factors, names, strict=True) if abs(factor) > 1e-3)
    return Formula((Piece((), terms),) if terms else (), is_exact=False)
