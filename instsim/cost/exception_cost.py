"""What changing to interrupt handlers and back costs: counted by the machine, priced by the core's table.

A table may have rows for these events; a core whose table has none changes for nothing. The machine's clock passes the same cycles, so that
firmware that reads timers sees them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from instsim.cost.core_table import CoreTable
from instsim.cost.cycle_estimate import CycleEstimate, EventCost
from instsim.cost.exception_events import EXCEPTION_EVENTS
from instsim.profile.block_profile import BlockProfile

__all__ = ["with_exceptions"]

_INTERRUPTS = "(interrupts)"


def with_exceptions(estimate: CycleEstimate, core: CoreTable, profile: BlockProfile) -> CycleEstimate:
    """Add the entries and returns of a profile's exceptions to its estimate.

    The cycles are charged to the first block of each handler, in the row of interrupts where the profile has one.

    Parameters
    ----------
    estimate : CycleEstimate
        Of the blocks alone.
    core : CoreTable
        Its rows for `EXCEPTION_EVENTS`.
    profile : BlockProfile
        What ran.
    """
    if not profile.run.exceptions or not profile.addresses.size:
        return estimate
    row = next((number for number, kernel in enumerate(profile.kernels, 1) if kernel.name == _INTERRUPTS), 0)
    cycles = estimate.cycles.copy()
    events = []
    for name, (field, _) in EXCEPTION_EVENTS.items():
        cost = core.events.get(name)
        count = sum(getattr(use, field) for use in profile.run.exceptions)
        if cost is None or not count:
            continue
        for use in profile.run.exceptions:
            # A handler that the region ends in before its first block has none: the block before it in memory stands for it.
            block = max(0, int(np.searchsorted(profile.addresses, use.handler, side="right")) - 1)
            cycles[row, block] += getattr(use, field) * cost.cycles
        events.append(EventCost(name, count, cost.cycles, count * cost.cycles, cost.basis, cost.source))
    return replace(estimate, cycles=cycles, events=tuple(sorted((*estimate.events, *events), key=lambda event: (-event.cycles, event.name))))
