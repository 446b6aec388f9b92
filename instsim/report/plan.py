"""A plan of runs as text and as JSON."""

from __future__ import annotations

from typing import Any

from instsim.report.json_report import plain
from instsim.report.parts import Column, Heading, Lines, Part, Row, Table
from instsim.session.planning import Plan

__all__ = ["plan_document", "plan_parts"]


def plan_parts(plan: Plan) -> tuple[Part, ...]:
    """Return the parts of a plan's report."""
    columns = (Column("run"), Column("image", numeric=False, least_width=20), Column("error expected after it"))
    rows = [Row((str(number), step.name, f"{100 * step.spread:.1f}%")) for number, step in enumerate(plan.steps, 1)]
    if plan.measured:
        rows.insert(0, Row(("", f"({len(plan.measured)} measured already)", f"{100 * plan.before:.1f}%"), "muted"))
    note = (
        f"Relative standard error of predicting {', '.join(plan.targets) if len(plan.targets) <= 3 else f'{len(plan.targets)} images'}, if mixes of "
        "instructions differ as they do on known boards. An expectation for choosing runs, not a promise: `instsim calibrate` tells what was reached."
    )
    return (Heading(f"Runs to measure on {plan.board}"), Table("", columns, tuple(rows)), Lines((note,), style="muted"))


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return a plan as what JSON can hold."""
    return {"schema_version": "1.0", **plain(plan)}
