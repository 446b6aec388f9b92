"""A chip family's memory system as a table: caches, wait states, paths, and the registers that firmware sets them up with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from instsim.cost.memory_rows import (
    NO_OVERHEAD,
    CacheRow,
    ExternalClock,
    Overhead,
    PathRow,
    Register,
    Setting,
    SupplyRange,
    Trait,
    WaitStateTable,
    WaysBySetting,
)
from instsim.cost.table_reading import TableKind, read_table, table_names, table_path, validate_once
from instsim.dynamics.memory_system import Access, Replacement

__all__ = ["MemoryTable", "list_memories", "load_memory", "memory_names"]

_KIND = TableKind(
    "memory system", "`instsim boards` names the memory system of each board", "the fields are described in docs/boards.md, Memory systems"
)


@dataclass(frozen=True)
class MemoryTable:
    """A chip family's memory system.

    Attributes
    ----------
    name, title, notes : str
        Key, readable name, and what a reader should know.
    registers : mapping of str to Register
        Registers that hold settings; what firmware left in them is asked for by these names.
    settings : mapping of str to Setting
        Bit fields of the registers.
    wait_states : WaitStateTable or None
        Wait states of the flash; None if it has none to set.
    external_clock : ExternalClock or None
        Clock of a flash outside the chip.
    caches : tuple of CacheRow
        Caches and line buffers.
    paths : tuple of PathRow
        How accesses reach memories. What no path is for costs nothing.
    fetch_ahead : Trait or None
        Whether `fetch_ahead` of `instsim.dynamics.memory_system.MemorySystem` holds.
    fetch_lead, crossing : Overhead
        `fetch_lead_cycles` and `crossing_cycles` of `instsim.dynamics.memory_system.MemorySystem`.
    digest : str
        SHA-256 of the file.
    path : Path
        The file.
    """

    name: str
    title: str
    notes: str
    registers: Mapping[str, Register]
    settings: Mapping[str, Setting]
    wait_states: WaitStateTable | None
    external_clock: ExternalClock | None
    caches: tuple[CacheRow, ...]
    paths: tuple[PathRow, ...]
    fetch_ahead: Trait | None
    fetch_lead: Overhead
    crossing: Overhead
    digest: str
    path: Path


def memory_names() -> tuple[str, ...]:
    """Return the names of the memory systems that come with instsim, sorted."""
    return table_names("memories")


def list_memories() -> tuple[MemoryTable, ...]:
    """Load all memory systems that come with instsim, by name."""
    return tuple(load_memory(name) for name in memory_names())


def load_memory(name_or_path: str | Path) -> MemoryTable:
    """Load a memory system.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a memory system that comes with instsim, or a path that ends in ``.toml``.

    Raises
    ------
    UsageError
        If there is no memory system of that name.
    TableError
        If the file cannot be read or is not valid; ``details`` lists every error with its key path.
    """
    path = table_path(name_or_path, "memories", "memory system")
    file = read_table(path, _KIND)
    validate_once(file, _KIND, ("cost", "dynamics"), _problems_of)
    return _table(file.document, path, file.digest)


def _problems_of(document: Mapping[str, Any]) -> list[str]:
    from instsim.cost.memory_schema import problems_of  # noqa: PLC0415 -- loads pydantic

    return problems_of(document)


def _table(document: dict[str, Any], path: Path, digest: str) -> MemoryTable:
    waits, external = document.get("wait_states"), document.get("external_clock")
    return MemoryTable(
        name=document["name"],
        title=document["title"],
        notes=document.get("notes", ""),
        registers=MappingProxyType({name: Register(**row) for name, row in document.get("registers", {}).items()}),
        settings=MappingProxyType({name: Setting(**row) for name, row in document.get("settings", {}).items()}),
        wait_states=None if waits is None else _wait_states(waits),
        external_clock=None if external is None else ExternalClock(**external),
        caches=tuple(_cache(row) for row in document.get("cache", ())),
        paths=tuple(_path(row) for row in document.get("path", ())),
        fetch_ahead=Trait(**document["fetch_ahead"]) if "fetch_ahead" in document else None,
        fetch_lead=Overhead(**document["fetch_lead"]) if "fetch_lead" in document else NO_OVERHEAD,
        crossing=Overhead(**document["crossing"]) if "crossing" in document else NO_OVERHEAD,
        digest=digest,
        path=path,
    )


def _wait_states(row: dict[str, Any]) -> WaitStateTable:
    ranges = tuple(SupplyRange(**supply | {"maximum_hz": tuple(supply["maximum_hz"])}) for supply in row["range"])
    return WaitStateTable(ranges, **{key: value for key, value in row.items() if key != "range"})


def _cache(row: dict[str, Any]) -> CacheRow:
    changed = dict(row)
    if isinstance(row["ways"], dict):
        changed["ways"] = WaysBySetting(row["ways"]["setting"], tuple(row["ways"]["ways"]))
    if "replacement" in row:
        changed["replacement"] = Replacement[row["replacement"].upper()]
    return CacheRow(**changed)


def _path(row: dict[str, Any]) -> PathRow:
    access = tuple(Access[kind.upper()] for kind in row["access"])
    return PathRow(**row | {"access": access, "memories": tuple(row["memories"]), "views": tuple(row.get("views", ()))})
