"""An estimate as text: the answer first, then where the cycles went, then what it all rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from instsim.report.memory_stalls import percent, stall_parts
from instsim.report.names import cut_name, cut_shapes, operator_shapes, short_title
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.report.provenance import clock_text, provenance_parts
from instsim.report.swapped import subject_text, swap_parts
from instsim.report.tables import render, show
from instsim.session.estimate import BoardChoice, Estimate, EstimatedEvent, EstimatedFunction, EstimatedOperator, Figure
from instsim.units import counted, format_bytes, format_count, format_quantity

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "all_warnings",
    "estimate_parts",
    "event_parts",
    "guess_parts",
    "interval_text",
    "memory_facts",
    "operator_depth",
    "operator_place",
    "origin_text",
    "percent",
    "print_text",
    "render_text",
]

_CHOICES = {
    "option": "from --board",
    "settings": "from the settings file",
    "guess": "guessed",
    "profile": "from the profile",
    "sample": "of the sample",
}


def all_warnings(estimate: Estimate) -> tuple[str, ...]:
    """Return the warnings of the estimate and of the run, each once."""
    return tuple(dict.fromkeys((*estimate.warnings, *estimate.run.warnings)))


def origin_text(board: BoardChoice) -> str:
    """Return who chose a board, in words."""
    return _CHOICES.get(board.chosen_by, board.chosen_by)


def guess_parts(board: BoardChoice) -> list[Part]:
    """Return what must stand first when nobody named the board."""
    if board.chosen_by != "guess":
        return []
    pairs = [("" if number else "because", reason) for number, reason in enumerate(board.reasons)]
    pairs += [("" if number else "but", doubt) for number, doubt in enumerate(board.doubts)]
    pairs.append(("also fits", ", ".join(board.candidates) or "no other board"))
    pairs.append(("settle it", 'with --board NAME, or board = "NAME" in instsim.toml'))
    return [Facts(f"Board guessed: {short_title(board.title)} ({board.name})", tuple(pairs), style="warning")]


def interval_text(figure: Figure) -> str:
    """Return the interval of a figure and its coverage: ``1.20 to 1.45 (90%)``."""
    if figure.low is None or figure.high is None:
        return "no interval known"
    low, high = format_quantity(figure.low, figure.unit, 3), format_quantity(figure.high, figure.unit, 3)
    unit = high.partition(" ")[2]
    return f"{low.removesuffix(f' {unit}')} to {high} ({figure.level:.0%})"


def _answer(estimate: Estimate) -> Table:
    rows = [
        Row((name, format_quantity(figure.value, figure.unit), interval_text(figure), figure.basis), "strong" if name == "latency" else "")
        for name, figure in (("latency", estimate.latency), ("energy", estimate.energy), ("power", estimate.power))
    ]
    rows.append(Row(("cycles", format_count(estimate.cycles), "", "")))
    each = f"{estimate.cycles_per_instruction:.2f} cycles each" if estimate.instructions else ""
    rows.append(Row(("instructions", format_count(estimate.instructions), each, "")))
    columns = (Column("", numeric=False), Column(""), Column("", numeric=False, least_width=12), Column("", numeric=False))
    return Table("", columns, tuple(rows))


def operator_place(operators: tuple[EstimatedOperator, ...], operator: EstimatedOperator) -> str:
    """Return an operator's place in its model; subgraph and model are named where there are several. Empty for the dispatch."""
    if operator.index < 0:
        return ""
    numbered = [other for other in operators if other.index >= 0]
    models, subgraphs = len({other.model for other in numbered}) > 1, len({other.subgraph for other in numbered}) > 1
    return (f"m{operator.model}:" if models else "") + (f"{operator.subgraph}." if subgraphs else "") + str(operator.index)


def operator_depth(operators: tuple[EstimatedOperator, ...], operator: EstimatedOperator) -> int:
    """Return how many operators an operator was called through."""
    depth = 0
    while 0 <= operator.parent < len(operators) and depth < len(operators):
        operator, depth = operators[operator.parent], depth + 1
    return depth


def _per_mac(cycles: float, macs: int) -> str:
    return f"{cycles / macs:.2f}" if macs else ""


