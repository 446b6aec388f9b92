"""What single instructions of a profile were charged, event by event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ChargedInstructions"]


@dataclass(frozen=True)
class ChargedInstructions:
    """Charges of some blocks' instructions over all rows of a profile, one element each.

    An instruction has one element for its issue, whose event is ``class:`` and its class, and one for each pipeline event it can meet;
    one event may stand in several elements of an instruction, because it is met in several ways. Elements of an instruction sum to its
    cycles, those of a block to the block's cycles in `instsim.cost.CycleEstimate`.

    Attributes
    ----------
    address : ndarray of int64, shape (charges,)
        Of the instruction.
    event : ndarray of int64, shape (charges,)
        Index into `events`.
    occurrences : ndarray of float64, shape (charges,)
        How often the event was met; 0 for words that a load or store of several registers moves, which count to its issue.
    cycles : ndarray of float64, shape (charges,)
        What that cost; negative for a saving.
    events : tuple of str
        Names, as in `instsim.cost.EventCost`.
    """

    address: npt.NDArray[np.int64]
    event: npt.NDArray[np.int64]
    occurrences: npt.NDArray[np.float64]
    cycles: npt.NDArray[np.float64]
    events: tuple[str, ...]
