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
    ideal_cycles : float or None
        Prediction without the stalls of memories; None where memories were not followed.
    """

    data_set: str
    core: str
    name: str
    predicted_cycles: float
    measured_cycles: float
    compiler_independent: bool = True
    source: str = ""
    ideal_cycles: float | None = None

    @property
    def error(self) -> float:
        """Relative error, positive if the prediction is too long."""
        return self.predicted_cycles / self.measured_cycles - 1

    @property
    def ideal_error(self) -> float | None:
        """Relative error of the prediction without the stalls of memories."""
        return None if self.ideal_cycles is None else self.ideal_cycles / self.measured_cycles - 1


@dataclass(frozen=True, slots=True)
class Summary:
    """Errors of some comparisons, relative.

    Attributes
    ----------
    rows : int
        Comparisons.
    mean_absolute, bias : float
        Means of the absolute and of the signed errors.
    worst : Comparison
        With the largest absolute error.
    ideal_mean_absolute : float or None
        Mean of the absolute errors without the stalls of memories; None where they were not followed in all rows.
    """

    rows: int
    mean_absolute: float
    bias: float
    worst: Comparison
    ideal_mean_absolute: float | None


def summarize(rows: Sequence[Comparison]) -> Summary:
    """Summarize comparisons, of which there is at least one."""
    errors = [row.error for row in rows]
    ideal = [abs(row.ideal_error) for row in rows if row.ideal_error is not None]
    return Summary(
        rows=len(rows),
        mean_absolute=sum(map(abs, errors)) / len(rows),
        bias=sum(errors) / len(rows),
        worst=max(rows, key=lambda row: abs(row.error)),
        ideal_mean_absolute=sum(ideal) / len(ideal) if len(ideal) == len(rows) else None,
    )
