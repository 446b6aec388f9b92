"""From the log of the microbenchmark to a device: its nearest core, the differences, and a table to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from instsim import __version__
from instsim.calibrate.device_descriptor import SCALE_ROW, DeviceDescriptor, UnitCost, core_rows, distance
from instsim.calibrate.microbenchmark_log import MicrobenchmarkLog, parse_log
from instsim.calibrate.table_weights import CountedRun, RefittedWeight, WeightFit, refit_weights
from instsim.cost import load_core
from instsim.cost.charge_matrix import CLASS_PREFIX
from instsim.cost.cycle_estimate import DIVIDES
from instsim.errors import IncompleteError, InputError, UsageError
from instsim.session.microbenchmark import Build, KnownCore, find_build
from instsim.session.table_refit import table_with_weights

__all__ = ["ALIKE", "Characterization", "Neighbour", "characterize"]

ALIKE = 0.02
"""Vectors that are no further apart than this are the same within measurement."""

_FEWEST_ROWS = 8
_PRIOR_SD_CYCLES = 1.0
_MEASURED_SD = 0.005
_WORTH_A_CHANGE_CYCLES = 0.05
_NOISY = 0.02
_SLOWER = 1.1


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A core of the tables, and how far its vector is from the device's."""

    core: str
    title: str
    distance: float


@dataclass(frozen=True)
class Characterization:
    """A device as its log shows it.

    Attributes
    ----------
    log : MicrobenchmarkLog
        What was measured.
    descriptor : DeviceDescriptor
        Its vector.
    nearest : KnownCore
        The core that it is compared with.
    neighbours : tuple of Neighbour
        All cores that can run the build, nearest first.
    alike : tuple of str
        Those of them that no log could tell from `nearest`.
    fit : WeightFit
        Weights of the nearest core's table, refitted to the rows.
    warnings : tuple of str
        What a reader should know.
    """

    log: MicrobenchmarkLog
    descriptor: DeviceDescriptor
    nearest: KnownCore
    neighbours: tuple[Neighbour, ...]
    alike: tuple[str, ...]
    fit: WeightFit
    warnings: tuple[str, ...]

    @property
    def distance(self) -> float:
        """Of the nearest core."""
        return self.descriptor.distance

    @property
    def changed(self) -> tuple[RefittedWeight, ...]:
        """The weights that the device's table has otherwise than the nearest core's."""
        return tuple(weight for weight in self.fit.weights if abs(weight.after - weight.before) >= _WORTH_A_CHANGE_CYCLES)

    def table_toml(self) -> str:
        """Return a core table to start from: the nearest core's, with the weights that were measured to be others.

        A weight that the rows identify is marked measured; where they give only the sum of several, the parts are marked fitted.

        Raises
        ------
        InputError
            If the nearest core's table has a row that is not on a line of its own.
        """
        weights = {weight.event: (_rounded(weight.after), "measured" if weight.identified else "fitted") for weight in self.changed}
        name = self.descriptor.name
        source = f"own-runs microbenchmark log of {name}, sha256 {self.log.digest[:16]}"
        return table_with_weights(self.nearest.core, weights, name, source, f"{self.nearest.core.title} as {name}")


def characterize(log: str | Path, *, core: str | None = None, name: str | None = None) -> Characterization:
    """Say what core a device has, by the log of the microbenchmark it ran.

    Parameters
    ----------
    log : str or Path
        The file of the log.
    core : str, optional
        Name or file of a core table to compare with, instead of the nearest.
    name : str, optional
        Of the device; default: the file's name without its ending.

    Raises
    ------
    InputError
        If the log cannot be read or used.
    UsageError
        If `core` does not exist or cannot run the build that printed the log.
    """
    path = Path(log)
    try:
        found = parse_log(path.read_bytes(), path.name)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        build = find_build(found.build)
    except UsageError as error:
        raise InputError(f"{path.name}: of a build that is not known, {found.build!r}", hint=error.hint) from error
    _check_rows(found, build, path.name)
    known = build.known_cores()
    measured = {row.name: row.cycles for row in found.measured}
    ordered = sorted(((distance(measured, other.cycles), other.core.name, other) for other in known), key=lambda item: item[:2])
    nearest = ordered[0][2] if core is None else _chosen(core, build, known)
    far = distance(measured, nearest.cycles)
    costs = {row.name: UnitCost(row.cycles, row.spread_cycles, nearest.cycles[row.name]) for row in found.measured}
    descriptor = DeviceDescriptor(
        name or path.name.partition(".")[0], found.build, found.counter, found.digest, nearest.core.name, far, costs, __version__
    )
    return Characterization(
        found,
        descriptor,
        nearest,
        tuple(Neighbour(other.core.name, other.core.title, apart) for apart, _, other in ordered),
        tuple(name for _, name, other in ordered if name != nearest.core.name and distance(nearest.cycles, other.cycles) <= ALIKE),
        _fit(measured, nearest),
        _warnings(descriptor, nearest),
    )


