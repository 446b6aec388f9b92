"""Compares instsim with measurements of programs that are not in the repository, named by a manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accuracy.comparison import Comparison
from instsim.errors import InstsimError, UsageError
from instsim.session.estimate import Estimate
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
        executions = float(row.get("divide_by", 1))
        for place, name, cycles in measured:
            predicted, stalls = _predicted(found, place)
            yield Comparison(
                data_set=row["set"],
                core=row.get("label") or row.get("board") or row["core"],
                name=name,
                predicted_cycles=predicted / executions,
                measured_cycles=cycles,
                compiler_independent=bool(row.get("compiler_independent", False)),
                source=row.get("source", ""),
                ideal_cycles=None if stalls is None else (predicted - stalls) / executions,
            )


def _predicted(found: Estimate, place: int | None) -> tuple[float, float | None]:
    """Return the cycles of an operator, or of the region, and those of them that were waited for memory; None if memory was taken as ideal."""
    if place is None:
        return found.cycles, None if found.memory is None else found.memory.stall_cycles
    operator = next(operator for operator in found.operators if operator.index == place)
    return operator.cycles, None if found.memory is None else operator.stall_cycles


def _measured(row: dict[str, Any]) -> list[tuple[int | None, str, float]]:
    """Return what was measured: an operator's place or None for the whole region, a name, and cycles."""
    if "operators" in row:
        return [(int(place), f"{row['name']} {int(place)} {name}".strip(), float(cycles)) for place, name, cycles in row["operators"]]
    return [(None, row["name"], float(row["measured_cycles"]))]


def _request(row: dict[str, Any]) -> Request:
    keys = ("board", "core", "clock_hz", "region", "start", "end", "call", "memory")
    return Request(**{key: row[key] for key in keys if row.get(key) is not None})
