"""What the memories cost beside the pipeline: stalls that were counted while the firmware ran, added to the price of its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from instsim.cost.charged_instructions import ChargedInstructions
from instsim.cost.cycle_estimate import CycleEstimate, EventCost
from instsim.dynamics.memory_system import Access
from instsim.profile.block_profile import BlockProfile
from instsim.profile.memory_use import MemoryUse

__all__ = ["CROSSING", "STALL_PREFIX", "with_instruction_stalls", "with_stalls"]

STALL_PREFIX = "stall:"
"""Prefix of the event that is the waiting for one memory."""

CROSSING = "crossing"
"""What belongs to no memory alone: two paired loads from different ones."""


def _stalls_by_block(profile: BlockProfile, use: MemoryUse) -> npt.NDArray[np.float64]:
    """Return the cycles lost in every block and row of a profile, shape (1 + kernels, blocks).

    Parameters
    ----------
    profile : BlockProfile
        What ran.
    use : MemoryUse
        What a memory system made of it; a site outside all blocks (the region ended inside its block) is charged to the block in front of it.
    """
    cycles = np.zeros(profile.executions.shape)
    if profile.addresses.size:
        blocks = np.maximum(np.searchsorted(profile.addresses, use.addresses, side="right") - 1, 0)
        for row, stalls in zip(cycles, use.stall_cycles, strict=True):
            np.add.at(row, blocks, stalls)
    return cycles


def with_stalls(estimate: CycleEstimate, profile: BlockProfile, use: MemoryUse, classes: Sequence[str]) -> CycleEstimate:
    """Add the stalls of a memory system to an estimate.

    Parameters
    ----------
    estimate : CycleEstimate
        Of the pipeline alone.
    profile : BlockProfile
        What ran.
    use : MemoryUse
        One of the profile's.
    classes : sequence of str
        Class of the instruction at each of its sites, which the stall is charged to.

    Returns
    -------
    CycleEstimate
        With one event more for each path that cost something: its count is the misses, or the accesses of a path that every access pays for. A
        part that belongs to no path (two paired loads from different memories) is an event of its own, of which nobody counts how often it happened.
    """
    events = []
    of_paths = 0.0
    for path in use.paths:
        cycles = float(path.stall_cycles.sum())
        count = int(path.misses.sum() + path.read_ahead.sum()) or int(path.accesses.sum())
        of_paths += cycles
        if cycles:
            events.append(EventCost(f"{STALL_PREFIX}{path.access} {path.memory}", count, cycles / max(1, count), cycles, path.basis, path.source))
    rest = use.total_stall_cycles - of_paths
    if abs(rest) > 1e-6 * max(1.0, of_paths):
        events.append(EventCost(f"{STALL_PREFIX}{CROSSING}", 0, 0.0, rest, use.crossing_basis, use.crossing_source))
    merged: dict[str, EventCost] = {}
    for event in events:
        have = merged.setdefault(event.name, replace(event, count=0, cycles=0.0))
        count, cycles = have.count + event.count, have.cycles + event.cycles
        merged[event.name] = replace(have, count=count, cycles=cycles, weight_cycles=cycles / count if count else 0.0)
    stalls = _stalls_by_block(profile, use)
    class_cycles = dict(estimate.class_cycles)
    for name, cycles in zip(classes, use.stall_cycles.sum(axis=0).tolist(), strict=True):
        class_cycles[name] = class_cycles.get(name, 0.0) + cycles
    return replace(
        estimate,
        cycles=estimate.cycles + stalls,
        stall_cycles=stalls,
        class_cycles=class_cycles,
        events=tuple(sorted((*estimate.events, *merged.values()), key=lambda event: (-event.cycles, event.name))),
    )


def with_instruction_stalls(
    charged: ChargedInstructions, profile: BlockProfile, blocks: npt.NDArray[np.int64], use: MemoryUse
) -> ChargedInstructions:
    """Add the stalls at the instructions of some blocks to what else they were charged; occurrences are misses.

    Parameters
    ----------
    charged : ChargedInstructions
        Of the pipeline alone.
    profile : BlockProfile
        What ran.
    blocks : ndarray of int64
        Indices of blocks of the profile.
    use : MemoryUse
        One of the profile's.
    """
    owner = np.maximum(np.searchsorted(profile.addresses, use.addresses, side="right") - 1, 0)
    chosen = np.flatnonzero(np.isin(owner, blocks))
    first = len(charged.events)
    return ChargedInstructions(
        address=np.concatenate([charged.address, use.addresses[chosen]]),
        event=np.concatenate([charged.event, first + use.accesses[chosen]]),
        occurrences=np.concatenate([charged.occurrences, use.misses.sum(axis=0)[chosen].astype(np.float64)]),
        cycles=np.concatenate([charged.cycles, use.stall_cycles.sum(axis=0)[chosen]]),
        events=(*charged.events, *(f"{STALL_PREFIX}{access.name.lower()}" for access in Access)),
    )
