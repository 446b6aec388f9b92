"""The outcome of a check, as values."""

from __future__ import annotations

from dataclasses import dataclass

from instsim.errors import BudgetError, IncompleteError, InputError
from instsim.session.matrix import Failure

__all__ = ["Cell", "CheckReport", "MetricRow", "OperatorRow", "Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One limit held against one figure.

    Attributes
    ----------
    subject : str
        The metric, with its operator in front.
    metric : str
        Its name alone, with its unit.
    limit : str
        As in ``<= +2 %``.
    status : {'held', 'broken', 'undecided', 'wrong'}
        ``undecided``: something to compare with is missing or stale; ``wrong``: the budget speaks of what the image does not have.
    value : float or None
        The figure, or the upper end of its interval.
    allowed : float or None
        The most that is allowed, in the metric's unit.
    baseline : float or None
        What it was; None for an absolute limit.
    is_upper : bool
        Whether `value` is the upper end of the interval.
    message : str
        What to say, one sentence.
    file, line : str, int
        Where the budget is written; line 0 if unknown.
    """

    subject: str
    metric: str
    limit: str
    status: str
    value: float | None
    allowed: float | None
    baseline: float | None
    is_upper: bool
    message: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric of a whole image, beside the baseline.

    Attributes
    ----------
    metric : str
        Its name, with its unit.
    value : float
        Now.
    baseline, relative : float or None
        Before, and the difference over it; None without a baseline that is fit to compare.
    """

    metric: str
    value: float
    baseline: float | None
    relative: float | None


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """Cycles of an operator that differ from the baseline's.

    Attributes
    ----------
    place : str
        ``model.subgraph.index``.
    name : str
        Kind.
    value, baseline : float or None
        Cycles now and before; None where there is no such operator.
    relative : float or None
        The difference over the baseline.
    """

    place: str
    name: str
    value: float | None
    baseline: float | None
    relative: float | None


@dataclass(frozen=True)
class Cell:
    """One image on one board.

    Attributes
    ----------
    image, file : str
        Its name in the budgets, and the file.
    board : str
        The board, as far as it is known.
    failure : Failure or None
        Why there is no answer.
    metrics : tuple of MetricRow
        Empty after a failure.
    operators : tuple of OperatorRow
        Those whose cycles are not the baseline's, the largest change first.
    verdicts : tuple of Verdict
        In the order of the budgets.
    baseline_status : {'none', 'missing', 'stale', 'used'}
        What became of the baseline.
    stale : tuple of str
        Why it is stale.
    warnings : tuple of str
        Of the estimate.
    """

    image: str
    file: str
    board: str
    failure: Failure | None
    metrics: tuple[MetricRow, ...] = ()
    operators: tuple[OperatorRow, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    baseline_status: str = "none"
    stale: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckReport:
    """The outcome of a check.

    Attributes
    ----------
    budget_file, baseline_file : str
        What was read; empty if there is no baseline.
    instsim_version : str
        Version of the tool.
    cells : tuple of Cell
        Every image on every board, in the order of the budgets.
    problems : tuple of str
        What is wrong with the budgets themselves, seen only with all results at hand.
    """

    budget_file: str
    baseline_file: str
    instsim_version: str
    cells: tuple[Cell, ...]
    problems: tuple[str, ...] = ()

    def count(self, status: str) -> int:
        """Return how many limits came out so."""
        return sum(1 for cell in self.cells for verdict in cell.verdicts if verdict.status == status)

    @property
    def failures(self) -> int:
        """Cells without an answer."""
        return sum(1 for cell in self.cells if cell.failure is not None)

    @property
    def exit_code(self) -> int:
        """4 if a limit is broken; else 1 if an image or a budget cannot be used; else 3 if something could not be decided; else 0."""
        if self.count("broken"):
            return BudgetError.exit_code
        if self.failures or self.problems or self.count("wrong"):
            return InputError.exit_code
        return IncompleteError.exit_code if self.count("undecided") else 0
