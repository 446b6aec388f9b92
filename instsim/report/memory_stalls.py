"""What the memories cost: stall cycles by memory, kind of access and cache, and what the memories were set to."""

from __future__ import annotations

import math

from instsim.report.parts import Column, Part, Row, Table
from instsim.session.estimate import EstimatedMemory, EstimatedPath
from instsim.units import format_count

__all__ = ["crossing_cycles", "memory_notes", "percent", "settings_text", "stall_parts"]


def percent(share: float) -> str:
    """Return a share as ``12.3%``; what is there but rounds to nothing is ``<0.1%``."""
    text = f"{100 * share:.1f}%"
    return "<0.1%" if share > 0 and text == "0.0%" else text


def settings_text(memory: EstimatedMemory) -> str:
    """Return the operating point, what was set and by whom: ``stm32l4 at 120 MHz, 5 wait states; prefetch on (programmed)``."""
    settings = ", ".join(f"{name} {text}" for name, text in memory.settings.items())
    return f"{memory.system}; {settings}" if settings else memory.system


def crossing_cycles(memory: EstimatedMemory) -> float:
    """Return the stall cycles that belong to no path alone."""
    return memory.stall_cycles - math.fsum(path.stall_cycles for path in memory.paths)


def memory_notes(memory: EstimatedMemory) -> tuple[str, ...]:
    """Return what is said below the table of stalls."""
    notes = [
        f"{settings_text(memory)}.",
        f"{format_count(memory.flash_reads)} words of data were read from flash. For fetches, accesses are lines or words of code entered.",
    ]
    if memory.sampled:
        notes.append("Stalls were projected from samples of the run.")
    return tuple(notes)


def stall_parts(memory: EstimatedMemory | None) -> list[Part]:
    """Return the table of stall cycles; nothing where memory is ideal."""
    if memory is None:
        return []
    ahead = any(path.read_ahead for path in memory.paths)
    columns = (
        Column("memory", numeric=False),
        Column("access", numeric=False),
        Column("through", numeric=False, least_width=9, importance=5),
        Column("accesses", importance=6),
        Column("hit rate", importance=8),
        Column("misses", importance=7),
        *([Column("read ahead", importance=3)] if ahead else []),
        Column("stalls"),
        Column("share"),
        Column("basis", numeric=False, importance=2),
    )

    def row(path: EstimatedPath) -> Row:
        cells = (
            path.memory,
            path.access,
            path.cache,
            format_count(path.accesses),
            f"{path.hit_rate:.2%}" if path.cache else "",
            format_count(path.misses),
            *([format_count(path.read_ahead)] if ahead else []),
            format_count(path.stall_cycles),
            percent(path.share),
            path.basis,
        )
        return Row(cells, "" if path.stall_cycles else "muted")

    rows = [row(path) for path in memory.paths]
    rest = crossing_cycles(memory)
    blank = ("",) * (len(columns) - 5)
    whole = memory.stall_cycles / memory.share if memory.share else 0.0
    if abs(rest) >= 1.0:
        cells = ("", "paired", *blank, format_count(rest), percent(rest / whole if whole else 0.0), "")
        rows.append(Row(cells))
    total = ("total", "", *blank, format_count(memory.stall_cycles), percent(memory.share), "")
    notes = memory_notes(memory)
    if abs(rest) >= 1.0:
        notes += ("paired: loads from two memories, one behind the other, which the core does not overlap.",)
    return [Table("Waiting for memory", columns, tuple(rows), (Row(total, "strong"),), notes)]
