"""An estimate as JSON, byte for byte the same for equal estimates, and back.

The form is published as ``instsim/report/schema/estimate.schema.json``. Its version counts ``major.minor``: the minor number rises when
keys are added, the major one when a key goes or changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from instsim.errors import InputError
from instsim.session.estimate import Estimate
from instsim.units import round_figure

__all__ = ["SCHEMA_VERSION", "from_document", "is_document", "plain", "read_json", "render_json", "schema_path", "to_document"]

SCHEMA_VERSION = "1.5"

_DERIVED = ("schema_version", "cycles_per_instruction")
"""Keys of the document that the estimate does not hold itself."""


def schema_path() -> Path:
    """Return the file of the published JSON Schema."""
    return Path(__file__).resolve().parent / "schema" / "estimate.schema.json"


def plain(value: Any) -> Any:
    """Return a value of dataclasses, mappings and sequences as what JSON can hold: keys of mappings sorted, figures rounded."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, bool | str) or value is None:
        return value
    return int(value) if isinstance(value, Integral) else round_figure(float(value))


def to_document(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as what JSON can hold, figures rounded to nine significant digits.

    Keys stand in the order of the value types, ``schema_version`` first; those of mappings are sorted.
    """
    document = {"schema_version": SCHEMA_VERSION, **plain(estimate)}
    document["cycles_per_instruction"] = round_figure(estimate.cycles_per_instruction)
    return document


def render_json(estimate: Estimate) -> str:
    """Return an estimate as JSON text, two spaces deep, ASCII only, with a newline at the end.

    Raises
    ------
    ValueError
        A figure is infinite or not a number, which JSON cannot hold and an estimate must not.
    """
    return json.dumps(to_document(estimate), indent=2, allow_nan=False) + "\n"


def from_document(document: Any, *, source: str = "the document") -> Estimate:
    """Return the estimate that a document holds.

    Parameters
    ----------
    document : dict
        As `to_document` makes it.
    source : str
        What it was read from, for messages.

    Raises
    ------
    InputError
        It is no estimate, or of a schema version with another major number.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only where a file is validated

    if not isinstance(document, dict) or "schema_version" not in document:
        raise InputError(f"{source} holds no estimate", hint="give a file made by `instsim estimate --format json`")
    version = str(document["schema_version"])
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise InputError(
            f"{source} has schema version {version}, and this instsim reads {SCHEMA_VERSION}",
            hint="make the estimate again with this version of instsim",
        )
    content = {key: value for key, value in document.items() if key not in _DERIVED}
    try:
        return TypeAdapter(Estimate).validate_python(content)
    except ValidationError as error:
        problems = tuple(f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}" for problem in error.errors()[:20])
        raise InputError(f"{source} holds no valid estimate", hint="make the estimate again", details=problems) from error


def is_document(path: Path) -> bool:
    """Whether a file looks like JSON: an opening brace before anything else."""
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip().startswith(b"{")
    except OSError:
        return False


def read_json(path: Path) -> Estimate:
    """Read an estimate from a file made by `render_json`.

    Raises
    ------
    InputError
        The file cannot be read, is not JSON, or holds no estimate.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}", hint="give a file made by `instsim estimate --format json`") from error
    return from_document(document, source=str(path))
