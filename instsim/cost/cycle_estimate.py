"""The cycles of a profile under one core's cost model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["DIVIDES", "OPERANDS_UNKNOWN", "CycleEstimate", "EventCost"]

DIVIDES = ("divide", "remainder")
"""Classes that cost what their operands make them cost, on cores that have a divider's model."""

OPERANDS_UNKNOWN = " (operands unknown)"
"""Behind the name of a divide's event that was priced by its class, beside others that were priced by their operands."""


@dataclass(frozen=True, slots=True)
class EventCost:
    """What one event contributed to the total.

    Attributes
    ----------
    name : str
        ``class:load`` for the issue cycles of a class, else the pipeline rule's name (``taken-branch``). `instsim.cost.explain` takes it.
    count : int
        Occurrences.
    weight_cycles : float
        Cycles of one occurrence (the mean, where it depends on operands).
    cycles : float
        ``count * weight_cycles``.
    basis : {'documented', 'measured', 'derived', 'fitted', 'assumed'}
        What the weight rests on.
    source : str
        Key of ``sources.toml`` plus a locator.
    """

    name: str
    count: int
    weight_cycles: float
    cycles: float
    basis: str
    source: str


@dataclass(frozen=True)
class CycleEstimate:
    """Cycles of every block in every row of a profile.

    Attributes
    ----------
    core : str
        Name of the core table.
    core_digest : str
        SHA-256 of the table's file.
    cycles : ndarray of float64, shape (1 + kernels, blocks)
        Cycles spent, rows and columns as in the profile.
    instructions : ndarray of int64, shape (1 + kernels, blocks)
        Instructions issued.
    class_instructions : dict of str to int
        Issued instructions of each class in the region.
    class_cycles : dict of str to float
        Cycles charged to instructions of each class, stalls and refills included.
    events : tuple of EventCost
        Sorted by cycles, descending; they sum to the total.
    warnings : tuple of str
        What a reader should know: instructions without a price.
    stall_cycles : ndarray of float64 or None, shape as `cycles`
        Of `cycles`, those in which memories were waited for; None where memories are ideal.
    """

    core: str
    core_digest: str
    cycles: npt.NDArray[np.float64]
    instructions: npt.NDArray[np.int64]
    class_instructions: dict[str, int]
    class_cycles: dict[str, float]
    events: tuple[EventCost, ...]
    warnings: tuple[str, ...] = ()
    stall_cycles: npt.NDArray[np.float64] | None = None

    @property
    def total_cycles(self) -> float:
        """Cycles of the region."""
        return float(self.cycles.sum())

    @property
    def total_instructions(self) -> int:
        """Instructions issued in the region."""
        return int(self.instructions.sum())

    def basis_cycles(self) -> dict[str, float]:
        """Cycles by the basis of their weights, descending."""
        sums: dict[str, float] = {}
        for event in self.events:
            sums[event.basis] = sums.get(event.basis, 0.0) + event.cycles
        return dict(sorted(sums.items(), key=lambda item: -item[1]))
