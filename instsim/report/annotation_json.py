"""An annotated function as JSON, byte for byte the same for equal annotations."""

from __future__ import annotations

import json

from instsim.report.json_report import plain
from instsim.session.annotation import Annotation

__all__ = ["SCHEMA_VERSION", "render_annotation_json"]

SCHEMA_VERSION = "1.0"


def render_annotation_json(annotation: Annotation) -> str:
    """Return an annotation as JSON text: keys as the attributes of `Annotation`, figures of nine significant digits, ASCII only."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **plain(annotation)}, indent=2, allow_nan=False) + "\n"
