"""Limits held against estimates and a baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from instsim.errors import BudgetFileError
from instsim.gate.baseline import Baseline, baseline_text, entry_of, read_baseline
from instsim.gate.budget_schema import parse_limit
from instsim.gate.budgets import Budget
from instsim.gate.judging import judge, unmatched_budgets
from instsim.gate.verdict import CheckReport, Verdict
from instsim.session.estimate import Estimate
from tests.report import example_estimate as example

NOW = example.keyword_estimate()
BOARD = NOW.board.name
POOL = next(row for row in NOW.operators if row.name not in {"CONV_2D", "DEPTHWISE_CONV_2D"})


def budget(metric: str, *limits: str | float, operator: int | str | None = None, upper: bool = False, image: str = "*", board: str = "*") -> Budget:
    return Budget(image, board, operator, metric, tuple(map(parse_limit, limits)), upper, "b.toml", 3)


def verdict(given: Budget, baseline: Baseline | None = None, estimate: Estimate = NOW) -> Verdict:
    (found,) = judge("kws", "kws.elf", estimate, [given], baseline).verdicts
    return found


def slower(factor: float) -> Estimate:
    return replace(NOW, cycles=NOW.cycles * factor, operators=tuple(replace(row, cycles=row.cycles * factor) for row in NOW.operators))


BASELINE = Baseline((entry_of("kws", NOW),))


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("cycles", NOW.cycles),
        ("instructions", NOW.instructions),
        ("latency_ms", NOW.latency.value * 1e3),
        ("energy_uj", NOW.energy.value * 1e6),
        ("flash_bytes", 131_532),
        ("ram_bytes", 28_720),
        ("stack_bytes", 1_284),
        ("arena_bytes", 21_636),
    ],
)
def test_every_metric_at_its_limit_and_just_over_it(metric: str, value: float) -> None:
    assert verdict(budget(metric, value * 1.0001)).status == "held"
    over = verdict(budget(metric, value * 0.9999))
    assert (over.status, over.value) == ("broken", pytest.approx(value))
    assert verdict(budget("flash_bytes", 131_532)).status == "held"


def test_a_relative_limit_sees_one_per_mille() -> None:
    after = slower(1.001)
    assert verdict(budget("cycles", "+0.1 %"), BASELINE, slower(1.0009)).status == "held"
    assert verdict(budget("cycles", "+0.05 %"), BASELINE, after).status == "broken"
    assert verdict(budget("cycles", "+0 %"), BASELINE).status == "held"
    assert verdict(budget("cycles", "-1 %"), BASELINE).status == "broken"
    assert verdict(budget("flash_bytes", "+0"), BASELINE).status == "held"
    found = verdict(budget("cycles", "+0.05 %"), BASELINE, after)
    assert "was" in found.message
    assert "+0.1 %" in found.message


def test_operators_by_index_kind_and_place() -> None:
    kinds = [row for row in NOW.operators if row.name == "CONV_2D"]
    assert verdict(budget("cycles", 1e12, operator="CONV_2D")).value == pytest.approx(sum(row.cycles for row in kinds))
    assert verdict(budget("cycles", 1e12, operator=POOL.index)).value == pytest.approx(POOL.cycles)
    assert verdict(budget("latency_ms", 1e12, operator=f"0.0.{POOL.index}")).value == pytest.approx(POOL.latency_s * 1e3)


def test_unknown_operators_are_named_with_what_is_near() -> None:
    found = verdict(budget("cycles", 5, operator="CONV_3D"))
    assert found.status == "wrong"
    assert "did you mean 'CONV_2D'?" in found.message
    assert "counted from 0" in verdict(budget("cycles", 5, operator=99)).message
    bare = example.bare_estimate()
    assert "no operator was found" in verdict(budget("cycles", 5, operator=0), None, bare).message
    assert verdict(budget("stack_bytes", 5), None, bare).status == "wrong"


def test_another_operator_at_the_same_place_is_not_compared() -> None:
    other = replace(NOW, operators=tuple(replace(row, name="ABS") if row.index == POOL.index else row for row in NOW.operators))
    found = verdict(budget("cycles", "+2 %", operator=POOL.index), BASELINE, other)
    assert found.status == "undecided"
    assert "now it is ABS" in found.message


def test_the_upper_end_of_the_interval() -> None:
    high = (NOW.energy.high or 0) * 1e6
    limit = NOW.energy.value * 1e6 * 1.01
    assert verdict(budget("energy_uj", limit)).status == "held"
    found = verdict(budget("energy_uj", limit, upper=True))
    assert (found.status, found.value, found.is_upper) == ("broken", pytest.approx(high), True)
    unknown = replace(NOW, latency=replace(NOW.latency, high=None))
    assert verdict(budget("latency_ms", 1e9, upper=True), None, unknown).status == "undecided"
    whole = verdict(budget("energy_uj", 1e12, upper=True)).value or 0
    parts = sum(verdict(budget("energy_uj", 1e12, upper=True, operator=kind)).value or 0 for kind in sorted({row.name for row in NOW.operators[:-1]}))
    assert parts == pytest.approx(whole, rel=0.01)


def test_a_baseline_that_is_missing_or_stale_decides_nothing() -> None:
    relative = budget("cycles", "+2 %")
    assert "there is no baseline" in verdict(relative).message
    assert "has no kws" in verdict(relative, Baseline(())).message
    for change in ({"core_digest": "00" * 32}, {"board_digest": "00" * 32}, {"instsim_version": "0.0.9"}, {"clock_hz": 1e6}):
        old = replace(NOW, provenance=replace(NOW.provenance, **change))
        cell = judge("kws", "kws.elf", NOW, [relative, budget("cycles", 1e12)], Baseline((entry_of("kws", old),)))
        assert cell.baseline_status == "stale"
        assert cell.stale
        assert [found.status for found in cell.verdicts] == ["undecided", "held"]
        assert all(row.baseline is None for row in cell.metrics)


def test_exit_codes_in_their_order() -> None:
    def code(*budgets: Budget, problems: tuple[str, ...] = ()) -> int:
        return CheckReport("b.toml", "", "0", (judge("kws", "kws.elf", NOW, budgets, None),), problems).exit_code

    held, broken, undecided, wrong = budget("cycles", 1e12), budget("cycles", 1), budget("cycles", "+1 %"), budget("cycles", 1, operator="X")
    assert code(held) == 0
    assert code(held, undecided) == 3
    assert code(held, undecided, wrong) == 1
    assert code(held, problems=("x",)) == 1
    assert code(held, undecided, wrong, broken) == 4


def test_budgets_that_fit_nothing() -> None:
    cells = [judge("kws", "kws.elf", NOW, [], None)]
    assert unmatched_budgets([budget("cycles", 1), budget("cycles", 1, image="k*", board=BOARD)], cells) == ()
    (line,) = unmatched_budgets([budget("cycles", 1, image="kwz")], cells)
    assert line == "b.toml:3: no image is named 'kwz'; did you mean 'kws'?"
    (line,) = unmatched_budgets([budget("cycles", 1, board="nucleo-l4r5zy")], cells)
    assert f"did you mean '{BOARD}'?" in line


def test_a_baseline_survives_its_file_byte_for_byte(tmp_path: Path) -> None:
    odd = replace(NOW, firmware=replace(NOW.firmware, name='we"ird\\\x7f\x1b\n\U0001f600.elf'))
    made = Baseline((entry_of("b", NOW), entry_of("a", odd)))
    text = baseline_text(made)
    path = tmp_path / "base.toml"
    path.write_text(text, encoding="utf-8")
    back = read_baseline(path)
    assert [entry.image for entry in back.entries] == ["a", "b"]
    assert back.find("a", BOARD) == entry_of("a", odd)
    assert baseline_text(back) == text
    assert back.find("a", BOARD).staleness(odd) == ()  # type: ignore[union-attr]


def test_updating_keeps_the_other_entries() -> None:
    old = Baseline((entry_of("kws", NOW), entry_of("other", NOW)))
    new = old.replaced([entry_of("kws", slower(2))])
    assert [(entry.image, entry.figures["cycles"] / NOW.cycles) for entry in new.entries] == [("kws", pytest.approx(2)), ("other", pytest.approx(1))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "not a baseline"),
        ("x = 1", "not a baseline"),
        ("format = 99", "format 99"),
        ("format = 1\nentry = 3", "not a table"),
        ('format = 1\n[[entry]]\nimage = "a"', "board: missing"),
        ("format = 1\n[[entry]]\ncycles = 'x'\noperators = [3]", "cycles: not a number"),
    ],
)
def test_files_that_are_no_baselines(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "base.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BudgetFileError, match=said):
        read_baseline(path)
