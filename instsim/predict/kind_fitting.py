"""All samples of one operator to its model: paths, classes, formulas."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim.cost.core_table import CoreTable
from instsim.isa.instruction import Isa
from instsim.model.layer import Layer
from instsim.predict.arena_fitting import fit_arena
from instsim.predict.class_fitting import Observations, fit_classes
from instsim.predict.classes import CountClasses, count_classes
from instsim.predict.gates import Gate
from instsim.predict.means import data_spread
from instsim.predict.paths import assign_paths, find_paths
from instsim.predict.predictor import DISPATCH, ClassRecord, KindModel, PathModel
from instsim.predict.quantities import Quantities
from instsim.predict.samples import Sample
from instsim.predict.vocabulary import conditions_of, means_of, separations_of, terms_of

__all__ = ["DOMAIN_QUANTITIES", "FittedKind", "fit_kind"]

DOMAIN_QUANTITIES = ("N", "H", "W", "C", "OH", "OW", "OC", "KH", "KW", "SH", "SW", "M", "ACT", "IN", "BIAS", "PCH")
"""Quantities whose range among the taught layers is the domain."""


@dataclass(frozen=True)
class FittedKind:
    """A model and what it was fitted on.

    Attributes
    ----------
    model : KindModel
        The model, without errors on fresh layers.
    cycles : ndarray of float64, shape (samples,)
        What each sample took on the first core.
    """

    model: KindModel
    cycles: npt.NDArray[np.float64]


def fit_kind(kind: str, isa: Isa, samples: Sequence[Sample], cores: Sequence[CoreTable]) -> FittedKind:
    """Fit the model of one operator.

    Parameters
    ----------
    kind : str
        Its name.
    isa : Isa
        Instruction set of the runner.
    samples : sequence of Sample
        What layers executed; a layer may be there more than once, with other data.
    cores : sequence of CoreTable
        To price for. Weights of classes are those on the first.

    Raises
    ------
    IncompleteError
        If the first core does not price an instruction that ran.
    """
    classes = count_classes(isa, samples, cores)
    profile = classes.profile
    # A class may be worth nothing on one core and much on another.
    prices = np.stack([classes.prices(core) for core in cores if core.name in classes.events])
    cycles = classes.counts @ prices.T
    layers = [sample.layer for sample in samples]
    numbers: dict[Layer, int] = {}
    groups = np.array([numbers.setdefault(layer, len(numbers)) for layer in layers], np.int64)
    quantities = Quantities(layers)
    condition_names = conditions_of(kind)
    conditions = np.stack([quantities.literal(name) for name in condition_names], axis=1)
    separations = {name: quantities.literal(name) for name in separations_of(kind)}
    found = find_paths(profile.executions > 0, profile.sizes, conditions, condition_names, separations)
    chosen = assign_paths(found, quantities)
    vocabulary = _Vocabulary(quantities, terms_of(kind), conditions, condition_names, means_of(kind))
    paths = []
    for number, gates in enumerate(found):
        rows = np.flatnonzero(chosen == number)
        paths.append(_fit_path(gates, rows, _Counted(groups, classes, prices, cycles), vocabulary))
    persistent, scratch = fit_arena(samples, all_kept=kind == DISPATCH)
    model = KindModel(
        kind=kind,
        paths=tuple(paths),
        operands=classes.operands,
        domain={name: (int(quantities.quantity(name).min()), int(quantities.quantity(name).max())) for name in DOMAIN_QUANTITIES},
        error=None,
        code_sha256=hashlib.sha256(profile.code).hexdigest(),
        persistent_bytes=persistent,
        scratch_bytes=scratch,
        spread_cycles=data_spread(cycles[:, 0], groups),
    )
    return FittedKind(model, cycles[:, 0])


class _Counted(NamedTuple):
    """What all samples of an operator counted: which are of one layer, classes, and by core their prices and the cycles."""

    groups: npt.NDArray[np.int64]
    classes: CountClasses
    prices: npt.NDArray[np.float64]
    cycles: npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Vocabulary:
    quantities: Quantities
    terms: Sequence[str]
    conditions: npt.NDArray[np.bool_]
    condition_names: Sequence[str]
    means: Sequence[str]

    def terms_in(self, names: Sequence[str], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return terms of some samples, shape (rows, terms)."""
        return np.array([self.quantities.term(name)[rows] for name in names], np.int64).reshape(len(names), rows.size).T


def _fit_path(gates: tuple[Gate, ...], rows: npt.NDArray[np.int64], counted: _Counted, vocabulary: _Vocabulary) -> PathModel:
    groups, classes, prices, cycles = counted
    counts, members = np.unique(classes.counts[rows], axis=1, return_inverse=True)
    members = members.ravel()
    merged_prices = np.stack([np.bincount(members, row, counts.shape[1]) for row in prices])
    ran = np.flatnonzero(counts.any(axis=0))
    shares = [np.abs(row) * counts / cycles[rows, core, None] for core, row in enumerate(merged_prices)]
    weights = np.max([share.max(axis=0) for share in shares], axis=0)
    seen = Observations(
        groups[rows],
        counts[:, ran],
        weights[ran],
        merged_prices[0, ran],
        vocabulary.terms_in(vocabulary.terms, rows),
        vocabulary.terms,
        vocabulary.conditions[rows],
        vocabulary.condition_names,
        vocabulary.terms_in(vocabulary.means, rows),
        vocabulary.means,
    )
    formulas = fit_classes(seen)
    records = []
    for place, formula in zip(ran.tolist(), formulas, strict=True):
        same = np.flatnonzero(members == place).tolist()
        addresses = sorted({address for number in same for address in classes.addresses[number]})
        events = {core: _summed([rows_[number] for number in same]) for core, rows_ in classes.events.items()}
        records.append(ClassRecord(tuple(addresses), formula, events))
    inexact = np.array([not formula.is_exact for formula in formulas], bool)
    share = float(shares[0][:, ran[inexact]].sum(axis=1).max()) if inexact.any() else 0.0
    return PathModel(gates, tuple(records), rows.size, share)


def _summed(events: Sequence[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for row in events:
        for name, count in row.items():
            total[name] = total.get(name, 0.0) + count
    return {name: count for name, count in sorted(total.items()) if count}
