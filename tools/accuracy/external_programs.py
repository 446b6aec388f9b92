"""Compares instsim with measurements of programs that are not in the repository, named by a manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accuracy.comparison import Comparison
from instsim.errors import InstsimError, UsageError
from instsim.session.facade import estimate
from instsim.session.request import Request

__all__ = ["MANIFEST_FORM", "compare_programs"]

MANIFEST_FORM = """The manifest is a JSON list of objects with these keys:
  name, set, core       row, section of the page, core table or (key board) board
  elf                   path of the program, from the manifest's folder
  region, call          function to measure, and which call of it (from 1)
  divide_by             iterations in the region; 1 if left out
  measured_cycles       of one iteration
  compiler_independent  whether the very same instructions were measured
  source                where the measurement comes from
Optional: board, clock_hz, start and end (symbols or addresses, instead of region); memory (exact, sampled, ideal); label (instead of the board or
core); operators, a list of place, name and measured cycles of operators of the model, instead of measured_cycles."""


def compare_programs(manifest: Path) -> Iterator[Comparison]:
    """Run and price every program of a manifest; one that fails is reported on standard output and left out.

    Raises
    ------
    UsageError
        If the manifest is not what `MANIFEST_FORM` says.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))
        requests = [(row, manifest.parent / row["elf"], _request(row), _measured(row)) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"manifest {manifest}: {type(error).__name__}: {error}", hint=MANIFEST_FORM) from error
    for row, path, request, measured in requests:
        try:
            found = estimate(path, request)
        except InstsimError as error:
            print(f"not compared: {row['name']}: {error}")
            continue
        for place, name, cycles in measured:
            predicted = found.cycles if place is None else next(o.cycles for o in found.operators if o.index == place)
            yield Comparison(
                data_set=row["set"],
                core=row.get("label") or row.get("board") or row["core"],
                name=name,
                predicted_cycles=predicted / float(row.get("divide_by", 1)),
                measured_cycles=cycles,
                compiler_independent=bool(row.get("compiler_independent", False)),
                source=row.get("source", ""),
            )


def _measured(row: dict[str, Any]) -> list[tuple[int | None, str, float]]:
    """Return what was measured: an operator's place or None for the whole region, a name, and cycles."""
    if "operators" in row:
        return [(int(place), f"{row['name']} {int(place)} {name}".strip(), float(cycles)) for place, name, cycles in row["operators"]]
    return [(None, row["name"], float(row["measured_cycles"]))]


def _request(row: dict[str, Any]) -> Request:
    keys = ("board", "core", "clock_hz", "region", "start", "end", "call", "memory")
    return Request(**{key: row[key] for key in keys if row.get(key) is not None})
