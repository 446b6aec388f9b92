"""New events for old formulas: what a predictor needs when a cost model has changed, and not its kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from instsim.cost.core_table import CoreTable
from instsim.isa.instruction import Isa
from instsim.predict.classes import charges_of
from instsim.predict.formula import evaluate
from instsim.predict.paths import assign_paths
from instsim.predict.predictor import KindModel, PathModel
from instsim.predict.quantities import Quantities
from instsim.predict.samples import Sample, join_samples

__all__ = ["reprice_kind"]

_CLOSE = 0.02

Counts = npt.NDArray[np.float64]


def reprice_kind(kind: KindModel, isa: Isa, samples: Sequence[Sample], cores: Sequence[CoreTable]) -> KindModel:
    """Give the formulas of an operator the events that its blocks meet by now.

    Parameters
    ----------
    kind : KindModel
        The operator.
    isa : Isa
        Instruction set of the runner.
    samples : sequence of Sample
        Layers run in the very runner that taught it, enough of each path that every block runs.
    cores : sequence of CoreTable
        To price for; those that do not price everything that ran are left out.

    Returns
    -------
    KindModel
        The same formulas. A class none of whose blocks ran keeps its events, for cores that it had.
    """
    profile = join_samples(isa, samples)
    quantities = Quantities([sample.layer for sample in samples])
    chosen = assign_paths([path.gates for path in kind.paths], quantities)
    paths = list(kind.paths)
    events: list[list[dict[str, dict[str, float]]]] = [[{} for _ in path.classes] for path in paths]
    predictions = [_predicted(path, quantities.take(np.flatnonzero(chosen == number))) for number, path in enumerate(paths)]
    for core in cores:
        charges = charges_of(profile, samples, core, kind.operands)
        if charges is None:
            continue
        owners: dict[tuple[int, ...], int] = {}
        for charge in charges:
            for number, path in enumerate(paths):
                key = (number, *charge.key)
                if key not in owners:
                    owners[key] = _owner(path, predictions[number], charge.counts[chosen == number], charge.address)
                if owners[key] >= 0:
                    row = events[number][owners[key]].setdefault(core.name, {})
                    row[charge.event] = row.get(charge.event, 0.0) + charge.times
    return replace(kind, paths=tuple(_with_events(path, found, cores) for path, found in zip(paths, events, strict=True)))


def _predicted(path: PathModel, quantities: Quantities) -> Counts:
    """Return what the formulas of a path say, shape (layers, classes)."""
    return np.stack([evaluate(record.formula.pieces, quantities) for record in path.classes], axis=1)


def _owner(path: PathModel, predicted: Counts, counts: Counts, address: int) -> int:
    """Return the class that counts what a block did; -1 if it did nothing."""
    total = float(counts.sum())
    if not total:
        return -1
    away = np.abs(predicted - counts[:, None]).sum(axis=0)
    of_block = [place for place, record in enumerate(path.classes) if address in record.addresses]
    near = min(of_block, key=lambda place: away[place], default=-1)
    best = int(np.argmin(away))
    return near if near >= 0 and away[near] <= max(_CLOSE * total, away[best]) else best


def _with_events(path: PathModel, found: Sequence[dict[str, dict[str, float]]], cores: Sequence[CoreTable]) -> PathModel:
    priced = [core.name for core in cores if any(core.name in row for row in found)]
    records = []
    for record, row in zip(path.classes, found, strict=True):
        kept = record.events if not row else {}
        records.append(replace(record, events={name: dict(sorted(row.get(name, kept.get(name, {})).items())) for name in priced}))
    return replace(path, classes=tuple(records))
