"""What-if questions as text and JSON: a row for each clock, number of wait states and placement."""

from __future__ import annotations

from typing import Any

from instsim.report.json_report import plain
from instsim.report.memory_stalls import percent, settings_text
from instsim.report.names import short_title
from instsim.report.parts import Column, Heading, Lines, Part, Row, Table
from instsim.report.provenance import clock_text
from instsim.report.text import guess_parts, origin_text
from instsim.session.whatif import WhatIf, WhatIfRow
from instsim.units import format_bytes, format_count, format_quantity

__all__ = ["WHATIF_VERSION", "whatif_document", "whatif_parts"]

WHATIF_VERSION = "1.1"


def whatif_document(result: WhatIf) -> dict[str, Any]:
    """Return the answer as what JSON can hold, figures rounded to nine significant digits."""
    return {"schema_version": WHATIF_VERSION, **plain(result)}


def whatif_parts(result: WhatIf) -> tuple[Part, ...]:
    """Return the parts of the report: one table, what was moved, what the figures rest on, warnings."""
    board = result.board
    heading = Heading(
        f"{result.firmware.name} on {short_title(board.title)}: {result.provenance.core_title}",
        f"{board.name}, {origin_text(board)}; {result.run.region}",
    )
    parts: list[Part] = [*guess_parts(board), heading, _table(result)]
    if result.warnings:
        parts.append(Lines(result.warnings, title="Warnings", style="warning", bullet="! "))
    return tuple(parts)


def _table(result: WhatIf) -> Table:
    waits = any(row.wait_states is not None for row in result.rows)
    moved = len({row.placement for row in result.rows}) > 1
    clocks = len({row.clock_hz for row in result.rows}) > 1
    shown = {"waits": waits, "placement": moved, "latency %": clocks}
    columns = (
        Column("clock"),
        Column("waits", importance=8),
        Column("placement", numeric=False, least_width=14, most_width=60),
        Column("cycles"),
        Column("cycles %", importance=6),
        Column("stalls", importance=7),
        Column("latency"),
        Column("latency %", importance=5),
        Column("energy*", importance=4),
        Column("energy %", importance=3),
    )

    def row(item: WhatIfRow, *, first: bool) -> Row:
        cells = (
            clock_text(item.clock_hz),
            "" if item.wait_states is None else f"{item.wait_states}{'' if item.works else '!'}",
            item.placement,
            format_count(item.cycles),
            "" if first else _change(item.cycles_change),
            percent(item.stall_share),
            format_quantity(item.latency_s, "s"),
            "" if first else _change(item.latency_change),
            format_quantity(item.energy_j, "J"),
            "" if first else _change(item.energy_change),
        )
        kept = tuple(cell for column, cell in zip(columns, cells, strict=True) if shown.get(column.header, True))
        return Row(kept, "strong" if first else "" if item.works else "muted")

    rows = tuple(row(item, first=number == 0) for number, item in enumerate(result.rows))
    return Table("", tuple(column for column in columns if shown.get(column.header, True)), rows, notes=_notes(result))


def _change(share: float) -> str:
    text = f"{100 * share:+.1f}%"
    if text in {"+0.0%", "-0.0%"}:
        return "0.0%" if share == 0 else "<0.1%" if share > 0 else ">-0.1%"
    return text


def _notes(result: WhatIf) -> tuple[str, ...]:
    first = result.rows[0]
    notes = [
        f"First row: the image as it is; {settings_text(first.memory)}. Changes are against it.",
        f"stalls: share of the cycles spent waiting for memory. Without any waiting the region takes {format_count(result.ideal_cycles)} cycles.",
    ]
    if any(not row.works for row in result.rows):
        notes.append("!: too few wait states for the clock; the real chip would fail.")
    notes += [f"{place.placement}: {format_bytes(place.size_bytes)} moved." for place in result.placements]
    if result.placements:
        notes.append("Moved is only where accesses go: the code is the same, and copying it there at start-up is not counted.")
    notes.append(
        f"* nominal, whatever the calibration: cycles by the energy of a cycle, which does not depend on the memory; {result.energy_source}."
    )
    return tuple(notes)
