"""A check as text: whether it holds, what is broken, then every limit and figure."""

from __future__ import annotations

from instsim.errors import shown_details
from instsim.gate.verdict import Cell, CheckReport, Verdict
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.report.signed import percent_of_change

__all__ = ["check_parts", "outcome_text"]

_ORDER = ("broken", "wrong", "undecided", "held")


def outcome_text(report: CheckReport) -> str:
    """Return the outcome in one sentence."""
    broken, undecided, wrong = report.count("broken"), report.count("undecided"), report.count("wrong")
    total = sum(len(cell.verdicts) for cell in report.cells)
    parts = [f"{broken} of {total} limits broken" if broken else f"{report.count('held')} of {total} limits hold"]
    if undecided:
        parts.append(f"{undecided} undecided")
    if wrong or report.problems:
        parts.append(f"{wrong + len(report.problems)} that cannot be used")
    if report.failures:
        parts.append(f"{report.failures} of {len(report.cells)} estimates failed")
    return ", ".join(parts)


def check_parts(report: CheckReport) -> tuple[Part, ...]:
    """Return the parts of a check's report, in order: the outcome, what failed, the limits, the figures."""
    verdict = {0: "passed", 3: "not decided"}.get(report.exit_code, "FAILED")
    parts: list[Part] = [Heading(f"instsim check {verdict}: {outcome_text(report)}")]
    parts += _attention(report)
    limits = [(cell, verdict) for cell in report.cells for verdict in cell.verdicts]
    if limits:
        parts.append(_limits(limits))
    for cell in report.cells:
        if cell.metrics:
            parts.append(_figures(cell))
        if cell.operators:
            parts.append(_operators(cell))
    warnings = {f"{cell.image} on {cell.board}: {warning}": None for cell in report.cells for warning in cell.warnings}
    if warnings:
        parts.append(Lines(tuple(warnings), title="Notes", style="muted", bullet="! "))
    pairs = [("budgets", report.budget_file), ("baseline", report.baseline_file or "none"), ("instsim", report.instsim_version)]
    parts.append(Facts("What this rests on", tuple(pairs)))
    return tuple(parts)


def _attention(report: CheckReport) -> list[Part]:
    parts: list[Part] = []
    for cell in report.cells:
        if cell.failure is not None:
            failure = cell.failure
            lines = [failure.message, *shown_details(failure.details), *([f"hint: {failure.hint}"] if failure.hint else [])]
            where = f" on {cell.board}" if cell.board else ""
            parts.append(Lines(tuple(lines), title=f"No answer for {cell.image}{where}", style="warning"))
    bad = [
        f"{cell.image} on {cell.board}: {verdict.message}"
        for status in ("broken", "wrong")
        for cell in report.cells
        for verdict in cell.verdicts
        if verdict.status == status
    ]
    if bad:
        parts.append(Lines(tuple(bad), title="Broken", style="warning", bullet="! "))
    if report.problems:
        parts.append(Lines(report.problems, title="Budgets that fit nothing", style="warning", bullet="! "))
    stale = {f"{cell.image} on {cell.board}: {'; '.join(cell.stale)}": None for cell in report.cells if cell.stale}
    if stale:
        said = (*stale, "nothing was compared with it: run `instsim baseline update`")
        parts.append(Lines(said, title="The baseline is stale", style="warning", bullet="! "))
    missing = [f"{cell.image} on {cell.board}" for cell in report.cells if cell.baseline_status == "missing"]
    if missing:
        parts.append(Lines((f"{', '.join(missing)}: run `instsim baseline update`",), title="Not in the baseline", style="warning", bullet="! "))
    undecided = {verdict.message: None for cell in report.cells if not cell.stale for verdict in cell.verdicts if verdict.status == "undecided"}
    if undecided:
        if any(cell.baseline_status == "none" for cell in report.cells) and not report.baseline_file:
            undecided["`instsim baseline save` writes a baseline"] = None
        parts.append(Lines(tuple(undecided), title="Undecided", style="warning", bullet="! "))
    return parts


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{round(value):,}" if float(value).is_integer() or abs(value) >= 1e6 else f"{value:,.6g}"


def _limits(limits: list[tuple[Cell, Verdict]]) -> Table:
    columns = (
        Column("", numeric=False),
        Column("image", numeric=False, least_width=8),
        Column("board", numeric=False, least_width=8, importance=5),
        Column("what", numeric=False, least_width=11),
        Column("limit", numeric=False),
        Column("value"),
        Column("allowed"),
        Column("room", importance=4),
    )
    ordered = sorted(enumerate(limits), key=lambda item: (_ORDER.index(item[1][1].status), item[0]))
    rows = []
    for _, (cell, verdict) in ordered:
        room = "" if verdict.value is None or not verdict.allowed else f"{(verdict.allowed - verdict.value) / verdict.allowed:+.2%}"
        what = f"{verdict.subject}, upper end" if verdict.is_upper else verdict.subject
        cells = (verdict.status, cell.image, cell.board, what, verdict.limit, _number(verdict.value), _number(verdict.allowed), room)
        rows.append(Row(cells, "muted" if verdict.status == "held" else "strong"))
    return Table("Limits", columns, tuple(rows))


def _operators(cell: Cell) -> Table:
    columns = (Column("place", numeric=False), Column("operator", numeric=False), Column("cycles"), Column("baseline"), Column("%"))
    rows = []
    for row in cell.operators:
        change = percent_of_change(row.relative) or ("new" if row.baseline is None else "gone")
        rows.append(Row((row.place, row.name, _number(row.value), _number(row.baseline), change)))
    return Table(f"{cell.image} on {cell.board}: operators that changed", columns, tuple(rows))


def _figures(cell: Cell) -> Table:
    compared = any(row.baseline is not None for row in cell.metrics)
    columns = [Column("metric", numeric=False), Column("value")]
    if compared:
        columns += [Column("baseline"), Column("%")]
    rows = []
    for row in cell.metrics:
        cells = (row.metric, _number(row.value), _number(row.baseline), percent_of_change(row.relative))
        rows.append(Row(cells[: len(columns)]))
    return Table(f"{cell.image} on {cell.board}", tuple(columns), tuple(rows))
