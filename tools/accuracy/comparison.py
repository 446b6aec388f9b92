"""One predicted figure beside one measured, and what a set of them amounts to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Comparison", "Summary", "summarize"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row of the scoreboard.

    Attributes
    ----------
    data_set : str
        Section of the page.
    core : str
        What was measured: a column of the RTL tables, or a board.
    name : str
        Program.
    predicted_cycles, measured_cycles : float
        Of the region.
    compiler_independent : bool
        Whether the same instructions ran on both sides.
    source : str
        Where the measurement comes from.
    """

    data_set: str
    core: str
    name: str
    predicted_cycles: float
    measured_cycles: float
    compiler_independent: bool = True
    source: str = ""

    @property
    def error(self) -> float:
        """Relative error, positive if the prediction is too long."""
        return self.predicted_cycles / self.measured_cycles - 1


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors of one core in one data set, relative.

    Attributes
    ----------
    rows : int
        Comparisons.
    mean_absolute, bias : float
        Means of the absolute and of the signed errors.
    worst : Comparison
        With the largest absolute error.
    """

    rows: int
    mean_absolute: float
    bias: float
    worst: Comparison


def summarize(rows: Sequence[Comparison]) -> Summary:
    """Summarize one core's comparisons; there is at least one."""
    errors = [row.error for row in rows]
    return Summary(
        rows=len(rows),
        mean_absolute=sum(map(abs, errors)) / len(rows),
        bias=sum(errors) / len(rows),
        worst=max(rows, key=lambda row: abs(row.error)),
    )
