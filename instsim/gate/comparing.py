"""Two estimates to a comparison.

Both sides of a pair rest on the same tables and a deterministic run, so their errors are the same and cancel: a change of cycles is exact
under the model however wide the interval of either side. What does not cancel is what differs: cycles that rest on assumed weights, and
the slope from cycles to seconds and joules, by which the difference is multiplied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from instsim.gate.comparison import Change, Comparison, NamedChange, OperatorChange, QuantityChange, Side
from instsim.gate.matching import operator_place, pair_by_name, pair_operators
from instsim.profile.block_profile import SymbolSize
from instsim.session.estimate import Estimate, EstimatedClass, EstimatedEvent, EstimatedFunction, EstimatedOperator, Figure
from instsim.units import round_figure

__all__ = ["compare", "differing_conditions", "side_of"]

_ASSUMED = frozenset({"assumed"})
_Sized = TypeVar("_Sized", NamedChange, OperatorChange)
_CONDITIONS = (
    ("core", "core"),
    ("core_digest", "core table"),
    ("board", "board"),
    ("board_digest", "board file"),
    ("clock_hz", "clock in MHz"),
    ("supply_v", "supply in V"),
    ("memory", "memory model"),
    ("calibration", "calibration"),
    ("instsim_version", "version of instsim"),
    ("region", "region"),
)
_DIGEST_SHOWN = 12


def side_of(estimate: Estimate) -> Side:
    """Return what identifies an estimate."""
    rests_on = estimate.provenance
    return Side(
        firmware=estimate.firmware.name,
        sha256=estimate.firmware.sha256,
        board=estimate.board.name,
        core=rests_on.core,
        core_digest=rests_on.core_digest,
        board_digest=rests_on.board_digest,
        clock_hz=rests_on.clock_hz,
        supply_v=rests_on.supply_v,
        memory=rests_on.memory,
        calibration=rests_on.calibration,
        instsim_version=rests_on.instsim_version,
        region=estimate.run.region,
    )


def differing_conditions(before: Side, after: Side) -> tuple[str, ...]:
    """Return what two sides do not share beside the image, one phrase each; empty for a pair whose difference is exact."""
    found = []
    for field, title in _CONDITIONS:
        old, new = getattr(before, field), getattr(after, field)
        # Saved reports hold nine digits.
        if (round_figure(old) != round_figure(new)) if isinstance(old, float) else old != new:
            if field.endswith("digest"):
                old, new = str(old)[:_DIGEST_SHOWN], str(new)[:_DIGEST_SHOWN]
            elif field == "clock_hz":
                old, new = old / 1e6, new / 1e6
            found.append(f"{title}: {_said(old)} before, {_said(new)} after")
    return tuple(found)


def _said(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def compare(before: Estimate, after: Estimate) -> Comparison:
    """Compare two estimates.

    Parameters
    ----------
    before, after : Estimate
        Of two versions of a firmware on one board. Where tables, board or operating point differ, all differences are marked as not exact
        and what differs is named.
    """
    sides = side_of(before), side_of(after)
    not_shared = differing_conditions(*sides)
    exact = not not_shared
    return Comparison(
        *sides,
        is_exact=exact,
        not_shared=not_shared,
        quantities=_quantities(before, after, exact=exact),
        operators=_operators(before, after),
        functions=_functions(before.functions, after.functions),
        symbols=_symbols(before.firmware.symbols, after.firmware.symbols),
        classes=_classes(before.classes, after.classes),
        events=_events(before.events, after.events),
        notes=_notes(before, after),
    )


def _quantities(before: Estimate, after: Estimate, *, exact: bool) -> tuple[QuantityChange, ...]:
    cycles = _cycles(before, after, exact=exact)
    old, new = before.run, after.run
    sizes = (
        ("flash", before.firmware.flash_bytes, after.firmware.flash_bytes),
        ("RAM", before.firmware.static_ram_bytes, after.firmware.static_ram_bytes),
        ("stack", old.stack_high_water_bytes, new.stack_high_water_bytes),
        ("arena", old.arena_used_bytes, new.arena_used_bytes),
    )
    return (
        cycles,
        QuantityChange("instructions", "", Change.between(before.instructions, after.instructions), is_exact=True),
        _figure("latency", before.latency, after.latency, cycles, exact=exact),
        _figure("energy", before.energy, after.energy, cycles, exact=exact),
        *(QuantityChange(name, "B", Change.between(first, second), is_exact=True) for name, first, second in sizes),
    )


def _assumed_cycles(estimate: Estimate) -> dict[str, float]:
    return {event.name: event.cycles for event in estimate.events if event.basis in _ASSUMED}


def _cycles(before: Estimate, after: Estimate, *, exact: bool) -> QuantityChange:
    change = Change.between(before.cycles, after.cycles)
    old, new = _assumed_cycles(before), _assumed_cycles(after)
    doubt = sum(abs(new.get(name, 0.0) - old.get(name, 0.0)) for name in sorted(old.keys() | new.keys()))
    if not exact or change.difference is None or not doubt:
        return QuantityChange("cycles", "", change, exact)
    source = f"{doubt:,.0f} cycles of the difference rest on assumed costs, taken as anything from nothing to double"
    return QuantityChange("cycles", "", change, exact, change.difference - doubt, change.difference + doubt, 1.0, source)


def _figure(name: str, before: Figure, after: Figure, cycles: QuantityChange, *, exact: bool) -> QuantityChange:
    """Return the change of a figure that is a slope times cycles, with the interval of its difference."""
    change = Change.between(before.value, after.value)
    plain = QuantityChange(name, before.unit, change, exact)
    if change.difference is None or before.low is None or before.high is None or after.low is None or after.high is None:
        return plain
    if not exact:
        # Nothing cancels between two different tables: the ends of both intervals count.
        low, high = after.low - before.high, after.high - before.low
        return QuantityChange(name, before.unit, change, exact, low, high, before.level, "the intervals of both sides, which share nothing")
    if not before.value or not after.value:
        return plain
    least = min(before.low / before.value, after.low / after.value)
    most = max(before.high / before.value, after.high / after.value)
    difference = cycles.change.difference or 0.0
    slope = change.difference / difference if difference else after.value / (cycles.change.after or 1.0)
    ends = [slope * scale * end for scale in (least, most) for end in (cycles.low, cycles.high, difference) if end is not None]
    source = f"one slope for both sides, whose interval is {least - 1:+.0%} to {most - 1:+.0%}"
    return QuantityChange(name, before.unit, change, exact, min(ends), max(ends), before.level, source)


def _status(before: object | None, after: object | None, *, same: bool, moved: bool = False) -> str:
    if before is None:
        return "new"
    if after is None:
        return "gone"
    return "moved" if moved else "same" if same else "changed"


def _equal(before: float, after: float) -> bool:
    return round_figure(before) == round_figure(after)


def _by_change(rows: Iterable[_Sized], size: dict[int, float]) -> tuple[_Sized, ...]:
    return tuple(row for _, _, row in sorted(((-size[number], number, row) for number, row in enumerate(rows)), key=lambda item: item[:2]))


def _operators(before: Estimate, after: Estimate) -> tuple[OperatorChange, ...]:
    rows = []
    for old, new in pair_operators(before.operators, after.operators):
        shown: EstimatedOperator | None = new or old
        assert shown is not None
        same = old is not None and new is not None and _equal(old.cycles, new.cycles) and (old.inputs, old.outputs) == (new.inputs, new.outputs)
        moved = old is not None and new is not None and operator_place(old) != operator_place(new)
        rows.append(
            OperatorChange(
                name=shown.name,
                status=_status(old, new, same=same, moved=moved),
                place_before=operator_place(old) if old else "",
                place_after=operator_place(new) if new else "",
                inputs=shown.inputs,
                outputs=shown.outputs,
                cycles=Change.of_rows(old.cycles if old else None, new.cycles if new else None),
                instructions=Change.of_rows(old.instructions if old else None, new.instructions if new else None),
                energy_j=Change.of_rows(old.energy_j if old else None, new.energy_j if new else None),
            )
        )
    return _by_change(rows, {number: abs(row.cycles.difference or 0.0) for number, row in enumerate(rows)})


def _functions(before: Sequence[EstimatedFunction], after: Sequence[EstimatedFunction]) -> tuple[NamedChange, ...]:
    rows = []
    for old, new in pair_by_name(before, after, lambda function: function.name):
        same = old is not None and new is not None and _equal(old.cycles, new.cycles) and old.instructions == new.instructions
        moved = same and old is not None and new is not None and old.address != new.address
        rows.append(_named(old, new, _status(old, new, same=same, moved=moved), ""))
    return _ordered(rows)


def _classes(before: Sequence[EstimatedClass], after: Sequence[EstimatedClass]) -> tuple[NamedChange, ...]:
    rows = []
    for old, new in pair_by_name(before, after, lambda row: row.name):
        same = old is not None and new is not None and _equal(old.cycles, new.cycles) and old.instructions == new.instructions
        rows.append(_named(old, new, _status(old, new, same=same), ""))
    return _ordered(rows)


def _named(old: EstimatedFunction | EstimatedClass | None, new: EstimatedFunction | EstimatedClass | None, status: str, kind: str) -> NamedChange:
    shown = new or old
    assert shown is not None
    cycles = Change.of_rows(old.cycles if old else None, new.cycles if new else None)
    return NamedChange(shown.name, status, kind, cycles, Change.of_rows(old.instructions if old else None, new.instructions if new else None))


def _events(before: Sequence[EstimatedEvent], after: Sequence[EstimatedEvent]) -> tuple[NamedChange, ...]:
    rows = []
    for old, new in pair_by_name(before, after, lambda event: event.name):
        shown = new or old
        assert shown is not None
        same = old is not None and new is not None and _equal(old.cycles, new.cycles) and old.count == new.count
        cycles, count = (
            Change.of_rows(old.cycles if old else None, new.cycles if new else None),
            Change.of_rows(old.count if old else None, new.count if new else None),
        )
        rows.append(NamedChange(shown.name, _status(old, new, same=same), shown.basis, cycles, count))
    return _ordered(rows)


def _symbols(before: Sequence[SymbolSize], after: Sequence[SymbolSize]) -> tuple[NamedChange, ...]:
    rows = []
    for old, new in pair_by_name(before, after, lambda symbol: (symbol.name, symbol.kind)):
        shown = new or old
        assert shown is not None
        same = old is not None and new is not None and old.size_bytes == new.size_bytes
        change = Change.of_rows(old.size_bytes if old else None, new.size_bytes if new else None)
        rows.append(NamedChange(shown.name, _status(old, new, same=same), shown.kind, change))
    return _ordered(rows)


def _ordered(rows: list[NamedChange]) -> tuple[NamedChange, ...]:
    return _by_change(rows, {number: abs(row.change.difference or 0.0) for number, row in enumerate(rows)})


def _notes(before: Estimate, after: Estimate) -> tuple[str, ...]:
    notes = []
    omitted = [estimate.firmware for estimate in (before, after) if estimate.firmware.symbols_omitted]
    if omitted:
        least = max(firmware.symbols[-1].size_bytes for firmware in omitted)
        notes.append(f"only the largest symbols are known: what is new or gone among them may have been there, of {least} bytes or less")
    if before.firmware.sha256 == after.firmware.sha256:
        notes.append("both sides are the same image")
    for title, one, other in (("before", before, after), ("after", after, before)):
        notes += [f"{title} only: {warning}" for warning in one.warnings if warning not in other.warnings]
    notes += [warning for warning in after.warnings if warning in before.warnings]
    return tuple(notes)
