"""Prices a profile: executions of blocks times what their charges cost on a core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim import __version__, artifacts
from instsim.cost.charge_matrix import CLASS_PREFIX, REGISTERS_PREFIX, ChargeMatrix
from instsim.cost.charged_instructions import ChargedInstructions
from instsim.cost.charger import Charger, issue_cycles, load_charges
from instsim.cost.charges import When
from instsim.cost.core_table import CoreTable, Cost
from instsim.cost.cycle_estimate import DIVIDES, OPERANDS_UNKNOWN, CycleEstimate, EventCost
from instsim.cost.exception_cost import with_exceptions
from instsim.cost.pipelines import load_pipeline
from instsim.cost.stall_cost import with_instruction_stalls, with_stalls
from instsim.dynamics.divider import divider_cycles
from instsim.dynamics.target_buffer import Outcome
from instsim.errors import IncompleteError, UsageError
from instsim.isa.decode import Decoder, make_decoder
from instsim.isa.instruction import Flow, Isa
from instsim.profile.block_profile import BlockProfile, FunctionSpan
from instsim.profile.memory_use import MemoryUse
from instsim.units import counted

__all__ = ["CostModel", "charge_executions", "event_cycles"]

_UNPRICED = Cost(1.0, "assumed", "judgement one cycle for an instruction that the core's table does not price")
_SHOWN = 8
_HALF = 0.5

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Crossing(NamedTuple):
    """Accesses across word borders of one instruction: its block and class, their cycles by row, and how many they were."""

    block: int
    address: int
    class_id: int
    cycles: Floats
    accesses: int


class CostModel:
    """The static cost model of one core.

    Parameters
    ----------
    core : CoreTable
        The core's costs.
    charger : Charger, optional
        Of the same core, if profile after profile of one firmware is priced: it finds most blocks charged. Without one whole profiles' charges are
        kept on disk.
    """

    def __init__(self, core: CoreTable, charger: Charger | None = None) -> None:
        self.core, self._charger = core, charger
        self._decoder: Decoder | None = None

    def price(self, profile: BlockProfile, *, allow_unpriced: bool = False, memory: MemoryUse | None = None) -> CycleEstimate:
        """Price every block in every row of a profile.

        Parameters
        ----------
        profile : BlockProfile
            What ran.
        allow_unpriced : bool
            Charge one cycle, marked assumed, for an executed instruction that the core's table does not price, instead of refusing.
        memory : MemoryUse, optional
            One of the profile's accounts of stalls; without it memories are ideal.

        Returns
        -------
        CycleEstimate
            Linear in the profile's counts, except for what depends on `When.MINORITY`, or on a target buffer that the profile did not follow.

        Raises
        ------
        UsageError
            If the profile is of another instruction set.
        IncompleteError
            If an unpriced instruction ran and `allow_unpriced` is not set.
        """
        matrix = self._charges(profile)
        warnings = _check_priced(matrix, profile, self.core, allow_unpriced=allow_unpriced)
        met = charge_executions(profile, matrix)
        totals = met.sum(axis=1)
        weights, measured_divides = self._weights(matrix, profile)
        element_cycles = weights * matrix.count
        blocks = profile.addresses.size
        prices = np.zeros((len(When), blocks))
        np.add.at(prices, (matrix.when, matrix.block), np.where(matrix.when == When.JUMPED, 0.0, element_cycles))
        cycles = np.zeros(profile.executions.shape)
        for executions, price in zip(met, prices, strict=True):
            cycles += executions * price
        jumped = np.flatnonzero(matrix.when == When.JUMPED)
        np.add.at(cycles.T, matrix.block[jumped], (met[When.TAKEN][:, matrix.source[jumped]] * element_cycles[jumped]).T)
        crossing_costs = self._crossings(matrix, profile)
        for crossing in crossing_costs:
            cycles[:, crossing.block] += crossing.cycles
        occurrences = matrix.count * totals[matrix.met_as]
        estimate = CycleEstimate(
            core=self.core.name,
            core_digest=self.core.digest,
            cycles=cycles,
            instructions=profile.executions * matrix.instructions,
            class_instructions=_class_instructions(matrix, totals),
            class_cycles=_sums(
                np.concatenate([matrix.class_id, np.array([crossing.class_id for crossing in crossing_costs], dtype=np.int64)]),
                np.concatenate([weights * occurrences, np.array([crossing.cycles.sum() for crossing in crossing_costs], dtype=np.float64)]),
                matrix.classes,
            ),
            events=self._events(matrix, occurrences, weights, measured_divides, sum(crossing.accesses for crossing in crossing_costs)),
            warnings=warnings,
        )
        if memory is not None:
            estimate = with_stalls(estimate, profile, memory, _classes_at(matrix, memory.addresses))
        return with_exceptions(estimate, self.core, profile)

    def charges_of(
        self, profile: BlockProfile, blocks: Integers, *, allow_unpriced: bool = False, memory: MemoryUse | None = None
    ) -> ChargedInstructions:
        """Return what each instruction of some blocks was charged, over all rows of a profile.

        Parameters
        ----------
        profile : BlockProfile
            What ran.
        blocks : ndarray of int64
            Indices of blocks of the profile.
        allow_unpriced : bool
            As in `price`.
        memory : MemoryUse, optional
            As in `price`.

        Raises
        ------
        UsageError, IncompleteError
            As `price` does.
        """
        matrix = self._charges(profile)
        _check_priced(matrix, profile, self.core, allow_unpriced=allow_unpriced)
        chosen = np.flatnonzero(np.isin(matrix.block, blocks))
        weights, _ = self._weights(matrix, profile)
        occurrences = (matrix.count * charge_executions(profile, matrix).sum(axis=1)[matrix.met_as])[chosen]
        cycles = weights[chosen] * occurrences
        # The words that an instruction of several registers moves belong to its issue.
        issue_of = np.array([_issue_of(name, matrix.events) for name in matrix.events], dtype=np.int64)
        events = issue_of[matrix.event[chosen]] if matrix.events else matrix.event[chosen]
        occurrences[events != matrix.event[chosen]] = 0.0
        crossings = [crossing for crossing in self._crossings(matrix, profile) if crossing.block in blocks]
        charged = ChargedInstructions(
            address=np.concatenate([matrix.address[chosen], np.array([crossing.address for crossing in crossings], dtype=np.int64)]),
            event=np.concatenate([events, np.full(len(crossings), len(matrix.events), dtype=np.int64)]),
            occurrences=np.concatenate([occurrences, np.array([crossing.accesses for crossing in crossings], dtype=np.float64)]),
            cycles=np.concatenate([cycles, np.array([crossing.cycles.sum() for crossing in crossings], dtype=np.float64)]),
            events=(*matrix.events, load_pipeline(self.core.pipeline).crossing_event or "") if crossings else matrix.events,
        )
        return charged if memory is None else with_instruction_stalls(charged, profile, blocks, memory)

    def static_cycles(self, isa: Isa, address: int, code: bytes) -> float:
        """Return the mean cycles of one execution of a block, for a running machine's timers.

        A conditional branch at its end counts as taken half of the time, any other transfer as taken; the block counts as entered by
        a jump half of the time. Unpriced instructions count one cycle.

        Parameters
        ----------
        isa : Isa
            Instruction set of the code.
        address : int
            Start of the block.
        code : bytes
            Its bytes.
        """
        return self.schedule(isa, address, code)[1]

    def schedule(self, isa: Isa, address: int, code: bytes, it_state: int = 0) -> tuple[list[float], float]:
        """Return the cycle at which each instruction of a block starts, counted from the block's start, and the mean cycles of the block.

        Parameters and assumptions are those of `static_cycles`, with ITSTATE at the block's start; what a rule charges at an instruction delays
        the next one.
        """
        if self._decoder is None:
            self._decoder = make_decoder(isa)
        block = self._decoder.decode(code, address, it_state)
        if not block:
            return [], 0.0
        issue = [issue_cycles(self.core, instruction) for instruction in block]
        flow = block[-1].flow
        taken = 0.0 if flow in {Flow.NONE, Flow.TRAP} else _HALF if flow is Flow.CONDITIONAL or block[-1].predicated else 1.0
        shares = {
            When.ALWAYS: 1.0,
            When.TAKEN: taken,
            When.FALLTHROUGH: 1 - taken,
            When.ENTERED: _HALF,
            When.SEQUENTIAL: 0.0,
            When.UNPREDICTED: taken,
            When.REDIRECTED: _HALF,
        }
        cycles = list(issue)
        for charge in load_pipeline(self.core.pipeline).charge(block, self.core.parameter_values, issue):
            cycles[charge.place] += self.core.events[charge.event].cycles * charge.occurrences * shares.get(charge.when, 0.0)
        ends = list(accumulate(cycles))
        return [0.0, *ends[:-1]], ends[-1]

    @property
    def schedule_stamp(self) -> str:
        """Text that changes when `schedule` may say something else."""
        return f"{__version__} {self.core.digest}\n{artifacts.code_stamp('cost', 'isa')}"

    def _charges(self, profile: BlockProfile) -> ChargeMatrix:
        if profile.isa is not self.core.isa:
            raise UsageError(
                f"core {self.core.name} runs {self.core.isa} code, and the profile is of {profile.isa} code",
                hint="choose a core of the same instruction set (`instsim cores` lists them)",
            )
        return load_charges(self.core, profile) if self._charger is None else self._charger.charge(profile)

    def _weights(self, matrix: ChargeMatrix, profile: BlockProfile) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return cycles of each charge's event, and which of them are divides whose operands were recorded."""
        by_event = event_cycles(self.core, matrix.events)
        weights = by_event[matrix.event] if matrix.events else np.zeros(0)
        recorded = np.zeros(matrix.event.size, dtype=bool)
        divider = self.core.divider
        divides = [matrix.events.index(CLASS_PREFIX + name) for name in DIVIDES if CLASS_PREFIX + name in matrix.events]
        if divider is None or not divides:
            return weights, recorded
        means = {
            use.address: float(divider_cycles(divider.model, use.keys, divider.parameters) @ use.counts) / float(use.counts.sum())
            for use in profile.dividers
            if use.counts.sum()
        }
        for index in np.flatnonzero(np.isin(matrix.event, divides)).tolist():
            mean = means.get(int(matrix.address[index]))
            if mean is not None:
                weights[index] = mean
                recorded[index] = True
        return weights, recorded

    def _crossings(self, matrix: ChargeMatrix, profile: BlockProfile) -> list[_Crossing]:
        pipeline = load_pipeline(self.core.pipeline)
        event = pipeline.crossing_event
        if event is None:
            return []
        costs: list[_Crossing] = []
        for use in profile.crossings:
            found = np.flatnonzero(matrix.address == use.address)
            if found.size and not (pipeline.crossing_loads_only and "store" in matrix.classes[matrix.class_id[found[0]]]):
                cycles = use.counts.astype(np.float64) * self.core.events[event].cycles
                place = found[0]
                costs.append(_Crossing(int(matrix.block[place]), use.address, int(matrix.class_id[place]), cycles, int(use.counts.sum())))
        return costs

    def _events(
        self, matrix: ChargeMatrix, occurrences: Floats, weights: Floats, measured_divides: npt.NDArray[np.bool_], crossings: int
    ) -> tuple[EventCost, ...]:
        rows: list[EventCost] = []
        divider = self.core.divider
        event = load_pipeline(self.core.pipeline).crossing_event
        if crossings and event is not None:
            cost = self.core.events[event]
            rows.append(EventCost(event, crossings, cost.cycles, crossings * cost.cycles, cost.basis, cost.source))
        for number, name in enumerate(matrix.events):
            if name.startswith(REGISTERS_PREFIX):
                continue
            cost = _cost(self.core, name)
            chosen = matrix.event == number
            if divider is not None and (chosen & measured_divides).any():
                divide = Cost(0.0, divider.basis, divider.source)
                rows.extend(_event(name, divide, chosen & measured_divides, occurrences, weights))
                chosen = chosen & ~measured_divides
            words = REGISTERS_PREFIX + name.removeprefix(CLASS_PREFIX)
            extra = 0.0
            if words in matrix.events:
                moved = matrix.event == matrix.events.index(words)
                extra = float(occurrences[moved] @ weights[moved])
            unknown = measured_divides.any() and name.removeprefix(CLASS_PREFIX) in DIVIDES
            suffix = OPERANDS_UNKNOWN if unknown else ""
            rows.extend(_event(name + suffix, cost, chosen, occurrences, weights, extra=extra))
        return tuple(sorted(rows, key=lambda row: (-row.cycles, row.name)))


