"""What an operator takes in the arena beyond its tensors, learnt from the arenas of models of one layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from instsim.model.layer import chain
from instsim.predict.arena import planned_bytes
from instsim.predict.formula import Formula, Piece
from instsim.predict.quantities import Quantities
from instsim.predict.samples import Sample
from instsim.predict.vocabulary import terms_of

__all__ = ["fit_arena"]

_KEPT_TERMS = ("1", "OC", "C", "BIAS", "IN", "H")
"""Terms of what is kept for good: structures, and arrays with an element for each channel. Larger things are scratch buffers."""

_TERMS_TRIED = 300
_ROUNDING_BYTES = 32


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
    tensors = planned_bytes([chain([layer]).tensors for layer in layers]) if not all_kept else np.zeros(len(known), np.int64)
    extra = np.array([sample.arena_bytes for sample in known], np.int64) - tensors
    quantities = Quantities(layers)
    kept_terms = [name for name in _KEPT_TERMS if name == "1" or np.unique(quantities.term(name)).size > 1]
    columns = np.stack([quantities.term(name) for name in kept_terms], axis=1).astype(np.float64)
    factors, *_ = np.linalg.lstsq(columns, extra.astype(np.float64), rcond=None)
    if all_kept or np.abs(columns @ factors - extra).max() <= _ROUNDING_BYTES:
        return _formula(kept_terms, factors), Formula(())
    names = terms_of(layers[0].kind)[:_TERMS_TRIED]
    best: tuple[float, str, np.ndarray] | None = None
    for name in names:
        if name in kept_terms:
            continue
        wider = np.concatenate([columns, quantities.term(name)[:, None].astype(np.float64)], axis=1)
        found, residual, rank, _ = np.linalg.lstsq(wider, extra.astype(np.float64), rcond=None)
        if rank == wider.shape[1] and residual.size and found[-1] > 0 and (best is None or residual[0] < best[0]):
            best = (float(residual[0]), name, found)
    if best is None:
        return _formula(kept_terms, factors), Formula(())
    _, name, found = best
    return _formula(kept_terms, found[:-1]), Formula((Piece((), ((float(found[-1]), name),)),), is_exact=False)


def _formula(names: Sequence[str], factors: np.ndarray) -> Formula:
    terms = tuple((float(np.round(factor, 3)), name) for factor, name in zip(factors, names, strict=True) if abs(factor) > 1e-3)
    return Formula((Piece((), terms),) if terms else (), is_exact=False)