def _check_rows(log: MicrobenchmarkLog, build: Build, place: str) -> None:
    known = {row.name for row in build.printed.rows}
    problems = [f"line {row.line}: the build {build.name} has no row {row.name!r}" for row in log.rows if row.name not in known]
    asked = core_rows({row.name: row.cycles for row in log.measured})
    if not problems and (len(asked) < _FEWEST_ROWS or asked.get(SCALE_ROW, 0.0) <= 0):
        problems.append(f"{len(asked)} rows of the core, with {SCALE_ROW} {'at no cost' if SCALE_ROW in asked else 'missing'}: too little to compare")
    if problems:
        raise InputError(f"{place}: not a log of this build", hint="flash the microbenchmark that comes with this instsim", details=tuple(problems))


def _chosen(name: str, build: Build, known: tuple[KnownCore, ...]) -> KnownCore:
    for candidate in known:
        if candidate.core.name == name:
            return candidate
    table = load_core(name)
    if table.isa is not build.isa:
        raise UsageError(f"the log is of {build.isa} code, {table.name} runs {table.isa}")
    try:
        return build.on(table)
    except IncompleteError as error:
        raise UsageError(f"{table.name} has no price for what the build {build.name} executes", details=error.details) from error


def _fit(measured: Mapping[str, float], nearest: KnownCore) -> WeightFit:
    core = nearest.core
    rows = {f"{CLASS_PREFIX}{name}": cost for name, cost in core.classes.items()} | dict(core.events)
    # What a divider's model prices has no weight.
    modelled = {f"{CLASS_PREFIX}{name}" for name in DIVIDES} if core.divider is not None else set()
    runs = [
        CountedRun(name, cycles, nearest.cycles[name], nearest.events[name])
        for name, cycles in core_rows(measured).items()
        if cycles > 0 and not modelled & nearest.events[name].keys()
    ]
    met = {event for run in runs for event in run.counts if event in rows}
    weights = {event: (float(rows[event].cycles), rows[event].basis) for event in met}
    # Another core than the table's: what its documents say of it binds no more than what was assumed.
    return refit_weights(runs, weights, _MEASURED_SD, {cost.basis: _PRIOR_SD_CYCLES for cost in rows.values()})


def _rounded(cycles: float) -> float:
    return float(round(cycles)) + 0.0 if abs(cycles - round(cycles)) < _WORTH_A_CHANGE_CYCLES else round(cycles, 2)


def _warnings(descriptor: DeviceDescriptor, nearest: KnownCore) -> tuple[str, ...]:
    warnings = []
    costs = descriptor.costs
    noisy = [name for name, cost in costs.items() if cost.spread_cycles > _NOISY * max(cost.cycles, 1.0)]
    if noisy:
        warnings.append(f"differ from run to run by more than {_NOISY:.0%}: {', '.join(noisy)}. Is something else running, or the clock changing?")
    scale = costs[SCALE_ROW].cycles / nearest.cycles[SCALE_ROW]
    if scale > _SLOWER:
        warnings.append(
            f"an addition takes {costs[SCALE_ROW].cycles:.2f} cycles, {scale:.2f} times the nearest core's: code memory is slow at this clock, and "
            "weights hold its waiting too. Measure at a clock without wait states for the core's own"
        )
    if nearest.core.divider is not None:
        other = [name for name in costs if name.startswith(DIVIDES) and abs(costs[name].cycles - costs[name].nearest_cycles) > 1.0]
        if other:
            warnings.append(
                f"{', '.join(other)}: the nearest core's divider takes another time. A divider is a model, not a weight: the table keeps it; "
                "`[divider]` names another one, or leave it out and give the class a mean"
            )
    return tuple(warnings)
