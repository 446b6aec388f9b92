"""Calibrating from images, and estimates with a calibration."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import instsim
from instsim.calibrate.calibration_file import calibration_toml, load_calibration
from instsim.cli import main
from instsim.errors import InputError, TableError, UsageError
from instsim.resources import cost_tables, firmware_elf
from instsim.session.calibrating import CalibrationRequest, calibrate
from instsim.session.covariates import memory_covariates
from instsim.session.planning import plan
from instsim.session.request import Request

ELF = firmware_elf() / "elf"
BOARD = "nucleo-l4r5zi"
IMAGES = ("divide-cortex-m4", "floating-single-cortex-m4", "counters-cortex-m4", "predicated-cortex-m4", "calls-cortex-m4")


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Saved profiles of five programs, so that no test has to run them again."""
    folder = tmp_path_factory.mktemp("profiles")
    for name in IMAGES:
        instsim.save_profile(instsim.profile(ELF / f"{name}.elf", board=BOARD, region="all", force=True), folder / f"{name}.profile")
    return folder


def nominal_s(folder: Path, name: str, memory: str | None = None) -> float:
    return instsim.estimate(folder / f"{name}.profile", board=BOARD, calibration="none", memory=memory).latency.value


def measured(
    folder: Path, to: Path, factor: float = 1.25, power_w: float = 0.045, names: tuple[str, ...] = IMAGES, memory: str | None = None
) -> Path:
    """Write runs of a board that is slower than predicted by a factor, at one power."""
    rows = ["profile,latency_us,energy_uj,firmware"]
    for name in names:
        latency_s = nominal_s(folder, name, memory) * factor
        rows.append(f"{folder / name}.profile,{latency_s * 1e6!r},{latency_s * power_w * 1e6!r},bench")
    path = to / "runs.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def fitted(folder: Path, to: Path, memory: str | None = None) -> Path:
    runs = measured(folder, to, memory=memory)
    output = to / "my.calibration.toml"
    found = calibrate(runs, CalibrationRequest(Request(board=BOARD, memory=memory), "my", output=str(output)))
    output.write_text(calibration_toml(found.calibration), encoding="utf-8")
    return output


def test_an_estimate_follows_the_runs(profiles: Path, tmp_path: Path) -> None:
    path = fitted(profiles, tmp_path)
    before = instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=BOARD, calibration="none")
    after = instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=BOARD, calibration=path)
    assert after.cycles == before.cycles
    assert after.latency.value == pytest.approx(1.25 * before.latency.value, rel=1e-6)
    assert after.energy.value == pytest.approx(0.045 * after.latency.value, rel=1e-6)
    assert after.power.value == pytest.approx(0.045, rel=1e-6)
    assert {figure.basis for figure in (after.latency, after.energy, after.power)} == {"calibrated"}
    for figure in (after.latency, after.energy, after.power):
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high
    assert after.provenance.calibration.startswith("my (")
    assert not [warning for warning in after.warnings if "calibrated" in warning]


def test_operators_share_the_calibrated_figures(profiles: Path, tmp_path: Path) -> None:
    found = instsim.estimate(ELF / "kws-cortex-m4.elf", board=BOARD, region="kws_invoke", calibration=fitted(profiles, tmp_path))
    assert math.fsum(operator.latency_s for operator in found.operators) == pytest.approx(found.latency.value)
    assert math.fsum(operator.energy_j for operator in found.operators) == pytest.approx(found.energy.value)


def test_another_firmware_and_another_length_are_said_and_widen_the_interval(profiles: Path, tmp_path: Path) -> None:
    path = fitted(profiles, tmp_path)
    other = instsim.estimate(ELF / "kws-cortex-m4.elf", board=BOARD, region="kws_invoke", calibration=path)
    same = instsim.estimate(ELF / "kws-cortex-m4.elf", board=BOARD, region="kws_invoke", calibration=path, firmware_family="bench")
    text = "\n".join(other.warnings)
    assert f"outside the calibrated domain: {other.cycles:,.0f} cycles" in text
    assert "calibrated with other firmware than this image, whose family is 'TFLM, GCC" in text
    assert "other firmware" not in "\n".join(same.warnings)
    assert other.latency.high is not None
    assert same.latency.high is not None
    assert other.latency.high > same.latency.high > same.latency.value


def test_level_sets_the_width(profiles: Path, tmp_path: Path) -> None:
    path = fitted(profiles, tmp_path)
    figures = [instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=BOARD, calibration=path, level=level).latency for level in (0.5, 0.9, 0.99)]
    highs = [figure.high for figure in figures if figure.high is not None]
    assert highs == sorted(highs)
    assert len(set(highs)) == 3
    assert [figure.level for figure in figures] == [0.5, 0.9, 0.99]


def test_a_shipped_calibration_is_used_at_its_operating_point_only() -> None:
    saved = instsim.profile(ELF / "divide-cortex-m4.elf", board=BOARD, region="all", force=True)
    assert "comes with instsim" in instsim.estimate(saved, board=BOARD).provenance.calibration
    assert not instsim.estimate(saved, board=BOARD, clock_hz=80e6).provenance.calibration
    assert not instsim.estimate(saved, board=BOARD, calibration="none").provenance.calibration
    assert not instsim.estimate(saved, board="nucleo-f446re").provenance.calibration


