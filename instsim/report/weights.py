"""Refitted weights of a core table as text and as JSON."""

from __future__ import annotations

from typing import Any

from instsim.report.json_report import plain
from instsim.report.parts import Column, Facts, Heading, Part, Row, Table
from instsim.session.table_refit import TableRefit

__all__ = ["weights_document", "weights_parts"]


def weights_parts(refit: TableRefit) -> tuple[Part, ...]:
    """Return the parts of the report on refitted weights."""
    columns = (
        Column("row", numeric=False, least_width=16),
        Column("table"),
        Column("refitted"),
        Column("known to before"),
        Column("and now"),
        Column("verdict", numeric=False),
        Column("basis", numeric=False, importance=2),
    )
    rows = tuple(
        Row(
            (
                weight.event,
                f"{weight.before:g}",
                f"{weight.after:.3f}",
                f"+-{weight.prior_sd:.2g}",
                f"+-{weight.posterior_sd:.2g}",
                "identified" if weight.identified else "stays at its prior",
                weight.basis,
            ),
            "" if weight.identified else "muted",
        )
        for weight in refit.fit.weights
    )
    errors = (("before", f"{refit.fit.error_before:.2%}"), ("after", f"{refit.fit.error_after:.2%}"))
    notes = ["A weight is identified where the runs halve its uncertainty; only those are written to a table."]
    if not any(weight.identified for weight in refit.fit.weights):
        notes.append("The runs identify none: the table stays as it is. It takes programs that differ in what they do.")
    return (
        Heading(f"Weights of {refit.core.name}, in cycles", refit.source),
        Table("", columns, rows, notes=tuple(notes)),
        Facts("Mean error of the runs' cycles", errors),
    )


def weights_document(refit: TableRefit) -> dict[str, Any]:
    """Return refitted weights as what JSON can hold."""
    return {"schema_version": "1.0", "core": refit.core.name, "core_digest": refit.core.digest, "source": refit.source, **plain(refit.fit)}
