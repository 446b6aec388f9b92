"""Weights refitted to measured cycles."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import instsim
from instsim.calibrate.planning import MixedImage, expected_spread, plan_runs
from instsim.calibrate.table_weights import CountedRun, refit_weights
from instsim.cli import main
from instsim.cost import load_core
from instsim.cost.table_files import check_table
from instsim.errors import InputError, UsageError
from instsim.resources import firmware_elf
from instsim.session.request import Request
from instsim.session.table_refit import refit_table

IMAGES = ("divide-cortex-m4", "floating-single-cortex-m4", "counters-cortex-m4", "predicated-cortex-m4", "calls-cortex-m4")


def runs(weights: dict[str, float], table: dict[str, float], counts: list[dict[str, float]]) -> list[CountedRun]:
    return [
        CountedRun(f"run {i}", 100.0 + sum(weights[k] * n for k, n in c.items()), 100.0 + sum(table[k] * n for k, n in c.items()), c)
        for i, c in enumerate(counts)
    ]


def test_weights_that_the_runs_tell_are_found_and_others_stay() -> None:
    table = {"load": 2.0, "flash": 1.0, "rare": 5.0}
    true = {"load": 2.0, "flash": 3.0, "rare": 5.0}
    counts = [{"load": 1e5, "flash": 1e5, "rare": 0.0}, {"load": 2e5, "flash": 1e4, "rare": 0.0}, {"load": 1e4, "flash": 3e5, "rare": 0.0}]
    found = refit_weights(runs(true, table, counts), {"load": (2.0, "documented"), "flash": (1.0, "assumed"), "rare": (5.0, "assumed")})
    by_name = {weight.event: weight for weight in found.weights}
    assert by_name["flash"].identified
    assert by_name["flash"].after == pytest.approx(3.0, abs=0.02)
    assert not by_name["rare"].identified
    assert by_name["rare"].after == pytest.approx(5.0)
    assert by_name["rare"].posterior_sd == pytest.approx(by_name["rare"].prior_sd)
    assert found.error_after < found.error_before / 20


def test_the_closed_form_of_ridge_regression_holds_where_no_sign_binds() -> None:
    rng = np.random.default_rng(2)
    counts = rng.uniform(1e3, 1e5, (6, 2))
    measured = counts @ [1.3, 2.2] * np.exp(rng.normal(0, 0.01, 6))
    found = refit_weights(
        [CountedRun(str(i), m, float(c @ [1.0, 2.0]), {"a": c[0], "b": c[1]}) for i, (c, m) in enumerate(zip(counts, measured, strict=True))],
        {"a": (1.0, "assumed"), "b": (2.0, "measured")},
    )
    weighted, prior = counts / (0.02 * measured)[:, None], np.diag([1.0, 1 / 0.2**2])
    expected = np.linalg.solve(weighted.T @ weighted + prior, weighted.T @ np.full(6, 50.0) + prior @ [1.0, 2.0])
    assert [weight.after for weight in found.weights] == pytest.approx(expected)


@pytest.mark.parametrize(("table", "true"), [(1.0, -3.0), (-1.0, 3.0)])
def test_a_weight_keeps_the_sign_of_its_table(table: float, true: float) -> None:
    counts = [{"e": 1e5}, {"e": 3e5}]
    made = [CountedRun(str(i), 1e6 + true * c["e"] * 0.9, 1e6 + table * c["e"], c) for i, c in enumerate(counts)]
    assert refit_weights(made, {"e": (table, "assumed")}).weights[0].after == 0.0


def test_nothing_to_refit_is_said() -> None:
    with pytest.raises(InputError, match="nothing to refit"):
        refit_weights([], {"a": (1.0, "assumed")})


@pytest.fixture(scope="module")
def file_of_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a Cortex-M4 whose taken branches take 2 cycles more than its table says."""
    folder = tmp_path_factory.mktemp("runs")
    rows = ["profile,latency_us"]
    for name in IMAGES:
        saved = instsim.profile(firmware_elf() / "elf" / f"{name}.elf", board="nucleo-l4r5zi", region="all", force=True)
        instsim.save_profile(saved, folder / f"{name}.profile")
        found = instsim.estimate(saved, board="nucleo-l4r5zi", calibration="none")
        slower = sum(2 * event.count for event in found.events if event.name == "taken-branch")
        rows.append(f"{name}.profile,{(found.cycles + slower) / 120!r}")
    (folder / "runs.csv").write_text("\n".join(rows) + "\n")
    return folder / "runs.csv"


def test_the_command_writes_a_valid_table_with_the_weight_found(file_of_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "my-core.toml"
    arguments = ["calibrate", str(file_of_runs), "--board", "nucleo-l4r5zi", "--table", "--event", "taken-branch", "-o", str(output)]
    assert main(arguments) == 0
    assert "identified" in capsys.readouterr().out
    table = load_core(str(output))
    assert table.name == "my-core"
    # Shrunk toward the 1 cycle of its table, which is a measured one.
    assert 2.5 < table.events["taken-branch"].cycles < 3.0
    assert table.events["taken-branch"].basis == "fitted"
    assert table.events["load-pair"] == load_core("cortex-m4").events["load-pair"]
    assert check_table(output) == ()


def test_a_misspelt_event_is_answered_with_near_names(file_of_runs: Path) -> None:
    with pytest.raises(UsageError, match="no event 'taken-brnch'") as caught:
        refit_table(file_of_runs, Request(board="nucleo-l4r5zi"), ["taken-brnch"])
    assert "taken-branch" in caught.value.hint
    with pytest.raises(UsageError, match="no event 'load'") as caught:
        refit_table(file_of_runs, Request(board="nucleo-l4r5zi"), ["load"])
    assert "class:load" in caught.value.hint


def mixes() -> list[MixedImage]:
    rng = np.random.default_rng(4)
    return [MixedImage(f"image {i}", tuple(rng.dirichlet(np.ones(4)).tolist()), 1e6 * (i + 1)) for i in range(6)]


def test_a_plan_is_greedy_and_its_spread_is_that_of_a_separate_calculation() -> None:
    images = mixes()
    steps = plan_runs(images, images, 3, 0.1)
    by_name = {image.name: image for image in images}
    for count in (1, 2, 3):
        done = [by_name[step.name] for step in steps[:count]]
        assert steps[count - 1].spread == pytest.approx(expected_spread(done, images, 0.1, images))
        best = min(expected_spread([*done[:-1], image], images, 0.1, images) for image in images if image not in done[:-1])
        assert steps[count - 1].spread == pytest.approx(best)


def test_a_plan_does_not_depend_on_the_order_of_candidates() -> None:
    images = mixes()
    assert plan_runs(images[::-1], images, 4, 0.1) == plan_runs(images, images, 4, 0.1)


def test_measuring_everything_leaves_the_meters_error() -> None:
    images = mixes()
    assert expected_spread(images * 400, images, 0.1, images) == pytest.approx(0.02, rel=0.01)
    assert math.isclose(plan_runs(images, images, 6, 0.1)[-1].spread, expected_spread(images, images, 0.1, images))


def test_more_runs_than_candidates_are_refused() -> None:
    with pytest.raises(UsageError, match="3 runs of 2 images"):
        plan_runs(mixes()[:2], mixes()[:2], 3, 0.1)