def test_nominal_latency_has_an_interval_where_memories_were_followed_or_are_known_to_be_slow() -> None:
    saved = instsim.profile(ELF / "divide-cortex-m4.elf", board=BOARD, region="all", force=True)
    followed, ideal = (instsim.estimate(saved, board=BOARD, calibration="none", memory=memory).latency for memory in ("exact", "ideal"))
    assert followed.basis == ideal.basis == "nominal"
    assert followed.low < followed.value < followed.high
    assert ideal.high / ideal.value > 1.1 > followed.high / followed.value
    assert instsim.estimate(saved, board="generic-cortex-m4").latency.low is None


def test_a_core_that_the_board_does_not_have_leaves_no_interval_of_latency_and_a_wide_one_of_energy(tmp_path: Path) -> None:
    image = ELF / "kws-cortex-m4.elf"
    own, other = (instsim.estimate(image, board=BOARD, core=core, region="kws_invoke") for core in (None, "cortex-m33"))
    assert own.latency.low is not None
    assert other.latency.low is None
    assert other.energy.high / other.energy.low > 2 * own.energy.high / own.energy.low
    assert any("has the core cortex-m4, not cortex-m33" in warning for warning in other.warnings)
    # A table of one's own for the same kind of core is the board's core measured anew.
    mine = tmp_path / "mine.toml"
    mine.write_text((cost_tables() / "cores" / "cortex-m4.toml").read_text("utf-8").replace('name = "cortex-m4"', 'name = "mine"'), "utf-8")
    again = instsim.estimate(image, board=BOARD, core=str(mine), region="kws_invoke", calibration="none")
    assert again.latency.low is not None
    assert not any("has the core" in warning for warning in again.warnings)


def test_a_sample_built_for_another_memory_map_says_that_memories_were_not_followed() -> None:
    found = instsim.estimate(ELF / "kws-small-cortex-m4.elf", board="nano-33-ble", run_on="generic-cortex-m4")
    assert any("memory map of generic-cortex-m4: the memories of nano-33-ble were not followed" in warning for warning in found.warnings)


def test_tables_that_changed_are_refused_with_the_command_that_refits(profiles: Path, tmp_path: Path) -> None:
    path = fitted(profiles, tmp_path)
    text = path.read_text()
    path.write_text(text.replace(load_calibration(path).core_digest, "0" * 64))
    with pytest.raises(TableError, match="have changed") as caught:
        instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=BOARD, calibration=path)
    assert caught.value.hint.startswith("fit it again: instsim calibrate ")
    assert "--board nucleo-l4r5zi -o" in caught.value.hint


def test_a_calibration_of_another_board_and_a_misspelt_one_are_refused(profiles: Path, tmp_path: Path) -> None:
    path = fitted(profiles, tmp_path)
    with pytest.raises(UsageError, match="is a calibration of nucleo-l4r5zi"):
        instsim.estimate(profiles / f"{IMAGES[0]}.profile", board="nucleo-f446re", calibration=path)
    with pytest.raises(UsageError, match="no calibration named"):
        instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=BOARD, calibration="nucleo-l4r5zi@120MHz-1.8")


def test_energy_at_another_clock_keeps_the_energy_of_a_cycle(profiles: Path, tmp_path: Path) -> None:
    # A saved profile holds the stalls of one clock.
    path = fitted(profiles, tmp_path, "ideal")
    image = profiles / f"{IMAGES[0]}.profile"
    fast, slow = (instsim.estimate(image, board=BOARD, calibration=path, clock_hz=f, memory="ideal") for f in (120e6, 60e6))
    assert slow.latency.value == pytest.approx(2 * fast.latency.value)
    assert slow.energy.value == pytest.approx(fast.energy.value)
    assert "energy was calibrated at 120 MHz: its energy of a cycle is used at 60 MHz" in slow.warnings


def test_the_settings_file_names_a_calibration_from_its_own_folder(profiles: Path, tmp_path: Path) -> None:
    path = fitted(profiles, tmp_path)
    (tmp_path / "instsim.toml").write_text(f'board = "{BOARD}"\ncalibration = "{path.name}"\n')
    (tmp_path / "below").mkdir()
    found = instsim.estimate(profiles / f"{IMAGES[0]}.profile", settings_folder=tmp_path / "below")
    assert found.provenance.calibration.endswith("from the settings file")


def test_images_that_do_not_run_are_all_named_with_their_lines(tmp_path: Path) -> None:
    for name in ("one.elf", "two.elf"):
        (tmp_path / name).write_bytes(b"no firmware")
    path = tmp_path / "runs.csv"
    path.write_text("image,latency_ms\none.elf,1\ntwo.elf,2\n")
    with pytest.raises(InputError, match="2 images do not run") as caught:
        calibrate(path, CalibrationRequest(Request(board=BOARD), "x"))
    assert [detail.partition(":")[0] for detail in caught.value.details] == ["line 2", "line 3"]


