"""The baseline: a small readable file of figures to commit, with what they rest on."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instsim.errors import BudgetFileError
from instsim.gate.comparing import differing_conditions, side_of
from instsim.gate.comparison import Side
from instsim.gate.matching import operator_place
from instsim.gate.metrics import METRICS, figures_of, operator_figures
from instsim.session.estimate import Estimate
from instsim.small_files import read_bytes, read_text
from instsim.units import round_figure

__all__ = ["FORMAT_VERSION", "Baseline", "BaselineEntry", "OperatorBaseline", "baseline_text", "entry_of", "may_overwrite", "read_baseline"]

FORMAT_VERSION = 1
_LARGEST_FILE = 1 << 24
_HEAD = "# Written by `instsim baseline`"
_SIDE_TEXTS = ("firmware", "sha256", "core", "core_digest", "board_digest", "memory", "calibration", "instsim_version", "region")
_SIDE_NUMBERS = ("clock_hz", "supply_v")
_UNPRINTABLE = re.compile("[\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class OperatorBaseline:
    """Figures of one operator.

    Attributes
    ----------
    place : str
        ``model.subgraph.index``.
    name : str
        Kind.
    figures : mapping of str to float
        By metric.
    """

    place: str
    name: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class BaselineEntry:
    """Figures of one image on one board.

    Attributes
    ----------
    image : str
        Name of the image in the budgets.
    side : Side
        What the figures rest on.
    figures : mapping of str to float
        By metric.
    operators : tuple of OperatorBaseline
        In order of execution.
    """

    image: str
    side: Side
    figures: Mapping[str, float]
    operators: tuple[OperatorBaseline, ...] = ()

    def staleness(self, estimate: Estimate) -> tuple[str, ...]:
        """Return why an estimate must not be compared with this entry: other tables, tool, operating point or region."""
        return differing_conditions(self.side, side_of(estimate))


@dataclass(frozen=True)
class Baseline:
    """A baseline file.

    Attributes
    ----------
    entries : tuple of BaselineEntry
        By image and board.
    file : str
        Where it was read from; empty for a new one.
    """

    entries: tuple[BaselineEntry, ...]
    file: str = ""

    def find(self, image: str, board: str) -> BaselineEntry | None:
        """Return the entry of an image on a board."""
        return next((entry for entry in self.entries if (entry.image, entry.side.board) == (image, board)), None)

    def replaced(self, entries: Iterable[BaselineEntry]) -> Baseline:
        """Return a baseline with these entries in the place of those of the same image and board."""
        merged = {(entry.image, entry.side.board): entry for entry in (*self.entries, *entries)}
        return Baseline(tuple(merged[key] for key in sorted(merged)), self.file)


def entry_of(image: str, estimate: Estimate) -> BaselineEntry:
    """Return the entry of an estimate, figures rounded to nine digits."""
    operators = tuple(
        OperatorBaseline(operator_place(operator), operator.name, _rounded(operator_figures(operator)))
        for operator in estimate.operators
        if operator.index >= 0
    )
    return BaselineEntry(image, side_of(estimate), _rounded(figures_of(estimate)), operators)


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round_figure(float(value)) for name, value in figures.items()}


def baseline_text(baseline: Baseline) -> str:
    """Return a baseline as the text of its file: TOML, the same bytes for the same figures."""
    lines = [
        f"{_HEAD}; commit it. `instsim check` compares with it, and says when it is stale.",
        f"format = {FORMAT_VERSION}",
    ]
    for entry in sorted(baseline.entries, key=lambda entry: (entry.image, entry.side.board)):
        side = entry.side
        lines += ["", "[[entry]]", f"image = {_quoted(entry.image)}", f"board = {_quoted(side.board)}"]
        lines += [f"{name} = {_quoted(getattr(side, name))}" for name in _SIDE_TEXTS]
        lines += [f"{name} = {_number(getattr(side, name))}" for name in _SIDE_NUMBERS]
        lines += [f"{name} = {_number(value)}" for name, value in entry.figures.items()]
        lines.append("operators = [")
        for operator in entry.operators:
            figures = "".join(f", {name} = {_number(value)}" for name, value in operator.figures.items())
            lines.append(f"    {{ place = {_quoted(operator.place)}, name = {_quoted(operator.name)}{figures} }},")
        lines.append("]")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's, but for the characters that JSON leaves bare and TOML forbids.
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def _number(value: float) -> str:
    rounded = round_figure(float(value))
    return str(int(rounded)) if rounded.is_integer() and abs(rounded) < 1e15 else repr(rounded)


def may_overwrite(path: Path) -> bool:
    """Whether a file is a baseline of any version, be it damaged by a merge, or empty, or not there.

    Raises
    ------
    BudgetFileError
        If it cannot be read.
    """
    if not path.exists():
        return True
    text = read_bytes(path, BudgetFileError, most_bytes=_LARGEST_FILE).decode(errors="replace")
    if not text.strip() or _HEAD in text:
        return True
    try:
        return {"format", "entry"} <= tomllib.loads(text).keys()
    except (tomllib.TOMLDecodeError, RecursionError):
        return False


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises
    ------
    BudgetFileError
        If it cannot be read or is not a baseline; all that is wrong is named.
    """
    hint = "baselines are written by `instsim baseline save FILE`"
    try:
        table: Any = tomllib.loads(read_text(path, BudgetFileError, hint=hint, most_bytes=_LARGEST_FILE))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BudgetFileError(f"{path}: not a baseline: {error}", hint=hint) from error
    if table.get("format") != FORMAT_VERSION:
        what = f"baseline format {table['format']!r}, this version of instsim reads {FORMAT_VERSION}" if "format" in table else "not a baseline"
        raise BudgetFileError(f"{path}: {what}", hint=hint)
    problems: list[str] = []
    entries = []
    given = table.get("entry", [])
    for number, entry in enumerate(given if isinstance(given, list) else [given], 1):
        found = _entry(entry, f"entry {number}", problems)
        if found is not None:
            entries.append(found)
    if problems:
        raise BudgetFileError(f"{path}: not a valid baseline", hint=hint, details=tuple(problems))
    return Baseline(tuple(entries), str(path))


def _entry(table: Any, where: str, problems: list[str]) -> BaselineEntry | None:
    before = len(problems)
    if not isinstance(table, dict):
        problems.append(f"{where}: not a table")
        return None
    texts = ("image", "board", *_SIDE_TEXTS)
    problems += [f"{where}: {name}: missing or not a text" for name in texts if not isinstance(table.get(name), str)]
    problems += [f"{where}: {name}: missing or not a number" for name in _SIDE_NUMBERS if not _is_number(table.get(name))]
    figures = _figures(table, where, problems)
    operators = []
    rows = table.get("operators", [])
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        if not isinstance(row, dict) or not isinstance(row.get("place"), str) or not isinstance(row.get("name"), str):
            problems.append(f"{where}: operator {number}: place and name are missing")
            continue
        operators.append(OperatorBaseline(row["place"], row["name"], _figures(row, f"{where}: operator {number}", problems)))
    if len(problems) > before:
        return None
    side: dict[str, Any] = {name: table[name] for name in ("board", *_SIDE_TEXTS)} | {name: float(table[name]) for name in _SIDE_NUMBERS}
    return BaselineEntry(table["image"], Side(**side), figures, tuple(operators))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _figures(table: dict[str, Any], where: str, problems: list[str]) -> dict[str, float]:
    found = {}
    for name in METRICS:
        if name not in table:
            continue
        if _is_number(table[name]):
            found[name] = float(table[name])
        else:
            problems.append(f"{where}: {name}: not a number")
    return found
