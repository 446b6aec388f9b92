"""What comes with instsim: its boards, its cores, and the rows of a core's cost table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from instsim.cost.board import Board
from instsim.cost.core_table import CoreParameter, CoreTable, Cost, Divider
from instsim.report.names import short_title
from instsim.report.parts import Column, Facts, Lines, Part, Row, Table
from instsim.report.provenance import clock_text
from instsim.report.tables import render
from instsim.units import format_quantity

__all__ = ["boards_parts", "boards_text", "core_parts", "cores_parts", "cores_text"]

_FLASH = ("flash", "external-flash")
_RAM = ("ram", "tcm")


def _size(size_bytes: int) -> str:
    if size_bytes >= 1 << 20 and size_bytes % (1 << 18) == 0:
        return f"{size_bytes / (1 << 20):g} MiB"
    return f"{size_bytes / (1 << 10):g} KiB" if size_bytes else "-"


def boards_parts(boards: Sequence[Board]) -> tuple[Part, ...]:
    """Return the parts of the list of boards: real ones by name, then those that stand for a core alone."""
    columns = (
        Column("board", numeric=False),
        Column("title", numeric=False, least_width=19, most_width=32, importance=4),
        Column("part", numeric=False, least_width=10, importance=2),
        Column("core", numeric=False),
        Column("clock"),
        Column("flash", importance=5),
        Column("RAM", importance=5),
        Column("energy/cycle", importance=6),
        Column("basis", numeric=False, importance=3),
    )
    rows = []
    for board in sorted(boards, key=lambda item: (item.generic, item.name)):
        prior = board.energy_prior()
        rows.append(
            Row(
                (
                    board.name,
                    short_title(board.title),
                    board.soc,
                    board.core,
                    clock_text(board.clock_hz),
                    # A generic board's memories are as wide as any part's, so that every image fits: no sizes of anything.
                    "any" if board.generic else _size(board.memory_bytes(*_FLASH)),
                    "any" if board.generic else _size(board.memory_bytes(*_RAM)),
                    format_quantity(prior.joules_per_cycle, "J", 3),
                    prior.basis,
                ),
                "muted" if board.generic else "",
            )
        )
    notes = ("Energy of a cycle is a prior at the default clock and supply, until the board is calibrated.",)
    return (Table("Boards", columns, tuple(rows), notes=notes),)


def boards_text(boards: Sequence[Board], *, width: int | None = None, color: bool = False) -> str:
    """Return the list of boards as text.

    Parameters
    ----------
    boards : sequence of Board
        What to list, in any order.
    width : int, optional
        Characters of a line; by default as many as the contents need.
    color : bool
        As for a terminal; without, plain ASCII.
    """
    return render(boards_parts(boards), width=width, color=color)


def _bases(core: CoreTable) -> str:
    """Count a table's figures by what they rest on, most first."""
    rows: list[Cost | CoreParameter | Divider] = [*core.classes.values(), *core.events.values(), *core.parameters.values()]
    if core.divider:
        rows.append(core.divider)
    counts = Counter(row.basis for row in rows)
    return ", ".join(f"{count} {basis}" for basis, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def cores_parts(cores: Sequence[CoreTable]) -> tuple[Part, ...]:
    """Return the parts of the list of cores, by name."""
    columns = (
        Column("core", numeric=False),
        Column("title", numeric=False, least_width=14, most_width=44, importance=4),
        Column("instruction set", numeric=False, importance=5),
        Column("FPU", numeric=False, importance=3),
        Column("pipeline model", numeric=False, importance=2),
        Column("figures by basis", numeric=False, least_width=20, importance=6),
    )
    rows = tuple(
        Row((core.name, core.title, core.isa.value, core.fpu, core.pipeline, _bases(core))) for core in sorted(cores, key=lambda item: item.name)
    )
    return (Table("Cores", columns, rows),)


def cores_text(cores: Sequence[CoreTable], *, width: int | None = None, color: bool = False) -> str:
    """Return the list of cores as text; `width` and `color` as in `boards_text`."""
    return render(cores_parts(cores), width=width, color=color)


def _costs(title: str, first: str, costs: Mapping[str, Cost]) -> list[Part]:
    columns = (
        Column(first, numeric=False, least_width=16),
        Column("cycles"),
        Column("per register", importance=5),
        Column("basis", numeric=False),
        Column("source", numeric=False, least_width=24, importance=4),
        Column("note", numeric=False, least_width=24, most_width=80, importance=1),
    )
    shown = {"per register": any(cost.per_register for cost in costs.values()), "note": any(cost.note for cost in costs.values())}
    kept = [place for place, column in enumerate(columns) if shown.get(column.header, True)]
    rows = []
    for name, cost in costs.items():
        cells = (name, f"{cost.cycles:g}", f"{cost.per_register:g}" if cost.per_register else "", cost.basis, cost.source, cost.note)
        rows.append(Row(tuple(cells[place] for place in kept)))
    return [Table(title, tuple(columns[place] for place in kept), tuple(rows))] if rows else []


def core_parts(core: CoreTable) -> tuple[Part, ...]:
    """Return the parts that show one core's whole table: every figure with its basis and source."""
    facts = (
        ("instruction set", f"{core.isa.value}: {', '.join(sorted(core.extensions))}"),
        ("FPU", core.fpu),
        ("pipeline model", core.pipeline),
        ("emulated as", core.emulated_cpu),
        ("figures", _bases(core)),
        ("file", f"{core.path.name}, sha256 {core.digest}"),
    )
    parts: list[Part] = [Facts(f"{core.title} ({core.name})", facts)]
    if core.notes:
        parts.append(Lines(tuple(" ".join(paragraph.split()) for paragraph in core.notes.split("\n\n")), title="Notes"))
    parameters = tuple(
        (name, f"{row.value}  {row.basis}, {row.source}" + (f": {row.note}" if row.note else "")) for name, row in core.parameters.items()
    )
    if parameters:
        parts.append(Facts("Parameters of the pipeline model", parameters))
    parts += _costs("Issue cycles", "instruction class", core.classes)
    parts += _costs("Cycles of events", "event", core.events)
    if core.divider:
        figures = ", ".join(f"{name} {value:g}" for name, value in core.divider.parameters.items())
        pairs = [("model", core.divider.model), ("basis", f"{core.divider.basis}, {core.divider.source}")]
        pairs += [("cycles", figures)] if figures else []
        pairs += [("note", core.divider.note)] if core.divider.note else []
        parts.append(Facts("Divider", tuple(pairs)))
    return tuple(parts)
