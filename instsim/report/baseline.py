"""A baseline as text."""

from __future__ import annotations

from instsim.gate.baseline import Baseline
from instsim.gate.metrics import METRICS
from instsim.report.parts import Column, Facts, Heading, Part, Row, Table
from instsim.report.provenance import clock_text
from instsim.units import counted

__all__ = ["baseline_parts"]


def baseline_parts(baseline: Baseline) -> tuple[Part, ...]:
    """Return the parts of a baseline's report: its figures, and what each entry rests on."""
    columns = (
        Column("image", numeric=False, least_width=8),
        Column("board", numeric=False, least_width=8),
        *(Column(name, importance=len(METRICS) - place) for place, name in enumerate(METRICS)),
    )
    rows = []
    for entry in baseline.entries:
        cells = (metric.text(entry.figures[name]) if name in entry.figures else "" for name, metric in METRICS.items())
        rows.append(Row((entry.image, entry.side.board, *cells)))
    parts: list[Part] = [Heading(f"Baseline of {counted(len(baseline.entries), 'estimate')}", baseline.file), Table("Figures", columns, tuple(rows))]
    for entry in baseline.entries:
        side = entry.side
        pairs = (
            ("firmware", f"{side.firmware}, sha256 {side.sha256[:12]}"),
            ("region", side.region),
            ("core table", f"{side.core} ({side.core_digest[:12]}) at {clock_text(side.clock_hz)}"),
            ("board file", f"{side.board} ({side.board_digest[:12]})"),
            ("memory", side.memory),
            ("calibration", side.calibration or "none"),
            ("instsim", side.instsim_version),
            ("operators", str(len(entry.operators))),
        )
        parts.append(Facts(f"{entry.image} on {side.board}", pairs))
    return tuple(parts)
