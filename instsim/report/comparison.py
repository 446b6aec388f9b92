"""A comparison as text: what changed, then what it changed in, the largest change first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from instsim.gate.comparison import Change, Comparison, NamedChange, OperatorChange, QuantityChange
from instsim.report.names import cut_name, cut_shapes, operator_shapes
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.report.provenance import clock_text
from instsim.report.signed import amount, relative, signed

__all__ = ["comparison_parts"]

_DIGITS = 12


def comparison_parts(comparison: Comparison, *, top: int = 15) -> tuple[Part, ...]:
    """Return the parts of a comparison's report, in order.

    Parameters
    ----------
    comparison : Comparison
        What to report.
    top : int
        Rows listed of functions, classes and symbols; the others are summed up.
    """
    before, after = comparison.before, comparison.after
    parts: list[Part] = [
        Heading(f"{before.firmware} -> {after.firmware} on {after.board}", f"{after.core} at {clock_text(after.clock_hz)}"),
        _quantities(comparison),
    ]
    if not comparison.is_exact:
        lines = ("the differences are not exact, because the two sides do not rest on the same:", *comparison.not_shared)
        parts.insert(1, Lines(lines, title="Not a pair", style="warning", bullet="! "))
    parts += [
        _operators(comparison.operators, top),
        _named("Functions", comparison.functions, top, cut=True),
        _named("Instruction classes", comparison.classes, top),
        _named("Cycles by event", comparison.events, top, count="occurrences"),
        _symbols(comparison.symbols, top),
        _sides(comparison),
    ]
    if comparison.notes:
        parts.append(Lines(comparison.notes, title="Notes", style="muted", bullet="! "))
    return tuple(parts)


def _interval(quantity: QuantityChange) -> str:
    if quantity.low is not None and quantity.high is not None:
        level = f" ({quantity.level:.0%})" if quantity.level < 1 else ""
        return f"{signed(quantity.low, quantity.unit)} to {signed(quantity.high, quantity.unit)}{level}"
    if quantity.unit == "B":
        return ""
    return "exact under the model" if quantity.is_exact else "not exact"


def _quantities(comparison: Comparison) -> Table:
    columns = (
        Column("", numeric=False),
        Column("before"),
        Column("after"),
        Column("difference"),
        Column("%"),
        Column("of the difference", numeric=False, least_width=12, importance=3),
    )
    rows, notes = [], []
    for quantity in comparison.quantities:
        change, unit = quantity.change, quantity.unit
        cells = (amount(change.before, unit) or "unknown", amount(change.after, unit) or "unknown", signed(change.difference, unit), relative(change))
        rows.append(Row((quantity.name, *cells, _interval(quantity)), "strong" if quantity.name in {"cycles", "latency"} else ""))
        if quantity.source:
            notes.append(f"{quantity.name}: {quantity.source}.")
    return Table("", columns, tuple(rows), notes=tuple(notes))


def _is_change(row: NamedChange | OperatorChange) -> bool:
    return row.status not in {"same", "moved"} or (isinstance(row, OperatorChange) and row.status == "moved")


def _place(row: OperatorChange) -> str:
    places = [place.rpartition(".")[2] for place in (row.place_before, row.place_after) if place]
    return places[0] if len(set(places)) == 1 else " -> ".join(places)


def _operators(rows: Sequence[OperatorChange], top: int) -> Part:
    if not rows:
        return Lines(("No operator was found on either side.",), title="Operators", style="muted")
    changed = [row for row in rows if _is_change(row)]
    if not changed:
        return Lines((f"None of {len(rows)} changed.",), title="Operators", style="muted")
    columns = (
        Column("#", numeric=False),
        Column("operator", numeric=False, least_width=17, most_width=40),
        Column("shapes", numeric=False, least_width=20, most_width=44, importance=5, cut=cut_shapes),
        *_COST,
        Column("energy", importance=4),
    )
    table = []
    for row in changed[: max(top, 1)]:
        shapes = operator_shapes(row.name, row.inputs, row.outputs)
        table.append(Row((_place(row), row.name, shapes, *_cost(row.cycles, row.status), signed(row.energy_j.difference, "J"))))
    if rest := changed[max(top, 1) :]:
        cells = _rest([row.cycles for row in rest])
        table.append(Row(("", f"({len(rest)} more)", "", *cells, signed(math.fsum(row.energy_j.difference or 0 for row in rest), "J")), "muted"))
    same = len(rows) - len(changed)
    return Table("Operators", columns, tuple(table), notes=(f"{same} operators of unchanged cost.",) if same else ())


_COST = (Column("before"), Column("after"), Column("cycles"), Column("%"), Column("", numeric=False, importance=6))


def _cost(change: Change, status: str, unit: str = "") -> tuple[str, ...]:
    before, after = (amount(value, "") for value in (change.before, change.after))
    return before, after, signed(change.difference, unit), relative(change), "" if status == "changed" else status


def _rest(changes: Sequence[Change], unit: str = "") -> tuple[str, ...]:
    return "", "", signed(math.fsum(change.difference or 0 for change in changes), unit), "", ""


def _named(title: str, rows: Sequence[NamedChange], top: int, *, cut: bool = False, count: str = "instructions") -> Part:
    changed = [row for row in rows if _is_change(row)]
    moved = sum(1 for row in rows if row.status == "moved")
    notes = (f"{moved} of unchanged cost, at another address.",) if moved else ()
    if not changed:
        return Lines((f"None of {len(rows)} changed.", *notes), title=title, style="muted")
    name = Column("name", numeric=False, least_width=20, most_width=90, cut=cut_name) if cut else Column("name", numeric=False, least_width=16)
    columns = (name, *_COST, Column(count, importance=4))
    table = [
        Row((row.name, *_cost(row.change, row.status), signed(row.instructions.difference if row.instructions else None)))
        for row in changed[: max(top, 1)]
    ]
    if rest := changed[max(top, 1) :]:
        counts = math.fsum(row.instructions.difference or 0 for row in rest if row.instructions is not None)
        table.append(Row((f"({len(rest)} more)", *_rest([row.change for row in rest]), signed(counts)), "muted"))
    return Table(title, columns, tuple(table), notes=notes)


def _symbols(rows: Sequence[NamedChange], top: int) -> Part:
    title = "Symbols by size"
    changed = [row for row in rows if _is_change(row)]
    if not rows:
        return Lines(("No sizes of symbols are known.",), title=title, style="muted")
    if not changed:
        return Lines((f"None of {len(rows)} changed.",), title=title, style="muted")
    columns = (
        Column("symbol", numeric=False, least_width=20, most_width=90, cut=cut_name),
        Column("kind", numeric=False, importance=3),
        Column("before"),
        Column("after"),
        Column("bytes"),
        Column("%"),
        Column("", numeric=False, importance=6),
    )
    table = [Row((row.name, row.kind, *_cost(row.change, row.status))) for row in changed[: max(top, 1)]]
    if rest := changed[max(top, 1) :]:
        table.append(Row((f"({len(rest)} more)", "", *_rest([row.change for row in rest])), "muted"))
    return Table(title, columns, tuple(table))


def _sides(comparison: Comparison) -> Facts:
    before, after = comparison.before, comparison.after
    pairs = [
        ("before", f"{before.firmware}, sha256 {before.sha256[:_DIGITS]}, {before.region}"),
        ("after", f"{after.firmware}, sha256 {after.sha256[:_DIGITS]}, {after.region}"),
        ("core table", f"{after.core} ({after.core_digest[:_DIGITS]})"),
        ("board file", f"{after.board} ({after.board_digest[:_DIGITS]})"),
        ("memory", after.memory or "unknown"),
        ("calibration", after.calibration or "none: figures are nominal"),
        ("instsim", after.instsim_version),
    ]
    return Facts("What this rests on", tuple(pairs))
