"""The front of two figures: models that no other beats in both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from instsim.errors import UsageError
from instsim.sweep.row import SweepRow

__all__ = ["FIGURES", "figure_pair", "pareto_front"]

FIGURES = {
    "latency": "latency_s",
    "energy": "energy_j",
    "cycles": "cycles",
    "macs": "macs",
    "arena": "arena_bytes",
    "flash": "flash_bytes",
    "size": "model_bytes",
}
"""Figures of a row that can be compared, by their short names; less of each is better."""


def figure_pair(text: str) -> tuple[str, str]:
    """Read ``latency,flash``.

    Raises
    ------
    UsageError
        If these are not two different figures.
    """
    names = tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        raise UsageError(f"no figure is named {unknown[0]!r}", hint=f"figures are {', '.join(FIGURES)}")
    if len(names) != 2 or names[0] == names[1]:
        raise UsageError("a front is of two figures", hint="as in --pareto latency,flash")
    return names[0], names[1]


def pareto_front(rows: Iterable[SweepRow], figures: Sequence[str]) -> list[SweepRow]:
    """Return the rows that no other row beats: none has less of one figure and not more of the other.

    Parameters
    ----------
    rows : iterable of SweepRow
        Failures, and rows without one of the figures, are left out.
    figures : two of FIGURES
        What is compared; less is better.

    Returns
    -------
    list of SweepRow
        By the first figure, rising; the second falls. Of rows equal in both, the first stays.
    """
    first, second = (FIGURES[name] for name in figures)
    known = [row for row in rows if row.is_ok and getattr(row, first) is not None and getattr(row, second) is not None]
    front: list[SweepRow] = []
    for row in sorted(known, key=lambda row: (getattr(row, first), getattr(row, second))):
        if not front or getattr(row, second) < getattr(front[-1], second):
            front.append(row)
    return front
