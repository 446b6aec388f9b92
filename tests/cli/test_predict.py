"""``instsim predict`` and ``instsim predictor``."""

import csv
import io
import json

from instsim.model.layer import Layer
from instsim.model.layer_models import layers_tflite

NETWORK = (
    Layer("CONV_2D", 8, 8, 3, 8, 8, 4, kernel_height=3, kernel_width=3, same_padding=True, activation=1, per_channel=True),
    Layer("RESHAPE", 8, 8, 4, 1, 1, 256),
    Layer("FULLY_CONNECTED", channels=256, out_channels=10),
    Layer("SOFTMAX", channels=10, out_channels=10),
)
REFERENCE = ("--predictor", "tflm-reference-cortex-m4", "--board", "nucleo-l4r5zi")


def _model(folder, name="model.tflite", layers=NETWORK):
    path = folder / name
    path.write_bytes(layers_tflite(layers, 1))
    return path


def test_a_model_on_a_board_right_after_installation(instsim, tmp_path):
    ran = instsim("predict", _model(tmp_path), "--board", "nucleo-l4r5zi")
    assert ran.code == 0
    for word in ("latency", "energy", "arena", "CONV_2D", "FULLY_CONNECTED", "kernels", "GCC", "12.2"):
        assert word in ran.out


def test_json_and_csv_say_the_same(instsim, tmp_path):
    first, second = _model(tmp_path), _model(tmp_path, "small.tflite", NETWORK[3:])
    document = json.loads(instsim("predict", first, second, *REFERENCE, "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(instsim("predict", first, second, *REFERENCE, "--format", "csv").out)))
    assert [row["name"] for row in rows] == [network["name"] for network in document["networks"]] == ["model.tflite", "small.tflite"]
    for row, network in zip(rows, document["networks"], strict=True):
        assert float(row["cycles"]) == network["cycles"]
        assert float(row["latency_low_s"]) == network["latency"]["low"]
        assert int(row["arena_bytes"]) == network["arena_bytes"]
    network = document["networks"][0]
    assert sum(operator["cycles"] for operator in network["operators"]) + network["dispatch_cycles"] == __import__("pytest").approx(network["cycles"])
    assert network["macs"] == 8 * 8 * 4 * 27 + 2560
    assert [operator["weight_bytes"] for operator in network["operators"]] == [4 * 27 + 4 * 4, 0, 2560 + 4 * 10, 0]


def test_a_keras_file_is_refused_with_the_way_to_convert_it(instsim, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    ran = instsim("predict", path, *REFERENCE)
    assert ran.code == 1
    assert "TFLiteConverter" in ran.err


def test_an_unknown_operator_leaves_the_answer_incomplete(instsim, tmp_path):
    data = layers_tflite([Layer("HARD_SWISH", 2, 2, 2, 2, 2, 2)])
    path = tmp_path / "odd.tflite"
    # HARD_SWISH is operator 117 of the schema; 109 is CUMSUM's neighbour, which no predictor has.
    path.write_bytes(data.replace(b"\x75\0\0\0", b"\x6d\0\0\0").replace(b"\x75", b"\x6d"))
    ran = instsim("predict", path, *REFERENCE)
    assert ran.code == 3
    assert "the predictor has no" in ran.err
    assert "nan" not in ran.out


def test_predictors_are_listed_and_shown(instsim):
    assert "tflm-reference-cortex-m4" in instsim("predictor", "show").out
    shown = instsim("predictor", "show", "tflm-reference-cortex-m4")
    assert "CONV_2D" in shown.out
    formulas = instsim("predictor", "show", "tflm-reference-cortex-m4", "--operator", "conv_2d")
    assert "P*OC" in formulas.out
    document = json.loads(instsim("predictor", "show", "tflm-reference-cortex-m4", "--format", "json").out)
    assert document["cores"][0] == "cortex-m4"
    assert instsim("predictor", "show", "unheard-of").code == 2
    assert instsim("predictor", "show", "tflm-reference-cortex-m4", "--operator", "LSTM").code == 2
