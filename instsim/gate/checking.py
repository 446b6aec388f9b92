"""The check as a whole: estimate the matrix, judge every cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from instsim import __version__
from instsim.errors import InputError, InstsimError
from instsim.gate.baseline import Baseline, entry_of, read_baseline
from instsim.gate.budgets import BudgetPlan, ImageTask
from instsim.gate.judging import judge, unmatched_budgets
from instsim.gate.verdict import Cell, CheckReport
from instsim.session.matrix import Failure, Outcome, Work, estimate_matrix
from instsim.session.request import Request

__all__ = ["check", "make_baseline"]

OnDone = Callable[[int, int], None]


def check(
    plan: BudgetPlan, *, use_cache: bool = True, processes: int | None = None, on_done: OnDone | None = None, request: Request | None = None
) -> CheckReport:
    """Estimate every image of a plan for its boards, and hold the figures against the budgets.

    Parameters
    ----------
    plan : BudgetPlan
        Images, budgets and the baseline's file, which need not exist: what it was needed for is then undecided.
    use_cache : bool
        Take what ran from the cache.
    processes : int, optional
        Most processes at once.
    on_done : callable, optional
        ``on_done(cells, all_cells)`` after each.
    request : Request, optional
        What all images have in common.

    Raises
    ------
    BudgetFileError
        If the baseline is not valid.
    """
    path = Path(plan.baseline) if plan.baseline else None
    baseline = read_baseline(path) if path is not None and path.exists() else None
    cells = []
    for task, board, outcome in _outcomes(plan.images, use_cache=use_cache, processes=processes, on_done=on_done, request=request):
        if isinstance(outcome, Failure):
            cells.append(Cell(task.name, task.file, _board_name(board), outcome))
        else:
            cells.append(judge(task.name, task.file, outcome, plan.budgets, baseline))
    return CheckReport(plan.file, plan.baseline if baseline is not None else "", __version__, tuple(cells), unmatched_budgets(plan.budgets, cells))


def make_baseline(
    plan: BudgetPlan,
    old: Baseline | None = None,
    *,
    use_cache: bool = True,
    processes: int | None = None,
    on_done: OnDone | None = None,
    request: Request | None = None,
) -> Baseline:
    """Return a baseline of every image of a plan on its boards.

    Parameters
    ----------
    plan : BudgetPlan
        Its images.
    old : Baseline, optional
        Entries of other images and boards are taken over from it.
    use_cache, processes, on_done, request
        As for `check`.

    Raises
    ------
    InputError
        If an image gives no answer; a part of a baseline would hide that.
    """
    entries, problems = [], []
    for task, board, outcome in _outcomes(plan.images, use_cache=use_cache, processes=processes, on_done=on_done, request=request):
        if isinstance(outcome, Failure):
            problems.append(f"{task.name}{f' on {board}' if board else ''}: {outcome.message}")
        else:
            entries.append(entry_of(task.name, outcome))
    if problems:
        count = f"{len(problems)} of {len(problems) + len(entries)}"
        raise InputError(f"no baseline was written: {count} estimates are missing", hint="mend or leave out these images", details=tuple(problems))
    return (old or Baseline(())).replaced(entries)


def _outcomes(
    tasks: tuple[ImageTask, ...], *, use_cache: bool, processes: int | None, on_done: OnDone | None, request: Request | None
) -> list[tuple[ImageTask, str | None, Outcome]]:
    shared = replace(request or Request(), use_cache=use_cache)
    work: list[Work] = []
    for task in tasks:
        options: dict[str, Any] = dict(task.options)
        work.append((task.file, tuple(replace(shared, board=board or shared.board, **options) for board in task.boards or (None,))))
    total, done = sum(len(requests) for _, requests in work), [0] * len(work)

    def count(number: int, outcomes: int) -> None:
        done[number] = outcomes
        if on_done is not None:
            on_done(sum(done), total)

    results = estimate_matrix(work, processes=processes, on_done=count)
    return [
        (task, asked.board, outcome)
        for task, (_, requests), outcomes in zip(tasks, work, results, strict=True)
        for asked, outcome in zip(requests, outcomes, strict=True)
    ]


def _board_name(named: str | None) -> str:
    """Return the name of the board that was asked for, though the image gave no answer; the text itself if there is no such board."""
    if named is None:
        return ""
    from instsim.cost import load_board  # noqa: PLC0415 -- only after a failure

    try:
        return load_board(named).name
    except InstsimError:
        return named
