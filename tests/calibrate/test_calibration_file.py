"""Calibrations saved and read back, and what is said of files that are damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from instsim.calibrate.calibration_file import calibration_toml, load_calibration, parse_calibration
from instsim.calibrate.fit_board import Setup, fit_board
from instsim.calibrate.spreads_file import load_spreads
from instsim.cost import load_board
from instsim.errors import TableError
from instsim.session.calibrated import shipped_calibrations

from .runs_of_a_board import KNOWN, run

SETUP = Setup("mine", "my-board", "ldo", "cortex-m4", "ab" * 32, "ideal", source='a "quoted" source\n', refit="instsim calibrate x", notes="n")


def text() -> str:
    runs = [run(c, c / 1e8 * 1.1, c / 1e8 * p, firmware=f) for f, p in (("a", 0.04), ("b", 0.06)) for c in (1e6, 3e6, 9e6)]
    return calibration_toml(fit_board(runs, SETUP, {"latency": KNOWN, "energy": KNOWN}).calibration)


def test_a_saved_calibration_predicts_what_the_fit_did() -> None:
    runs = [run(c, c / 1e8 * f, c * 1e-9) for c, f in ((1e6, 1.1), (5e6, 1.2), (3e7, 1.15))]
    fitted = fit_board(runs, SETUP, {"latency": KNOWN, "energy": KNOWN}).calibration
    read = parse_calibration(calibration_toml(fitted))
    for before, after in ((fitted.latency, read.latency), (fitted.energy, read.energy)):
        assert before is not None
        assert after is not None
        first, second = before.predict(runs[1].point), after.predict(runs[1].point)
        assert first is not None
        assert second is not None
        assert second.value == pytest.approx(first.value, rel=1e-8)
        assert second.interval() == pytest.approx(first.interval(), rel=1e-7)


def test_reading_and_writing_again_gives_the_same_text() -> None:
    assert calibration_toml(parse_calibration(text())) == text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema_version = 1", "schema_version = 2", "schema version"),
        ('board = "my-board"', "board = 3", "board: 3 is of another type"),
        ('kind = "time"', 'kind = "tme"', "no term 'tme'"),
        ("notes", "nots", "nots: not known here"),
        ("degrees_of_freedom", "degrees", "latency.degrees_of_freedom: missing"),
        ("covariance = [", "covariance = [1.0, ", "not a list of"),
        ("[energy]", "[energy", "not TOML"),
    ],
)
def test_damage_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(TableError) as caught:
        parse_calibration(text().replace(old, new, 1), "c.toml")
    assert message in str(caught.value)
    assert "c.toml" in str(caught.value)


def test_a_missing_file_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        load_calibration(tmp_path / "none.toml")


def test_every_shipped_calibration_is_valid_and_named_after_its_operating_point() -> None:
    assert len(shipped_calibrations()) >= 8
    for path in shipped_calibrations():
        found = load_calibration(path)
        assert path.stem == f"{found.board}@{found.clock_hz / 1e6:g}MHz-{found.supply_v:g}V"
        assert found.energy is not None
        assert found.energy.measured_time
        assert found.latency is None


@pytest.mark.parametrize("name", ["nucleo-l4r5zi", "nucleo-u575zi-q", "nucleo-h7a3zi-q"])
def test_shipped_energies_agree_with_the_priors_of_the_boards(name: str) -> None:
    board = load_board(name)
    for path in shipped_calibrations():
        if path.stem.startswith(f"{name}@"):
            model = load_calibration(path).energy
            assert model is not None
            predicted = model.predict(run(1e7, 1e7 / board.clock_hz, firmware="?").point)
            prior = board.energy_prior(board.clock_hz, load_calibration(path).supply_v)
            assert predicted is not None
            assert predicted.value == pytest.approx(1e7 * prior.joules_per_cycle, rel=0.1)


def test_the_spreads_that_ship_are_plausible() -> None:
    spreads = load_spreads()
    assert 0.03 < spreads.energy.ln_sd < 0.08
    assert spreads.energy.between_ln_sd > spreads.energy.ln_sd


def test_an_estimate_with_a_calibration_loads_no_library_of_statistics(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text())
    program = (
        "import sys; from pathlib import Path; from instsim.calibrate.calibration_file import load_calibration; "
        "import instsim.session.facade, instsim.session.calibrated; load_calibration(Path(sys.argv[1])); "
        "print([m for m in ('statsmodels', 'scipy', 'pandas', 'matplotlib', 'unicorn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "c.toml")], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
