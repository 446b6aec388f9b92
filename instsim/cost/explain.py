"""What a table says of one class, event or parameter, with the source it rests on; and what is wrong with a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from instsim.cost.charge_matrix import CLASS_PREFIX
from instsim.cost.core_table import CoreTable, load_core
from instsim.cost.cycle_estimate import DIVIDES, OPERANDS_UNKNOWN
from instsim.cost.exception_events import EXCEPTION_EVENTS
from instsim.cost.pipelines import load_pipeline
from instsim.cost.sources import Source, resolve_source
from instsim.errors import TableError, UsageError
from instsim.isa.classes import CLASSES

__all__ = ["Explanation", "check", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything a table says of one of its rows.

    Attributes
    ----------
    core : str
        Name of the core, or of the memory system.
    name : str
        Name of the row.
    kind : {'class', 'event', 'parameter', 'divider', 'stall'}
        Which part of the table it belongs to.
    description : str
        What the class, event or parameter is.
    value : float, int, bool or str
        Cycles, the parameter's value, the divider's model, or a stall's cycles in words.
    unit : str
        ``cycles``, or empty.
    per_register : float
        Further cycles for each word moved (classes of several registers).
    basis : str
        What the figure rests on.
    note : str
        Conditions and reasons.
    source : Source or None
        Entry of the bibliography.
    locator : str
        Place in that source.
    details : mapping of str to float
        Parameters of the divider's model, in cycles.
    instead : Explanation or None
        What a divide costs whose operands are known, where the core's divider depends on them.
    """

    core: str
    name: str
    kind: str
    description: str
    value: float | bool | str
    unit: str
    per_register: float
    basis: str
    note: str
    source: Source | None
    locator: str
    details: Mapping[str, float] = field(default_factory=dict)
    instead: Explanation | None = None


def explain(core: CoreTable, item: str) -> Explanation:
    """Explain one row of a table.

    Parameters
    ----------
    core : CoreTable
        The table.
    item : str
        An event as an estimate names it (``load-pair``, ``class:load``), an instruction class (``load``), a parameter or ``divider``.

    Raises
    ------
    UsageError
        If the table has no such row; near names are suggested.
    """
    name = item.removeprefix(CLASS_PREFIX).removesuffix(OPERANDS_UNKNOWN)
    pipeline = load_pipeline(core.pipeline)
    if name in core.events and not item.startswith(CLASS_PREFIX):
        row = core.events[name]
        descriptions = {rule.name: rule.description for rule in pipeline.events}
        description = descriptions[name] if name in descriptions else EXCEPTION_EVENTS[name][1]
        return Explanation(core.name, name, "event", description, row.cycles, "cycles", 0.0, row.basis, row.note, *resolve_source(row.source))
    if name in core.classes:
        row = core.classes[name]
        description = CLASSES[core.isa][name].description
        found = resolve_source(row.source)
        instead = explain(core, "divider") if core.divider is not None and name in DIVIDES else None
        return Explanation(
            core.name, name, "class", description, row.cycles, "cycles", row.per_register, row.basis, row.note, *found, instead=instead
        )
    if name in core.parameters:
        parameter = core.parameters[name]
        description = next(rule.description for rule in pipeline.parameters if rule.name == name)
        found = resolve_source(parameter.source)
        return Explanation(core.name, name, "parameter", description, parameter.value, "", 0.0, parameter.basis, parameter.note, *found)
    if name == "divider" and core.divider is not None:
        divider = core.divider
        description = "cycles of a divide by its operands, see instsim.dynamics.divider"
        found = resolve_source(divider.source)
        return Explanation(core.name, name, "divider", description, divider.model, "", 0.0, divider.basis, divider.note, *found, divider.parameters)
    names = [*core.events, *core.classes, *core.parameters, *(("divider",) if core.divider else ())]
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    raise UsageError(
        f"core {core.name} has no class, event or parameter named {item!r}",
        hint=f"did you mean {' or '.join(near)}?" if near else f"`instsim tables show {core.name}` lists them",
    )


def check(path: Path) -> list[str]:
    """Return everything that is wrong with a core table, one line each; empty for a valid one."""
    try:
        load_core(path if path.suffix == ".toml" else Path(f"{path}.toml"))
    except TableError as error:
        return list(error.details) or [str(error)]
    return []