def _classes_at(matrix: ChargeMatrix, addresses: Integers) -> list[str]:
    """Return the class of the instruction at, or before, each address."""
    if not matrix.address.size:
        return ["unknown"] * addresses.size
    order = np.argsort(matrix.address, kind="stable")
    places = np.maximum(np.searchsorted(matrix.address[order], addresses, side="right") - 1, 0)
    return [matrix.classes[number] for number in matrix.class_id[order][places].tolist()]


def event_cycles(core: CoreTable, events: Sequence[str]) -> Floats:
    """Return the cycles of one occurrence of each event of a `ChargeMatrix`, shape (events,); one cycle for a class without a price.

    Raises
    ------
    KeyError
        If the core knows no such event.
    """
    costs = [(_cost(core, event), event.startswith(REGISTERS_PREFIX)) for event in events]
    return np.array([cost.per_register if by_register else cost.cycles for cost, by_register in costs], dtype=np.float64)


def _cost(core: CoreTable, event: str) -> Cost:
    if event.startswith(CLASS_PREFIX):
        return core.classes.get(event[len(CLASS_PREFIX) :], _UNPRICED)
    if event.startswith(REGISTERS_PREFIX):
        return core.classes[event[len(REGISTERS_PREFIX) :]]
    return core.events[event]


