"""The entries of the bibliography that a table rests on."""

from __future__ import annotations

from collections.abc import Iterable

from instsim.cost.core_table import CoreTable
from instsim.cost.sources import load_sources, source_key
from instsim.report.parts import Facts, Part

__all__ = ["core_sources_parts", "sources_parts"]


def core_sources_parts(core: CoreTable) -> tuple[Part, ...]:
    """Return the bibliography of a core's table."""
    rows = [row.source for rows in (core.classes, core.events) for row in rows.values()]
    rows += [parameter.source for parameter in core.parameters.values()]
    return sources_parts([*rows, core.divider.source] if core.divider is not None else rows)


def sources_parts(sources: Iterable[str]) -> tuple[Part, ...]:
    """Return the entries of the bibliography that some sources start with, in order of the bibliography."""
    used = {source_key(source) for source in sources}
    pairs = tuple((key, f"{entry.title}{f', {entry.url}' if entry.url else ''}") for key, entry in load_sources().items() if key in used)
    return (Facts("Sources", pairs),) if pairs else ()
