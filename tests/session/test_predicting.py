"""Predictors taught on the bundled firmware, and predictions of networks from them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from instsim.cost import CostModel, load_core
from instsim.errors import ModelError, PredictorError, UsageError
from instsim.model.layer import Layer
from instsim.model.layer_models import layers_network, layers_tflite
from instsim.predict.arena import planning_bytes
from instsim.predict.cost_stamp import cost_stamp
from instsim.predict.networks import DomainFlag
from instsim.predict.predictor_file import load_predictor, predictor_from, predictor_text, save_predictor
from instsim.predict.training import TrainingPlan
from instsim.resources import firmware_elf
from instsim.session.predicting import Predictor, find_predictor, shipped_predictors
from instsim.session.predictor_checking import check_predictor
from instsim.session.predictor_training import LayerTeacher, TrainingOptions, train_predictor
from instsim.session.request import Request
from instsim.swap.tensors import seeded_inputs
from tests.swap.swapping import runner

BOARD = Request(board="nucleo-l4r5zi")
PLAN = TrainingPlan(first=40, repeats=8, step=20, most=80, tested=10)
IMAGE = firmware_elf() / "elf" / "dispatch-s28-cortex-m4.elf"
DENSE = Layer("FULLY_CONNECTED", channels=33, out_channels=21)
POINTWISE = Layer("CONV_2D", 5, 4, 6, 5, 4, 9, per_channel=True)


@pytest.fixture(scope="session")
def taught():
    options = TrainingOptions("own", "kernels of the bundled firmware", kinds=("FULLY_CONNECTED", "RESHAPE"), plan=PLAN, processes=1)
    return train_predictor(IMAGE, BOARD, options)


def test_fresh_networks_are_predicted_to_a_fraction_of_a_percent(taught):
    network = [DENSE, Layer("FULLY_CONNECTED", channels=21, out_channels=50, activation=1), Layer("FULLY_CONNECTED", channels=50, out_channels=3)]
    result = runner("dispatch-s28", "cortex-m4").run(layers_tflite(network, 3))
    predictor = Predictor(taught, BOARD)
    true = CostModel(predictor.target.core).price(result.profile)
    (predicted,) = predictor.predict([network])
    assert predicted.cycles == pytest.approx(true.total_cycles, rel=0.005)
    assert predicted.dispatch_cycles == pytest.approx(float(true.cycles[0].sum()), rel=0.001)
    assert [operator.flag for operator in predicted.operators] == [DomainFlag.INSIDE] * 3
    # The bundled firmware plans without records; 10 tensors, 4 of them planned, need more room for these than for themselves.
    planned = 48 + 32 + 64
    assert predicted.arena_bytes - planning_bytes(np.array([10]), np.array([4])) + planned == pytest.approx(
        result.profile.run.arena_used_bytes, abs=64
    )
    assert predicted.latency.low < predicted.latency.value < predicted.latency.high
    assert predicted.energy.value == pytest.approx(sum(operator.energy_j for operator in predicted.operators), rel=0.02)


def test_paths_bytes_and_layers_give_one_answer(taught, tmp_path):
    data = layers_tflite([DENSE])
    path = tmp_path / "dense.tflite"
    path.write_bytes(data)
    predictions = Predictor(taught, BOARD).predict([str(path), path, data, [DENSE]])
    assert len(set(predictions.cycles.tolist())) == 1
    assert [network.name for network in predictions] == ["dense.tflite", "dense.tflite", "", ""]
    assert predictions[0].file_bytes == len(data)
    assert predictions[-1].constant_bytes == DENSE.weight_bytes


def test_what_was_not_taught_is_flagged(taught):
    large, wide = DENSE._replace(channels=5000), DENSE._replace(dtype="int16")
    predictions = Predictor(taught, BOARD).predict([[DENSE], [large], [wide], [POINTWISE, DENSE._replace(channels=180)]])
    assert [network.flag for network in predictions] == [DomainFlag.INSIDE, DomainFlag.BEYOND, DomainFlag.OUTSIDE, DomainFlag.UNKNOWN]
    assert np.isnan(predictions.cycles).tolist() == [False, False, False, True]
    assert "5000" in predictions[1].operators[0].reason
    assert "int16" in predictions[2].operators[0].reason
    assert "CONV_2D" in predictions[3].operators[0].reason


def test_one_predictor_serves_other_cores(taught):
    fast, slow = (Predictor(taught, replace(BOARD, board=board)).predict([[DENSE]]).cycles[0] for board in ("nucleo-h743zi", "nucleo-l4r5zi"))
    assert fast < slow
    with pytest.raises(UsageError, match="no prices for cortex-m0plus"):
        Predictor(taught, replace(BOARD, board="rpi-pico"))


def test_many_networks_and_one_have_the_same_intervals(taught):
    networks = [[DENSE._replace(out_channels=count)] for count in range(1, 200)]
    predictor = Predictor(taught, BOARD)
    together, alone = predictor.predict(networks), predictor.predict([networks[120]])
    for name in ("cycles", "latency_s", "latency_low_s", "latency_high_s", "energy_j", "energy_low_j", "energy_high_j"):
        assert getattr(together, name)[120] == pytest.approx(getattr(alone, name)[0], rel=1e-3), name


def test_files_give_back_what_was_saved(taught, tmp_path):
    save_predictor(taught, tmp_path / "a.predictor")
    again = load_predictor(tmp_path / "a.predictor")
    assert predictor_text(again) == predictor_text(taught)
    networks = [[DENSE], [DENSE._replace(channels=64)]]
    assert Predictor(again, BOARD).predict(networks).cycles == pytest.approx(Predictor(taught, BOARD).predict(networks).cycles, rel=1e-5)


def test_files_that_are_none_are_refused(taught):
    text = predictor_text(taught)
    document = json.loads(text)
    for contents, words in (
        (b"", "is no predictor"),
        (b"{}", "is no predictor"),
        (b"[" * 100_000, "is no predictor"),
        (json.dumps(document | {"version": 99}).encode(), "version 99"),
        (json.dumps(document | {"kinds": [{}]}).encode(), "damaged"),
        (json.dumps(document | {"events": []}).encode(), "damaged"),
        (text.replace('"C', '"C%0', 1).encode(), "C%0"),
        (text[: len(text) // 2].encode(), "is no predictor"),
    ):
        with pytest.raises(PredictorError, match=words):
            predictor_from(contents, "file")


def test_the_teacher_and_another_firmware_are_told_apart(taught):
    assert check_predictor(taught, IMAGE, BOARD).is_teacher
    stripped = check_predictor(taught, firmware_elf() / "elf" / "dispatch-s28-stripped-cortex-m4.elf", BOARD)
    assert stripped.fits
    assert {kind.kind: kind.verdict for kind in stripped.kinds}["FULLY_CONNECTED"] == "same"
    other = find_predictor("tflm-reference-cortex-m4", Predictor(taught, BOARD).target)
    assert not check_predictor(replace(other, kinds={"FULLY_CONNECTED": other.kinds["FULLY_CONNECTED"]}), IMAGE, BOARD).fits


def test_an_interrupted_training_goes_on(tmp_path):
    said = []
    options = TrainingOptions(
        "own",
        kinds=("RESHAPE",),
        plan=PLAN,
        processes=1,
        parts=tmp_path / "parts",
        on_kind=lambda done, total, text: said.append((done, total, text)),
    )

    def stop(done, _total, _text):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_predictor(IMAGE, BOARD, replace(options, on_kind=stop))
    predictor = train_predictor(IMAGE, BOARD, options)
    assert said[0] == (1, 2, "1 kept from before")
    assert set(predictor.kinds) == {"RESHAPE", "(dispatch)"}
    assert not (tmp_path / "parts").exists()


def test_an_operator_that_the_firmware_lacks_is_named():
    with pytest.raises(UsageError, match="TANH"):
        train_predictor(IMAGE, BOARD, TrainingOptions("own", kinds=("TANH",), plan=PLAN, processes=1))


def test_layers_that_a_runner_refuses_are_left_out():
    assert LayerTeacher(runner("dispatch-s28", "cortex-m4")).run(Layer("TANH", 2, 2, 2, 2, 2, 2), 1) is None


def test_every_predictor_that_comes_along_answers_for_its_cores():
    assert shipped_predictors()
    for path in shipped_predictors().values():
        found = load_predictor(path)
        assert found.teacher.kernels
        assert found.teacher.provenance["sources"].startswith("tensorflow/tflite-micro")
        assert {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "RESHAPE", "SOFTMAX", "(dispatch)"} <= set(found.kinds)
        boards = {
            "cortex-m0plus": "nucleo-g0b1re",
            "cortex-m4": "nucleo-l4r5zi",
            "cortex-m7": "disco-f746ng",
            "cortex-m33": "nucleo-u575zi-q",
            "esp32-c3": "esp32-c3",
        }
        board = boards[found.cores[0]]
        (network,) = Predictor(found, Request(board=board)).predict([[POINTWISE, POINTWISE._replace(channels=9)]])
        assert 5 < network.cycles / network.macs < 500


def test_every_predictor_that_comes_along_has_the_events_of_todays_cost_models():
    for name, path in shipped_predictors().items():
        found = load_predictor(path)
        today = {core: cost_stamp(load_core(core)) for core in found.cores}
        assert dict(found.cost_stamps) == today, f"{name}: a pipeline model has changed; tools/reprice_predictor.py brings the predictor up to date"


def test_a_predictor_of_an_older_cost_model_says_so(taught):
    old = replace(taught, cost_stamps=dict.fromkeys(taught.cores, "0" * 16))
    for predictor, said in ((taught, False), (old, True)):
        (network,) = Predictor(predictor, BOARD).predict([[DENSE]])
        assert any("cost models have changed" in warning for warning in network.warnings) is said


def test_no_board_and_no_model_are_said():
    with pytest.raises(UsageError, match="none was named"):
        Predictor("tflm-reference-cortex-m4", Request(settings_folder="/"))
    with pytest.raises(UsageError, match="no predictor is named"):
        Predictor("unheard-of", BOARD)
    with pytest.raises(ModelError, match="as layers"):
        Predictor("tflm-reference-cortex-m4", BOARD).predict([[1, 2]])
    with pytest.raises(ModelError, match="as layers"):
        Predictor("tflm-reference-cortex-m4", BOARD).predict([5])
    for alone in ("model.tflite", b"TFL3", 5):
        with pytest.raises(UsageError, match="as a sequence"):
            Predictor("tflm-reference-cortex-m4", BOARD).predict(alone)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (DENSE._replace(channels=-5), "channels is -5"),
        (DENSE._replace(channels=0), "channels is 0"),
        (DENSE._replace(channels=10**12, out_channels=10**9), "channels is 1000000000000"),
        (DENSE._replace(channels="10"), "channels is '10'"),
        (DENSE._replace(inputs=(7,)), r"inputs are \(7,\)"),
    ],
)
def test_layers_that_make_no_network_are_told(layer, words):
    predictor = Predictor("tflm-reference-cortex-m4", BOARD)
    with pytest.raises(ModelError, match=rf"network 1, layer 0 \(FULLY_CONNECTED\): {words}"):
        predictor.predict([[DENSE], [layer]])


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ("nucleo-l4r5zi", "tflm-cmsis-nn-cortex-m4"),
        ("nucleo-u575zi-q", "tflm-cmsis-nn-cortex-m33"),
        ("rpi-pico", "tflm-cmsis-nn-cortex-m0plus"),
        ("disco-f746ng", "tflm-cmsis-nn-cortex-m4"),
        ("esp32-c3", "tflm-reference-rv32imc"),
    ],
)
def test_each_board_gets_the_kernels_that_suit_it_best(board, name):
    assert Predictor(None, Request(board=board)).taught.name == name


def test_small_layers_have_wider_intervals_by_what_their_data_scatter(taught):
    kind = replace(taught.kinds["FULLY_CONNECTED"], spread_cycles=2.0)
    layers = [[Layer("FULLY_CONNECTED", channels=8, out_channels=outputs)] for outputs in (1, 200)]
    plain = Predictor(replace(taught, kinds={**taught.kinds, "FULLY_CONNECTED": replace(kind, spread_cycles=0.0)}), BOARD).predict(layers).costs
    wide = Predictor(replace(taught, kinds={**taught.kinds, "FULLY_CONNECTED": kind}), BOARD).predict(layers).costs
    assert wide.layer_costs.sd**2 - plain.layer_costs.sd**2 == pytest.approx(2.0 / wide.layer_costs.cycles)


def test_weights_and_inputs_of_one_seed_do_not_follow_each_other():
    """If they did, most products of a small layer would be positive."""
    small = Layer("DEPTHWISE_CONV_2D", 1, 1, 100, 1, 1, 100)
    (subgraph,) = layers_network([small], 5).subgraphs
    weights = next(tensor.data for tensor in subgraph.tensors if tensor.data is not None).ravel().astype(float)
    inputs = np.frombuffer(seeded_inputs([subgraph.tensors[subgraph.inputs[0]]], 5)[0], np.int8).astype(float)
    assert abs(np.corrcoef(weights, inputs)[0, 1]) < 0.3
