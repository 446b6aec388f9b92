"""Counts that are equal in every sample are one class, and a class is priced by the events of all that it counts.

A divide whose time depends on its operands is no count times a price: a mean over all layers would be wrong for each of them. So what is counted of
it are its cycles, and its event is there so often that one count is worth one cycle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim.cost.charge_matrix import CLASS_PREFIX, ChargeMatrix
from instsim.cost.charger import load_charges
from instsim.cost.core_table import CoreTable
from instsim.cost.cost_model import charge_executions, event_cycles
from instsim.cost.cycle_estimate import DIVIDES
from instsim.dynamics.divider import divider_cycles
from instsim.isa.instruction import Isa
from instsim.predict.samples import Sample, join_samples
from instsim.profile.block_profile import BlockProfile

__all__ = ["DIVIDE_PREFIX", "Charge", "CountClasses", "charges_of", "count_classes", "operands_met", "priced_events"]

DIVIDE_PREFIX = "divide@"
"""Prefix of the event that is a divide whose operands were recorded; its address follows."""

_LARGEST_KEYS = 12
"""Operand classes kept of each divide: the commonest."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Operands = Mapping[int, Mapping[int, int]]
"""By address of a divide: how often each operand class (`instsim.dynamics.divider`) was met."""


@dataclass(frozen=True)
class CountClasses:
    """Classes of counts.

    Attributes
    ----------
    profile : BlockProfile
        The samples on common blocks.
    counts : ndarray of int64, shape (samples, classes)
        What each sample counted.
    addresses : tuple of tuple of int
        Blocks of each class.
    events : mapping of str to tuple of mapping
        By core: occurrences of each event when a class counts one.
    operands : mapping
        The commonest operands that the divides met.
    """

    profile: BlockProfile
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


class Charge(NamedTuple):
    """What blocks of samples met on a core.

    Attributes
    ----------
    key : tuple of int
        Equal for charges with equal counts.
    counts : ndarray of int64, shape (samples,)
        How often it was met, but for `times`.
    address : int
        The block.
    event : str
        Of the core's cost model, or `DIVIDE_PREFIX` and an address.
    times : float
        How often the event is met at each of `counts`.
    """

    key: tuple[int, ...]
    counts: Integers
    address: int
    event: str
    times: float


def operands_met(profile: BlockProfile) -> Operands:
    """Return the commonest operands of every divide of a profile."""
    found: dict[int, dict[int, int]] = {}
    for use in profile.dividers:
        common = sorted(zip(use.keys.tolist(), use.counts.tolist(), strict=True), key=lambda item: (-item[1], item[0]))
        found[use.address] = dict(sorted(common[:_LARGEST_KEYS]))
    return found


def charges_of(profile: BlockProfile, samples: Sequence[Sample], core: CoreTable, operands: Operands) -> Iterator[Charge] | None:
    """Return everything that a core charges samples for.

    Parameters
    ----------
    profile : BlockProfile
        As `instsim.predict.samples.join_samples` makes it.
    samples : sequence of Sample
        Of which it was made.
    core : CoreTable
        The core.
    operands : mapping
        Operands by which divides will be priced.

    Returns
    -------
    iterator of Charge, or None
        None if the core does not price everything that ran.
    """
    matrix = load_charges(core, profile)
    return None if matrix.unpriced else _charges(profile, samples, core, operands, matrix)


def _charges(profile: BlockProfile, samples: Sequence[Sample], core: CoreTable, operands: Operands, matrix: ChargeMatrix) -> Iterator[Charge]:
    met = np.rint(charge_executions(profile, matrix)).astype(np.int64)
    recorded = {use.address for use in profile.dividers}
    whens, of_blocks = matrix.met_as
    rows = zip(whens.tolist(), of_blocks.tolist(), matrix.event.tolist(), matrix.count.tolist(), matrix.address.tolist(), strict=True)
    for when, block, event, count, address in rows:
        name, counts, place = matrix.events[event], met[when, :, block], int(profile.addresses[block])
        if name.removeprefix(CLASS_PREFIX) not in DIVIDES or address not in recorded:
            yield Charge((when, block), counts, place, name, count)
            continue
        name = f"{DIVIDE_PREFIX}{address:#x}"
        cycles = _cycles_of_divide(samples, core, address, counts) if count == 1 else None
        if cycles is None:
            yield Charge((when, block), counts, place, name, count)
        else:
            yield Charge((when, block, address), cycles, place, name, 1.0 / _divide_cycles(core, operands.get(address, {})))


def _cycles_of_divide(samples: Sequence[Sample], core: CoreTable, address: int, executions: Integers) -> Integers | None:
    """Return the cycles of a divide in each sample; None if it always takes the same, or if its operands were not all recorded."""
    if core.divider is None:
        return None
    cycles = np.zeros(len(samples), np.int64)
    seen = np.zeros(len(samples), np.int64)
    prices: set[float] = set()
    for number, sample in enumerate(samples):
        for use in sample.dividers:
            if use.address == address:
                each = divider_cycles(core.divider.model, use.keys, core.divider.parameters)
                prices.update(each.tolist())
                cycles[number], seen[number] = round(float(each @ use.counts)), use.counts.sum()
    return cycles if len(prices) > 1 and (seen == executions).all() else None


def count_classes(isa: Isa, samples: Sequence[Sample], cores: Sequence[CoreTable]) -> CountClasses:
    """Sort what samples counted into classes.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    samples : sequence of Sample
        At least one.
    cores : sequence of CoreTable
        Cores to price for; those that do not price everything that ran are left out, the first excepted.

    Raises
    ------
    IncompleteError
        If the first core does not price an instruction that ran.
    """
    from instsim.cost.cost_model import CostModel  # noqa: PLC0415 -- checks prices only

    profile = join_samples(isa, samples)
    CostModel(cores[0]).price(profile)
    classes: dict[bytes, int] = {}
    columns: list[Integers] = []
    blocks: list[set[int]] = []
    by_core: dict[str, list[dict[str, float]]] = {}
    operands = operands_met(profile)
    for core in cores:
        charges = charges_of(profile, samples, core, operands)
        if charges is None:
            continue
        known: dict[tuple[int, ...], int] = {}
        events: list[dict[str, float]] = []
        for charge in charges:
            number = known.get(charge.key)
            if number is None:
                number = classes.setdefault(charge.counts.tobytes(), len(classes)) if charge.counts.any() else -1
                known[charge.key] = number
                if number == len(columns):
                    columns.append(charge.counts)
                    blocks.append(set())
            if number < 0:
                continue
            blocks[number].add(charge.address)
            events.extend({} for _ in range(number + 1 - len(events)))
            events[number][charge.event] = events[number].get(charge.event, 0.0) + charge.times
        by_core[core.name] = events
    return CountClasses(
        profile,
        np.stack(columns, axis=1) if columns else np.zeros((len(samples), 0), np.int64),
        tuple(tuple(sorted(places)) for places in blocks),
        {name: (*events, *({} for _ in range(len(columns) - len(events)))) for name, events in by_core.items()},
        operands,
    )