def test_runs_at_another_clock_than_the_boards_are_named(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("cycles,latency_ms,clock_mhz\n1000000,12.5,80\n3000000,37.6,80\n")
    found = calibrate(path, CalibrationRequest(Request(board=BOARD), "x"))
    assert "all runs: measured at a clock of 80 MHz, the board has 120 MHz" in found.warnings
    assert found.calibration.clock_hz == 80e6


def test_a_calibration_belongs_to_a_board(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="belongs to a board"):
        calibrate(tmp_path / "runs.csv", CalibrationRequest(Request(settings_folder=str(tmp_path)), "x"))


def test_the_command_writes_once_and_again_only_with_force(profiles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, output = measured(profiles, tmp_path), tmp_path / "c.toml"
    arguments = ["calibrate", str(runs), "--board", BOARD, "-o", str(output)]
    assert main(arguments) == 0
    first = output.read_bytes()
    assert "one image left out   mean 0.0%" in capsys.readouterr().out
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0
    assert output.read_bytes().replace(b" --force", b"") == first.replace(b" --force", b"")


def test_the_json_report_and_the_template(profiles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(measured(profiles, tmp_path)), "--board", BOARD, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["latency"]["terms"][0]["coefficient"] == pytest.approx(1.25, rel=1e-6)
    assert document["energy"]["left_out"]["worst"] == pytest.approx(0, abs=1e-6)
    assert main(["calibrate", "--template"]) == 0
    assert capsys.readouterr().out.startswith("# Runs on a board")


def test_a_plot_is_drawn_where_matplotlib_is_installed(profiles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    runs, picture = measured(profiles, tmp_path), tmp_path / "c.png"
    assert main(["calibrate", str(runs), "--board", BOARD, "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()


def test_a_plan_takes_the_mixes_that_differ_and_its_errors_fall(profiles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin = tmp_path / "twin.profile"
    shutil.copy(profiles / f"{IMAGES[0]}.profile", twin)
    paths = [str(twin), *(str(profiles / f"{name}.profile") for name in IMAGES)]
    assert main(["plan", *paths, "--board", BOARD, "--runs", "5", "--format", "json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    spreads = [step["spread"] for step in steps]
    assert spreads == sorted(spreads, reverse=True)
    # The two equal ones tell the same: only one of them is worth a run.
    assert len({Path(step["name"]).name for step in steps} & {"twin.profile", f"{IMAGES[0]}.profile"}) == 1
    assert main(["plan", *reversed(paths), "--board", BOARD, "--runs", "5", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == steps


def test_a_target_that_is_measured_itself_leaves_the_meters_error(profiles: Path) -> None:
    target = profiles / f"{IMAGES[1]}.profile"
    found = plan([profiles / f"{name}.profile" for name in IMAGES], Request(board=BOARD), runs=1, targets=[target])
    assert found.steps[0].name == str(target)
    assert found.steps[0].spread == pytest.approx(0.02 * math.sqrt(2), rel=0.02)


def test_estimates_are_the_same_bytes_every_time(profiles: Path, tmp_path: Path) -> None:
    path = fitted(profiles, tmp_path)
    first, second = (instsim.estimate(profiles / f"{IMAGES[2]}.profile", board=BOARD, calibration=path) for _ in range(2))
    assert first == replace(second)


def test_runs_without_energies_leave_energy_to_what_ships_or_to_the_prior_over_the_calibrated_latency(profiles: Path, tmp_path: Path) -> None:
    for board, basis in ((BOARD, "calibrated"), ("nucleo-f446re", "nominal")):
        path = tmp_path / f"{board}.csv"
        before = instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=board, calibration="none")
        path.write_text(f"profile,latency_us\n{profiles / IMAGES[0]}.profile,{before.latency.value * 2e6!r}\n")
        found = calibrate(path, CalibrationRequest(Request(board=board), "slow"))
        output = tmp_path / f"{board}.toml"
        output.write_text(calibration_toml(found.calibration))
        after = instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=board, calibration=output)
        assert after.latency.value == pytest.approx(2 * before.latency.value)
        assert after.energy.value == pytest.approx(after.power.value * after.latency.value)
        assert after.energy.value == pytest.approx(2 * before.energy.value, rel=0.05)
        assert after.energy.basis == basis
        assert after.energy.low is not None
        assert after.energy.high is not None
        assert before.energy.low is not None
        assert before.energy.high is not None
        assert math.log(after.energy.high / after.energy.low) > 0.9 * math.log(before.energy.high / before.energy.low)


def test_stalls_that_were_simulated_are_known_to_a_calibration(profiles: Path) -> None:
    found = instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=BOARD, calibration="none")
    assert found.memory is not None
    assert memory_covariates(found) == (found.memory.flash_reads, found.memory.stall_cycles)
    ideal = instsim.estimate(profiles / f"{IMAGES[0]}.profile", board=BOARD, calibration="none", memory="ideal")
    assert memory_covariates(ideal) == (None, None)
