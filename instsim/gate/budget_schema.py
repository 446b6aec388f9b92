"""The form of a budget file, checked by pydantic: all problems at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from instsim.gate.budgets import Limit, LimitKind
from instsim.gate.metrics import METRICS

__all__ = ["BudgetEntry", "BudgetFile", "ImageEntry", "budget_problems", "parse_limit"]

_LIMIT = re.compile(r"\s*(?P<than><=)?\s*(?P<sign>[+-])?\s*(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*(?P<percent>%)?\s*")
_EXAMPLES = 'write a number, "<= 50", "<= +2 %" or "<= +512"'
Text = Annotated[str, Field(min_length=1)]
RawLimit = str | int | float


def parse_limit(value: RawLimit) -> Limit:
    """Return the limit that a number or a text means.

    ``50`` and ``"<= 50"`` are absolute; with a sign it is counted from the baseline, in per cent (``"+2 %"``) or in units (``"+512"``).

    Raises
    ------
    ValueError
        If it means nothing, or can never hold.
    """
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a limit: {_EXAMPLES}")  # noqa: TRY004 -- pydantic reports ValueErrors
    if isinstance(value, int | float):
        value = repr(value)
        if value.startswith("-"):
            raise ValueError(f'{value} can never hold; an improvement over the baseline is a text: "{value} %"')
    match = _LIMIT.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a limit: {_EXAMPLES}")
    amount = float(match["number"].replace("_", ""))
    if match["sign"] == "-":
        amount = -amount
    if match["percent"]:
        if not match["sign"]:
            raise ValueError(f'{value!r} needs a sign: "+2 %" is two per cent over the baseline')
        if amount <= -100:
            raise ValueError(f"{value!r} can never hold")
        return Limit(LimitKind.PERCENT, amount)
    return Limit(LimitKind.INCREASE if match["sign"] else LimitKind.ABSOLUTE, amount)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ImageEntry(_Strict):
    """One ``[[image]]``: a file or a pattern of files, its boards, and what is measured."""

    file: Text
    name: Text | None = None
    boards: list[Text] | None = None
    core: Text | None = None
    clock_hz: float | None = None
    region: Text | None = None
    start: Text | int | None = None
    end: Text | int | None = None
    call: int | None = Field(default=None, ge=1)
    kernels: list[Text] | None = None
    dispatchers: list[Text] | None = None
    base: int | None = Field(default=None, ge=0)
    budget_cycles: int | None = Field(default=None, ge=1)
    run_on: Text | None = None
    calibration: Text | None = None
    firmware_family: Text | None = None
    weight_bytes: float | None = Field(default=None, ge=0)
    level: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_name_for_one_file(self) -> ImageEntry:
        if self.name is not None and any(mark in self.file for mark in "*?["):
            raise ValueError("name: a pattern of files cannot have one name; each is named after its file")
        return self


class BudgetEntry(_Strict):
    """One ``[[budget]]``: what it is for, and the limit of each metric."""

    image: Text = "*"
    board: Text = "*"
    operator: int | Text | None = None
    upper: bool = False
    limits: dict[str, tuple[Limit, ...]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_limits(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        own = {name: item for name, item in value.items() if name in cls.model_fields and name != "limits"}
        return own | {"limits": {name: item for name, item in value.items() if name not in own}}

    @field_validator("limits", mode="before")
    @classmethod
    def _read_limits(cls, value: dict[str, Any]) -> dict[str, tuple[Limit, ...]]:
        problems, limits = [], {}
        for name, given in value.items():
            if name not in METRICS:
                near = get_close_matches(name.lower(), (*METRICS, *cls.model_fields), 1)
                known = f"did you mean {near[0]}?" if near else f"metrics: {', '.join(METRICS)}"
                problems.append(f"{name}: no such metric; {known}")
                continue
            try:
                limits[name] = tuple(parse_limit(item) for item in (given if isinstance(given, list) else [given]))
            except (ValueError, TypeError) as error:
                problems.append(f"{name}: {error}")
                continue
            kinds = [limit.kind for limit in limits[name]]
            if len(set(kinds)) < len(kinds):
                problems.append(f"{name}: two limits of the same kind contradict each other: {', '.join(map(str, limits[name]))}")
        if problems:
            raise ValueError("\n".join(problems))
        return limits

    @model_validator(mode="after")
    def _check_together(self) -> BudgetEntry:
        problems = []
        if not self.limits:
            problems.append(f"no limit; metrics: {', '.join(METRICS)}")
        for name, limits in self.limits.items():
            metric = METRICS[name]
            if self.operator is not None and metric.of_operator is None:
                problems.append(f"{name}: is of the whole image, not of an operator")
            if self.upper and metric.interval is None:
                problems.append(f"{name}: has no interval whose upper end could be limited")
            elif self.upper and all(limit.is_relative for limit in limits):
                problems.append(f"{name}: a difference is judged as a pair; `upper` is for absolute limits")
        if isinstance(self.operator, int) and self.operator < 0:
            problems.append(f"operator: {self.operator} is negative; operators are counted from 0")
        if problems:
            raise ValueError("\n".join(problems))
        return self


class BudgetFile(_Strict):
    """A budget file, or the table ``check`` of the settings."""

    boards: list[Text] = Field(default_factory=list)
    baseline: Text | None = None
    image: list[ImageEntry] = Field(default_factory=list)
    budget: list[BudgetEntry] = Field(default_factory=list)

    @model_validator(mode="after")
    def _no_contradictions(self) -> BudgetFile:
        seen: dict[tuple[Any, ...], tuple[int, Limit]] = {}
        problems = []
        for number, entry in enumerate(self.budget, 1):
            for name, limits in entry.limits.items():
                for limit in limits:
                    key = (entry.image, entry.board, entry.operator, entry.upper, name, limit.kind)
                    if key not in seen:
                        seen[key] = number, limit
                    elif seen[key][1] == limit:
                        problems.append(f"budget {number}: {name} {limit} stands in budget {seen[key][0]} already")
                    else:
                        problems.append(f"budget {number}: {name} {limit} contradicts budget {seen[key][0]}, which says {seen[key][1]}")
        if problems:
            raise ValueError("\n".join(problems))
        return self


def budget_problems(error: ValidationError) -> tuple[str, ...]:
    """Return all that is wrong, one line each, with near names for unknown keys."""
    return tuple(line for problem in error.errors() for line in _lines(problem))


def _lines(problem: Any) -> Iterable[str]:
    steps = list(problem["loc"])
    where = ""
    if len(steps) > 1 and isinstance(steps[1], int):
        where = f"{steps[0]} {steps[1] + 1}: "
        steps = steps[2:]
    steps = [step for step in steps if step != "limits"]
    path = ".".join(str(step) for step in steps if str(step) not in {"str", "int", "constrained-str"})
    if problem["type"] == "extra_forbidden":
        known = list((ImageEntry if where.startswith("image") else BudgetFile).model_fields)
        near = get_close_matches(path, known, 1)
        yield f"{where}{path}: no such key" + (f", did you mean {near[0]}?" if near else f"; known: {', '.join(known)}")
        return
    message = problem["msg"].removeprefix("Value error, ")
    for line in message.split("\n"):
        yield f"{where}{path}: {line}" if path else f"{where}{line}"
