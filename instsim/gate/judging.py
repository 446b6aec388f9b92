"""Budgets held against estimates."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from instsim.gate.baseline import Baseline, BaselineEntry, entry_of
from instsim.gate.budgets import Budget, Limit
from instsim.gate.matching import pair_by_name
from instsim.gate.metrics import METRICS, Metric, upper_end
from instsim.gate.verdict import Cell, MetricRow, OperatorRow, Verdict
from instsim.session.estimate import Estimate
from instsim.units import round_figure

__all__ = ["judge", "unmatched_budgets"]


def judge(image: str, file: str, estimate: Estimate, budgets: Sequence[Budget], baseline: Baseline | None) -> Cell:
    """Hold one estimate against the budgets that are for it.

    Parameters
    ----------
    image, file : str
        Name and file of the image.
    estimate : Estimate
        Of the image on one board.
    budgets : sequence of Budget
        All of them; those for other images and boards are passed over.
    baseline : Baseline or None
        None if there is none.
    """
    board = estimate.board.name
    now = entry_of(image, estimate)
    entry = baseline.find(image, board) if baseline is not None else None
    stale = entry.staleness(estimate) if entry is not None else ()
    usable = entry if entry is not None and not stale else None
    why = (
        "there is no baseline"
        if baseline is None
        else f"the baseline has no {image} on {board}"
        if entry is None
        else f"the baseline is stale ({'; '.join(stale)})"
    )
    verdicts = [
        _verdict(budget, limit, estimate, now, usable or why)
        for budget in budgets
        if fnmatchcase(image, budget.image) and fnmatchcase(board, budget.board)
        for limit in budget.limits
    ]
    return Cell(
        image=image,
        file=file,
        board=board,
        failure=None,
        metrics=tuple(_row(name, value, usable) for name, value in now.figures.items()),
        operators=_changed_operators(now, usable),
        verdicts=tuple(verdicts),
        baseline_status="none" if baseline is None else "missing" if entry is None else "stale" if stale else "used",
        stale=stale,
        warnings=estimate.warnings,
    )


def unmatched_budgets(budgets: Sequence[Budget], cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return a sentence for each pattern of the budgets that no image or board has, with near names.

    Boards are left out of it where an image gave no answer, and so perhaps no board.
    """
    images, boards = list(dict.fromkeys(cell.image for cell in cells)), list(dict.fromkeys(cell.board for cell in cells if cell.board))
    every_board_known = all(cell.board for cell in cells)
    problems: dict[str, None] = {}
    for budget in budgets:
        where = f"{budget.file}:{budget.line}" if budget.line else budget.file
        if not any(fnmatchcase(image, budget.image) for image in images):
            problems[f"{where}: no image is named {budget.image!r}; {_near(budget.image, images)}"] = None
        elif every_board_known and not any(fnmatchcase(board, budget.board) for board in boards):
            problems[f"{where}: no board is named {budget.board!r}; {_near(budget.board, boards)}"] = None
        elif every_board_known and not any(fnmatchcase(cell.image, budget.image) and fnmatchcase(cell.board, budget.board) for cell in cells):
            problems[f"{where}: {budget.image!r} is not estimated for {budget.board!r}"] = None
    return tuple(problems)


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def _row(metric: str, value: float, baseline: BaselineEntry | None) -> MetricRow:
    before = None if baseline is None else baseline.figures.get(metric)
    return MetricRow(metric, value, before, (value - before) / before if before else None)


def _changed_operators(now: BaselineEntry, before: BaselineEntry | None) -> tuple[OperatorRow, ...]:
    if before is None:
        return ()
    rows = []
    for old, new in pair_by_name(before.operators, now.operators, lambda operator: (operator.place, operator.name)):
        shown = new or old
        assert shown is not None
        first, second = old.figures.get("cycles") if old else None, new.figures.get("cycles") if new else None
        if first != second:
            ratio = (second - first) / first if first and second is not None else None
            rows.append(OperatorRow(shown.place, shown.name, second, first, ratio))
    return tuple(sorted(rows, key=lambda row: -abs((row.value or 0.0) - (row.baseline or 0.0))))


