"""Predictors on cores that have no table: by a descriptor, by a table made of it, and calibrated with runs of models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from instsim.calibrate.calibration_file import calibration_toml
from instsim.calibrate.device_descriptor import descriptor_toml
from instsim.cost import load_core
from instsim.errors import InputError, UsageError
from instsim.model.layer import Layer
from instsim.model.layer_models import layers_tflite
from instsim.predict.pricing import priced_as
from instsim.session.calibrating import CalibrationRequest, calibrate
from instsim.session.characterizing import Characterization, characterize
from instsim.session.microbenchmark import find_build
from instsim.session.predicting import Predictor, load_named
from instsim.session.request import Request

BOARD = "generic-rv32"
NETWORKS = {
    "narrow.tflite": [
        Layer("CONV_2D", height=12, width=12, channels=4, out_height=12, out_width=12, out_channels=8, kernel_height=3, kernel_width=3)
    ],
    "wide.tflite": [Layer("CONV_2D", height=16, width=16, channels=8, out_height=16, out_width=16, out_channels=16, kernel_height=1, kernel_width=1)],
    "dense.tflite": [Layer("FULLY_CONNECTED", height=1, width=1, channels=256, out_height=1, out_width=1, out_channels=64)],
}


@pytest.fixture(scope="module")
def device() -> Characterization:
    """A CV32E40P as known by its log alone, held against an Ibex."""
    import tempfile  # noqa: PLC0415 -- a log is a file, and tmp_path is of one test

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "device.txt"
        path.write_text(find_build("rv32imc").log_of(load_core("cv32e40p")), "utf-8")
        return characterize(path, core="ibex-maxperf")


@pytest.fixture
def folder(tmp_path: Path, device: Characterization) -> Path:
    (tmp_path / "device.descriptor.toml").write_text(descriptor_toml(device.descriptor), "utf-8")
    (tmp_path / "device.toml").write_text(device.table_toml(), "utf-8")
    for name, layers in NETWORKS.items():
        (tmp_path / name).write_bytes(layers_tflite(layers, 1))
    return tmp_path


def _cycles(folder: Path, **options: str | Path) -> list[float]:
    return Predictor(board=BOARD, settings_folder=str(folder), **options).predict([folder / name for name in NETWORKS]).cycles.tolist()


def test_a_descriptor_and_the_table_made_of_it_predict_the_core_that_is_not_named(folder: Path) -> None:
    described = _cycles(folder, descriptor=folder / "device.descriptor.toml")
    assert described == pytest.approx(_cycles(folder, core=str(folder / "device.toml")), rel=1e-9)
    true, nearest = _cycles(folder, core="cv32e40p"), _cycles(folder, core="ibex-maxperf")
    assert described == pytest.approx(true, rel=0.01)
    assert max(abs(other / own - 1) for other, own in zip(nearest, true, strict=True)) > 0.03


def test_events_are_those_of_a_core_with_the_same_rules() -> None:
    taught = load_named("tflm-reference-rv32imc")
    core = load_core("ibex-small")
    assert priced_as(taught, core) == "ibex-small"
    assert priced_as(taught, replace(core, name="mine")) in taught.cores
    assert priced_as(taught, replace(core, name="mine", pipeline="cortex_m3m4")) is None


def test_a_descriptor_needs_a_board_of_its_instruction_set(folder: Path) -> None:
    path = folder / "device.descriptor.toml"
    with pytest.raises(UsageError, match="is of a rv32 core"):
        Predictor(board="generic-cortex-m4", descriptor=path)
    with pytest.raises(UsageError, match="both --core and --descriptor"):
        Predictor(board=BOARD, core="hazard3", descriptor=path)


def test_runs_of_models_calibrate_predictions(folder: Path) -> None:
    path = folder / "device.descriptor.toml"
    predictor = Predictor(board=BOARD, descriptor=path)
    nominal = predictor.predict([folder / name for name in NETWORKS])
    rows = [f"{name},{1e3 * 1.25 * latency_s:.9g}" for name, latency_s in zip(list(NETWORKS)[:2], nominal.latency_s.tolist(), strict=False)]
    runs = folder / "runs.csv"
    runs.write_text("\n".join(["model,latency_ms", *rows, ""]), "utf-8")
    request = Request(board=BOARD, settings_folder=str(folder))
    fitted = calibrate(runs, CalibrationRequest(request, "mine", descriptor=str(path)))
    assert "--descriptor" in fitted.calibration.refit
    (folder / "mine.toml").write_text(calibration_toml(fitted.calibration), "utf-8")
    calibrated = Predictor(board=BOARD, descriptor=path, calibration=str(folder / "mine.toml")).predict([folder / "dense.tflite"])
    assert calibrated.latency_s[0] == pytest.approx(1.25 * nominal.latency_s[2], rel=1e-3)
    assert calibrated[0].latency.basis == "calibrated"
    with pytest.raises(UsageError, match="was fitted with the core table device"):
        Predictor(board=BOARD, calibration=str(folder / "mine.toml")).predict([folder / "dense.tflite"])


def test_runs_of_models_and_of_images_do_not_mix(folder: Path) -> None:
    runs = folder / "runs.csv"
    (folder / "fw.elf").write_bytes(find_build("rv32imc").path.read_bytes())
    runs.write_text("model,image,region,latency_ms\nnarrow.tflite,,,2\n,fw.elf,main,3\n", "utf-8")
    request = Request(board=BOARD, settings_folder=str(folder))
    with pytest.raises(InputError, match="line 2 names a model and line 3 an image"):
        calibrate(runs, CalibrationRequest(request, "mine"))
    runs.write_text("cycles,latency_ms\n1000,2\n", "utf-8")
    with pytest.raises(UsageError, match="no row has one"):
        calibrate(runs, CalibrationRequest(request, "mine", predictor="tflm-reference-rv32imc"))
