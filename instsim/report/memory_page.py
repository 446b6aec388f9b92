"""One memory system in full: registers, wait states, caches and paths, every figure with basis and source."""

from __future__ import annotations

from collections.abc import Iterable

from instsim.cost.explain_memory import miss_text
from instsim.cost.memory_rows import CacheRow, PathRow, WaysBySetting
from instsim.cost.memory_table import MemoryTable
from instsim.report.bibliography import sources_parts
from instsim.report.parts import Column, Facts, Lines, Part, Row, Table
from instsim.report.provenance import clock_text

__all__ = ["memory_parts"]

_GROUNDS = (
    Column("basis", numeric=False, importance=5),
    Column("source", numeric=False, least_width=24, importance=4),
    Column("note", numeric=False, least_width=24, most_width=80, importance=1),
)


def memory_parts(memory: MemoryTable) -> tuple[Part, ...]:
    """Return the parts that show one memory system."""
    parts: list[Part] = [Facts(f"{memory.title} ({memory.name})", _facts(memory))]
    if memory.notes:
        parts.append(Lines(tuple(" ".join(paragraph.split()) for paragraph in memory.notes.split("\n\n")), title="Notes"))
    parts += [*_registers(memory), *_settings(memory), *_wait_states(memory), *_caches(memory), _paths(memory)]
    return (*parts, *sources_parts(_sources(memory)))


def _sources(memory: MemoryTable) -> Iterable[str]:
    yield from (register.source for register in memory.registers.values())
    yield from (setting.source for setting in memory.settings.values())
    yield from (cache.source for cache in memory.caches)
    yield from (path.source for path in memory.paths)
    yield from (row.source for row in (memory.wait_states.ranges if memory.wait_states is not None else ()))
    if memory.external_clock is not None:
        yield memory.external_clock.source
    yield from (row.source for row in (memory.fetch_lead, memory.crossing) if row.cycles)
    if memory.fetch_ahead is not None:
        yield memory.fetch_ahead.source


def _facts(memory: MemoryTable) -> tuple[tuple[str, str], ...]:
    facts = []
    external = memory.external_clock
    if external is not None:
        clock = f"the core's, divided as {external.divider_by} says" if external.hz is None else clock_text(external.hz)
        facts.append(("clock of the external flash", f"{clock}  {external.basis}, {external.source}"))
    overheads = (("fetch runs ahead by", memory.fetch_lead), ("a pair of loads from two memories", memory.crossing))
    facts += [(name, f"{row.cycles:g} cycles  {row.basis}, {row.source}") for name, row in overheads if row.cycles]
    if memory.fetch_ahead is not None:
        facts.append(("fetch", f"during the last instruction of the word before  {memory.fetch_ahead.basis}, {memory.fetch_ahead.source}"))
    return (*facts, ("file", f"{memory.path.name}, sha256 {memory.digest}"))


def _registers(memory: MemoryTable) -> list[Part]:
    columns = (
        Column("register", numeric=False),
        Column("address", numeric=False),
        Column("after reset", numeric=False),
        Column("set by", numeric=False, importance=2),
        *_GROUNDS,
    )
    rows = tuple(
        Row((name, f"{row.address:#010x}", f"{row.reset:#010x}", row.set_by.replace("-", " "), row.basis, row.source, row.note))
        for name, row in memory.registers.items()
    )
    return [Table("Registers", columns, rows)] if rows else []


def _settings(memory: MemoryTable) -> list[Part]:
    columns = (
        Column("setting", numeric=False),
        Column("register", numeric=False),
        Column("bits", numeric=False),
        Column("usual"),
        *_GROUNDS,
    )
    rows = []
    for name, row in memory.settings.items():
        bits = f"{row.lowest_bit}" if row.bits == 1 else f"{row.lowest_bit + row.bits - 1}:{row.lowest_bit}"
        usual = "by the clock" if row.usual is None else f"{row.usual}"
        rows.append(Row((name, row.register, bits, usual, row.basis, row.source, row.note)))
    return [Table("Settings", columns, tuple(rows))] if rows else []


def _wait_states(memory: MemoryTable) -> list[Part]:
    waits = memory.wait_states
    if waits is None:
        return []
    columns = (
        Column("supply range", numeric=False),
        Column("highest clock for 0, 1, 2, ... wait states (MHz)", numeric=False, least_width=30),
        *_GROUNDS,
    )
    rows = tuple(Row((row.name, ", ".join(f"{clock / 1e6:g}" for clock in row.maximum_hz), row.basis, row.source, row.note)) for row in waits.ranges)
    ratio = waits.core_clocks_per_bus_clock
    notes = [f"Used unless told otherwise: {waits.default.name}."]
    if ratio > 1:
        notes.append(f"Clocks are those of the flash's bus; the core runs at {ratio} times as much.")
    return [Table("Wait states of the flash", columns, rows, notes=tuple(notes))]


def _caches(memory: MemoryTable) -> list[Part]:
    columns = (
        Column("cache", numeric=False),
        Column("size"),
        Column("line"),
        Column("ways", numeric=False),
        Column("replacement", numeric=False, importance=3),
        Column("switched by", numeric=False, importance=6),
        *_GROUNDS,
    )
    rows = tuple(
        Row(
            (
                row.name,
                f"{row.size_bytes:,} B",
                f"{row.line_bytes} B",
                _ways(row),
                row.replacement.name,
                row.enabled_by or "",
                row.basis,
                row.source,
                row.note,
            )
        )
        for row in memory.caches
    )
    return [Table("Caches and line buffers", columns, rows)] if rows else []


def _ways(row: CacheRow) -> str:
    if isinstance(row.ways, WaysBySetting):
        return f"{' or '.join(str(ways) for ways in row.ways.ways)} by {row.ways.setting}"
    return "all lines" if row.ways * row.line_bytes == row.size_bytes else str(row.ways)


def _paths(memory: MemoryTable) -> Table:
    columns = (
        Column("memories", numeric=False),
        Column("access", numeric=False),
        Column("cache", numeric=False),
        Column("miss", numeric=False, least_width=16),
        Column("every access"),
        Column("read ahead", numeric=False, importance=6),
        *_GROUNDS,
    )
    rows = tuple(
        Row(
            (
                ", ".join(row.memories) + (f" at {', '.join(f'{view:#010x}' for view in row.views)}" if row.views else ""),
                ", ".join(kind.name.lower() for kind in row.access),
                _behind(row),
                miss_text(row),
                f"{row.access_cycles:g}" if row.access_cycles else "",
                _read_ahead(row),
                row.basis,
                row.source,
                row.note,
            )
        )
        for row in memory.paths
    )
    return Table(
        "Paths (cycles beyond the core's own)", columns, rows, notes=("w: wait states, in cycles of the core; x: clocks of the external flash.",)
    )


def _behind(row: PathRow) -> str:
    return "none" if row.cache is None else row.cache + (f" (off: {row.cache_when_off})" if row.cache_when_off else "")


def _read_ahead(row: PathRow) -> str:
    texts = []
    if row.prefetch or row.prefetch_by is not None:
        by = ("" if row.prefetch_by is None else f" (by {row.prefetch_by})") + (" behind misses" if row.prefetch_behind_misses else "")
        texts.append(f"{row.prefetched_cycles:g} at first use{by}")
    if row.aborts_prefetch:
        texts.append("is ended")
    return ", ".join(texts)
