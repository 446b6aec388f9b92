"""An estimate as one HTML page that needs nothing else: no network, no script, no font of its own.

A content security policy in the page forbids all of these, so that even markup that got past the escaping could load and run nothing.
"""

from __future__ import annotations

import math
from pathlib import Path

from instsim.report.html_flame import flame_graph
from instsim.report.html_parts import HtmlColumn, bar, breakable, definitions, section, table, text, width
from instsim.report.memory_stalls import crossing_cycles, memory_notes
from instsim.report.names import cut_name, operator_shapes, short_title
from instsim.report.parts import Facts, Lines
from instsim.report.provenance import clock_text, provenance_parts
from instsim.report.swapped import subject_text, swap_parts
from instsim.report.text import all_warnings, guess_parts, interval_text, memory_facts, operator_depth, operator_place, origin_text, percent
from instsim.session.estimate import Estimate, EstimatedOperator, Figure
from instsim.units import format_count, format_quantity

__all__ = ["render_html"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_LONGEST_NAME = 120
_PALETTE = ("#3b76c4", "#d98a2b", "#4a9d7c", "#a35fb5", "#c7555f", "#7c8a3c", "#3f9fb3", "#8f7a66")
_TOP_FUNCTIONS = 25
_SMALLEST_SHARE = 0.0005
"""Rows below this share of the cycles stand in a part of the page that is closed at first."""


def render_html(estimate: Estimate) -> str:
    """Return an estimate as one self-contained HTML document.

    Everything that comes out of the firmware (names, output, compiler strings) is escaped. Equal estimates give equal bytes.

    Parameters
    ----------
    estimate : Estimate
        What to report.
    """
    board = estimate.board
    subject = f"{subject_text(estimate.firmware, estimate.run)} on {short_title(board.title)}"
    clock = clock_text(estimate.provenance.clock_hz)
    detail = f"{estimate.provenance.core_title} at {clock}; board {board.name}, {origin_text(board)}; {estimate.run.region}"
    closing = f"instsim {estimate.provenance.instsim_version}. Figures are predictions; nothing was measured on a board for this report."
    body = [
        f'<header><h1>{text(subject)}</h1><p class="subject">{text(detail)}</p></header>',
        _guess(estimate),
        _answers(estimate),
        _warnings(estimate),
        _operators(estimate),
        flame_graph(estimate.calls),
        _functions(estimate),
        _waiting(estimate),
        _events(estimate),
        f'<div class="pair">\n{_classes(estimate)}\n{_memory(estimate)}\n</div>',
        *(section(part.title, definitions(part.pairs)) for part in swap_parts(estimate.firmware, estimate.run)),
        _provenance(estimate),
        f"<footer>{text(closing)}</footer>",
    ]
    style = (Path(__file__).resolve().parent / "html" / "report.css").read_text(encoding="utf-8")
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(subject)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
    )
    return head + "\n".join(part for part in body if part) + "\n</main>\n</body>\n</html>\n"


def _guess(estimate: Estimate) -> str:
    parts = [section(part.title, definitions(part.pairs), kind="warning") for part in guess_parts(estimate.board) if isinstance(part, Facts)]
    return "\n".join(parts)


def _answers(estimate: Estimate) -> str:
    cards = [_figure("Latency", estimate.latency), _figure("Energy", estimate.energy), _figure("Power", estimate.power)]
    each = f"{estimate.cycles_per_instruction:.2f} cycles each" if estimate.instructions else ""
    cards.append(_card("Cycles", format_count(estimate.cycles), f"of {format_count(estimate.instructions)} instructions, {each}".rstrip(", ")))
    return '<div class="answers">\n' + "\n".join(cards) + "\n</div>"


def _card(title: str, value: str, detail: str, drawing: str = "") -> str:
    return section(title, f'<p class="value">{text(value)}</p>', drawing, f'<p class="detail">{text(detail)}</p>')


def _figure(title: str, figure: Figure) -> str:
    drawing = ""
    if figure.low is not None and figure.high is not None and max(figure.high, figure.value) > 0:
        most = 1.1 * max(figure.high, figure.value)
        low, length = width(figure.low / most), width((figure.high - figure.low) / most)
        drawing = f'<div class="range"><i style="left:{low};width:{length}"></i><b style="left:{width(figure.value / most)}"></b></div>'
    return _card(title, format_quantity(figure.value, figure.unit), f"{interval_text(figure)}, {figure.basis}", drawing)


def _warnings(estimate: Estimate) -> str:
    warnings = all_warnings(estimate)
    return section("Warnings", "<ul>" + "".join(f"<li>{text(warning)}</li>" for warning in warnings) + "</ul>", kind="warning") if warnings else ""


