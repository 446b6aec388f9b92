"""From the log of the microbenchmark to a device: its nearest core, the differences, and a table to start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from instsim import __version__
from instsim.calibrate.device_descriptor import SCALE_ROW, DeviceDescriptor, UnitCost, core_rows, distance
from instsim.calibrate.microbenchmark_log import MicrobenchmarkLog, parse_log
from instsim.calibrate.table_weights import RefittedWeight
from instsim.errors import InputError, UsageError
from instsim.session.microbenchmark import Build, KnownCore, find_build
from instsim.session.starting_table import StartingPoint, starting_point, starting_toml

__all__ = ["ALIKE", "Characterization", "Neighbour", "characterize", "characterized"]

ALIKE = 0.02
"""Vectors that are no further apart than this are the same within measurement."""

_FEWEST_ROWS = 8
_NOISY = 0.02
_SLOWER = 1.1
_AS_WELL = 1.0
"""By how much the penalty of a fit may be larger (one deviation): what the rows cannot tell, nearness decides."""

_UNEXPLAINED = 0.05
_DIVIDER_FITS_CYCLES = 1.0


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
    base : KnownCore
        The core whose rules explain the rows best once its weights are refitted; of those that do so alike, the nearest.
    start : StartingPoint
        What of its table would be other.
    warnings : tuple of str
        What a reader should know.
    """

    log: MicrobenchmarkLog
    descriptor: DeviceDescriptor
    nearest: KnownCore
    neighbours: tuple[Neighbour, ...]
    alike: tuple[str, ...]
    base: KnownCore
    start: StartingPoint
    warnings: tuple[str, ...]

    @property
    def distance(self) -> float:
        """Of the nearest core."""
        return self.descriptor.distance

    @property
    def changed(self) -> tuple[RefittedWeight, ...]:
        """The weights that the device's table has otherwise than the base's."""
        return self.start.changed

    def table_toml(self) -> str:
        """Return a core table to start from: the base's, with the weights that were measured to be others.

        A weight that the rows identify is marked measured; where they give only the sum of several, the parts are marked fitted.

        Raises
        ------
        InputError
            If the base's table has a row that is not on a line of its own.
        """
        return starting_toml(self.base.core, self.start, self.descriptor)


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
    chosen = None if core is None else build.on_named(core)
    return characterized(found, build.known_cores(), name or path.name.partition(".")[0], chosen)


def characterized(log: MicrobenchmarkLog, known: Sequence[KnownCore], name: str, chosen: KnownCore | None = None) -> Characterization:
    """Compare a log with cores.

    Parameters
    ----------
    log : MicrobenchmarkLog
        Of rows that the cores have as well.
    known : sequence of KnownCore
        At least one.
    name : str
        Of the device.
    chosen : KnownCore, optional
        The core to compare with, whichever is nearest.
    """
    measured = {row.name: row.cycles for row in log.measured}
    ordered = sorted(((distance(measured, other.cycles), other.core.name, other) for other in known), key=lambda item: item[:2])
    nearest = chosen or ordered[0][2]
    base, start = _base(measured, [nearest] if chosen is not None else [other for _, _, other in ordered])
    far = distance(measured, nearest.cycles)
    costs = {row.name: UnitCost(row.cycles, row.spread_cycles, nearest.cycles[row.name]) for row in log.measured}
    descriptor = DeviceDescriptor(name, log.build, log.counter, log.digest, nearest.core.name, base.core.name, far, costs, __version__)
    return Characterization(
        log,
        descriptor,
        nearest,
        tuple(Neighbour(other.core.name, other.core.title, apart) for apart, _, other in ordered),
        tuple(name for _, name, other in ordered if name != nearest.core.name and distance(nearest.cycles, other.cycles) <= ALIKE),
        base,
        start,
        _warnings(descriptor, nearest, start),
    )


def _check_rows(log: MicrobenchmarkLog, build: Build, place: str) -> None:
    known = {row.name for row in build.printed.rows}
    problems = [f"line {row.line}: the build {build.name} has no row {row.name!r}" for row in log.rows if row.name not in known]
    asked = core_rows({row.name: row.cycles for row in log.measured})
    if not problems and (len(asked) < _FEWEST_ROWS or asked.get(SCALE_ROW, 0.0) <= 0):
        problems.append(f"{len(asked)} rows of the core, with {SCALE_ROW} {'at no cost' if SCALE_ROW in asked else 'missing'}: too little to compare")
    if problems:
        raise InputError(f"{place}: not a log of this build", hint="flash the microbenchmark that comes with this instsim", details=tuple(problems))


def _base(measured: Mapping[str, float], ordered: Sequence[KnownCore]) -> tuple[KnownCore, StartingPoint]:
    """Return the core whose rules explain the rows with the least change of its weights; of several, the nearest.

    A rule that is missing shows: what it would explain is left over, or pushes a weight far from where any core has it.
    """
    starts = [(known, starting_point(measured, known)) for known in ordered]
    least = min(start.fit.penalty for _, start in starts)
    return next((known, start) for known, start in starts if start.fit.penalty <= least + _AS_WELL)


def _warnings(descriptor: DeviceDescriptor, nearest: KnownCore, start: StartingPoint) -> tuple[str, ...]:
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
    if start.fit.error_after > _UNEXPLAINED:
        warnings.append(
            f"no pipeline that is known explains the rows: {start.fit.error_after:.0%} of their cycles are left over on the mean. A table made of "
            "this is a guess; runs of your own firmware say more (`instsim calibrate`)"
        )
    if start.divider is not None and start.divider_misses_cycles > _DIVIDER_FITS_CYCLES:
        warnings.append(
            f"no model of a divider that is known takes {costs['divide-short'].cycles:.1f} cycles for a short quotient and "
            f"{costs['divide-long'].cycles:.1f} for a long one: the table has their mean"
        )
    return tuple(warnings)
