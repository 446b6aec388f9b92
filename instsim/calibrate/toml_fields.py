"""Values in and out of the small TOML files that `instsim.calibrate` writes: figures rounded, every problem of a file named at once."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from typing import Any

from instsim.errors import TableError
from instsim.units import round_figure

__all__ = ["FieldReader", "parse_versioned", "toml_table"]

_DIGITS = 9


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(round_figure(value, _DIGITS))
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "[" + ", ".join(_value(item) for item in value) + "]"


def toml_table(title: str, pairs: Mapping[str, Any]) -> str:
    """Return a table of TOML: its title (empty for the head of the file) and its pairs; those without a value are left out."""
    lines = [f"[{title}]"] if title else []
    lines += [f"{key} = {_value(value)}" for key, value in pairs.items() if value is not None]
    return "\n".join(lines)


class FieldReader:
    """Takes values out of a table, remembers every one that is missing, of another type, or not known."""

    def __init__(self, table: Any, place: str, problems: list[str]) -> None:
        self._place, self._problems = place, problems
        self._left: dict[str, Any] = dict(table) if isinstance(table, dict) else {}
        if not isinstance(table, dict):
            problems.append(f"{place or 'file'}: not a table")

    def _name(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def take(self, key: str, kinds: type | tuple[type, ...], default: Any = ...) -> Any:
        """Return a value of one of some types, else note the problem and return nothing of that kind."""
        value = self._left.pop(key, default)
        if value is ...:
            self._problems.append(f"{self._name(key)}: missing")
            return "" if kinds is str else 0
        if value is not default and (not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool)):
            self._problems.append(f"{self._name(key)}: {value!r} is of another type")
            return "" if kinds is str else 0
        return value

    def number(self, key: str, default: Any = ..., *, least: float | None = 0.0) -> Any:
        """Return a number as a float, finite and not below `least`."""
        value = self.take(key, (int, float), default)
        if value is not None and value is not default and (not math.isfinite(value) or (least is not None and value < least)):
            self._problems.append(f"{self._name(key)}: {value!r} is out of range")
        return value if value is None else float(value)

    def numbers(self, key: str, length: int, default: Any = ...) -> list[float]:
        """Return a list of so many numbers."""
        values = self.take(key, list, default)
        if values is default:
            return []
        if not isinstance(values, list) or len(values) != length or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
            self._problems.append(f"{self._name(key)}: not a list of {length} numbers")
            return [0.0] * length
        return [float(value) for value in values]

    def child(self, key: str, default: Any = ...) -> Any:
        """Return a value as it is, for a reader of its own."""
        return self._left.pop(key, default)

    def close(self) -> None:
        """Note every key that was not asked for."""
        self._problems += [f"{self._name(key)}: not known here" for key in self._left]


def parse_versioned(text: str, path: str, kind: str, version: int, hint: str) -> dict[str, Any]:
    """Return the document that a file's text holds.

    Raises
    ------
    TableError
        If it is not TOML, or its ``schema_version`` is another.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TableError(f"{path}: not TOML: {error}", hint=hint) from error
    found = table.get("schema_version")
    if found != version:
        raise TableError(f"{path}: no {kind} of schema version {version} (schema_version = {found!r})", hint=hint)
    return table