def _event(name: str, cost: Cost, chosen: npt.NDArray[np.bool_], occurrences: Floats, weights: Floats, *, extra: float = 0.0) -> list[EventCost]:
    """Return the row of one event, or nothing if it did not happen."""
    count = float(occurrences[chosen].sum())
    cycles = float(occurrences[chosen] @ weights[chosen]) + extra
    if count == 0 and cycles == 0:
        return []
    return [EventCost(name, round(count), cycles / count if count else cost.cycles, cycles, cost.basis, cost.source)]


def _issue_of(event: str, events: tuple[str, ...]) -> int:
    return events.index(CLASS_PREFIX + event[len(REGISTERS_PREFIX) :] if event.startswith(REGISTERS_PREFIX) else event)


def charge_executions(profile: BlockProfile, matrix: ChargeMatrix) -> Floats:
    """Return executions of each block that meet a charge, for every `When`; shape (whens, rows, blocks)."""
    executions = profile.executions
    fallthroughs = np.where(matrix.always_jumps, 0, profile.fallthroughs)
    starts, ends = profile.addresses, profile.addresses + profile.sizes
    sequential = np.zeros_like(executions)
    if starts.size > 1:
        adjacent = np.flatnonzero(ends[:-1] == starts[1:])
        sequential[..., adjacent + 1] = np.minimum(fallthroughs[..., adjacent], executions[..., adjacent + 1])
    taken = executions - fallthroughs
    minority = np.minimum(taken, fallthroughs)
    if profile.buffer_outcomes is not None:
        hits, behind_jump, exits = (profile.buffer_outcomes[outcome] for outcome in (Outcome.HIT, Outcome.HIT_BEHIND_JUMP, Outcome.EXIT))
    else:
        # A loop that nothing disturbs is learnt at its first jump back, and mispredicted when it ends.
        exits = np.where(matrix.loop_target >= 0, minority, 0)
        hits = np.where(matrix.loop_target >= 0, taken - minority, 0)
        behind_jump = np.zeros_like(hits)
    redirected = executions - sequential - _arrivals(starts, matrix.loop_target, hits) + _arrivals(starts, ends, exits)
    whens = {
        When.ALWAYS: executions,
        When.TAKEN: taken,
        When.FALLTHROUGH: fallthroughs,
        When.ENTERED: executions - sequential,
        When.SEQUENTIAL: sequential,
        When.MINORITY: minority,
        When.PREDICTED: hits,
        When.PREDICTED_BEHIND_JUMP: behind_jump,
        When.UNPREDICTED: taken - hits,
        When.MISPREDICTED: exits,
        When.REDIRECTED: redirected,
        When.JUMPED: np.zeros_like(executions),  # by charge: as often as its source was left by a jump
    }
    return np.stack([whens[when] for when in When]).astype(np.float64)


