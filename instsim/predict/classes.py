"""Counts that are equal in every sample are one class, and a class is priced by the events of all that it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instsim.cost.charge_matrix import CLASS_PREFIX
from instsim.cost.charger import load_charges
from instsim.cost.core_table import CoreTable
from instsim.cost.cost_model import charge_executions, event_cycles
from instsim.cost.cycle_estimate import DIVIDES
from instsim.dynamics.divider import divider_cycles
from instsim.profile.block_profile import BlockProfile

__all__ = ["DIVIDE_PREFIX", "CountClasses", "count_classes", "priced_events"]

DIVIDE_PREFIX = "divide@"
"""Prefix of the event that is a divide whose operands were recorded; its address follows."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Operands = Mapping[int, Mapping[int, int]]
"""By address of a divide: how often each operand class (`instsim.dynamics.divider`) was met."""


@dataclass(frozen=True)
class CountClasses:
    """Classes of counts.

    Attributes
    ----------
    counts : ndarray of int64, shape (samples, classes)
        What each sample counted.
    addresses : tuple of tuple of int
        Blocks of each class.
    events : mapping of str to tuple of mapping
        By core: occurrences of each event when a class counts one.
    operands : mapping
        Operands that the divides met.
    """

    counts: Integers
    addresses: tuple[tuple[int, ...], ...]
    events: Mapping[str, tuple[Mapping[str, float], ...]]
    operands: Operands

    def prices(self, core: CoreTable) -> Floats:
        """Return the cycles of one count of each class, shape (classes,)."""
        return np.array([priced_events(core, events, self.operands) for events in self.events[core.name]])


def priced_events(core: CoreTable, events: Mapping[str, float], operands: Operands) -> float:
    """Return the cycles of some events on a core."""
    plain = [name for name in events if not name.startswith(DIVIDE_PREFIX)]
    cycles = float(event_cycles(core, plain) @ np.array([events[name] for name in plain])) if plain else 0.0
    for name, count in events.items():
        if name.startswith(DIVIDE_PREFIX):
            cycles += count * _divide_cycles(core, operands.get(int(name[len(DIVIDE_PREFIX) :], 16), {}))
    return cycles


def _divide_cycles(core: CoreTable, counts: Mapping[int, int]) -> float:
    if core.divider is None or not counts:
        return float(event_cycles(core, [CLASS_PREFIX + DIVIDES[0]])[0])
    keys, weights = np.array(list(counts), np.int64), np.array(list(counts.values()), np.float64)
    return float(divider_cycles(core.divider.model, keys, core.divider.parameters) @ weights / weights.sum())


def count_classes(profile: BlockProfile, cores: Sequence[CoreTable]) -> CountClasses:
    """Sort the counts of a profile of samples into classes.

    Parameters
    ----------
    profile : BlockProfile
        As `instsim.predict.samples.join_samples` makes it.
    cores : sequence of CoreTable
        Cores to price for; those that do not price everything that ran are left out, the first excepted.

    Raises
    ------
    IncompleteError
        If the first core does not price an instruction that ran.
    """
    from instsim.cost.cost_model import CostModel  # noqa: PLC0415 -- checks prices only

    CostModel(cores[0]).price(profile)
    classes: dict[bytes, int] = {}
    columns: list[Integers] = []
    blocks: list[set[int]] = []
    by_core: dict[str, list[dict[str, float]]] = {}
    recorded = {use.address for use in profile.dividers}
    for core in cores:
        matrix = load_charges(core, profile)
        if matrix.unpriced:
            continue
        met = np.rint(charge_executions(profile, matrix)).astype(np.int64)
        known: dict[tuple[int, int], int] = {}
        events: list[dict[str, float]] = []
        whens, of_blocks = matrix.met_as
        rows = zip(whens.tolist(), of_blocks.tolist(), matrix.event.tolist(), matrix.count.tolist(), matrix.address.tolist(), strict=True)
        for when, block, event, count, address in rows:
            number = known.get((when, block))
            if number is None:
                column = met[when, :, block]
                number = classes.setdefault(column.tobytes(), len(classes)) if column.any() else -1
                known[when, block] = number
                if number == len(columns):
                    columns.append(column)
                    blocks.append(set())
            if number < 0:
                continue
            blocks[number].add(int(profile.addresses[block]))
            events.extend({} for _ in range(number + 1 - len(events)))
            name = matrix.events[event]
            if name.removeprefix(CLASS_PREFIX) in DIVIDES and address in recorded:
                name = f"{DIVIDE_PREFIX}{address:#x}"
            events[number][name] = events[number].get(name, 0.0) + count
        by_core[core.name] = events
    return CountClasses(
        np.stack(columns, axis=1) if columns else np.zeros((profile.executions.shape[0], 0), np.int64),
        tuple(tuple(sorted(places)) for places in blocks),
        {name: (*events, *({} for _ in range(len(columns) - len(events)))) for name, events in by_core.items()},
        {use.address: dict(zip(use.keys.tolist(), use.counts.tolist(), strict=True)) for use in profile.dividers},
    )
