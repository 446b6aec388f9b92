"""A core table to start from: that of a known core, with the weights and the divider that rows of the microbenchmark ask for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from instsim.calibrate.device_descriptor import DeviceDescriptor, core_rows
from instsim.calibrate.table_weights import CountedRun, RefittedWeight, WeightFit, refit_weights
from instsim.cost import CoreTable
from instsim.cost.charge_matrix import CLASS_PREFIX
from instsim.cost.core_table import Cost, Divider
from instsim.cost.cycle_estimate import DIVIDES
from instsim.dynamics.divider import DIVIDER_MODELS, divider_cycles, pack_operands
from instsim.session.microbenchmark import KnownCore, find_build
from instsim.session.table_refit import table_with_weights

__all__ = ["StartingPoint", "described_core", "starting_point", "starting_toml"]

_PRIOR_SD_CYCLES = 1.0
_MEASURED_SD = 0.005
_WORTH_A_CHANGE_CYCLES = 0.05
_SAME_DIVIDER_CYCLES = 0.5
_DIVIDED = {"divide-short": (0xFFFFFFFF, 0xFFFFFFF0), "divide-long": (0xFFFFFFFF, 1)}
"""Operands of the rows that divide (rows_arm.S, rows_riscv.S), unsigned."""


@dataclass(frozen=True)
class StartingPoint:
    """What of a core's table is other on a device.

    Attributes
    ----------
    fit : WeightFit
        All weights that the rows meet, refitted.
    divider : Divider or None
        A divider that takes the time of the device's; None where the table's own does, or there is none.
    divider_misses_cycles : float
        By how much the divider misses the rows, at most.
    """

    fit: WeightFit
    divider: Divider | None
    divider_misses_cycles: float

    @property
    def changed(self) -> tuple[RefittedWeight, ...]:
        """The weights that differ from the table's."""
        return tuple(weight for weight in self.fit.weights if abs(weight.after - weight.before) >= _WORTH_A_CHANGE_CYCLES)

    @property
    def weights(self) -> dict[str, tuple[float, str]]:
        """Cycles and basis of the weights that differ: ``measured`` where the rows identify one, ``fitted`` where they give the sum of several."""
        return {weight.event: (_rounded(weight.after), "measured" if weight.identified else "fitted") for weight in self.changed}


def starting_point(measured: Mapping[str, float], known: KnownCore) -> StartingPoint:
    """Say what a core's table needs so that the rows come out as measured.

    Parameters
    ----------
    measured : mapping of str to float
        Cycles of a unit, by row.
    known : KnownCore
        The core whose table is to start from.
    """
    core = known.core
    rows = {f"{CLASS_PREFIX}{name}": cost for name, cost in core.classes.items()} | dict(core.events)
    # What a divider's model prices has no weight.
    modelled = {f"{CLASS_PREFIX}{name}" for name in DIVIDES} if core.divider is not None else set()
    runs = [
        CountedRun(name, cycles, known.cycles[name], known.events[name])
        for name, cycles in core_rows(measured).items()
        if cycles > 0 and not modelled & known.events[name].keys()
    ]
    weights = {event: (float(rows[event].cycles), rows[event].basis) for run in runs for event in run.counts if event in rows}
    # Another core than the table's: what its documents say of it binds no more than what was assumed.
    fit = refit_weights(runs, weights, _MEASURED_SD, {cost.basis: _PRIOR_SD_CYCLES for cost in rows.values()})
    return StartingPoint(fit, *_divider(measured, known))


def _divider(measured: Mapping[str, float], known: KnownCore) -> tuple[Divider | None, float]:
    """Return a divider for the rows that divide, and by how much it misses them; no divider where the core's own does not."""
    own = known.core.divider
    if own is None or not _DIVIDED.keys() <= measured.keys():
        return None, 0.0
    keys = np.array([pack_operands(*operands, signed=False) for operands in _DIVIDED.values()])
    # What the units take beside the divider itself stays.
    times = np.array([measured[row] - known.cycles[row] for row in _DIVIDED]) + divider_cycles(own.model, keys, own.parameters)
    mean = _rounded(float(times.mean()))
    candidates = [own]
    if "cycles" in own.parameters:
        candidates.append(replace(own, parameters={**own.parameters, "cycles": mean}))
    candidates += [replace(own, model=model, parameters={}) for model, parameters in DIVIDER_MODELS.items() if not parameters]
    candidates.append(replace(own, model="fixed", parameters={"cycles": mean}))
    misses = [float(np.abs(divider_cycles(divider.model, keys, divider.parameters) - times).max()) for divider in candidates]
    best = next((place for place, miss in enumerate(misses) if miss <= _SAME_DIVIDER_CYCLES), len(candidates) - 1)
    return (None if best == 0 else candidates[best]), misses[best]


def starting_toml(core: CoreTable, start: StartingPoint, descriptor: DeviceDescriptor) -> str:
    """Return the text of the table.

    Raises
    ------
    InputError
        If the core's table has a row that is not on a line of its own.
    """
    source = _source(descriptor)
    text = table_with_weights(core, start.weights, descriptor.name, source, _title(core, descriptor))
    if start.divider is None:
        return text
    lines = ["[divider]", f"model = {json.dumps(start.divider.model)}"]
    if start.divider.parameters:
        lines.append(f"parameters = {{ {', '.join(f'{name} = {value:g}' for name, value in start.divider.parameters.items())} }}")
    lines += ['basis = "fitted"', f"source = {json.dumps(source)}", 'note = "two quotients were measured, a short one and a long one"', ""]
    return re.sub(r"(?ms)^\[divider\]\n.*?(?=^\[|\Z)", "\n".join(lines), text, count=1)


def described_core(descriptor: DeviceDescriptor) -> CoreTable:
    """Return the core table that a descriptor stands for: the one that `starting_toml` writes.

    Raises
    ------
    UsageError
        If the build or the core that it names is not known.
    """
    known = find_build(descriptor.build).on_named(descriptor.base)
    start = starting_point(descriptor.cycles, known)
    core, weights, source = known.core, start.weights, _source(descriptor)

    def changed(costs: Mapping[str, Cost], prefix: str) -> Mapping[str, Cost]:
        found = dict(costs)
        for name, cost in costs.items():
            if prefix + name in weights:
                cycles, basis = weights[prefix + name]
                found[name] = replace(cost, cycles=cycles, basis=basis, source=source)
        return MappingProxyType(found)

    return replace(
        core,
        name=descriptor.name,
        title=_title(core, descriptor),
        classes=changed(core.classes, CLASS_PREFIX),
        events=changed(core.events, ""),
        divider=core.divider if start.divider is None else replace(start.divider, basis="fitted", source=source),
        digest=hashlib.sha256(f"{core.digest} {sorted(weights.items())} {start.divider}".encode()).hexdigest(),
    )


def _source(descriptor: DeviceDescriptor) -> str:
    return f"own-runs microbenchmark log of {descriptor.name}, sha256 {descriptor.log_digest[:16]}"


def _title(core: CoreTable, descriptor: DeviceDescriptor) -> str:
    return f"{core.title} as {descriptor.name}"


def _rounded(cycles: float) -> float:
    """Return whole cycles where they are near, without a negative zero."""
    return float(round(cycles)) + 0.0 if abs(cycles - round(cycles)) < _WORTH_A_CHANGE_CYCLES else round(cycles, 2)
