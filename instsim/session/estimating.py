"""From a profile to an estimate: cycles by the core's cost model, seconds by the clock, joules by the board's prior."""

from __future__ import annotations

from typing import Any

import numpy as np

from instsim import __version__
from instsim.cost import CostModel, CycleEstimate, energy_interval
from instsim.profile import BlockProfile, MemoryUse, owners
from instsim.session.call_costs import priced_calls
from instsim.session.choose import Target
from instsim.session.estimate import (
    Estimate,
    EstimatedClass,
    EstimatedEvent,
    EstimatedFunction,
    EstimatedOperator,
    Figure,
    Provenance,
)
from instsim.session.memories import IDEAL_MEMORY, estimated_memory, memory_use_of, memory_warnings

__all__ = ["estimate_profile", "price_warnings"]


def estimate_profile(
    profile: BlockProfile, target: Target, *, allow_unpriced: bool = False, level: float = 0.9, cost_model: CostModel | None = None
) -> Estimate:
    """Price a profile on a board.

    Parameters
    ----------
    profile : BlockProfile
        What ran.
    target : Target
        Board, core and clock.
    allow_unpriced : bool
        Charge one cycle for an instruction without a price instead of refusing.
    level : float
        Coverage of the intervals.
    cost_model : CostModel, optional
        Of the target's core, if there is one.

    Returns
    -------
    Estimate
        Nominal: latency is cycles over clock; energy is cycles times the board's energy of a cycle, with that prior's interval; an operator's energy
        is the region's in proportion to cycles.

    Raises
    ------
    IncompleteError
        If an instruction that ran has no price.
    """
    memory = memory_use_of(profile, target)
    priced = (cost_model or CostModel(target.core)).price(profile, allow_unpriced=allow_unpriced, memory=memory)
    cycles = priced.total_cycles
    prior = target.energy_prior()
    low_j, high_j = energy_interval(prior, level)
    energy = Figure(cycles * prior.joules_per_cycle, "J", "nominal", cycles * low_j, cycles * high_j, level, f"{prior.derivation} ({prior.basis})")
    power = Figure(prior.joules_per_cycle * target.clock_hz, "W", "nominal", low_j * target.clock_hz, high_j * target.clock_hz, level, energy.source)
    latency = Figure(cycles / target.clock_hz, "s", "nominal", source="cycles over clock; no interval without a calibration")
    basis = priced.basis_cycles()
    return Estimate(
        firmware=profile.firmware,
        run=profile.run,
        board=target.choice,
        provenance=Provenance(
            instsim_version=__version__,
            core=target.core.name,
            core_title=target.core.title,
            core_digest=target.core.digest,
            board_digest=target.board.digest,
            clock_hz=target.clock_hz,
            supply_v=prior.supply_v,
            clock_source=target.clock_source,
            memory=IDEAL_MEMORY if memory is None else memory.table,
            cycles_by_basis={name: value / cycles if cycles else 0.0 for name, value in basis.items()},
        ),
        cycles=cycles,
        instructions=priced.total_instructions,
        latency=latency,
        energy=energy,
        power=power,
        operators=_operators(profile, priced, target, energy.value, memory),
        functions=_functions(profile, priced),
        classes=tuple(
            EstimatedClass(name, count, priced.class_cycles.get(name, 0.0), _share(priced.class_cycles.get(name, 0.0), cycles))
            for name, count in sorted(priced.class_instructions.items(), key=lambda item: (-priced.class_cycles.get(item[0], 0.0), item[0]))
        ),
        events=tuple(EstimatedEvent(e.name, e.count, e.weight_cycles, e.cycles, _share(e.cycles, cycles), e.basis, e.source) for e in priced.events),
        warnings=price_warnings(profile, priced, target, memory),
        calls=priced_calls(profile, priced),
        memory=None if memory is None else estimated_memory(memory, cycles, target.board),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _operators(
    profile: BlockProfile, priced: CycleEstimate, target: Target, energy_j: float, memory: MemoryUse | None
) -> tuple[EstimatedOperator, ...]:
    if not profile.kernels:
        return ()
    stalls = np.zeros(len(profile.kernels) + 1) if memory is None else memory.stall_cycles.sum(axis=1)
    cycles, instructions = priced.cycles.sum(axis=1), priced.instructions.sum(axis=1)
    total = float(cycles.sum())
    inclusive = cycles.astype(float).copy()
    for index in reversed(range(len(profile.kernels))):
        parent = profile.kernels[index].parent
        if 0 <= parent < index:
            inclusive[parent + 1] += inclusive[index + 1]
    names = {span.address: span.name for span in profile.functions}

    def row(index: int) -> EstimatedOperator:
        own = float(cycles[index])
        common: dict[str, Any] = {
            "cycles": own,
            "instructions": int(instructions[index]),
            "inclusive_cycles": float(inclusive[index]),
            "share": _share(own, total),
            "latency_s": own / target.clock_hz,
            "energy_j": energy_j * _share(own, total),
            "stall_cycles": float(stalls[index]),
        }
        if index == 0:
            return EstimatedOperator("(dispatch)", -1, -1, -1, 1, (), (), 0, 0, cycles_per_mac=None, kernel="", **common)
        kernel = profile.kernels[index - 1]
        macs = kernel.macs * kernel.executions
        return EstimatedOperator(
            kernel.name,
            kernel.model,
            kernel.subgraph,
            kernel.index,
            kernel.executions,
            kernel.inputs,
            kernel.outputs,
            macs,
            kernel.elements * kernel.executions,
            cycles_per_mac=own / macs if macs else None,
            parent=kernel.parent,
            kernel=names.get(kernel.kernel_address, f"{kernel.kernel_address:#010x}"),
            **common,
        )

    return (*(row(index) for index in range(1, len(profile.kernels) + 1)), row(0))


def _functions(profile: BlockProfile, priced: CycleEstimate) -> tuple[EstimatedFunction, ...]:
    owner = owners(profile.functions, profile.addresses)
    cycles, instructions = priced.cycles.sum(axis=0), priced.instructions.sum(axis=0)
    places = len(profile.functions) + 1
    by_cycles = np.bincount(owner + 1, weights=cycles, minlength=places)
    by_instructions = np.bincount(owner + 1, weights=instructions.astype(float), minlength=places)
    lost = np.zeros(cycles.size) if priced.stall_cycles is None else priced.stall_cycles.sum(axis=0)
    by_stalls = np.bincount(owner + 1, weights=lost, minlength=places)
    total = float(cycles.sum())

    def row(name: str, address: int, place: int) -> EstimatedFunction:
        own = float(by_cycles[place])
        return EstimatedFunction(name, address, own, round(float(by_instructions[place])), _share(own, total), float(by_stalls[place]))

    rows = [row(span.name, span.address, place) for place, span in enumerate(profile.functions, 1) if by_instructions[place]]
    if by_instructions[0]:
        rows.append(row("(no symbol)", 0, 0))
    return tuple(sorted(rows, key=lambda function: (-function.cycles, function.address)))


def price_warnings(profile: BlockProfile, priced: CycleEstimate, target: Target, memory: MemoryUse | None) -> tuple[str, ...]:
    """Return what makes the price of a profile on a target doubtful, one sentence each."""
    warnings = [*target.warnings, *profile.run.warnings, *priced.warnings]
    warnings += memory_warnings(profile, target, memory)
    waits = max((m.wait_states.count for m in target.board.memories if m.kind == "flash" and m.wait_states is not None), default=0)
    if waits and memory is None:
        warnings.append(
            f"memory is taken as ideal: the flash of {target.board.name} has {waits} wait states, "
            "so the board is slower, most where weights are read once"
        )
    if profile.run.timer_reads:
        warnings.append(
            f"the region reads a clock ({profile.run.timer_reads} times): "
            f"its path may depend on the cycles of the core it was run as, {profile.run.executed_on}"
        )
    if profile.run.region_rule == "whole-run":
        warnings.append("no inference was found: the figures are for the whole run, boot included; --region picks a function")
    if profile.run.stop_reason == "deadlock":
        warnings.append("the run ended in an endless loop or an endless wait")
    if profile.run.stop_reason == "idle":
        warnings.append(
            "the run ended where the firmware only waits and wakes up for its timers; the last ten seconds of its time brought nothing new"
        )
    if target.core.emulated_cpu != profile.run.executed_on:
        warnings.append(f"the firmware ran as {profile.run.executed_on} and is priced as {target.core.name}")
    return tuple(dict.fromkeys(warnings))
