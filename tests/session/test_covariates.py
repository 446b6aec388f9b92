"""What a calibration asks of an image beside its cycles."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from instsim.calibrate.calibration_file import calibration_toml, load_calibration
from instsim.calibrate.weight_reading import WeightReading
from instsim.errors import UsageError
from instsim.model.layer import Layer
from instsim.model.layer_models import layers_tflite
from instsim.model.layer_reading import read_layers
from instsim.profile.block_profile import TensorShape
from instsim.resources import cost_tables, firmware_elf
from instsim.session.covariates import weight_bytes_of
from instsim.session.estimate import EstimatedOperator, Figure
from instsim.session.facade import estimate
from instsim.session.predicting import Predictor
from instsim.session.request import Request
from tests.report.example_estimate import bare_estimate

DENSE = Layer("FULLY_CONNECTED", channels=400, out_channels=300, has_bias=True)


def operator(name: str, inputs: tuple[TensorShape | None, ...], macs: int = 1, executions: int = 1) -> EstimatedOperator:
    return EstimatedOperator(name, 0, 0, 0, executions, inputs, (), macs, 0, 1.0, 1, 1.0, 1.0, None, 0.0, 0.0, "")


def test_weights_and_biases_count_once_for_each_execution() -> None:
    dense = (TensorShape((1, 64), "int8"), TensorShape((12, 64), "int8"), TensorShape((12,), "int32"))
    packed = (TensorShape((1, 3), "int8"), TensorShape((1, 3), "int4"), None)
    pooled = (TensorShape((1, 4, 4, 8), "int8"),)
    found = replace(
        bare_estimate(),
        operators=(
            operator("FULLY_CONNECTED", dense, executions=3),
            operator("CONV_2D", packed),
            operator("MAX_POOL_2D", pooled, macs=0),
            operator("(dispatch)", (), 0),
        ),
    )
    assert weight_bytes_of(found) == 3 * (12 * 64 + 12 * 4) + 2
    assert weight_bytes_of(replace(found, operators=(*found.operators, operator("SVDF", dense)))) is None
    assert weight_bytes_of(replace(found, operators=found.operators[-1:])) is None
    assert weight_bytes_of(None) is None


def test_an_image_and_its_model_have_the_same_weights() -> None:
    model = firmware_elf() / "models" / "kws.tflite"
    found = estimate(firmware_elf() / "elf" / "kws-cortex-m4.elf", Request(board="nucleo-l4r5zi", region="kws_invoke"))
    layers = read_layers(model.read_bytes()).layers
    assert weight_bytes_of(found) == sum(layer.weight_bytes for layer in layers) > 0


def test_weights_that_an_image_does_not_show_can_be_told() -> None:
    def energy(weight_bytes: float | None, image: str = "floating-single-cortex-m4") -> Figure:
        asked = Request(board="nucleo-l4r5zi", region="all", force=True, weight_bytes=weight_bytes)
        return estimate(firmware_elf() / "elf" / f"{image}.elf", asked).energy

    cycles = estimate(firmware_elf() / "elf" / "floating-single-cortex-m4.elf", Request(board="nucleo-l4r5zi", region="all", force=True)).cycles
    unknown, none, many = (energy(weights) for weights in (None, 0.0, 0.5 * cycles))
    assert "weights that it reads are not known" in unknown.source
    assert "not known" not in many.source
    # 13 % less for a byte a cycle, between boards.
    assert many.value / none.value == pytest.approx(math.exp(-0.065), rel=0.05)
    assert none.high / none.low < unknown.high / unknown.low
    with pytest.raises(UsageError, match="no core reads that many"):
        energy(9.0 * cycles)


def test_a_prediction_reads_weights_as_an_estimate_does(tmp_path: Path) -> None:
    known = load_calibration(cost_tables() / "calibrations" / "nucleo-l4r5zi@120MHz-1.8V.toml")
    assert known.energy is not None
    reading = WeightReading(-0.5, 0.0, 0.0, 0.1)
    path = tmp_path / "own.toml"
    path.write_text(calibration_toml(replace(known, energy=replace(known.energy, reading=reading))), "utf-8")
    without = tmp_path / "without.toml"
    without.write_text(calibration_toml(replace(known, energy=replace(known.energy, reading=None))), "utf-8")
    models = [layers_tflite([DENSE], 1), layers_tflite([Layer("SOFTMAX", channels=500, out_channels=500)], 1)]
    found, plain = (Predictor(board="nucleo-l4r5zi", calibration=str(file)).predict(models) for file in (path, without))
    per_cycle = [DENSE.weight_bytes / found.cycles[0], 0.0]
    expected = [math.exp(reading.slope * (value - reading.mean)) for value in per_cycle]
    assert found.energy_j / plain.energy_j == pytest.approx(expected)
    assert found.energy_low_j / plain.energy_low_j == pytest.approx(expected)
    assert (found.latency_s == plain.latency_s).all()