def _operators(estimate: Estimate) -> Part:
    operators = estimate.operators
    if not operators:
        return Lines(("No operator was found in the region: cycles are shown by function only.",), title="Operators", style="muted")
    numbered = [operator for operator in operators if operator.index >= 0]
    nested = any(not math.isclose(operator.cycles, operator.inclusive_cycles) for operator in operators)
    repeated = any(operator.executions != 1 for operator in numbered)
    waited = estimate.memory is not None
    shown = {"runs": repeated, "inclusive": nested, "stalls": waited}
    columns = (
        Column("#"),
        Column("operator", numeric=False, least_width=17, most_width=40),
        Column("runs", importance=3),
        Column("shapes", numeric=False, least_width=20, most_width=44, importance=5, cut=cut_shapes),
        Column("MACs", importance=4),
        Column("cycles"),
        Column("inclusive", importance=6),
        Column("share"),
        Column("stalls", importance=8),
        Column("cyc/MAC", importance=7),
        Column("latency", importance=2),
        Column("energy", importance=1),
    )

    def row(operator: EstimatedOperator) -> Row:
        cells = (
            operator_place(operators, operator),
            "  " * operator_depth(operators, operator) + operator.name,
            str(operator.executions) if operator.index >= 0 else "",
            operator_shapes(operator.name, operator.inputs, operator.outputs),
            format_count(operator.macs) if operator.macs else "",
            format_count(operator.cycles),
            format_count(operator.inclusive_cycles),
            percent(operator.share),
            _stalls(operator.stall_cycles, operator.cycles),
            _per_mac(operator.cycles, operator.macs),
            format_quantity(operator.latency_s, "s"),
            format_quantity(operator.energy_j, "J"),
        )
        return Row(_visible(columns, cells, shown), "" if operator.index >= 0 else "muted")

    cycles, macs = math.fsum(operator.cycles for operator in operators), sum(operator.macs for operator in operators)
    total = (
        "",
        "total",
        "",
        "",
        format_count(macs) if macs else "",
        format_count(cycles),
        "",
        percent(math.fsum(operator.share for operator in operators)),
        _stalls(math.fsum(operator.stall_cycles for operator in operators), cycles),
        _per_mac(cycles, macs),
        format_quantity(math.fsum(operator.latency_s for operator in operators), "s"),
        format_quantity(math.fsum(operator.energy_j for operator in operators), "J"),
    )
    return Table(
        "Operators",
        tuple(column for column in columns if shown.get(column.header, True)),
        tuple(row(operator) for operator in operators),
        (Row(_visible(columns, total, shown), "strong"),),
        (
            "An operator's energy is a share of the region's energy, in proportion to its cycles.",
            *(("stalls: how much of its cycles the operator waited for memory.",) if waited else ()),
        ),
    )


def _stalls(stall_cycles: float, cycles: float) -> str:
    return percent(stall_cycles / cycles) if cycles else ""


def _visible(columns: tuple[Column, ...], cells: tuple[str, ...], shown: dict[str, bool]) -> tuple[str, ...]:
    return tuple(cell for column, cell in zip(columns, cells, strict=True) if shown.get(column.header, True))


def _remaining(cycles: Iterable[float], instructions: Iterable[int], total: float) -> tuple[str, str, str]:
    rest = math.fsum(cycles)
    return format_count(rest), percent(rest / total if total else 0.0), format_count(sum(instructions))


def _functions(estimate: Estimate, top: int) -> list[Part]:
    if not estimate.functions:
        return []
    columns = (
        Column("function", numeric=False, least_width=20, most_width=90, cut=cut_name),
        Column("cycles"),
        Column("share"),
        *([Column("stalls", importance=3)] if estimate.memory is not None else []),
        Column("instructions", importance=2),
    )

    def row(name: str, functions: Sequence[EstimatedFunction], style: str = "") -> Row:
        cycles = math.fsum(function.cycles for function in functions)
        stalls = _stalls(math.fsum(function.stall_cycles for function in functions), cycles)
        cells = (
            name,
            format_count(cycles),
            percent(cycles / estimate.cycles if estimate.cycles else 0.0),
            *([stalls] if estimate.memory is not None else []),
            format_count(sum(function.instructions for function in functions)),
        )
        return Row(cells, style)

    rest = estimate.functions[top:]
    rows = [row(function.name, (function,)) for function in estimate.functions[:top]]
    if rest:
        rows.append(row(f"({len(rest)} more)", rest, "muted"))
    return [Table("Functions that cost most", columns, tuple(rows))]


