"""Boards that are calibrated already, beside a new one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from instsim.calibrate.calibration import Calibration
from instsim.calibrate.calibration_file import calibration_toml, parse_calibration
from instsim.calibrate.fit_board import Setup, fit_board, others_alone, with_others
from instsim.calibrate.known_boards import KnownBoard, prior_from, shrink
from instsim.calibrate.observation import Observation
from instsim.calibrate.spread import NO_SPREAD, Spread
from instsim.calibrate.weight_reading import WeightReading
from instsim.errors import InputError
from instsim.resources import cost_tables
from instsim.session.known_boards import BoardTraits, board_distance, find_known, known_boards
from tests.calibrate.runs_of_a_board import board, run

LATENCY = Spread(0.01, 5.0, 0.02, 5.0, None, 0.02, 4.0)
ENERGY = Spread(0.05, 10.0, 0.1, 8.0, None, 0.4, 5.0)
SPREADS = {"latency": LATENCY, "energy": ENERGY}
SETUP = Setup("new", "new", "switched")


def calibrated(runs: Sequence[Observation], name: str = "known") -> Calibration:
    return fit_board(runs, replace(SETUP, name=name), SPREADS).calibration


def at(distance: float, *, power_w: float = 0.05, factor: float = 1.1, clock_hz: float = 100e6) -> KnownBoard:
    return KnownBoard(calibrated(board([1e6, 4e6], factor, power_w, clock_hz)), distance)


def test_the_mean_of_others_weighs_the_nearest_most() -> None:
    prior = prior_from("energy", [at(3.0, power_w=0.08), at(0.0, power_w=0.04)], ENERGY)
    assert prior is not None
    far = math.exp(-3.0)
    assert prior.ln_mean == pytest.approx((math.log(0.04 / 100e6) + far * math.log(0.08 / 100e6)) / (1 + far))
    assert [known.distance for known, _ in prior.boards] == [0.0, 3.0]
    # A power is carried over as the energy of a cycle.
    assert prior.coefficient("time", 50e6, None) == pytest.approx(math.exp(prior.ln_mean) * 50e6)


def test_one_board_says_how_far_boards_differ_and_no_less() -> None:
    prior = prior_from("latency", [at(0.0)], LATENCY)
    assert prior is not None
    assert (prior.ln_mean, prior.ln_sd) == pytest.approx((math.log(1.1), 0.02 * math.sqrt(2)))
    assert prior_from("latency", [at(0.0)], NO_SPREAD) is None
    assert prior_from("latency", [], LATENCY) is None


def test_a_coefficient_goes_as_far_as_its_runs_leave_it_uncertain() -> None:
    own = calibrated(board([1e6], 1.0)).latency
    prior = prior_from("latency", [at(0.0)], LATENCY)
    assert own is not None
    assert prior is not None
    found = shrink(own, prior, 100e6)
    assert found is not None
    model, done = found
    error = own.ln_sd**2  # one run
    weight = prior.ln_sd**2 / (prior.ln_sd**2 + error)
    assert done.own_weight == pytest.approx(weight)
    assert math.log(model.coefficients[0]) == pytest.approx((1 - weight) * math.log(1.1))
    # The variance of the logarithm is that of the mean of two normal distributions.
    assert model.ln_sd**2 * model.covariance[0][0] / model.coefficients[0] ** 2 == pytest.approx(1 / (1 / error + 1 / prior.ln_sd**2))


def test_more_runs_move_less() -> None:
    known = [at(0.0, power_w=0.08)]
    moved = []
    for count in (1, 2, 5, 10):
        alone = fit_board(board([1e6 * (number + 1) for number in range(count)]), SETUP, SPREADS)
        drawn = with_others(alone, known, SPREADS)
        assert alone.calibration.energy is not None
        assert drawn.calibration.energy is not None
        moved.append(drawn.calibration.energy.coefficients[0] / alone.calibration.energy.coefficients[0] - 1.0)
    assert moved == sorted(moved, reverse=True)
    assert 0.0 < moved[-1] < moved[0] < 0.02


def test_each_family_of_firmware_is_drawn_alone() -> None:
    powers = {"a": 0.02, "b": 0.2}
    runs = [run(c, c / 100e6, c / 100e6 * power, firmware=name) for name, power in powers.items() for c in (1e6, 2e6)]
    alone = fit_board(runs, SETUP, SPREADS)
    drawn = with_others(alone, [at(0.0)], SPREADS).calibration.energy
    before = alone.calibration.energy
    assert before is not None
    assert drawn is not None
    assert len(before.coefficients) == 2
    assert drawn.coefficients[0] > before.coefficients[0]
    assert drawn.coefficients[1] < before.coefficients[1]


def test_terms_that_others_say_nothing_of_stay_and_say_so() -> None:
    runs = [run(c, c / f * 1.1, c * 1e-10 + c / f * 0.01, clock_hz=f) for f in (40e6, 80e6) for c in (1e6, 3e6)]
    alone = fit_board(runs, SETUP, SPREADS)
    drawn = with_others(alone, [at(0.0)], SPREADS)
    assert drawn.calibration.energy == alone.calibration.energy
    assert any("say nothing of these terms" in warning for warning in drawn.warnings)
    assert [done.prior.quantity for done in drawn.shrinkages] == ["latency"]


def test_without_runs_others_stand_alone_with_their_spread() -> None:
    found = others_alone([at(0.0), at(0.5)], SETUP, SPREADS, 50e6, 3.0).calibration
    read = parse_calibration(calibration_toml(found))
    for calibration in (found, read):
        assert calibration.energy is not None
        assert calibration.latency is not None
        predicted = calibration.energy.predict(run(1e6, clock_hz=50e6).point)
        assert predicted is not None
        assert predicted.value == pytest.approx(0.05 / 100e6 * 1e6)
        assert predicted.ln_se > ENERGY.boards_ln_sd
    with pytest.raises(InputError, match="neither latency nor energy"):
        others_alone([], SETUP, SPREADS, 50e6, 3.0)


def test_power_holds_at_the_weights_that_the_runs_read() -> None:
    reading = WeightReading(-0.5, 0.0, 0.1)
    spreads = {**SPREADS, "energy": replace(ENERGY, reading=reading)}

    def reads(per_cycle: float) -> Observation:
        item = run(1e6, 0.01, 0.01 * 0.05 * math.exp(-0.5 * per_cycle))
        return replace(item, point=replace(item.point, weight_bytes=per_cycle * 1e6))

    known = KnownBoard(fit_board([reads(0.4)], SETUP, spreads).calibration, 0.0)
    alone = fit_board([reads(0.1)], SETUP, spreads)
    drawn = with_others(alone, [known], spreads)
    # Both boards draw the same where they read the same: there is nothing to draw toward.
    assert drawn.calibration.energy is not None
    assert drawn.calibration.energy.coefficients == pytest.approx(alone.calibration.energy.coefficients)  # type: ignore[union-attr]


def test_the_same_board_is_nearest_and_a_linear_regulator_keeps_the_current() -> None:
    new = BoardTraits("cortex-m4", "ldo", 120e6, 3.3)
    others = find_known(["all"])
    near = min(known_boards(others, new), key=lambda known: known.distance)
    assert near.calibration.name == "nucleo-l4r5zi@120MHz-3V"
    assert near.ln_energy_shift == pytest.approx(math.log(3.3 / 3.0))
    assert board_distance(new, new) == 0.0
    assert board_distance(new, replace(new, core="cortex-m33")) == board_distance(replace(new, core="cortex-m33"), new) > 0.1
    assert board_distance(new, replace(new, core="RXv2")) == pytest.approx(0.8)


def test_names_are_files_folders_boards_or_all() -> None:
    folder = cost_tables() / "calibrations"
    shipped = sorted(path.stem for path in folder.glob("*@*.toml"))
    assert [found.name for found in find_known(["all"])] == shipped
    assert [found.name for found in find_known([str(folder)])] == shipped
    assert [found.name for found in find_known(["nucleo-l4r5zi", str(folder / "nucleo-l4r5zi@120MHz-3V.toml")])] == [
        "nucleo-l4r5zi@120MHz-1.8V",
        "nucleo-l4r5zi@120MHz-3V",
    ]
