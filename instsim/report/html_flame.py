"""The flame graph of a page: the call tree as boxes, callers above, widths in proportion to inclusive cycles; no script."""

from __future__ import annotations

from instsim.report.html_parts import hue, section, text, width
from instsim.report.names import cut_name
from instsim.report.text import percent
from instsim.session.estimate import EstimatedCall
from instsim.units import format_count

__all__ = ["flame_graph"]

_ROW_PIXELS = 18
_LEAST_SHARE = 0.001
"""Narrower boxes are left out: a pixel on a wide screen."""
_LABEL_SHARE = 0.02
"""Narrower boxes have no label; pointing at them shows it."""
_LONGEST_NAME = 60


def flame_graph(calls: tuple[EstimatedCall, ...]) -> str:
    """Return the section with the flame graph; empty if there is no call tree."""
    total = sum(call.inclusive_cycles for call in calls if call.parent < 0)
    if not calls or total <= 0:
        return ""
    left, next_left, levels = [0.0] * len(calls), [0.0] * len(calls), [0] * len(calls)
    root_left = 0.0
    boxes: list[str] = []
    deepest = 0
    for place, call in enumerate(calls):
        if call.parent < 0:
            left[place], root_left = root_left, root_left + call.inclusive_cycles
        else:
            left[place], levels[place] = next_left[call.parent], levels[call.parent] + 1
            next_left[call.parent] += call.inclusive_cycles
        next_left[place] = left[place]
        share = call.inclusive_cycles / total
        if share < _LEAST_SHARE:
            continue
        deepest = max(deepest, levels[place])
        boxes.append(_box(call, left[place] / total, share, call.cycles / total, levels[place]))
    omitted = f" {len(calls) - len(boxes)} narrower boxes are left out." if len(boxes) < len(calls) else ""
    note = (
        f"Callers above what they call; widths are cycles with all that was called, {percent(1.0)} is {format_count(total)} cycles. "
        f"Point at a box for its figures; to zoom, open --format speedscope in speedscope.{omitted}"
    )
    height = (deepest + 1) * _ROW_PIXELS
    graph = f'<div class="scroll"><div class="flame" style="height:{height}px">\n' + "\n".join(boxes) + "\n</div></div>"
    return section("Calls", graph, f'<p class="note">{text(note)}</p>')


def _box(call: EstimatedCall, start: float, share: float, own: float, level: int) -> str:
    times = f", called {format_count(call.calls)} times" if call.calls else ""
    about = f"{call.name}: {percent(share)} with what it calls, {percent(own)} itself, {format_count(call.inclusive_cycles)} cycles{times}"
    label = text(cut_name(call.name, _LONGEST_NAME)) if share >= _LABEL_SHARE else ""
    place = f"left:{width(start)};width:{width(share)};top:{level * _ROW_PIXELS}px;background:{hue(call.name)}"
    kind = "" if label else ' class="thin"'
    return f'<div{kind} style="{place}" title="{text(about)}">{label}</div>'
