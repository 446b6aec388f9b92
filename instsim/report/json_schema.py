"""The JSON Schemas of estimates, comparisons and checks, made from the value types and what their docstrings say.

A closed list of words in a docstring (``basis : {'nominal', 'calibrated'}``) becomes an ``enum``, the text below a name its description: the
types are the one place where the form is written down.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from instsim.gate.comparison import Comparison
from instsim.gate.verdict import CheckReport
from instsim.report.gate_json import CHECK_VERSION, COMPARISON_VERSION
from instsim.report.json_report import SCHEMA_VERSION
from instsim.report.whatif import WHATIF_VERSION
from instsim.session.estimate import Estimate
from instsim.session.whatif import WhatIf

__all__ = ["check_schema", "comparison_schema", "estimate_schema", "whatif_schema"]

_SCALARS: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def estimate_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of what `instsim.report.json_report.to_document` makes."""
    derived = {"cycles_per_instruction": {"type": "number", "description": "Mean cycles of an issued instruction."}}
    return _document(Estimate, "estimate", SCHEMA_VERSION, derived)


def comparison_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of what `instsim.report.gate_json.comparison_document` makes."""
    return _document(Comparison, "comparison", COMPARISON_VERSION, {})


def check_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of what `instsim.report.gate_json.check_document` makes."""
    derived = {"exit_code": {"enum": [0, 1, 3, 4], "description": "Exit code of instsim check."}}
    return _document(CheckReport, "check", CHECK_VERSION, derived)


def whatif_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of what `instsim.report.whatif.whatif_document` makes."""
    return _document(WhatIf, "whatif", WHATIF_VERSION, {})


def _document(kind: Any, name: str, version: str, derived: dict[str, Any]) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    root = _object(kind, definitions)
    properties = {
        "schema_version": {"const": version, "description": "Version of this form, major.minor."},
        **root["properties"],
        **derived,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:instsim:{name}:{version}",
        "title": f"instsim {name}",
        "description": root["description"],
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    documented = _attributes(kind)
    properties = {}
    for field in fields(kind):
        described = _schema(hints[field.name], definitions)
        words, text = documented.get(field.name, ((), ""))
        if words:
            described["enum"] = list(words)
        if text:
            described["description"] = text
        properties[field.name] = described
    return {
        "description": inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " "),
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    if is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}
            definitions[hint.__name__] = _object(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        members = [_schema(argument, definitions) for argument in arguments]
        if all(list(member) == ["type"] for member in members):
            return {"type": [member["type"] for member in members]}
        return {"anyOf": members}
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return {"type": "array", "items": _schema(arguments[0], definitions)}
        return {
            "type": "array",
            "prefixItems": [_schema(argument, definitions) for argument in arguments],
            "items": False,
            "minItems": len(arguments),
        }
    if len(arguments) == 2:  # a mapping; its keys are strings
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    raise TypeError(f"no JSON Schema for {hint!r}")


def _attributes(kind: Any) -> dict[str, tuple[tuple[str, ...], str]]:
    """Return the words and the description of each name in a numpydoc ``Attributes`` section."""
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes\n----------\n")[2]
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    for entry in re.split(r"\n(?=\S)", section):
        head, _, body = entry.partition("\n")
        names, _, type_text = head.partition(" : ")
        closed = re.search(r"\{('[^}]*)\}", type_text)
        words = tuple(re.findall(r"'([^']*)'", closed.group(1))) if closed else ()
        text = re.sub(r"\s+", " ", body).strip().replace("``", "")
        for name in names.split(","):
            found[name.strip()] = (words, text)
    return found
