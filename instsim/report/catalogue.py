"""Lists of what comes with instsim: its boards."""

from __future__ import annotations

from collections.abc import Sequence

from instsim.cost.board import Board
from instsim.report.names import short_title
from instsim.report.parts import Column, Part, Row, Table
from instsim.report.provenance import clock_text
from instsim.report.tables import render
from instsim.units import format_quantity

__all__ = ["boards_parts", "boards_text"]

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
