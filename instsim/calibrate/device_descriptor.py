"""What a core's instructions cost, as one vector: of boards that were measured, comparable with those of the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from instsim.calibrate.microbenchmark_log import MEMORY_PREFIX
from instsim.calibrate.toml_fields import FieldReader, parse_versioned, toml_table
from instsim.errors import TableError
from instsim.small_files import read_text
from instsim.units import counted

__all__ = ["SCALE_ROW", "DeviceDescriptor", "UnitCost", "core_rows", "descriptor_toml", "distance", "load_descriptor", "parse_descriptor"]

SCHEMA_VERSION = 1
"""Raised when a file that was valid would no longer be, or would mean something else."""

SCALE_ROW = "alu"
"""The row over which a vector is normalized: an addition that needs the one before it."""

_TEXTS = ("name", "build", "counter", "log_digest", "nearest", "base", "instsim_version")
_COMMENT = """\
# Made by `instsim characterize`. Cycles of one unit of each row of the microbenchmark, how far they differed from run to run,
# and what the nearest core of the tables takes for it."""


@dataclass(frozen=True, slots=True)
class UnitCost:
    """Cycles of one unit of a row: measured, their spread from run to run, and what the nearest core of the tables takes."""

    cycles: float
    spread_cycles: float
    nearest_cycles: float


@dataclass(frozen=True)
class DeviceDescriptor:
    """A device as the microbenchmark sees it.

    Attributes
    ----------
    name : str
        Of the device.
    build, counter : str
        Build of the microbenchmark, and what counted.
    log_digest : str
        SHA-256 of the log.
    nearest : str
        Core table whose vector is nearest.
    base : str
        Core table to start from: whose rules explain the rows best.
    distance : float
        Of that vector.
    costs : mapping of str to UnitCost
        By row.
    instsim_version : str
        Of the tool that made it.
    """

    name: str
    build: str
    counter: str
    log_digest: str
    nearest: str
    base: str
    distance: float
    costs: Mapping[str, UnitCost]
    instsim_version: str

    @property
    def cycles(self) -> dict[str, float]:
        """The vector: cycles of a unit, by row."""
        return {name: cost.cycles for name, cost in self.costs.items()}


def core_rows(cycles: Mapping[str, float]) -> dict[str, float]:
    """Return the rows of a vector that ask the core, not memory."""
    return {name: value for name, value in cycles.items() if not name.startswith(MEMORY_PREFIX)}


def distance(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return how far two vectors are apart in shape: 0 for the same, 2 at the most.

    Both are divided by their `SCALE_ROW` (slow code memory makes everything take longer, and no other core of it). Of each row that both
    have and that asks the core, the difference is taken over the mean of the two, so that a divide counts no more than an addition; the root
    of the mean square of these is returned.

    Raises
    ------
    ValueError
        If they share no row, or one has no positive `SCALE_ROW`.
    """
    rows = sorted(core_rows(first).keys() & second.keys())
    scales = first.get(SCALE_ROW, 0.0), second.get(SCALE_ROW, 0.0)
    if not rows or min(scales) <= 0:
        raise ValueError("vectors without a row in common")
    total = 0.0
    for row in rows:
        one, other = first[row] / scales[0], second[row] / scales[1]
        if one + other > 0:
            total += (2 * (one - other) / (one + other)) ** 2
    return math.sqrt(total / len(rows))


def descriptor_toml(descriptor: DeviceDescriptor) -> str:
    """Return a descriptor as the text of its file."""
    head = {"schema_version": SCHEMA_VERSION, **{key: getattr(descriptor, key) for key in _TEXTS}, "distance": float(descriptor.distance)}
    tables = [_COMMENT, toml_table("", head)]
    for name, cost in descriptor.costs.items():
        figures = {"cycles": cost.cycles, "spread_cycles": cost.spread_cycles, "nearest_cycles": cost.nearest_cycles}
        tables.append(toml_table(f"cost.{name}", {key: float(value) for key, value in figures.items()}))
    return "\n\n".join(tables) + "\n"


def parse_descriptor(text: str, path: str = "") -> DeviceDescriptor:
    """Return the descriptor that a file's text holds.

    Raises
    ------
    TableError
        If it is not valid; all problems stand in ``details``.
    """
    hint = "make it again with `instsim characterize`"
    table = parse_versioned(text, path, "device descriptor", SCHEMA_VERSION, hint)
    problems: list[str] = []
    reader = FieldReader(table, "", problems)
    reader.take("schema_version", int)
    texts: dict[str, str] = {key: reader.take(key, str) for key in _TEXTS}
    far = reader.number("distance")
    costs = {}
    rows = reader.child("cost", None)
    if not isinstance(rows, dict) or SCALE_ROW not in rows:
        problems.append(f"cost: missing, or without {SCALE_ROW}")
        rows = {}
    for name, row in rows.items():
        inner = FieldReader(row, f"cost.{name}", problems)
        costs[name] = UnitCost(*(inner.number(key) for key in ("cycles", "spread_cycles", "nearest_cycles")))
        inner.close()
    reader.close()
    if not problems and costs[SCALE_ROW].cycles <= 0:
        problems.append(f"cost.{SCALE_ROW}.cycles: not positive")
    if problems:
        raise TableError(f"{path}: {counted(len(problems), 'problem')} in the descriptor", hint=hint, details=tuple(problems))
    return DeviceDescriptor(**texts, distance=far, costs=MappingProxyType(costs))


def load_descriptor(path: Path) -> DeviceDescriptor:
    """Read a descriptor.

    Raises
    ------
    TableError
        If the file cannot be read or is not valid.
    """
    return parse_descriptor(read_text(path, TableError, hint="`instsim characterize log.txt -o FILE` makes one"), str(path))
