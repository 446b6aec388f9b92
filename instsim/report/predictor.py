"""What a predictor knows, and how it fits a firmware, as text and JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from instsim.predict.formula import Formula
from instsim.predict.gates import Gate
from instsim.predict.predictor import KindModel, TaughtPredictor
from instsim.predict.quantities import QUANTITIES
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.session.predictor_checking import PredictorCheck

__all__ = ["check_parts", "formula_parts", "list_parts", "predictor_document", "predictor_parts"]

_NAME = re.compile(r"[A-Z]+")
_VERDICTS = {"same": "as taught", "differs": "DIFFERS", "absent": "not in the firmware", "untaught": "not in the predictor"}


def list_parts(predictors: Sequence[TaughtPredictor]) -> tuple[Part, ...]:
    """Return a table of predictors."""
    if not predictors:
        return (Lines(("No predictors come with this installation.",)),)
    columns = (
        Column("predictor", numeric=False),
        Column("kernels", numeric=False, least_width=12),
        Column("operators"),
        Column("cores", numeric=False, least_width=12),
    )
    rows = tuple(Row((taught.name, taught.teacher.kernels, str(len(taught.kinds) - 1), ", ".join(taught.cores))) for taught in predictors)
    return (Table("Predictors that come with instsim", columns, rows),)


def predictor_parts(taught: TaughtPredictor) -> tuple[Part, ...]:
    """Return the parts that describe a predictor: what taught it, and what it knows of each operator."""
    teacher = taught.teacher
    facts = (
        ("taught on", f"{teacher.name} ({teacher.sha256[:12]}), run as {teacher.executed_on}"),
        ("kernels", teacher.kernels or "not named"),
        ("compiler", ", ".join(teacher.compilers) or "unknown"),
        *teacher.provenance.items(),
        ("priced for", ", ".join(taught.cores)),
        ("stalls taught", ", ".join(taught.memories) or "none: memory is taken as ideal"),
        ("instsim", taught.instsim_version),
    )
    columns = (
        Column("operator", numeric=False, least_width=16),
        Column("layers"),
        Column("paths"),
        Column("classes"),
        Column("exact"),
        Column("inexact cycles", importance=4),
        Column("mean error"),
        Column("95%"),
        Column("largest", importance=6),
        Column("within 1%"),
        Column("fresh layers", importance=3),
    )
    return (
        Heading(f"Predictor {taught.name}"),
        Facts("", facts),
        Table(
            "Operators",
            columns,
            tuple(_row(kind) for _, kind in sorted(taught.kinds.items())),
            notes=(
                f"Errors on layers that were not taught, on {taught.cores[0]} with ideal memory.",
                "Inexact cycles: largest share of a taught layer's cycles in blocks whose counts depend on data or addresses.",
            ),
        ),
        *(_stalls_table(taught, memory) for memory in taught.memories),
    )


def _stalls_table(taught: TaughtPredictor, memory: str) -> Table:
    columns = (
        Column("operator", numeric=False, least_width=16),
        Column("layers"),
        Column("stalls"),
        Column("mean error"),
        Column("95%"),
        Column("fresh layers", importance=3),
    )
    rows = []
    for name, kind in sorted(taught.kinds.items()):
        stalls = kind.stalls.get(memory)
        if stalls is not None and stalls.error is not None:
            error = stalls.error
            rows.append(Row((name, str(stalls.layers), f"{stalls.share:.1%}", f"{error.mean:.2%}", f"{error.p95:.2%}", str(error.layers))))
    notes = ("Stalls: mean share of waiting in the cycles of the taught layers. Errors are of cycles with stalls, on fresh layers.",)
    return Table(f"Stalls of {memory}", columns, tuple(rows), notes=notes)


def _row(kind: KindModel) -> Row:
    classes = [record for path in kind.paths for record in path.classes]
    exact = sum(record.formula.is_exact for record in classes)
    error = kind.error
    found = (
        ("", "", "", "", "")
        if error is None
        else (f"{error.mean:.2%}", f"{error.p95:.2%}", f"{error.largest:.2%}", f"{error.within_1:.0%}", str(error.layers))
    )
    inexact = max((path.inexact_share for path in kind.paths), default=0.0)
    return Row(
        (kind.kind, str(sum(path.samples for path in kind.paths)), str(len(kind.paths)), str(len(classes)), str(exact), f"{inexact:.1%}", *found)
    )


def formula_parts(kind: KindModel) -> tuple[Part, ...]:
    """Return the formulas of one operator, and what their quantities are."""
    parts: list[Part] = [Heading(kind.kind, "executions of blocks, as formulas in the layer's dimensions")]
    used: set[str] = set()
    for number, path in enumerate(kind.paths, 1):
        rows = []
        for record in path.classes:
            text = _formula(record.formula)
            used |= set(_NAME.findall(text)) & set(QUANTITIES)
            rows.append(
                Row(
                    (
                        f"{record.addresses[0]:#x}" + (f" +{len(record.addresses) - 1}" if len(record.addresses) > 1 else ""),
                        "exact" if record.formula.is_exact else "mean",
                        text,
                    )
                )
            )
        condition = " and ".join(_gate(gate) for gate in path.gates) or "always"
        columns = (Column("blocks", numeric=False), Column("", numeric=False), Column("executions", numeric=False, least_width=30, most_width=200))
        parts.append(Table(f"Path {number} of {len(kind.paths)}: {condition} ({path.samples} layers)", columns, tuple(rows)))
    parts.append(Facts("Quantities", tuple((name, QUANTITIES[name]) for name in QUANTITIES if name in used), style="muted"))
    return tuple(parts)


def _gate(gate: Gate) -> str:
    text = " and ".join(gate.literals)
    return f"not ({text})" if gate.is_negated else text


def _formula(formula: Formula) -> str:
    texts = []
    for gate, terms in formula.pieces:
        products = " + ".join(term if value == 1 else f"{value:.4g}" if term == "1" else f"{value:.4g}*{term}" for value, term in terms)
        texts.append(f"{products}  if {' and '.join(gate)}" if gate else products)
    return ";  ".join(texts) or "0"


def predictor_document(taught: TaughtPredictor) -> dict[str, Any]:
    """Return what `predictor_parts` shows as a JSON document."""
    return {
        "schema": "instsim-predictor-summary",
        "schema_version": 1,
        "name": taught.name,
        "isa": str(taught.isa),
        "cores": list(taught.cores),
        "teacher": asdict(taught.teacher),
        "instsim": taught.instsim_version,
        "operators": [
            {
                "kind": kind.kind,
                "layers": sum(path.samples for path in kind.paths),
                "paths": len(kind.paths),
                "classes": sum(len(path.classes) for path in kind.paths),
                "exact_classes": sum(record.formula.is_exact for path in kind.paths for record in path.classes),
                "inexact_share": max((path.inexact_share for path in kind.paths), default=0.0),
                "domain": {name: list(span) for name, span in kind.domain.items()},
                "error": None if kind.error is None else asdict(kind.error),
                "stalls": {
                    memory: {"layers": stalls.layers, "share": stalls.share, "error": None if stalls.error is None else asdict(stalls.error)}
                    for memory, stalls in kind.stalls.items()
                },
                "code_sha256": kind.code_sha256,
            }
            for _, kind in sorted(taught.kinds.items())
        ],
    }


def check_parts(checked: PredictorCheck) -> tuple[Part, ...]:
    """Return the parts of a predictor's check against a firmware."""
    if checked.is_teacher:
        return (Heading(f"{checked.predictor} was taught on this very image, {checked.firmware}"),)
    columns = (
        Column("operator", numeric=False),
        Column("", numeric=False),
        Column("layers"),
        Column("largest error"),
        Column("mean"),
        Column("allowed"),
    )
    rows = tuple(
        Row(
            (
                kind.kind,
                _VERDICTS[kind.verdict],
                *((str(kind.layers), f"{kind.error:.2%}", f"{kind.bias:+.2%}", f"{kind.tolerance:.2%}") if kind.layers else ("", "", "", "")),
            ),
            "strong" if kind.verdict == "differs" else "",
        )
        for kind in checked.kinds
    )
    verdict = "fits" if checked.fits else "does NOT fit"
    note = "Errors of the prediction against what the layers executed in the firmware; negative: the firmware's kernel takes longer."
    return (Heading(f"{checked.predictor} {verdict} {checked.firmware}"), Table("Operators", columns, rows, notes=(note,)))