def _find(entry: BaselineEntry, budget: Budget) -> float | None:
    """Return the figure that a budget is about: of the image, of one operator, or of all operators of a kind together."""
    if budget.operator is None:
        return entry.figures.get(budget.metric)
    rows = [operator for operator in entry.operators if _is_of(operator.place, operator.name, budget.operator)]
    return round_figure(sum(operator.figures.get(budget.metric, 0.0) for operator in rows)) if rows else None


def _is_of(place: str, name: str, wanted: int | str) -> bool:
    if isinstance(wanted, int):
        return place.rpartition(".")[2] == str(wanted)
    return wanted in {name, place}


def _missing(budget: Budget, entry: BaselineEntry) -> str:
    if budget.operator is None:
        return f"{budget.metric} of {entry.image} was not found in this run"
    if not entry.operators:
        return f"no operator was found in {entry.image}"
    if isinstance(budget.operator, int):
        return f"{entry.image} has no operator {budget.operator}; it has {len(entry.operators)}, counted from 0"
    kinds = list(dict.fromkeys(operator.name for operator in entry.operators))
    return f"{entry.image} has no operator {budget.operator!r}; {_near(budget.operator.upper(), kinds)}"


def _verdict(budget: Budget, limit: Limit, estimate: Estimate, now: BaselineEntry, before: BaselineEntry | str) -> Verdict:
    metric = METRICS[budget.metric]
    value, old, allowed, status = _find(now, budget), None, None, ""
    is_upper = budget.upper and not limit.is_relative
    message = ""
    if value is None:
        status, message = "wrong", _missing(budget, now)
    elif is_upper:
        scaled = _upper(estimate, metric, value)
        if scaled is None:
            status, message = "undecided", f"{budget.subject} has no interval, so its upper end cannot be limited; a calibrated board has one"
        value = scaled if scaled is not None else value
    if value is not None and not status:
        if limit.is_relative:
            why = before if isinstance(before, str) else _incomparable(budget, before, now)
            old = None if isinstance(before, str) or why else _find(before, budget)
            if old is None:
                status, message = "undecided", f"{budget.subject} {limit} cannot be decided: {why}"
        if not status:
            allowed = round_figure(limit.allowed(old or 0.0))
            status = "held" if value <= allowed else "broken"
            message = _said(budget, limit, value, allowed, old)
    return Verdict(
        budget.subject, budget.metric, str(limit), status, value, allowed, old, is_upper=is_upper, message=message, file=budget.file, line=budget.line
    )


def _incomparable(budget: Budget, before: BaselineEntry, now: BaselineEntry) -> str:
    """Return why the baseline's figure is not of the same thing; empty if it is."""
    if _find(before, budget) is None:
        return "the baseline has no such figure"
    if isinstance(budget.operator, int):
        old, new = ({row.name for row in entry.operators if _is_of(row.place, row.name, budget.operator)} for entry in (before, now))
        if old != new:
            return f"operator {budget.operator} of the baseline is {', '.join(sorted(old))}, now it is {', '.join(sorted(new))}"
    return ""


def _upper(estimate: Estimate, metric: Metric, value: float) -> float | None:
    """Return the upper end of the interval of a figure, an operator's in the proportion of the whole."""
    whole, end = metric.of_image(estimate), upper_end(estimate, metric)
    return None if end is None or not whole else round_figure(value * end / whole)


def _said(budget: Budget, limit: Limit, value: float, allowed: float, old: float | None) -> str:
    metric, is_upper = METRICS[budget.metric], budget.upper and not limit.is_relative
    subject = f"upper end of {budget.subject}" if is_upper else budget.subject
    text = f"{subject} is {metric.text(value)}"
    if old is None:
        return f"{text}, the limit is {metric.text(allowed)}"
    change = f" ({(value - old) / old * 100:+.3g} %)" if old else ""
    return f"{text}, was {metric.text(old)}{change}, the limit is {str(limit).removeprefix('<= ')}, {metric.text(allowed)}"
