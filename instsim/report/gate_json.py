"""Comparisons and checks as JSON, byte for byte the same for equal ones; the forms are published beside that of an estimate."""

from __future__ import annotations

import json
from typing import Any

from instsim.gate.comparison import Comparison
from instsim.gate.verdict import CheckReport
from instsim.report.json_report import plain

__all__ = ["CHECK_VERSION", "COMPARISON_VERSION", "check_document", "comparison_document", "render_document"]

COMPARISON_VERSION = "1.0"
CHECK_VERSION = "1.0"


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as what JSON can hold, figures rounded to nine significant digits."""
    return {"schema_version": COMPARISON_VERSION, **plain(comparison)}


def check_document(report: CheckReport) -> dict[str, Any]:
    """Return a check as what JSON can hold, with its exit code."""
    return {"schema_version": CHECK_VERSION, **plain(report), "exit_code": report.exit_code}


def render_document(document: dict[str, Any]) -> str:
    """Return a document as JSON text, two spaces deep, ASCII only, with a newline at the end."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"