def _operators(estimate: Estimate) -> str:
    operators = estimate.operators
    if not operators:
        return section("Operators", '<p class="quiet">No operator was found in the region: cycles are shown by function only.</p>')
    most = max(operator.share for operator in operators)
    nested = any(not math.isclose(operator.cycles, operator.inclusive_cycles) for operator in operators)
    waited = estimate.memory is not None
    columns = [
        HtmlColumn("#", numeric=True),
        HtmlColumn("operator", kind="name"),
        HtmlColumn("share of cycles"),
        HtmlColumn("cycles", numeric=True, wide=True),
        *([HtmlColumn("inclusive", numeric=True, wide=True)] if nested else []),
        *([HtmlColumn("stalls", numeric=True)] if waited else []),
        HtmlColumn("MACs", numeric=True, wide=True),
        HtmlColumn("cycles/MAC", numeric=True, wide=True),
        HtmlColumn("latency", numeric=True),
        HtmlColumn("energy", numeric=True, wide=True),
    ]

    def row(operator: EstimatedOperator) -> tuple[list[str], str]:
        runs = f"{operator.executions} runs" if operator.executions != 1 and operator.index >= 0 else ""
        below = ", ".join(part for part in (operator_shapes(operator.name, operator.inputs, operator.outputs), runs) if part)
        indent = operator_depth(operators, operator)
        name = f'<span style="padding-left:{indent}em">{breakable(operator.name)}</span>' if indent else breakable(operator.name)
        cells = [
            text(operator_place(operators, operator)),
            name + (f"<small>{text(below)}</small>" if below else ""),
            bar(operator.share, most, percent(operator.share)),
            format_count(operator.cycles),
            *([format_count(operator.inclusive_cycles)] if nested else []),
            *([_stalls(operator.stall_cycles, operator.cycles)] if waited else []),
            format_count(operator.macs) if operator.macs else "",
            f"{operator.cycles_per_mac:.2f}" if operator.cycles_per_mac is not None else "",
            text(format_quantity(operator.latency_s, "s")),
            text(format_quantity(operator.energy_j, "J")),
        ]
        return cells, "" if operator.index >= 0 else "muted"

    cycles, macs = math.fsum(operator.cycles for operator in operators), sum(operator.macs for operator in operators)
    total = [
        "",
        "total",
        "",
        format_count(cycles),
        *([""] if nested else []),
        *([_stalls(math.fsum(operator.stall_cycles for operator in operators), cycles)] if waited else []),
        format_count(macs) if macs else "",
        f"{cycles / macs:.2f}" if macs else "",
        text(format_quantity(math.fsum(operator.latency_s for operator in operators), "s")),
        text(format_quantity(math.fsum(operator.energy_j for operator in operators), "J")),
    ]
    kinds = dict.fromkeys(operator.name for operator in operators)
    colors = {kind: _PALETTE[number % len(_PALETTE)] for number, kind in enumerate(kinds)}
    strip = "".join(
        f'<i style="width:{width(operator.share)};background:{colors[operator.name]}" '
        f'title="{text(f"{operator_place(operators, operator)} {operator.name}: {percent(operator.share)}".strip())}"></i>'
        for operator in operators
        if operator.share >= _SMALLEST_SHARE
    )
    waiting = " Stalls: how much of its cycles the operator waited for memory." if waited else ""
    note = (
        "<p class=\"note\">In the order of execution. An operator's energy is a share of the region's energy, in proportion to its cycles."
        f"{waiting}</p>"
    )
    return section("Operators", f'<div class="strip">{strip}</div>', table(columns, [row(operator) for operator in operators], total), note)


def _stalls(stall_cycles: float, cycles: float) -> str:
    return text(percent(stall_cycles / cycles)) if cycles else ""


def _waiting(estimate: Estimate) -> str:
    memory = estimate.memory
    if memory is None:
        return ""
    most = max((path.share for path in memory.paths), default=0.0)
    columns = (
        HtmlColumn("memory"),
        HtmlColumn("access"),
        HtmlColumn("through", wide=True),
        HtmlColumn("share of cycles"),
        HtmlColumn("stall cycles", numeric=True),
        HtmlColumn("accesses", numeric=True, wide=True),
        HtmlColumn("hit rate", numeric=True),
        HtmlColumn("misses", numeric=True, wide=True),
        HtmlColumn("read ahead", numeric=True, wide=True),
        HtmlColumn("basis", wide=True),
        HtmlColumn("source", kind="source", wide=True),
    )
    rows = [
        (
            (
                text(path.memory),
                text(path.access),
                text(path.cache),
                bar(path.share, most, percent(path.share)),
                format_count(path.stall_cycles),
                format_count(path.accesses),
                f"{path.hit_rate:.2%}" if path.cache else "",
                format_count(path.misses),
                format_count(path.read_ahead) if path.read_ahead else "",
                f'<span class="basis">{text(path.basis)}</span>',
                text(path.source),
            ),
            "" if path.stall_cycles else "muted",
        )
        for path in memory.paths
    ]
    rest = crossing_cycles(memory)
    if abs(rest) >= 1.0:
        paired = ("", "paired loads", "", "", format_count(rest), "", "", "", "", "", "two memories in turn, which the core does not overlap")
        rows.append((paired, ""))
    total = ("total", "", "", text(percent(memory.share)), format_count(memory.stall_cycles), "", "", "", "", "", "")
    notes = f'<p class="note">{text(" ".join(memory_notes(memory)))}</p>'
    return section("Waiting for memory", table(columns, rows, total), notes)