def _arrivals(starts: Integers, destinations: Integers, counts: Integers) -> Integers:
    """Return how often each block was reached from any block, given where each leads and how often it went there."""
    arrivals = np.zeros_like(counts)
    if starts.size:
        places = np.minimum(np.searchsorted(starts, destinations), starts.size - 1)
        known = np.flatnonzero(starts[places] == destinations)
        for row, row_counts in zip(arrivals, counts, strict=True):
            np.add.at(row, places[known], row_counts[known])
    return arrivals


def _sums(index: Integers, values: Floats, names: tuple[str, ...]) -> dict[str, float]:
    sums = np.zeros(len(names))
    np.add.at(sums, index, values)
    return dict(sorted(((name, float(value)) for name, value in zip(names, sums, strict=True) if value), key=lambda item: (-item[1], item[0])))


def _class_instructions(matrix: ChargeMatrix, totals: Floats) -> dict[str, int]:
    issues = np.array([name.startswith(CLASS_PREFIX) for name in matrix.events], dtype=bool)
    chosen = issues[matrix.event] if matrix.events else np.zeros(0, dtype=bool)
    counts = _sums(matrix.class_id[chosen], totals[When.ALWAYS, matrix.block[chosen]], matrix.classes)
    return {name: round(count) for name, count in counts.items()}


