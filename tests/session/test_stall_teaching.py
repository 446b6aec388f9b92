"""Stalls taught on the bundled firmware, and predictions with them."""

from dataclasses import replace

import numpy as np
import pytest

from instsim.errors import UsageError
from instsim.model.layer import Layer
from instsim.model.layer_models import layers_tflite
from instsim.predict.formula import Formula, scaled
from instsim.predict.predictor_file import load_predictor, predictor_text, save_predictor
from instsim.predict.training import TrainingPlan
from instsim.resources import firmware_elf
from instsim.session.facade import estimate
from instsim.session.predicting import Predictor
from instsim.session.predictor_training import TrainingOptions, train_predictor
from instsim.session.request import Request
from instsim.session.stall_teaching import StallOptions, teach_stalls

BOARD = Request(board="nucleo-l4r5zi")
IMAGE = firmware_elf() / "elf" / "dispatch-s28-cortex-m4.elf"
SYSTEM = "stm32l4 at 120 MHz, 5 wait states"
NETWORK = [Layer("FULLY_CONNECTED", channels=200, out_channels=60, activation=1), Layer("FULLY_CONNECTED", channels=60, out_channels=40)]


def _twice(paths):
    """Kernels that run everything twice."""
    return tuple(
        replace(path, classes=tuple(replace(record, formula=Formula(scaled(record.formula.pieces, 2.0))) for record in path.classes))
        for path in paths
    )


@pytest.fixture(scope="module")
def ideal():
    plan = TrainingPlan(first=40, repeats=8, step=20, most=80, tested=10)
    return train_predictor(IMAGE, BOARD, TrainingOptions("own", kinds=("FULLY_CONNECTED", "RESHAPE"), plan=plan, processes=1))


@pytest.fixture(scope="module")
def taught(ideal):
    return teach_stalls(ideal, IMAGE, BOARD, StallOptions(kinds=("FULLY_CONNECTED",), layers=60, tested=20))


def test_a_network_is_predicted_with_what_its_board_waits(ideal, taught, tmp_path):
    model = tmp_path / "network.tflite"
    model.write_bytes(layers_tflite(NETWORK, 3))
    true = estimate(IMAGE, replace(BOARD, model=str(model)))
    without, with_ = (Predictor(predictor, BOARD).predict([NETWORK])[0] for predictor in (ideal, taught))
    assert abs(without.cycles / true.cycles - 1) > 0.1
    assert abs(with_.cycles / true.cycles - 1) < 0.05
    assert any("taken as ideal: the flash" in warning for warning in without.warnings)
    assert not any("ideal" in warning for warning in with_.warnings)
    assert with_.latency.low < with_.latency.value < with_.latency.high


def test_ideal_memory_and_other_clocks_have_no_stalls(ideal, taught):
    for request in (replace(BOARD, memory="ideal"), replace(BOARD, clock_hz=80e6), replace(BOARD, board="generic-cortex-m4")):
        predictor = Predictor(taught, request)
        assert predictor.memory is None
        assert predictor.predict([NETWORK]).cycles == pytest.approx(Predictor(ideal, request).predict([NETWORK]).cycles)
    assert Predictor(taught, BOARD).memory == SYSTEM


def test_a_board_with_a_cache_and_no_wait_states_is_flagged_as_well():
    (network,) = Predictor("tflm-reference-cortex-m0plus", Request(board="rpi-pico", clock_hz=100e6)).predict([NETWORK])
    assert any("through a cache" in warning for warning in network.warnings)


@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("tflm-cmsis-nn-cortex-m4", "nucleo-l4r5zi"),
        ("tflm-cmsis-nn-cortex-m0plus", "rpi-pico"),
        ("tflm-reference-cortex-m0plus", "nucleo-g0b1re"),
        ("tflm-reference-cortex-m33", "nucleo-u575zi-q"),
        ("tflm-reference-rv32imc", "esp32-c3"),
    ],
)
def test_predictors_that_come_along_know_what_boards_wait(name, board):
    predictor = Predictor(name, Request(board=board))
    (network,) = predictor.predict([NETWORK])
    assert predictor.memory is not None
    assert not any("ideal" in warning for warning in network.warnings)
    assert network.cycles > Predictor(name, Request(board=board, memory="ideal")).predict([NETWORK]).cycles[0]


def test_operators_whose_stalls_were_not_taught_are_named(taught):
    (network,) = Predictor(taught, BOARD).predict([[*NETWORK, Layer("RESHAPE", channels=40, out_channels=40)]])
    assert any("taken as ideal for RESHAPE" in warning for warning in network.warnings)


def test_a_memory_table_of_another_day_is_said(taught):
    old = replace(taught, memories={SYSTEM: "0" * 64})
    (network,) = Predictor(old, BOARD).predict([NETWORK])
    assert any("memories has changed" in warning for warning in network.warnings)


def test_the_error_with_stalls_is_known_and_kept_in_the_file(taught, tmp_path):
    error = taught.kinds["FULLY_CONNECTED"].stalls[SYSTEM].error
    assert error.layers == 20
    assert 0 < error.mean < 0.2
    save_predictor(taught, tmp_path / "a.predictor")
    again = load_predictor(tmp_path / "a.predictor")
    assert predictor_text(again) == predictor_text(taught)
    assert Predictor(again, BOARD).predict([NETWORK]).cycles == pytest.approx(Predictor(taught, BOARD).predict([NETWORK]).cycles, rel=1e-5)


def test_another_image_with_the_same_kernels_teaches_as_well(ideal, taught):
    stripped = firmware_elf() / "elf" / "dispatch-s28-stripped-cortex-m4.elf"
    other = teach_stalls(ideal, stripped, BOARD, StallOptions(kinds=("FULLY_CONNECTED",), layers=60, tested=20))
    cycles = [Predictor(predictor, BOARD).predict([NETWORK]).cycles[0] for predictor in (other, taught)]
    assert cycles[0] == pytest.approx(cycles[1], rel=0.01)


def test_what_cannot_be_taught_is_refused(ideal):
    slow = replace(ideal.kinds["FULLY_CONNECTED"], operands={}, paths=_twice(ideal.kinds["FULLY_CONNECTED"].paths))
    stranger = replace(ideal, teacher=replace(ideal.teacher, sha256="0" * 64), kinds={**ideal.kinds, "FULLY_CONNECTED": slow})
    with pytest.raises(UsageError, match="has other kernels than those that taught own: FULLY_CONNECTED"):
        teach_stalls(stranger, IMAGE, BOARD, StallOptions())
    with pytest.raises(UsageError, match="are ideal"):
        teach_stalls(ideal, IMAGE, replace(BOARD, memory="ideal"), StallOptions())
    with pytest.raises(UsageError, match="TANH"):
        teach_stalls(ideal, IMAGE, BOARD, StallOptions(kinds=("TANH",)))


def test_many_networks_and_one_have_the_same_stalls(taught):
    networks = [[NETWORK[0]._replace(out_channels=count)] for count in range(1, 60)]
    predictor = Predictor(taught, BOARD)
    alone = [predictor.predict([network]).cycles[0] for network in networks[::20]]
    assert np.allclose(predictor.predict(networks).cycles[::20], alone)
