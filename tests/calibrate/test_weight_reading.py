"""Energy of networks whose weights are read once: the slope from known boards, and what own runs do to it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from instsim.calibrate.calibration_file import calibration_toml, parse_calibration
from instsim.calibrate.fit_board import BoardFit, Setup, fit_board
from instsim.calibrate.observation import Observation
from instsim.calibrate.spread import Spread
from instsim.calibrate.spreads_file import load_spreads
from instsim.calibrate.weight_reading import WeightReading, slope_within
from tests.calibrate.runs_of_a_board import run

READING = WeightReading(-0.2, 0.05, 0.25)
KNOWN = Spread(0.03, 10.0, 0.1, 8.0, READING)
POWER_W = 0.05


def reads(cycles: float, per_cycle: float | None, slope: float = READING.slope) -> Observation:
    """Return a run of a board that draws `POWER_W` where no weights are read."""
    latency_s = cycles / 100e6
    found = run(cycles, latency_s, POWER_W * latency_s * math.exp(slope * (per_cycle or 0.0)))
    return replace(found, point=replace(found.point, weight_bytes=None if per_cycle is None else per_cycle * cycles))


def fitted(*runs: Observation) -> BoardFit:
    return fit_board(runs, Setup("a", "b", "ldo"), {"energy": KNOWN, "latency": Spread(0.01, 5.0, 0.01, 5.0)})


def test_a_slope_is_that_within_groups_whatever_their_level() -> None:
    assert slope_within([[(0.0, 1.0), (1.0, 3.0)], [(0.0, -7.0), (2.0, -3.0)]]) == pytest.approx(2.0)
    assert slope_within([[(0.0, 0.0), (1.0, 1.0)], [(0.0, 0.0), (1.0, 3.0)]]) == pytest.approx(2.0)
    assert slope_within([[(1.0, 5.0)], [(1.0, 2.0), (1.0, 3.0)]]) == 0.0


def test_one_run_of_one_kind_tells_the_power_of_the_other() -> None:
    model = fitted(reads(1e6, 0.3)).calibration.energy
    assert model is not None
    convolution = reads(4e6, 0.005)
    predicted = model.predict(convolution.point)
    assert predicted is not None
    assert predicted.value == pytest.approx(convolution.energy_j)
    again = model.predict(reads(1e6, 0.3).point)
    assert again is not None
    assert predicted.ln_se**2 - again.ln_se**2 == pytest.approx((READING.slope_sd * 0.295) ** 2 + (0.01 * math.log(4)) ** 2)


def test_an_image_whose_weights_nobody_knows_is_like_the_runs_and_less_certain() -> None:
    model = fitted(reads(1e6, 0.3), reads(1e6, 0.1)).calibration.energy
    assert model is not None
    unknown, middle = model.predict(reads(1e6, None).point), model.predict(reads(1e6, 0.2).point)
    assert unknown is not None
    assert middle is not None
    assert unknown.value == pytest.approx(middle.value)
    assert unknown.ln_se**2 - middle.ln_se**2 == pytest.approx((READING.slope * READING.network_sd) ** 2)


def test_runs_that_do_not_know_their_weights_leave_the_slope_out() -> None:
    model = fitted(reads(1e6, 0.3), reads(2e6, None)).calibration.energy
    assert model is not None
    assert model.reading is None
    # The scatter of known boards without it: what reading does comes on top.
    assert fitted(reads(2e6, None)).calibration.energy.ln_sd == pytest.approx(math.hypot(0.03, 0.2 * 0.25))  # type: ignore[union-attr]


def test_five_runs_refute_the_slope_and_four_do_not() -> None:
    runs = [reads(1e6 * number, per_cycle, slope=+0.1) for number, per_cycle in enumerate((0.5, 0.01, 0.4, 0.02, 0.3), 1)]
    few, enough = fitted(*runs[:4]), fitted(*runs)
    assert few.calibration.energy.reading is not None  # type: ignore[union-attr]
    assert enough.calibration.energy.reading is None  # type: ignore[union-attr]
    assert enough.energy is not None
    verdicts = {candidate.terms: candidate.verdict for candidate in enough.energy.candidates}
    assert verdicts["time",] == "chosen"
    assert verdicts["time", "weight-reading"] == "better without weight-reading"


def test_five_runs_that_agree_with_it_keep_it() -> None:
    runs = [reads(1e6 * number, per_cycle) for number, per_cycle in enumerate((0.5, 0.01, 0.4, 0.02, 0.3), 1)]
    found = fitted(*runs)
    assert found.energy is not None
    assert found.energy.fit.left_out.worst == pytest.approx(0.0, abs=1e-9)
    assert found.calibration.energy.reading == replace(READING, mean=pytest.approx(1.23 / 5))  # type: ignore[union-attr]
    assert found.energy.candidates[-1].verdict == "not better without weight-reading"


def test_latency_knows_nothing_of_it() -> None:
    assert fitted(reads(1e6, 0.3)).calibration.latency.reading is None  # type: ignore[union-attr]


def test_the_file_holds_it() -> None:
    calibration = fitted(reads(1e6, 0.3), reads(2e6, 0.01)).calibration
    read = parse_calibration(calibration_toml(calibration))
    assert read.energy is not None
    assert calibration.energy is not None
    point = reads(3e6, 0.2).point
    predicted, expected = read.energy.predict(point), calibration.energy.predict(point)
    assert predicted is not None
    assert expected is not None
    assert (predicted.value, predicted.ln_se) == pytest.approx((expected.value, expected.ln_se))


def test_known_boards_draw_less_where_weights_are_read_once() -> None:
    reading = load_spreads().energy.reading
    assert reading is not None
    # Told from nothing at the level of one standard error on boards, and no more than a few per cent for a fully connected network.
    assert -0.3 < reading.slope < -reading.slope_sd
    assert 0.9 < reading.ratio(0.3) / reading.ratio(0.003) < 0.98
