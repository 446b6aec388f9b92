"""What a memory system's table says of one kind of stall, with the source it rests on."""

from __future__ import annotations

from difflib import get_close_matches

from instsim.cost.explain import Explanation
from instsim.cost.memory_rows import Overhead, PathRow
from instsim.cost.memory_table import MemoryTable
from instsim.cost.sources import resolve_source
from instsim.cost.stall_cost import CROSSING, STALL_PREFIX
from instsim.dynamics.memory_system import Access
from instsim.errors import UsageError

__all__ = ["cycles_text", "explain_stall", "miss_text", "stall_items"]

_VERBS = {Access.FETCH: "fetches from", Access.READ: "reads of", Access.WRITE: "writes to"}


def stall_items(memory: MemoryTable) -> tuple[str, ...]:
    """Return the stalls that a table can explain, by the names of their events: ``stall:read flash``."""
    items = dict.fromkeys(f"{STALL_PREFIX}{access.name.lower()} {name}" for row in memory.paths for access in row.access for name in row.memories)
    if memory.crossing.cycles:
        items[STALL_PREFIX + CROSSING] = None
    return tuple(items)


def explain_stall(memory: MemoryTable, item: str) -> tuple[Explanation, ...]:
    """Explain one kind of stall.

    Parameters
    ----------
    memory : MemoryTable
        The memory system.
    item : str
        An event as an estimate names it (``stall:read flash``, ``stall:crossing``), or a kind of access (``stall:read``).

    Returns
    -------
    tuple of Explanation
        One for each row of the table that it may come from: several views of one memory may cost differently.

    Raises
    ------
    UsageError
        If the table has no such row; near names are suggested.
    """
    name = item.removeprefix(STALL_PREFIX).strip()
    if name == CROSSING:
        return (_crossing(memory.name, memory.crossing),)
    access, _, place = name.partition(" ")
    found = tuple(
        _path(memory.name, row, kind, place or ", ".join(row.memories))
        for row in memory.paths
        for kind in row.access
        if kind.name.lower() == access and (not place or place in row.memories)
    )
    if not found:
        near = get_close_matches(STALL_PREFIX + name, stall_items(memory), n=3, cutoff=0.5)
        raise UsageError(
            f"memory system {memory.name} has no stall named {item!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else f"`instsim tables explain {memory.name}` lists them",
        )
    return found


def cycles_text(cycles: float, waits: float, external: float) -> str:
    """Return a sum of cycles, wait states (w) and clocks of an external flash (x) in words: ``4.5 + w``."""
    terms = [f"{cycles:g}"] if cycles else []
    terms += [f"{'' if factor == 1 else f'{factor:g} '}{unit}" for factor, unit in ((waits, "w"), (external, "x")) if factor]
    return " + ".join(terms) or "0"


def miss_text(row: PathRow) -> str:
    """Return what a miss costs in words: ``6 + w, then 8 B every 1 + w``."""
    text = cycles_text(row.miss_cycles, row.miss_wait_states, row.miss_external_clocks)
    if row.further_word_cycles or row.further_word_wait_states:
        text += f", then {row.word_bytes} B every {cycles_text(row.further_word_cycles, row.further_word_wait_states, 0)}"
    return text


def _crossing(name: str, row: Overhead) -> Explanation:
    what = "a load that is paired with the load before it, from another memory"
    return Explanation(name, STALL_PREFIX + CROSSING, "stall", what, row.cycles, "cycles", 0.0, row.basis, row.note, *resolve_source(row.source))


def _path(name: str, row: PathRow, access: Access, memory: str) -> Explanation:
    views = f" at {', '.join(f'{view:#010x}' for view in row.views)}" if row.views else ""
    caches = " or ".join(cache for cache in (row.cache, row.cache_when_off) if cache)
    value = f"{miss_text(row)} cycles for {'a miss of ' + caches if caches else 'each new word'}"
    if row.access_cycles:
        value += f", {row.access_cycles:g} for every access"
    terms = [
        f"{unit}: {what}"
        for unit, what, used in (
            ("w", "wait states, in cycles of the core", row.miss_wait_states or row.further_word_wait_states),
            ("x", "clocks of the external flash", row.miss_external_clocks),
        )
        if used
    ]
    source, locator = resolve_source(row.source)
    return Explanation(
        core=name,
        name=f"{STALL_PREFIX}{access.name.lower()} {memory}",
        kind="stall",
        description=f"waiting for {_VERBS[access]} {memory}{views}, beyond what the pipeline charges",
        value=value + (f" ({'; '.join(terms)})" if terms else ""),
        unit="",
        per_register=0.0,
        basis=row.basis,
        note=row.note,
        source=source,
        locator=locator,
    )
