"""From a file of board runs to weights of a core table, and the table's text with them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from instsim.calibrate.runs_file import Run, read_runs
from instsim.calibrate.table_weights import CountedRun, WeightFit, refit_weights
from instsim.cost import CoreTable, load_board, load_core
from instsim.cost.charge_matrix import CLASS_PREFIX
from instsim.errors import InputError, UsageError
from instsim.session.calibrated import NO_CALIBRATION
from instsim.session.choose import named_board
from instsim.session.estimate import Estimate
from instsim.session.measured_images import estimates_of, request_of_run
from instsim.session.request import Request
from instsim.session.settings import find_settings
from instsim.units import counted

__all__ = ["TableRefit", "refit_table", "refitted_toml", "table_with_weights"]


@dataclass(frozen=True)
class TableRefit:
    """Weights of a core, refitted.

    Attributes
    ----------
    core : CoreTable
        The table that they were in.
    fit : WeightFit
        Weights before and after.
    source : str
        What they rest on now.
    """

    core: CoreTable
    fit: WeightFit
    source: str


def refit_table(
    path: Path,
    request: Request,
    events: Sequence[str] = (),
    *,
    processes: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
) -> TableRefit:
    """Refit weights of the board's core to the cycles of runs.

    Parameters
    ----------
    path : Path
        The runs: images or profiles with their latency.
    request : Request
        Board, core, clock, and how the images are run.
    events : sequence of str
        Events of the table, or ``class:NAME`` for the issue of a class. Default: every row that is not documented and met by the runs.
    processes : int, optional
        Most images that are run at once.
    on_done : callable, optional
        ``on_done(images, all_images)`` behind each image.

    Raises
    ------
    InstsimError
        If the runs cannot be used, or an event is not one of the table's.
    """
    settings = find_settings(request.settings_folder)
    named = named_board(request, settings, "a core table")
    board = load_board(named)
    core = load_core(request.core or settings.core or board.core)
    runs = [run for run in read_runs(path).runs if run.is_firmware and run.latency_s is not None]
    if not runs:
        raise InputError(f"{path}: no run has both an image (or profile) and a latency", hint="weights are refitted to cycles of known programs")
    request = replace(request, board=named, calibration=NO_CALIBRATION)
    asked = [(run.path, request_of_run(run, request)) for run in runs if run.path is not None]
    estimates = estimates_of(asked, [f"line {run.line}: {run.name}" for run in runs], processes, on_done)
    clock_hz = float(request.clock_hz or settings.clock_hz or board.clock_hz)
    programs = [_counted(run, found, clock_hz) for run, found in zip(runs, estimates, strict=True)]
    weights = _weights(core, events, {name for run in programs for name, count in run.counts.items() if count})
    return TableRefit(core, refit_weights(programs, weights), f"own-runs {path.name}, {counted(len(runs), 'run')}")


def _counted(run: Run, found: Estimate, clock_hz: float) -> CountedRun:
    measured = (run.latency_s or 0.0) * (run.clock_hz or clock_hz)
    return CountedRun(f"line {run.line} ({run.name})", measured, found.cycles, {event.name: float(event.count) for event in found.events})


def _weights(core: CoreTable, events: Sequence[str], met: set[str]) -> dict[str, tuple[float, str]]:
    rows = {f"{CLASS_PREFIX}{name}": cost for name, cost in core.classes.items()} | dict(core.events)
    unknown = [name for name in events if name not in rows]
    if unknown:
        near = list(dict.fromkeys((*get_close_matches(CLASS_PREFIX + unknown[0], rows, 1, 0.9), *get_close_matches(unknown[0], rows, 2))))
        raise UsageError(
            f"{core.name} has no event {unknown[0]!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else f"`instsim tables explain {core.name}` lists them; classes are class:NAME",
        )
    chosen = events or [name for name, cost in rows.items() if name in met and cost.basis != "documented"]
    absent = [name for name in chosen if name not in met]
    if absent or not chosen:
        raise InputError(
            f"no run meets {', '.join(absent) or 'a row that is not documented'}: nothing to refit", hint="name other events, or add runs"
        )
    return {name: (float(rows[name].cycles), rows[name].basis) for name in chosen}


def refitted_toml(refit: TableRefit, name: str) -> str:
    """Return the text of the core's table under another name, with the weights that the runs identify.

    Weights that the runs leave at their prior stay as they are.

    Raises
    ------
    InputError
        If a row does not stand on a line of its own in the table.
    """
    identified = {weight.event: (weight.after, "fitted") for weight in refit.fit.weights if weight.identified}
    return table_with_weights(refit.core, identified, name, refit.source)


def table_with_weights(core: CoreTable, weights: Mapping[str, tuple[float, str]], name: str, source: str, title: str | None = None) -> str:
    """Return the text of a core's table with other weights.

    Parameters
    ----------
    core : CoreTable
        The table.
    weights : mapping of str to (float, str)
        Cycles and basis, by event of the table or ``class:NAME``.
    name, title : str
        What the new table calls itself; its title stays where none is given.
    source : str
        What the weights rest on.

    Raises
    ------
    InputError
        If a row does not stand on a line of its own in the table.
    """
    text = core.path.read_text(encoding="utf-8")
    for key, value in (("name", name), ("title", title)):
        if value is not None:
            line = f"{key} = {json.dumps(value)}".replace("\\", r"\\")
            text = re.sub(rf'(?m)^{key} = ".*"$', line, text, count=1)
    for event, (cycles, basis) in weights.items():
        section, row = ("classes", event.removeprefix(CLASS_PREFIX)) if event.startswith(CLASS_PREFIX) else ("events", event)
        pattern = re.compile(rf"(?ms)(^\[{section}\]$.*?^{re.escape(row)} = \{{ cycles = )[-0-9.eE_]+(.*?), basis = \"\w+\", source = \"[^\"]*\"")
        text, found = pattern.subn(rf'\g<1>{cycles:.4g}\g<2>, basis = "{basis}", source = "{source}"', text, count=1)
        if not found:
            raise InputError(f"{core.path}: the row of {event} is not on a line of its own")
    return text
