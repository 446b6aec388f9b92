"""A characterized device as text and as JSON."""

from __future__ import annotations

from typing import Any

from instsim.calibrate.device_descriptor import SCALE_ROW
from instsim.calibrate.microbenchmark_log import MEMORY_PREFIX
from instsim.cost.core_table import Divider
from instsim.report.json_report import plain
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.session.characterizing import ALIKE, Characterization

__all__ = ["characterization_document", "characterization_parts"]

_CLOSE = 0.15
_MOST_OTHERS = 4


def characterization_parts(found: Characterization) -> tuple[Part, ...]:
    """Return the parts of the report on a device.

    Parameters
    ----------
    found : Characterization
        The device.
    """
    descriptor = found.descriptor
    heading = f"{len(found.log.measured)} rows of the microbenchmark, build {descriptor.build}, cycles by {descriptor.counter}"
    parts: list[Part] = [
        Heading(descriptor.name, heading),
        Facts("", _facts(found)),
        _rows(found, "Cycles of one unit", of_memory=False),
        _rows(found, "Memory", of_memory=True),
    ]
    if found.changed or found.start.divider is not None:
        parts += [_table(found), Facts("Mean difference of the rows", _errors(found))]
    else:
        parts.append(Lines((f"Nothing of {found.base.core.name} differs: its table stands as it is.",), style="muted"))
    if found.warnings:
        parts.append(Lines(found.warnings, title="Warnings", style="warning", bullet="! "))
    return tuple(parts)


def _facts(found: Characterization) -> tuple[tuple[str, str], ...]:
    core = found.nearest.core
    far = found.distance
    verdict = "the same within measurement" if far <= ALIKE else "close to it" if far <= _CLOSE else "another core: its table is a start, no more"
    label = "nearest" if core.name in {found.neighbours[0].core, *found.alike} else "compared"
    pairs = [(label, f"{core.name} ({core.title}), distance {far:.3f}: {verdict}")]
    if found.alike:
        pairs.append(("not told apart", ", ".join(found.alike)))
    others = [other for other in found.neighbours if other.core != core.name and other.core not in found.alike]
    if others:
        pairs.append(("others", ", ".join(f"{other.core} {other.distance:.3f}" for other in others[:_MOST_OTHERS])))
    cost = found.descriptor.costs[SCALE_ROW]
    pairs += [
        ("scale", f"an addition takes {cost.cycles:.2f} cycles, {cost.nearest_cycles:.2f} on {core.name}; distances are over it"),
        ("log", f"sha256 {found.log.digest[:16]}"),
    ]
    return tuple(pairs)


def _rows(found: Characterization, title: str, *, of_memory: bool) -> Table:
    columns = (
        Column("row", numeric=False, least_width=16),
        Column("measured"),
        Column("spread", importance=2),
        Column(found.nearest.core.name),
        Column("difference"),
    )
    rows = []
    for name, cost in found.descriptor.costs.items():
        if name.startswith(MEMORY_PREFIX) is not of_memory:
            continue
        difference = cost.cycles - cost.nearest_cycles
        changed = abs(difference) > max(0.05, 0.01 * cost.nearest_cycles)
        cells = (name, f"{cost.cycles:.2f}", f"{cost.spread_cycles:.2f}", f"{cost.nearest_cycles:.2f}", f"{difference:+.2f}" if changed else "-")
        rows.append(Row(cells, "strong" if changed else ""))
    note = f"{found.nearest.core.name} without wait states: what is above it is waiting for memory." if of_memory else ""
    return Table(title, columns, tuple(rows), notes=(note,) if note else ())


def _table(found: Characterization) -> Table:
    core, divider = found.base.core, found.start.divider
    columns = (Column("weight", numeric=False, least_width=16), Column(core.name), Column("here"), Column("", numeric=False))
    rows = [
        Row(
            (weight.event, f"{weight.before:g}", f"{_unsigned_zero(weight.after):.2f}", "measured" if weight.identified else "part of a measured sum")
        )
        for weight in found.changed
    ]
    if divider is not None and core.divider is not None:
        rows.append(Row(("divider", _divider(core.divider), _divider(divider), "by two quotients")))
    why = "" if core.name == found.nearest.core.name else ", whose rules explain the rows best,"
    notes = (f"--table FILE writes the table of {core.name}{why} with these.",)
    return Table("A table to start from", columns, tuple(rows), notes=notes)


def _unsigned_zero(value: float) -> float:
    return value if round(value, 2) else 0.0


def _divider(divider: Divider) -> str:
    return " ".join([divider.model, *(f"{value:g}" for value in divider.parameters.values())])


def _errors(found: Characterization) -> tuple[tuple[str, str], ...]:
    return (f"table of {found.base.core.name}", f"{found.start.fit.error_before:.2%}"), ("with these weights", f"{found.start.fit.error_after:.2%}")


def characterization_document(found: Characterization) -> dict[str, Any]:
    """Return a characterized device as what JSON can hold, figures rounded to nine significant digits."""
    return {
        "schema_version": "1.0",
        "descriptor": plain(found.descriptor),
        "normalized": plain({name: cost.cycles / found.descriptor.costs[SCALE_ROW].cycles for name, cost in found.descriptor.costs.items()}),
        "neighbours": plain(found.neighbours),
        "alike": list(found.alike),
        "core_digest": found.nearest.core.digest,
        "base": found.base.core.name,
        "weights": plain(found.start.fit.weights),
        "changed": [weight.event for weight in found.changed],
        "divider": plain(found.start.divider),
        "error_before": plain(found.start.fit.error_before),
        "error_after": plain(found.start.fit.error_after),
        "warnings": list(found.warnings),
    }
