"""What each rule is worth: the same comparisons with one rule left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from accuracy.comparison import Comparison, summarize
from accuracy.data_sets import MICRO, PROGRAMS
from accuracy.rtl_figures import RtlBench
from instsim.cost import CoreTable

__all__ = ["CACHES", "TARGET_BUFFER", "Ablation", "ablate"]

TARGET_BUFFER = "branch target buffer followed by the machine"
"""Name of the rule that is not an event: the dynamic of Hazard3's predictor."""

CACHES = "caches followed by the machine"
"""Name of the rule that is not an event: the memory system in front of a core with caches."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """Mean absolute errors with and without one rule, relative.

    Attributes
    ----------
    core, rule : str
        Column of the RTL tables, and the event that was set to 0 cycles, or `TARGET_BUFFER` or `CACHES`.
    basis : str
        What the rule's weight rests on.
    programs, programs_without, micro, micro_without : float
        On RTL programs and micro-benchmarks.
    """

    core: str
    rule: str
    basis: str
    programs: float
    programs_without: float
    micro: float
    micro_without: float


def ablate(bench: RtlBench, core: str, table: CoreTable) -> Iterator[Ablation]:
    """Leave out, one at a time, every event of a core's table; those that change nothing are not told.

    Parameters
    ----------
    bench : RtlBench
        Programs and measurements.
    core : str
        Column of the tables.
    table : CoreTable
        Its core.
    """
    programs, micro = _errors(bench.compare(core))
    for event, cost in table.events.items():

        def without(changed: CoreTable, event: str = event) -> CoreTable:
            events = {**changed.events, event: replace(changed.events[event], cycles=0.0)}
            return replace(changed, events=MappingProxyType(events))

        left = _errors(bench.compare(core, change_core=without))
        if left != (programs, micro):
            yield Ablation(core, event, cost.basis, programs, left[0], micro, left[1])
    left = _errors(bench.compare(core, change_profile=lambda profile: replace(profile, buffer_outcomes=None)))
    if left != (programs, micro):
        yield Ablation(core, TARGET_BUFFER, "documented", programs, left[0], micro, left[1])
    left = _errors(bench.compare(core, with_memory=False))
    if left != (programs, micro):
        yield Ablation(core, CACHES, "measured", programs, left[0], micro, left[1])


def _errors(rows: Sequence[Comparison]) -> tuple[float, float]:
    programs, micro = (summarize([row for row in rows if row.data_set == name]).mean_absolute for name in (PROGRAMS, MICRO))
    return programs, micro
