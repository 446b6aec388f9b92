"""A row of a core's table explained: its figure, what the figure rests on, and the whole entry of the bibliography."""

from __future__ import annotations

from instsim.cost.core_table import CoreTable
from instsim.cost.explain import Explanation, explain
from instsim.cost.explain_memory import explain_stall, stall_items
from instsim.cost.memory_table import MemoryTable
from instsim.report.parts import Column, Facts, Lines, Part, Row, Table

__all__ = ["explanation_parts", "items_parts", "stalls_parts"]


def explanation_parts(explanation: Explanation) -> tuple[Part, ...]:
    """Return the parts that explain one row."""
    pairs = [("what", explanation.description), ("value", _value(explanation))]
    if explanation.details:
        pairs.append(("cycles", ", ".join(f"{name} {value:g}" for name, value in explanation.details.items())))
    pairs.append(("basis", explanation.basis))
    if explanation.note:
        pairs.append(("note", explanation.note))
    source = explanation.source
    if source is None:
        pairs.append(("source", f"{explanation.locator} (not in the bibliography)"))
    else:
        pairs.append(("source", source.title))
        pairs += [
            (name, text) for name, text in (("place", explanation.locator), ("kind", source.kind), ("link", source.url), ("key", source.key)) if text
        ]
    # A stall's name begins with what it is.
    is_told = explanation.name.startswith(f"{explanation.kind}:")
    facts = Facts(f"{explanation.core}: {explanation.name if is_told else f'{explanation.kind} {explanation.name}'}", tuple(pairs))
    if explanation.instead is None:
        return (facts,)
    return (facts, Lines(("Where the operands of a divide are known, it costs what they make it cost:",)), *explanation_parts(explanation.instead))


def items_parts(core: CoreTable) -> tuple[Part, ...]:
    """Return the parts of the list of everything in a table that can be explained."""
    names = [*core.classes, *core.events, *core.parameters, *(("divider",) if core.divider is not None else ())]
    # A class and an event may share a name; the event is explained under it, the class with its prefix.
    explained = [explain(core, name) for name in names]
    explained += [explain(core, f"class:{name}") for name in core.classes if name in core.events]
    return (_list(f"{core.title} ({core.name})", core.name, explained),)


def stalls_parts(memory: MemoryTable) -> tuple[Part, ...]:
    """Return the parts of the list of the stalls that a memory system can explain."""
    explained = [explanation for item in stall_items(memory) for explanation in explain_stall(memory, item)]
    return (_list(f"{memory.title} ({memory.name})", memory.name, explained),)


def _list(title: str, name: str, explained: list[Explanation]) -> Table:
    columns = (
        Column("item", numeric=False),
        Column("kind", numeric=False, importance=3),
        Column("value", numeric=False, least_width=10, most_width=40),
        Column("basis", numeric=False, importance=5),
        Column("what it is", numeric=False, least_width=14, importance=4),
    )
    unique = {(item.kind, item.name, item.description): item for item in explained}
    rows = tuple(Row((item.name, item.kind, _value(item), item.basis, item.description)) for item in unique.values())
    return Table(title, columns, rows, notes=(f"`instsim tables explain {name} ITEM` tells where a figure comes from.",))


def _value(explanation: Explanation) -> str:
    value = explanation.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else f"{value:g}"
    more = f" + {explanation.per_register:g} for each register" if explanation.per_register else ""
    unit = explanation.unit.removesuffix("s") if text == "1" and not more else explanation.unit
    return f"{text}{more} {unit}".strip()
