"""From a profile to an annotated function: what each of its instructions cost, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from instsim.cost import ChargedInstructions, CostModel, CycleEstimate
from instsim.cost.cycle_estimate import OPERANDS_UNKNOWN
from instsim.cost.stall_cost import CROSSING, STALL_PREFIX
from instsim.dynamics.memory_system import Access
from instsim.errors import UsageError
from instsim.image import FirmwareImage, demangle, load_image, resolve_function
from instsim.image.source_lines import SourceLines, read_source_lines
from instsim.isa import Flow, Instruction
from instsim.profile import BlockProfile, is_profile, load_profile
from instsim.profile.disassembly import disassemble
from instsim.session.annotation import AnnotatedBlock, AnnotatedEvent, AnnotatedInstruction, Annotation
from instsim.session.choose import Target, choose_target
from instsim.session.estimate import EstimatedEvent
from instsim.session.estimating import price_warnings
from instsim.session.facade import profile_for, saved_target, with_settings
from instsim.session.functions_that_ran import FunctionBlocks, find_by_address, find_by_name, functions_that_ran, without_clone
from instsim.session.memories import memory_use_of
from instsim.session.operator_choice import restrict_to_operator
from instsim.session.request import Request
from instsim.session.settings import find_settings
from instsim.session.source_text import with_text

__all__ = ["annotate", "annotate_function"]

_ISSUE = "class:"
_READ_STALL = f"{STALL_PREFIX}{Access.READ.name.lower()}"
_EXCEPTIONS = "exceptions"
_ROUNDING = 1e-9


def annotate(
    firmware: str | Path | FirmwareImage | BlockProfile,
    request: Request | None = None,
    *,
    function: str | None = None,
    operator: str | None = None,
) -> Annotation:
    """Annotate one function of a firmware.

    Parameters
    ----------
    firmware : str, Path, FirmwareImage or BlockProfile
        An image, or a saved profile, of which no source lines are known.
    request : Request, optional
        Board, core, clock, region; everything has a default.
    function : str, optional
        A name as `instsim.image.resolve_function` takes it; by default the function that cost most.
    operator : str, optional
        Count only what ran in this operator, as `instsim.session.operator_choice` names it.

    Raises
    ------
    InstsimError
        See `instsim.errors`; among others if the function did not run.
    """
    request = request or Request()
    settings = find_settings(request.settings_folder)
    if isinstance(firmware, (str, Path)) and is_profile(Path(firmware)):
        firmware = load_profile(Path(firmware))
    image = path = symbol = None
    if isinstance(firmware, BlockProfile):
        ran, target = firmware, saved_target(firmware, request, settings)
    else:
        path = None if isinstance(firmware, FirmwareImage) else Path(firmware)
        image = firmware if isinstance(firmware, FirmwareImage) else load_image(firmware, base=request.base)
        # A name that does not exist is said before anything is run.
        symbol = resolve_function(image, function) if function is not None else None
        target = choose_target(image, request, settings)
        ran = profile_for(image, target, with_settings(request, settings))
    chosen_operator = ""
    if operator is not None:
        ran, chosen_operator = restrict_to_operator(ran, operator)
    functions = functions_that_ran(ran)
    if not functions:
        raise UsageError(f"nothing ran in {chosen_operator or ran.run.region}", hint="choose another operator or region")
    model = CostModel(target.core)
    memory = memory_use_of(ran, target)
    priced = model.price(ran, allow_unpriced=request.allow_unpriced, memory=memory)
    by_cost = tuple(sorted(functions, key=lambda found: (-float(priced.cycles[:, found.blocks].sum()), found.span.address)))
    if function is None:
        chosen = by_cost[0]
    elif symbol is not None:
        chosen = find_by_address(ran, by_cost, symbol.address, demangle(symbol.name))
    else:
        chosen = find_by_name(ran, by_cost, function)
    lines = SourceLines(problem="a saved profile has no source lines") if image is None else SourceLines()
    if image is not None and path is not None:
        last = int(chosen.blocks[-1])
        stop = max(chosen.span.address + chosen.span.size, int(ran.addresses[last] + ran.sizes[last]))
        lines = with_text(read_source_lines(path, image.sha256, chosen.span.address, stop))
    result = annotate_function(ran, model, chosen, target, lines=lines, priced=priced)
    notes = [f"the function that cost most of {len(functions)} that ran"] if function is None and len(functions) > 1 else []
    if chosen.span not in ran.functions:
        notes.append("the image has no symbol here: a function is taken to begin where a call or an operator leads, so others may be part of it")
    copies = [f for f in by_cost if f is not chosen and without_clone(f.span.name) == without_clone(chosen.span.name)]
    if copies:
        shown = ", ".join(f"{f.span.name} at {f.span.address:#010x}" for f in copies)
        notes.append(f"other copies of this function that ran: {shown}")
    crossing = next((event for event in priced.events if event.name == f"{STALL_PREFIX}{CROSSING}"), None)
    if crossing is not None and any(event.name == _READ_STALL for event in result.events):
        notes.append(
            f"{_READ_STALL} is counted by misses and holds what loads wait behind a load from another memory, too ({crossing.name}, {crossing.basis})"
        )
    if lines.problem:
        notes.append(f"no source lines: {lines.problem}" if not lines.stretches else lines.problem)
    return replace(result, operator=chosen_operator, notes=tuple(notes), warnings=price_warnings(ran, priced, target, memory))


def annotate_function(
    profile: BlockProfile,
    model: CostModel,
    function: FunctionBlocks,
    target: Target,
    *,
    lines: SourceLines | None = None,
    priced: CycleEstimate | None = None,
) -> Annotation:
    """Annotate the instructions of a function with what a cost model charged them.

    Parameters
    ----------
    profile : BlockProfile
        What ran.
    model : CostModel
        Prices it.
    function : FunctionBlocks
        One of the functions that ran.
    target : Target
        Board, core and clock, for the heading.
    lines : SourceLines, optional
        Where the code comes from.
    priced : CycleEstimate, optional
        The profile's price under the model, if it is known already. Instructions without a price are charged one cycle here, whatever
        they were charged there.

    Returns
    -------
    Annotation
        Cycles of its instructions sum to those of the function in an estimate of the same profile.
    """
    memory = memory_use_of(profile, target)
    priced = priced or model.price(profile, allow_unpriced=True, memory=memory)
    lines = lines or SourceLines()
    charges = model.charges_of(profile, function.blocks, allow_unpriced=True, memory=memory)
    by_address = _by_address(charges)
    executions, fallthroughs = profile.executions.sum(axis=0), profile.fallthroughs.sum(axis=0)
    cycles = priced.cycles.sum(axis=0)
    total = float(cycles[function.blocks].sum())
    blocks = []
    for number, instructions in disassemble(profile, frozenset(function.blocks.tolist())):
        runs, onward = int(executions[number]), int(fallthroughs[number])
        rows = tuple(
            replace(
                _row(instruction, runs, by_address.get(instruction.address, ()), total, onward if place == len(instructions) - 1 else None),
                source=lines.at(instruction.address),
            )
            for place, instruction in enumerate(instructions)
        )
        block_cycles = float(cycles[number])
        rows = _with_exceptions(rows, block_cycles, total)
        address, size = int(profile.addresses[number]), int(profile.sizes[number])
        blocks.append(AnnotatedBlock(address, size, runs, block_cycles, _share(block_cycles, total), rows))
    return Annotation(
        firmware=profile.firmware.name,
        board=target.choice,
        core=target.core.name,
        core_title=target.core.title,
        clock_hz=target.clock_hz,
        region=profile.run.region,
        operator="",
        function=function.span.name,
        address=function.span.address,
        size=function.span.size,
        cycles=total,
        instructions=int(priced.instructions[:, function.blocks].sum()),
        region_cycles=priced.total_cycles,
        blocks=tuple(blocks),
        events=_events(blocks, priced, total),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _by_address(charges: ChargedInstructions) -> dict[int, tuple[AnnotatedEvent, ...]]:
    """Return the events of each instruction, issue first, then by cycles; those that were never met are left out."""
    sums: dict[int, dict[str, tuple[float, float]]] = {}
    columns = (charges.address.tolist(), charges.event.tolist(), charges.occurrences.tolist(), charges.cycles.tolist())
    for address, event, occurrences, cycles in zip(*columns, strict=True):
        name = charges.events[event]
        count, sum_cycles = sums.setdefault(address, {}).get(name, (0.0, 0.0))
        sums[address][name] = count + occurrences, sum_cycles + cycles
    return {
        address: tuple(
            AnnotatedEvent(name, count, cycles)
            for name, (count, cycles) in sorted(events.items(), key=lambda item: (not item[0].startswith(_ISSUE), -abs(item[1][1]), item[0]))
            if count or cycles
        )
        for address, events in sums.items()
    }


def _row(instruction: Instruction, runs: int, events: tuple[AnnotatedEvent, ...], total: float, onward: int | None) -> AnnotatedInstruction:
    cycles = math.fsum(event.cycles for event in events)
    decides = onward is not None and (instruction.flow is Flow.CONDITIONAL or (instruction.predicated and instruction.flow is not Flow.NONE))
    return AnnotatedInstruction(
        address=instruction.address,
        size=instruction.size,
        mnemonic=instruction.mnemonic,
        operands=instruction.operands,
        instruction_class=instruction.instruction_class,
        executions=runs,
        cycles=cycles,
        share=_share(cycles, total),
        events=events,
        taken=runs - onward if decides and onward is not None else None,
        fallen_through=onward if decides else None,
        target=instruction.target,
    )


def _with_exceptions(rows: tuple[AnnotatedInstruction, ...], block_cycles: float, total: float) -> tuple[AnnotatedInstruction, ...]:
    """Give the first instruction what was charged to the block and to none of its instructions: the changes to a handler and back."""
    rest = block_cycles - math.fsum(row.cycles for row in rows)
    if abs(rest) < _ROUNDING * max(1.0, block_cycles):
        return rows
    first = rows[0]
    cycles = first.cycles + rest
    charged = replace(first, cycles=cycles, share=_share(cycles, total), events=(*first.events, AnnotatedEvent(_EXCEPTIONS, 0.0, rest)))
    return (charged, *rows[1:])


def _events(blocks: Sequence[AnnotatedBlock], priced: CycleEstimate, total: float) -> tuple[EstimatedEvent, ...]:
    counts: dict[str, list[float]] = {}
    cycles: dict[str, list[float]] = {}
    for event in (event for block in blocks for row in block.instructions for event in row.events):
        counts.setdefault(event.name, []).append(event.count)
        cycles.setdefault(event.name, []).append(event.cycles)
    costs = {event.name: event for event in priced.events}
    exceptions = next((event for event in priced.events if event.name.startswith("exception-")), None)
    rows = []
    for name, parts in cycles.items():
        # A divide whose operands are known and one whose are not stand apart in the estimate; either tells the basis.
        cost = costs.get(name) or costs.get(name + OPERANDS_UNKNOWN) or (exceptions if name == _EXCEPTIONS else None)
        if cost is None and name.startswith(STALL_PREFIX):
            cost = next((event for event in priced.events if event.name.startswith(name)), None)
        count, spent = math.fsum(counts[name]), math.fsum(parts)
        basis, source = (cost.basis, cost.source) if cost is not None else ("", "")
        rows.append(EstimatedEvent(name, round(count), spent / count if count else 0.0, spent, _share(spent, total), basis, source))
    return tuple(sorted(rows, key=lambda row: (-row.cycles, row.name)))
