"""A sweep as text and as a picture: what came of it, and the front of two figures."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from instsim.report.calibration_plot import new_figure
from instsim.report.parts import Column, Facts, Part, Row, Table
from instsim.sweep.pareto import FIGURES, pareto_front
from instsim.sweep.row import SweepRow

__all__ = ["draw_front", "front_parts", "summary_parts"]

_AXES: dict[str, tuple[str, float]] = {
    "latency": ("latency, ms", 1e3),
    "energy": ("energy, mJ", 1e3),
    "cycles": ("cycles, millions", 1e-6),
    "macs": ("multiply-accumulates, millions", 1e-6),
    "arena": ("tensor arena, KiB", 1 / 1024),
    "flash": ("constants in flash, KiB", 1 / 1024),
    "size": ("model file, KiB", 1 / 1024),
}

_CELLS: dict[str, Callable[[float], str]] = {
    "latency": lambda value: f"{value * 1e3:,.3f}",
    "energy": lambda value: f"{value * 1e3:,.4f}",
}

_LOGARITHMIC = 10
"""Figures that spread by more than this factor are drawn on a logarithmic axis."""

_DOUBTFUL = {
    "beyond": "a dimension is larger or smaller than any that the predictor was taught",
    "outside": "something the predictor was not taught at all, such as a type: figures may be far off",
}
"""What is said of predicted models that are not inside what was taught."""

_HEADERS = {
    "latency": "latency ms",
    "energy": "energy mJ",
    "cycles": "cycles",
    "macs": "MACs",
    "arena": "arena B",
    "flash": "flash B",
    "size": "file B",
}


def summary_parts(rows: Sequence[SweepRow], facts: Sequence[tuple[str, str]] = ()) -> list[Part]:
    """Return how many models have figures, and why others have none.

    Parameters
    ----------
    rows : sequence of SweepRow
        All of them.
    facts : sequence of (str, str)
        What else is to be said.
    """
    reasons = Counter(row.reason for row in rows if not row.is_ok)
    pairs = [("models", f"{len(rows):,}"), ("with figures", f"{sum(row.is_ok for row in rows):,}")]
    domains = Counter(row.domain for row in rows if row.is_ok)
    pairs += [(domain, f"{domains[domain]:,} of these: {what}") for domain, what in _DOUBTFUL.items() if domains[domain]]
    pairs += facts
    parts: list[Part] = [Facts("Sweep", tuple(pairs))]
    if reasons:
        first = {row.reason: row for row in reversed(rows) if not row.is_ok}
        columns = (Column("reason", numeric=False), Column("models"), Column("for example", numeric=False, least_width=30, most_width=160))
        table = [
            Row((reason, f"{count:,}", f"{PurePath(first[reason].path).name}: {first[reason].message}"), "warning")
            for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        ]
        parts.append(Table("Without figures", columns, tuple(table)))
    return parts


def front_parts(rows: Sequence[SweepRow], figures: tuple[str, str]) -> list[Part]:
    """Return the front of two figures as a table, the other figures beside them."""
    front = pareto_front(rows, figures)
    shown = (*figures, *(name for name in FIGURES if name not in figures))
    columns = (
        Column("model", numeric=False, least_width=12, most_width=60),
        *(Column(_HEADERS[name], importance=9 if name in figures else 5) for name in shown),
    )
    doubts = [row.domain if row.domain in _DOUBTFUL else "" for row in front]
    if any(doubts):
        columns += (Column("", numeric=False, importance=8),)
    cells = [
        Row((row.path, *(_cell(name, getattr(row, FIGURES[name])) for name in shown), *((doubt,) if any(doubts) else ())))
        for row, doubt in zip(front, doubts, strict=True)
    ]
    count = sum(row.is_ok for row in rows)
    title = f"Front of {figures[0]} and {figures[1]}: {len(front):,} of {count:,} models"
    return [Table(title, columns, tuple(cells), notes=("no other model has less of one and not more of the other",))]


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return _CELLS[name](value) if name in _CELLS else f"{value:,.0f}"


def draw_front(rows: Sequence[SweepRow], figures: tuple[str, str], form: str = "png") -> bytes:
    """Draw all models by two figures, and their front.

    Parameters
    ----------
    rows : sequence of SweepRow
        All of them.
    figures : two of `instsim.sweep.pareto.FIGURES`
        The axes.
    form : {'png', 'svg', 'pdf'}
        Of the picture.

    Raises
    ------
    UsageError
        If matplotlib is not installed.
    """
    front = pareto_front(rows, figures)
    chosen = {id(row) for row in front}
    others = [row for row in rows if row.is_ok and id(row) not in chosen]
    figure = new_figure(6.4, 4.6)
    axes: Any = figure.subplots()
    x, y = (_values(others, name) for name in figures)
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if a is not None and b is not None]
    if pairs:
        axes.plot(*zip(*pairs, strict=True), "o", color="0.65", markersize=3.5, markeredgewidth=0, label=f"{len(pairs):,} other models")
    if front:
        axes.plot(
            *(_values(front, name) for name in figures),
            "o-",
            color="C0",
            markersize=5,
            linewidth=1,
            drawstyle="steps-post",
            label=f"front: {len(front):,}",
        )
        axes.legend(fontsize="small")
    for which, name in zip("xy", figures, strict=True):
        values = [value for value in _values([*front, *others], name) if value]
        scale = "log" if values and max(values) > _LOGARITHMIC * min(values) else "linear"
        axes.set(**{f"{which}label": _AXES[name][0], f"{which}scale": scale})
        if scale == "log":
            getattr(axes, f"{which}axis").set_major_formatter("{x:g}")
    axes.grid(visible=True, color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)
    stream = io.BytesIO()
    figure.savefig(stream, format=form, dpi=150, metadata={"Date": None} if form == "svg" else None)
    return stream.getvalue()


def _values(rows: Sequence[SweepRow], name: str) -> list[float | None]:
    scale = _AXES[name][1]
    return [None if (value := getattr(row, FIGURES[name])) is None else value * scale for row in rows]