def _classes(estimate: Estimate, top: int) -> list[Part]:
    if not estimate.classes:
        return []
    columns = (
        Column("instruction class", numeric=False, least_width=16),
        Column("cycles"),
        Column("share"),
        Column("instructions"),
        Column("cycles each", importance=2),
    )
    rest = estimate.classes[top:]
    rows = [
        Row((item.name, format_count(item.cycles), percent(item.share), format_count(item.instructions), _per_mac(item.cycles, item.instructions)))
        for item in estimate.classes[:top]
    ]
    if rest:
        figures = _remaining((item.cycles for item in rest), (item.instructions for item in rest), estimate.cycles)
        rows.append(Row((f"({len(rest)} more)", *figures, ""), "muted"))
    return [Table("Instruction classes", columns, tuple(rows), notes=("Stalls and refills count to the class that caused them.",))]


def event_parts(events: Sequence[EstimatedEvent], title: str = "Cycles by event") -> list[Part]:
    """Return the table of events: count, cycles of one, cycles, share, and what the figure of one rests on."""
    columns = (
        Column("event", numeric=False, least_width=16),
        Column("count"),
        Column("weight", importance=5),
        Column("cycles"),
        Column("share"),
        Column("basis", numeric=False),
        Column("source", numeric=False, least_width=16, importance=3),
    )
    rows = tuple(
        Row(
            (
                event.name,
                format_count(event.count) if event.count else "",
                f"{event.weight_cycles:.3g}" if event.count else "",
                format_count(event.cycles),
                percent(event.share),
                event.basis,
                event.source,
            )
        )
        for event in events
    )
    return [Table(title, columns, rows)] if rows else []


def memory_facts(estimate: Estimate) -> Facts:
    """Return what memory the firmware occupies and used."""
    firmware, run = estimate.firmware, estimate.run
    stack = format_bytes(run.stack_high_water_bytes) if run.stack_high_water_bytes is not None else "not found"
    if run.arena_used_bytes is None:
        arena = "not found"
    elif run.arena_size_bytes and run.swap is None:
        arena = f"{format_bytes(run.arena_used_bytes)} of {format_bytes(run.arena_size_bytes)}"
    else:
        arena = format_bytes(run.arena_used_bytes)
    pairs = (
        ("flash", format_bytes(firmware.flash_bytes)),
        ("static RAM", format_bytes(firmware.static_ram_bytes)),
        ("stack, most", stack),
        ("tensor arena used", arena),
    )
    return Facts("Memory", pairs)


def estimate_parts(estimate: Estimate, *, top: int = 15, verbose: bool = False) -> tuple[Part, ...]:
    """Return the parts of an estimate's report, in order.

    Parameters
    ----------
    estimate : Estimate
        What to report.
    top : int
        Functions and classes listed; the others are summed up.
    verbose : bool
        List every event of the cost model with its source, build attributes, digests, and the firmware's output.
    """
    board, warnings = estimate.board, all_warnings(estimate)
    clock = clock_text(estimate.provenance.clock_hz)
    heading = Heading(
        f"{subject_text(estimate.firmware, estimate.run)} on {short_title(board.title)}: {estimate.provenance.core_title} at {clock}",
        f"{board.name}, {origin_text(board)}",
    )
    parts: list[Part] = [*guess_parts(board), heading, _answer(estimate)]
    if warnings:
        parts.append(Lines((f"{counted(len(warnings), 'warning')}, at the end.",), style="warning"))
    parts += [_operators(estimate), *_functions(estimate, top), *stall_parts(estimate.memory), *_classes(estimate, top)]
    if verbose:
        parts += event_parts(estimate.events)
    parts += [*swap_parts(estimate.firmware, estimate.run), memory_facts(estimate), *provenance_parts(estimate, verbose=verbose)]
    if warnings:
        parts.append(Lines(warnings, title="Warnings", style="warning", bullet="! "))
    return tuple(parts)


def render_text(estimate: Estimate, *, width: int | None = None, color: bool = False, top: int = 15, verbose: bool = False) -> str:
    """Return an estimate as text.

    Parameters
    ----------
    estimate : Estimate
        What to report.
    width : int, optional
        Characters of a line; by default as many as the contents need.
    color : bool
        As for a terminal; without, plain ASCII.
    top : int
        Functions and classes listed.
    verbose : bool
        With every event, digest and build attribute.
    """
    return render(estimate_parts(estimate, top=top, verbose=verbose), width=width, color=color)


def print_text(estimate: Estimate, console: Console, *, top: int = 15, verbose: bool = False) -> None:
    """Write an estimate to a console: drawn if it is a terminal, plain if it is a pipe or a file."""
    show(estimate_parts(estimate, top=top, verbose=verbose), console)
