"""Budgets as values: what to measure, and the limits it is held against."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Budget", "BudgetPlan", "ImageTask", "Limit", "LimitKind"]


class LimitKind(StrEnum):
    """What a limit is counted from."""

    ABSOLUTE = "absolute"
    PERCENT = "percent"
    """Per cent over the baseline."""
    INCREASE = "increase"
    """Units over the baseline."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a figure may be.

    Attributes
    ----------
    kind : LimitKind
        What `amount` is counted from.
    amount : float
        In the metric's unit, or in per cent.
    """

    kind: LimitKind
    amount: float

    @property
    def is_relative(self) -> bool:
        """Whether a baseline is needed."""
        return self.kind is not LimitKind.ABSOLUTE

    def allowed(self, baseline: float) -> float:
        """Return the most that is allowed, in the metric's unit; `baseline` does not matter for an absolute limit."""
        match self.kind:
            case LimitKind.ABSOLUTE:
                return self.amount
            case LimitKind.PERCENT:
                return baseline + baseline * self.amount / 100
            case LimitKind.INCREASE:
                return baseline + self.amount

    def __str__(self) -> str:
        number = f"{self.amount:.15g}"
        match self.kind:
            case LimitKind.ABSOLUTE:
                return f"<= {number}"
            case LimitKind.PERCENT:
                return f"<= {'' if self.amount < 0 else '+'}{number} %"
            case LimitKind.INCREASE:
                return f"<= {'' if self.amount < 0 else '+'}{number}"


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one metric.

    Attributes
    ----------
    image, board : str
        Shell patterns of the names it is for.
    operator : int or str or None
        Index in the model, or kind (all operators of that kind together); None for the whole image.
    metric : str
        Key of `instsim.gate.metrics.METRICS`.
    limits : tuple of Limit
        All must hold.
    upper : bool
        Whether absolute limits must hold for the upper end of the interval.
    file, line : str, int
        Where it is written; line 0 if unknown.
    """

    image: str
    board: str
    operator: int | str | None
    metric: str
    limits: tuple[Limit, ...]
    upper: bool = False
    file: str = ""
    line: int = 0

    @property
    def subject(self) -> str:
        """The metric, with the operator in front."""
        if self.operator is None:
            return self.metric
        return f"operator {self.operator} {self.metric}"


@dataclass(frozen=True, slots=True)
class ImageTask:
    """An image and the boards it is estimated for.

    Attributes
    ----------
    name : str
        Unique; budgets and baselines use it.
    file : str
        The image, or a saved profile.
    boards : tuple of str
        Names or files; empty to let the settings or the image decide.
    options : tuple of (str, object)
        Fields of the `Request`, beside the board.
    """

    name: str
    file: str
    boards: tuple[str, ...] = ()
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """What one budget file asks for.

    Attributes
    ----------
    images : tuple of ImageTask
        What is estimated.
    budgets : tuple of Budget
        What it is held against.
    baseline : str
        File of the baseline; empty if none is named.
    file : str
        The budget file.
    """

    images: tuple[ImageTask, ...]
    budgets: tuple[Budget, ...]
    baseline: str = ""
    file: str = ""