def _name(name: str) -> str:
    return f'<span class="code" title="{text(name)}">{breakable(cut_name(name, _LONGEST_NAME))}</span>'


def _functions(estimate: Estimate) -> str:
    functions = estimate.functions
    if not functions:
        return ""
    most = functions[0].share
    waited = estimate.memory is not None
    columns = (
        HtmlColumn("function", kind="name"),
        HtmlColumn("share of cycles"),
        HtmlColumn("cycles", numeric=True),
        *([HtmlColumn("stalls", numeric=True)] if waited else []),
        HtmlColumn("instructions", numeric=True, wide=True),
    )
    rows = [
        (
            (
                _name(function.name),
                bar(function.share, most, percent(function.share)),
                format_count(function.cycles),
                *([_stalls(function.stall_cycles, function.cycles)] if waited else []),
                format_count(function.instructions),
            ),
            "",
        )
        for function in functions
    ]
    note = '<p class="note">Without the functions that each one called.</p>'
    return section(
        "Functions that cost most",
        table(columns, rows[:_TOP_FUNCTIONS]),
        _more(table(columns, rows[_TOP_FUNCTIONS:]), len(rows) - _TOP_FUNCTIONS),
        note,
    )


def _more(contents: str, count: int) -> str:
    return f"<details><summary>{count} more</summary>{contents}</details>" if count > 0 else ""


def _events(estimate: Estimate) -> str:
    events = estimate.events
    if not events:
        return ""
    most = max(abs(event.share) for event in events)
    columns = (
        HtmlColumn("event", kind="name"),
        HtmlColumn("share of cycles"),
        HtmlColumn("cycles", numeric=True),
        HtmlColumn("count", numeric=True, wide=True),
        HtmlColumn("cycles of one", numeric=True, wide=True),
        HtmlColumn("basis"),
        HtmlColumn("source", kind="source", wide=True),
    )
    rows = [
        (
            (
                f'<span class="code">{breakable(event.name)}</span>',
                bar(event.share, most, percent(event.share)),
                format_count(event.cycles),
                format_count(event.count) if event.count else "",
                f"{event.weight_cycles:.3g}" if event.count else "",
                f'<span class="basis">{text(event.basis)}</span>',
                text(event.source),
            ),
            "",
        )
        for event in events
    ]
    large = sum(abs(event.share) >= _SMALLEST_SHARE for event in events)
    note = '<p class="note">Issue cycles by instruction class, and what the pipeline adds to them. The cycles of all events sum to the total.</p>'
    return section("Cycles by event", table(columns, rows[:large]), _more(table(columns, rows[large:]), len(rows) - large), note)


def _classes(estimate: Estimate) -> str:
    if not estimate.classes:
        return ""
    most = max(item.share for item in estimate.classes)
    columns = (HtmlColumn("class"), HtmlColumn("share of cycles"), HtmlColumn("cycles", numeric=True), HtmlColumn("each", numeric=True))
    rows = [
        (
            (
                text(item.name),
                bar(item.share, most, percent(item.share)),
                format_count(item.cycles),
                f"{item.cycles / item.instructions:.2f}" if item.instructions else "",
            ),
            "",
        )
        for item in estimate.classes
    ]
    large = sum(item.share >= _SMALLEST_SHARE for item in estimate.classes)
    return section("Instruction classes", table(columns, rows[:large]), _more(table(columns, rows[large:]), len(rows) - large))


def _memory(estimate: Estimate) -> str:
    run = estimate.run
    drawing = ""
    if run.arena_used_bytes is not None and run.arena_size_bytes and run.swap is None:
        share = run.arena_used_bytes / run.arena_size_bytes
        drawing = f'<p class="note">Tensor arena in use</p>{bar(share, 1.0, percent(share))}'
    return section("Memory", definitions(memory_facts(estimate).pairs), drawing)


def _provenance(estimate: Estimate) -> str:
    parts: list[str] = []
    for part in provenance_parts(estimate, verbose=True):
        if isinstance(part, Facts):
            contents = definitions(part.pairs)
            parts.append(contents if not parts else f"<details><summary>{text(part.title)}</summary>{contents}</details>")
        elif isinstance(part, Lines):
            output = "\n".join(text(line) for line in part.lines)
            parts.append(f"<details><summary>{text(part.title)}</summary><pre>{output}</pre></details>")
    return section("What this rests on", *parts)
