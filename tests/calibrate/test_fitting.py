"""Fits against statsmodels called directly, and against closed forms."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from instsim.calibrate.choosing import choose_energy, choose_latency
from instsim.calibrate.fit_board import Setup, fit_board
from instsim.calibrate.fitting import fit, make_samples
from instsim.calibrate.model import FittedModel
from instsim.calibrate.observation import Observation
from instsim.calibrate.spread import NO_SPREAD, Spread, pool_spreads
from instsim.calibrate.student_t import quantile
from instsim.calibrate.terms import Term
from instsim.errors import InputError

from .runs_of_a_board import KNOWN, board, run

CYCLES = (1e6, 3e6, 8e6, 2e7, 9e7)


def noisy(count: int, seed: int = 1) -> list[Observation]:
    rng = random.Random(seed)
    return [run(c, c / 1e8 * 1.2 * math.exp(rng.gauss(0, 0.04)) + 0.002) for c in [1e6 * 1.7**i for i in range(count)]]


def energy_of(runs: list[Observation], regulator: str = "unknown") -> FittedModel:
    return choose_energy(make_samples("energy", runs), KNOWN, regulator, measured_time=True).fit.model


def test_coefficients_errors_and_intervals_are_those_of_statsmodels() -> None:
    samples = make_samples("latency", noisy(9))
    ours = fit("latency", (Term("nominal-time"), Term("constant")), samples, NO_SPREAD)
    y = np.array([s.value for s in samples])
    x = np.column_stack([[s.point.nominal_s for s in samples], np.ones(len(y))])
    theirs = sm.WLS(y, x, weights=1 / y**2).fit()
    assert ours.model.coefficients == pytest.approx(theirs.params, rel=1e-9)
    assert ours.standard_errors == pytest.approx(theirs.bse, rel=1e-9)
    assert ours.model.ln_sd == pytest.approx(math.sqrt(theirs.scale), rel=1e-9)
    influence = sm.OLS(np.ones(len(y)), x / y[:, None]).fit().get_influence()
    assert [item.leverage for item in ours.influence] == pytest.approx(influence.hat_matrix_diag, rel=1e-8)
    assert [item.cooks_distance for item in ours.influence] == pytest.approx(influence.cooks_distance[0], rel=1e-8)
    point = noisy(9)[4].point
    predicted = ours.model.predict(point)
    assert predicted is not None
    # The variance of a new run is that of statsmodels at weight 1 / prediction^2.
    there = theirs.get_prediction([[point.nominal_s, 1.0]], weights=1 / predicted.value**2)
    half = predicted.ln_se * predicted.value * quantile(0.95, predicted.degrees_of_freedom)
    low, high = there.conf_int(obs=True, alpha=0.1)[0]
    assert half == pytest.approx((high - low) / 2, rel=1e-9)


def test_one_term_through_the_origin_has_a_closed_form() -> None:
    runs = noisy(4)
    samples = make_samples("latency", runs)
    ours = fit("latency", (Term("nominal-time"),), samples, NO_SPREAD)
    ratios = [s.point.nominal_s / s.value for s in samples]
    assert ours.model.coefficients[0] == pytest.approx(sum(ratios) / sum(r * r for r in ratios))


def test_pooling_weighs_known_boards_by_their_degrees_of_freedom() -> None:
    samples = make_samples("latency", noisy(5))
    alone = fit("latency", (Term("nominal-time"),), samples, NO_SPREAD).model
    pooled = fit("latency", (Term("nominal-time"),), samples, KNOWN).model
    assert pooled.ln_sd**2 == pytest.approx((10 * 0.05**2 + 4 * alone.ln_sd**2) / 14)
    assert pooled.degrees_of_freedom == 14


def test_left_out_errors_are_those_of_separate_fits() -> None:
    runs = noisy(5)
    samples = make_samples("latency", runs)
    errors = fit("latency", (Term("nominal-time"),), samples, NO_SPREAD).left_out.each
    for place, sample in enumerate(samples):
        others = [other for other in samples if other is not sample]
        model = fit("latency", (Term("nominal-time"),), others, NO_SPREAD).model
        assert errors[place] == pytest.approx(model.coefficients[0] * sample.point.nominal_s / sample.value - 1)


@given(st.floats(0.2, 20), st.floats(1e-4, 10), st.lists(st.floats(1e3, 1e10), min_size=2, max_size=8, unique=True))
@settings(deadline=None, max_examples=30)
def test_a_perfect_line_is_recovered(factor: float, power_w: float, cycles: list[float]) -> None:
    fitted = fit_board(board(cycles, factor, power_w), Setup("t", "b", "ldo"), {"latency": KNOWN, "energy": KNOWN}).calibration
    assert fitted.latency is not None
    assert fitted.energy is not None
    assert fitted.latency.coefficients == pytest.approx((factor,), rel=1e-9)
    assert fitted.energy.coefficients == pytest.approx((power_w,), rel=1e-9)


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_the_order_of_runs_does_not_matter(rng: random.Random) -> None:
    runs = noisy(7)
    shuffled = list(runs)
    rng.shuffle(shuffled)
    setup = Setup("t", "b", "ldo")
    assert fit_board(shuffled, setup, {"latency": KNOWN}).calibration == fit_board(runs, setup, {"latency": KNOWN}).calibration


@given(st.floats(1.2, 1e4), st.booleans())
@settings(deadline=None, max_examples=30)
def test_intervals_widen_outside_the_domain(factor: float, above: bool) -> None:
    model = choose_latency(make_samples("latency", board(CYCLES)), KNOWN).fit.model
    edge = CYCLES[-1] if above else CYCLES[0]
    widths = []
    for scale in (1.0, factor, factor * 2):
        predicted = model.predict(run(edge * scale if above else edge / scale).point)
        assert predicted is not None
        widths.append(predicted.ln_se)
    assert widths[0] < widths[1] < widths[2]


def test_a_constant_enters_with_runs_enough_and_where_the_error_falls() -> None:
    runs = [run(c, c / 1e8 + 0.01) for c in CYCLES]
    model = choose_latency(make_samples("latency", runs), KNOWN).fit.model
    assert [term.kind for term in model.terms] == ["nominal-time", "constant"]
    assert model.coefficients == pytest.approx((1.0, 0.01))
    assert [term.kind for term in choose_latency(make_samples("latency", runs[:4]), KNOWN).fit.model.terms] == ["nominal-time"]


def test_a_negative_constant_is_refused_with_the_reason() -> None:
    runs = [run(c, c / 1e8, c / 1e8 * 0.05 - 2e-4) for c in CYCLES]
    choice = choose_energy(make_samples("energy", runs), KNOWN, "ldo", measured_time=True)
    assert [term.kind for term in choice.fit.model.terms] == ["time"]
    verdict = next(candidate.verdict for candidate in choice.candidates if "constant" in candidate.terms)
    assert verdict == "refused: constant comes out as -0.0002 J, and no inference gives energy back"


def test_stalls_enter_where_the_runs_count_them() -> None:
    stalls = (5e5, 1e5, 4e6, 2e5, 3e7)
    runs = [run(c, (c + s) / 1e8, stall_cycles=s) for c, s in zip(CYCLES, stalls, strict=True)]
    model = choose_latency(make_samples("latency", runs), KNOWN).fit.model
    assert {term.kind: round(b, 9) for term, b in zip(model.terms, model.coefficients, strict=True)} == {"nominal-time": 1.0, "stalls": 1.0}
    assert model.predict(run(1e6).point) is None


@pytest.mark.parametrize(("regulator", "power"), [("ldo", 1), ("switched", 2), ("switched", 0)])
def test_clock_and_supply_separate_dynamic_from_static_power(regulator: str, power: int) -> None:
    runs = [
        run(c, c / f, c * 3e-10 * v**power + 0.002 * c / f, clock_hz=f, supply_v=v)
        for c, f, v in [(1e7, 20e6, 1.8), (2e7, 80e6, 1.8), (1e7, 80e6, 3.0), (5e7, 160e6, 3.3), (3e7, 40e6, 3.3), (6e7, 160e6, 2.4)]
    ]
    model = energy_of(runs, regulator)
    dynamic = {0: "cycles", 1: "cycles*V", 2: "cycles*V^2"}[power]
    assert {term.kind: value for term, value in zip(model.terms, model.coefficients, strict=True)} == pytest.approx({dynamic: 3e-10, "time": 0.002})


def test_temperature_enters_where_it_varies() -> None:
    # Synthetic: no public data holds the temperature of an energy measurement.
    runs = [run(c, c / 1e8, c / 1e8 * (0.05 + 4e-4 * (t - 25)), temperature_c=t) for c, t in zip(CYCLES * 2, range(5, 85, 8), strict=False)]
    model = energy_of(runs)
    assert {term.kind: value for term, value in zip(model.terms, model.coefficients, strict=True)} == pytest.approx({"time": 0.05, "warmth": 4e-4})


def test_each_firmware_gets_its_power_and_an_unknown_one_their_mean_with_a_wider_interval() -> None:
    runs = [run(c, c / 1e8, c / 1e8 * p, firmware=f) for f, p in (("a", 0.04), ("b", 0.06)) for c in CYCLES[:3]]
    model = energy_of(runs)
    known, other = model.predict(run(3e6, 0.03, firmware="b").point), model.predict(run(3e6, 0.03, firmware="c").point)
    assert known is not None
    assert other is not None
    assert known.value == pytest.approx(0.03 * 0.06)
    assert other.value == pytest.approx(0.03 * 0.05)
    assert other.ln_se > 2 * known.ln_se


def test_repeats_are_left_out_together() -> None:
    runs = [run(1e6, 0.0110, name="x"), run(1e6, 0.0112, name="x"), run(5e6, 0.05, name="y")]
    errors = fit("latency", (Term("nominal-time"),), make_samples("latency", runs), KNOWN).left_out.each
    assert errors[0] == pytest.approx(0.01 / 0.0110 - 1)
    assert errors[1] == pytest.approx(0.01 / 0.0112 - 1)


def test_one_run_is_enough_where_known_boards_tell_the_spread_and_only_there() -> None:
    samples = make_samples("latency", board([1e6]))
    assert fit("latency", (Term("nominal-time"),), samples, KNOWN).model.ln_sd == pytest.approx(0.05)
    with pytest.raises(InputError, match="leave nothing to tell an interval from"):
        fit("latency", (Term("nominal-time"),), samples, NO_SPREAD)


def test_terms_that_runs_cannot_tell_apart_are_refused() -> None:
    runs = [run(c, c / 1e8, stall_cycles=c / 2) for c in CYCLES]
    with pytest.raises(InputError, match="do not tell nominal-time \\+ stalls apart"):
        fit("latency", (Term("nominal-time"), Term("stalls")), make_samples("latency", runs), KNOWN)


def test_another_unit_is_refused_and_an_outlier_named() -> None:
    runs = [*board(CYCLES), run(4e6, 44.0, line=9)]
    with pytest.raises(InputError, match="another unit") as caught:
        fit_board(runs, Setup("t", "b", "ldo"), {"latency": KNOWN, "energy": KNOWN})
    assert "line 9" in caught.value.details[0]
    runs[-1] = run(4e6, 0.07, line=9)
    warnings = fit_board(runs, Setup("t", "b", "ldo"), {"latency": KNOWN, "energy": KNOWN}).warnings
    assert [warning for warning in warnings if "line 9" in warning and "kept" in warning]


def test_spread_of_spreads_recovers_a_common_variance() -> None:
    rng = np.random.default_rng(3)
    degrees = [4.0] * 4000
    same = [0.01 * float(rng.chisquare(4)) / 4 for _ in degrees]
    assert pool_spreads(same, degrees)[0] == pytest.approx(0.1, rel=0.03)
    inverse = [0.01 * 8 / float(rng.chisquare(8)) for _ in degrees]
    sd, prior = pool_spreads([v * float(rng.chisquare(4)) / 4 for v in inverse], degrees)
    assert sd == pytest.approx(0.1, rel=0.05)
    assert prior == pytest.approx(8, rel=0.25)


def test_nominal_coverage_is_reached_on_synthetic_boards() -> None:
    rng = random.Random(5)
    hits = []
    for _ in range(400):
        runs = [run(c, c / 1e8 * 1.3 * math.exp(rng.gauss(0, 0.05))) for c in CYCLES[:4]]
        model = fit("latency", (Term("nominal-time"),), make_samples("latency", runs[:3]), Spread(0.05, 10, 0, 1)).model
        predicted = model.predict(runs[1].point)
        assert predicted is not None
        low, high = predicted.interval(0.9)
        hits.append(low <= runs[1].point.nominal_s * 1.3 * math.exp(rng.gauss(0, 0.05)) <= high)
    assert 0.86 < sum(hits) / len(hits) < 0.95
