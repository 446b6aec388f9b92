"""What ships is what the published runs give, and intervals hold as often as they say."""

from __future__ import annotations

import pytest
from accuracy.figures_file import load_figures
from accuracy.publishing import FIGURES
from calibration.published import ENERGY_RUNS, IMAGE_RUNS, read_rows
from calibration.shipped import shipped_calibrations
from calibration.spreads import energy_spread, spreads_toml
from calibration.trials import Trials, run_trials

from instsim.calibrate.calibration_file import load_calibration
from instsim.resources import cost_tables

FOLDER = cost_tables() / "calibrations"


@pytest.fixture(scope="module")
def trials() -> dict[tuple[str, str], Trials]:
    return {(trial.title, trial.runs): trial for trial in run_trials(read_rows(ENERGY_RUNS), read_rows(IMAGE_RUNS))}


def test_the_spreads_that_ship_are_those_of_the_published_runs() -> None:
    assert (FOLDER / "spreads.toml").read_text() == spreads_toml(read_rows(ENERGY_RUNS), read_rows(IMAGE_RUNS), load_figures(FIGURES).comparisons)


def test_the_calibrations_that_ship_are_those_of_the_published_runs() -> None:
    rows = read_rows(ENERGY_RUNS)
    made = dict(shipped_calibrations(rows, energy_spread(rows)))
    assert set(made) == {path.stem for path in FOLDER.glob("*@*.toml")}
    for name, calibration in made.items():
        shipped = load_calibration(FOLDER / f"{name}.toml")
        assert shipped.energy is not None
        assert calibration.energy is not None
        assert shipped.energy.terms == calibration.energy.terms
        assert shipped.energy.coefficients == pytest.approx(calibration.energy.coefficients, rel=1e-8)
        assert shipped.energy.ln_sd == pytest.approx(calibration.energy.ln_sd, rel=1e-8)


def test_no_run_that_is_kept_for_validation_is_among_the_published_ones() -> None:
    for row in [*read_rows(ENERGY_RUNS), *read_rows(IMAGE_RUNS)]:
        assert row["benchmark"] in {"ad", "ic", "kws"}
        assert row["round"] in {"v0.5", "v0.7", "v1.0", "v1.1", "v1.2"}
        assert not (row["round"] == "v1.2" and row["benchmark"] == "ic" and "X-CUBE-AI" in row["firmware"])
        assert not (row["firmware"].startswith("bosch") and row["board"] == "nucleo-h7a3zi-q")


def test_intervals_of_ninety_per_cent_hold_nine_of_ten_or_more(trials: dict[tuple[str, str], Trials]) -> None:
    # A dozen predictions cannot tell 83 % from 90 %: ten or fewer hits of twelve have a chance of one in three.
    assert {key: trial.covered for key, trial in trials.items() if trial.covered < (0.85 if len(trial.errors) > 20 else 0.75)} == {}


@pytest.mark.parametrize(
    ("title", "runs", "mean", "percentile_90"),
    [
        ("energy, other networks of the set-up", "1", 0.065, 0.12),
        ("energy, other networks of the set-up", "2", 0.055, 0.105),
        ("energy, the same without accelerators", "1", 0.055, 0.11),
        ("energy, the same without accelerators", "2", 0.045, 0.085),
        ("energy, firmware the board was not calibrated with, from all others", "2-15", 0.10, 0.20),
    ],
)
def test_energy_errors_stay_as_small_as_they_were(
    trials: dict[tuple[str, str], Trials], title: str, runs: str, mean: float, percentile_90: float
) -> None:
    trial = trials[title, runs]
    assert trial.mean < mean
    assert trial.percentile_90 < percentile_90
