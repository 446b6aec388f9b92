"""Two estimates compared: what belongs together, what is exact, what the interval of a difference holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from instsim.gate.comparing import compare
from instsim.profile.block_profile import SymbolSize
from instsim.session.estimate import Estimate, EstimatedEvent, EstimatedFunction
from tests.report import example_estimate as example

BASE = example.keyword_estimate()


def with_cycles(estimate: Estimate, index: int, more: float) -> Estimate:
    """Let one operator, and the first function and event, cost more."""
    operators = list(estimate.operators)
    operators[index] = replace(operators[index], cycles=operators[index].cycles + more)
    factor = (estimate.cycles + more) / estimate.cycles
    scaled = {
        name: replace(figure, value=figure.value * factor, low=(figure.low or 0) * factor, high=(figure.high or 0) * factor)
        for name, figure in (("latency", estimate.latency), ("energy", estimate.energy))
    }
    first, *others = estimate.functions
    return replace(
        estimate,
        operators=tuple(operators),
        functions=(replace(first, cycles=first.cycles + more), *others),
        cycles=estimate.cycles + more,
        firmware=replace(estimate.firmware, sha256="11" * 32),
        **scaled,
    )


def test_an_estimate_compared_with_itself_has_no_difference() -> None:
    result = compare(BASE, BASE)
    assert result.is_exact
    assert all(quantity.change.difference in {0, None} for quantity in result.quantities)
    for rows in (result.operators, result.functions, result.classes, result.events, result.symbols):
        assert all(row.status == "same" for row in rows)
    assert "both sides are the same image" in result.notes


def test_one_operator_one_per_cent_slower_is_told_exactly_however_wide_the_intervals() -> None:
    more = 0.01 * BASE.operators[3].cycles
    result = compare(BASE, with_cycles(BASE, 3, more))
    cycles, latency, energy = (result.quantity(name) for name in ("cycles", "latency", "energy"))
    assert cycles.change.difference == pytest.approx(more)
    assert (cycles.low, cycles.high) == (None, None)
    assert cycles.is_exact
    # The slope's interval, and nothing of the wide interval of either side.
    for quantity, figure in ((latency, BASE.latency), (energy, BASE.energy)):
        assert figure.low is not None
        assert figure.high is not None
        assert quantity.change.difference is not None
        assert quantity.low == pytest.approx(quantity.change.difference * figure.low / figure.value)
        assert quantity.high == pytest.approx(quantity.change.difference * figure.high / figure.value)
        assert quantity.low > 0
    changed = [row for row in result.operators if row.status != "same"]
    assert [(row.place_after, row.cycles.relative) for row in changed] == [(f"0.0.{BASE.operators[3].index}", pytest.approx(0.01))]


def test_a_faster_version_has_its_interval_the_right_way_round() -> None:
    result = compare(with_cycles(BASE, 0, 1e5), BASE).quantity("energy")
    assert result.low is not None
    assert result.high is not None
    assert result.low < (result.change.difference or 0) < result.high < 0


def test_cycles_that_rest_on_assumed_costs_widen_the_difference() -> None:
    events = (EstimatedEvent("guess", 100, 5.0, 500.0, 0.0, "assumed", ""), EstimatedEvent("known", 100, 5.0, 500.0, 0.0, "documented", ""))
    before = replace(BASE, events=events)
    after = replace(with_cycles(BASE, 0, 700.0), events=(replace(events[0], cycles=700.0), replace(events[1], cycles=1000.0)))
    cycles = compare(before, after).quantity("cycles")
    assert (cycles.change.difference, cycles.low, cycles.high) == pytest.approx((700.0, 500.0, 900.0))
    assert "200 cycles of the difference rest on assumed costs" in cycles.source


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("core_digest", "77" * 32, "core table: ab12ab12ab12 before, 777777777777 after"),
        ("board_digest", "77" * 32, "board file"),
        ("clock_hz", 1e6, "clock in MHz: 120 before, 1 after"),
        ("calibration", "mine 123", "calibration: none before, mine 123 after"),
        ("instsim_version", "9.9", "version of instsim"),
        ("memory", "ideal", "memory model"),
    ],
)
def test_what_the_sides_do_not_share_is_named_and_nothing_is_called_exact(field: str, value: object, said: str) -> None:
    after = replace(BASE, provenance=replace(BASE.provenance, **{field: value}))
    result = compare(BASE, after)
    assert not result.is_exact
    assert any(line.startswith(said) for line in result.not_shared)
    cycles, energy = result.quantity("cycles"), result.quantity("energy")
    assert not cycles.is_exact
    # Nothing cancels: both whole intervals count.
    assert energy.low == pytest.approx((BASE.energy.low or 0) - (BASE.energy.high or 0))
    assert result.quantity("flash").is_exact


def test_a_layer_put_in_front_moves_the_others_and_is_the_only_new_one() -> None:
    first, *rest = BASE.operators
    new = replace(first, name="PAD", index=0, cycles=10.0)
    shifted = (new, *(replace(row, index=row.index + 1) if row.index >= 0 else row for row in (first, *rest)))
    result = compare(BASE, replace(BASE, operators=shifted))
    by_status: dict[str, list[str]] = {}
    for row in result.operators:
        by_status.setdefault(row.status, []).append(row.name)
    assert by_status["new"] == ["PAD"]
    assert "gone" not in by_status
    assert by_status.get("same", []) == ["(dispatch)"] or "(dispatch)" in by_status["same"]
    assert sum(row.cycles.difference or 0 for row in result.operators) == pytest.approx(10.0)


def test_a_layer_whose_shape_changed_is_the_same_layer() -> None:
    shape = replace(BASE.operators[0].outputs[0], shape=(1, 2, 3))
    after = replace(BASE, operators=(replace(BASE.operators[0], outputs=(shape,)), *BASE.operators[1:]))
    assert [row.status for row in compare(BASE, after).operators if row.place_after == "0.0.0"] == ["changed"]


def test_functions_new_gone_and_moved() -> None:
    keep, change, drop = BASE.functions[:3]
    new = EstimatedFunction("brand_new", 0x100, 5.0, 5, 0.0)
    result = compare(
        replace(BASE, functions=(keep, change, drop)),
        replace(BASE, functions=(replace(keep, address=keep.address + 64), replace(change, cycles=change.cycles * 2), new)),
    )
    assert {row.name: row.status for row in result.functions} == {
        keep.name: "moved",
        change.name: "changed",
        drop.name: "gone",
        "brand_new": "new",
    }
    assert [abs(row.change.difference or 0) for row in result.functions] == sorted(
        (abs(r.change.difference or 0) for r in result.functions), reverse=True
    )


def test_functions_that_share_a_name_are_paired_in_their_order() -> None:
    twins = (EstimatedFunction("helper", 0x100, 10.0, 5, 0.0), EstimatedFunction("helper", 0x200, 20.0, 5, 0.0))
    result = compare(replace(BASE, functions=twins), replace(BASE, functions=(twins[0], replace(twins[1], cycles=25.0))))
    assert sorted((row.status, row.change.difference) for row in result.functions) == [("changed", 5.0), ("same", 0.0)]


def test_symbols_by_bytes() -> None:
    def sized(*symbols: SymbolSize) -> Estimate:
        return replace(BASE, firmware=replace(BASE.firmware, symbols=symbols, symbols_omitted=1))

    weights = SymbolSize("weights", "object", 1000)
    result = compare(sized(weights, SymbolSize("f", "function", 10)), sized(replace(weights, size_bytes=1500), SymbolSize("g", "function", 10)))
    assert [(row.name, row.status, row.change.difference) for row in result.symbols] == [
        ("weights", "changed", 500),
        ("g", "new", 10),
        ("f", "gone", -10),
    ]
    assert any("10 bytes or less" in note for note in result.notes)


def test_a_stack_that_was_not_found_has_no_difference() -> None:
    after = replace(BASE, run=replace(BASE.run, stack_high_water_bytes=None))
    change = compare(BASE, after).quantity("stack").change
    assert (change.after, change.difference, change.relative) == (None, None, None)