def _check_priced(matrix: ChargeMatrix, profile: BlockProfile, core: CoreTable, *, allow_unpriced: bool) -> tuple[str, ...]:
    """Refuse, or warn of, executed instructions that have no price."""
    executions = profile.block_executions
    total = int(executions @ matrix.instructions)
    met: Mapping[int, tuple[int, str]] = {
        address: (int(executions[block]), f"{text} at {address:#x}{_function(profile.functions, address)}, class {name}")
        for block, address, name, text in matrix.unpriced
        if executions[block]
    }
    if not met:
        return ()
    ordered = sorted(met.items(), key=lambda item: (-item[1][0], item[0]))
    count = sum(times for times, _ in met.values())
    lines = tuple(f"{text}: {times:,} executions, {times / total:.2%} of all" for _, (times, text) in ordered)
    message = f"core {core.name} has no price for {counted(len(met), 'executed instruction')} ({count / total:.2%} of executions)"
    if allow_unpriced:
        return (f"{message}; one cycle assumed for each: {'; '.join(lines[:_SHOWN])}",)
    raise IncompleteError(
        message,
        hint="choose a core that has these instructions, or --allow-unpriced to assume one cycle for each",
        details=lines,
    )


def _function(functions: tuple[FunctionSpan, ...], address: int) -> str:
    owner = next((span for span in functions if span.address <= address < span.address + max(span.size, 1)), None)
    return f" in {owner.name}" if owner is not None else ""
