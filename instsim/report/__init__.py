"""Reports: pure functions of an estimate and of the tables, to text for people and to files for programs."""

from instsim.report.csv_report import render_csv
from instsim.report.json_report import from_document, read_json, render_json, schema_path, to_document
from instsim.report.parts import Column, Facts, Heading, Lines, Part, Row, Table
from instsim.report.tables import render, show
from instsim.report.text import estimate_parts, print_text, render_text

__all__ = [
    "Column",
    "Facts",
    "Heading",
    "Lines",
    "Part",
    "Row",
    "Table",
    "estimate_parts",
    "from_document",
    "print_text",
    "read_json",
    "render",
    "render_csv",
    "render_json",
    "render_text",
    "schema_path",
    "show",
    "to_document",
]
