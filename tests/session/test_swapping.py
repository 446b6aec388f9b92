"""Another model in a firmware, from Python and from the command line."""

from __future__ import annotations

import builtins
import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import instsim
from instsim.cli import main
from instsim.errors import InputError, SwapError, UsageError
from instsim.report.html_report import render_html
from instsim.report.text import render_text
from instsim.resources import firmware_elf
from tests.swap.swapping import noise

RUNNER = firmware_elf() / "elf" / "dispatch-s28-cortex-m4.elf"
SMALL = firmware_elf() / "elf" / "kws-small-cortex-m4.elf"
MODEL = firmware_elf() / "models" / "kws.tflite"
SMALL_MODEL = firmware_elf() / "models" / "small.tflite"
BOARD = "nucleo-l4r5zi"


def test_an_estimate_of_another_model_says_so() -> None:
    found = instsim.estimate(RUNNER, board=BOARD, model=MODEL)
    swap = found.run.swap
    assert swap is not None
    assert (swap.model, swap.model_bytes, swap.arena_need_bytes) == ("kws.tflite", MODEL.stat().st_size, 22_320)
    assert sum(operator.macs for operator in found.operators) == 2_656_768
    text, page = render_text(found), render_html(found)
    for words in ("kws.tflite in dispatch-s28-cortex-m4.elf", "Model swapped", "22,320 B (21.8 KiB), the firmware has 16,384 B (16.0 KiB)"):
        assert words in text
        assert words in page
    assert any("needs a tensor arena of 22,320 B" in warning for warning in found.warnings)


def test_a_model_may_be_given_by_its_contents() -> None:
    assert instsim.estimate(RUNNER, board=BOARD, model=MODEL.read_bytes()).cycles == instsim.estimate(RUNNER, board=BOARD, model=MODEL).cycles


def test_a_saved_profile_keeps_what_is_known_of_the_model(tmp_path: Path) -> None:
    made = instsim.profile(RUNNER, board=BOARD, model=MODEL)
    instsim.save_profile(made, tmp_path / "a.profile")
    assert instsim.load_profile(tmp_path / "a.profile").run == made.run
    assert instsim.estimate(tmp_path / "a.profile", board=BOARD).run.swap == made.run.swap


def test_the_cache_tells_models_apart_by_their_contents(tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    shutil.copy(MODEL, model)
    first = instsim.estimate(RUNNER, board=BOARD, model=model)
    shutil.copy(firmware_elf() / "models" / "small.tflite", model)
    assert len(instsim.estimate(RUNNER, board=BOARD, model=model).operators) != len(first.operators)


def test_a_model_or_arena_that_the_chip_has_no_room_for_is_named(tmp_path: Path) -> None:
    padded = tmp_path / "large.tflite"
    padded.write_bytes(MODEL.read_bytes() + bytes(3 << 20))
    warnings = instsim.estimate(RUNNER, board=BOARD, model=padded).warnings
    assert any(warning.startswith("the model would not fit nucleo-l4r5zi: it takes 3,") for warning in warnings)
    data = bytearray(MODEL.read_bytes())
    at = data.index(np.array([1, 49, 10, 1], "<i4").tobytes())
    data[at : at + 16] = np.array([1, 490, 2000, 1], "<i4").tobytes()
    with pytest.raises(SwapError):
        instsim.estimate(RUNNER, board=BOARD, model=bytes(data), budget_cycles=3_000_000)


def test_inputs_are_read_from_files_and_outputs_written(tmp_path: Path) -> None:
    given = np.arange(490, dtype=np.int16).astype(np.int8).reshape(1, 49, 10, 1)
    np.save(tmp_path / "in.npy", given)
    np.savez(tmp_path / "in.npz", one=given)
    (tmp_path / "in.bin").write_bytes(given.tobytes())
    outputs = []
    for name in ("in.npy", "in.npz", "in.bin"):
        found = instsim.profile(RUNNER, board=BOARD, model=MODEL, input_file=tmp_path / name, save_outputs=tmp_path / "out")
        assert found.run.swap is not None
        assert found.run.swap.inputs == name
        outputs.append(np.load(tmp_path / "out" / "output_0.npy"))
    assert outputs[0].shape == (1, 12)
    assert outputs[0].dtype == np.int8
    assert all(np.array_equal(outputs[0], other) for other in outputs)


def test_inputs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in.bin").write_bytes(b"123")
    (tmp_path / "in.npy").write_bytes(b"123")
    np.save(tmp_path / "float.npy", np.zeros((1, 49, 10, 1), np.float32))
    for name, message in (
        ("in.bin", "has 3 bytes, the inputs of the model have 490"),
        ("in.npy", "cannot be read as a NumPy file"),
        (".", "the input [^:]*: cannot be read: Is a directory"),
        ("float.npy", "float32"),
    ):
        with pytest.raises(InputError, match=message):
            instsim.profile(RUNNER, board=BOARD, model=MODEL, input_file=tmp_path / name)
    with pytest.raises(InputError, match=r"in\.bin is not a folder"):
        instsim.profile(RUNNER, board=BOARD, model=MODEL, save_outputs=tmp_path / "in.bin" / "folder")


@pytest.mark.parametrize("option", [{"region": "main"}, {"call": 2}, {"serial": "eembc"}, {"peeks": "a:1=b"}, {"call_stacks": True}])
def test_options_that_do_not_go_with_a_model_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        instsim.estimate(RUNNER, board=BOARD, model=MODEL, **option)


@pytest.mark.parametrize("option", ["verify", "allow_float"])
def test_options_of_a_model_without_one_are_refused(option: str) -> None:
    with pytest.raises(UsageError, match="--model FILE"):
        instsim.estimate(RUNNER, board=BOARD, **{option: True})


def test_a_model_of_a_saved_profile_is_refused(tmp_path: Path) -> None:
    instsim.save_profile(instsim.profile(RUNNER, board=BOARD), tmp_path / "a.profile")
    with pytest.raises(UsageError, match="saved profile"):
        instsim.estimate(tmp_path / "a.profile", board=BOARD, model=MODEL)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("tflite_micro"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match="tflite-micro, which is not installed") as raised:
        instsim.profile(RUNNER, board=BOARD, model=MODEL, verify=True, use_cache=False)
    assert "instsim[verify]" in raised.value.hint


def test_outputs_are_those_of_the_package() -> None:
    pytest.importorskip("tflite_micro")
    found = instsim.profile(RUNNER, board=BOARD, model=MODEL, verify=True, use_cache=False)
    assert found.run.swap is not None
    assert found.run.swap.verified_by.startswith("tflite-micro ")


def test_the_command_line_has_the_model_in_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["estimate", str(RUNNER), "--board", BOARD, "--model", str(MODEL), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"]["swap"]["model"] == "kws.tflite"
    assert main(["profile", str(RUNNER), "--board", BOARD, "--model", str(MODEL), "-o", str(tmp_path / "x.profile")]) == 0


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"not a model at all", "lies outside"),
        (b"", "too few"),
        (MODEL.read_bytes()[:20_000], "outside"),
        (None, "cannot be read"),
        (b"PK\x03\x04" + bytes(100), "TFLiteConverter"),
    ],
)
def test_bad_models_end_with_a_message(contents: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.tflite"
    if contents is not None:
        path.write_bytes(contents)
    assert main(["estimate", str(RUNNER), "--board", BOARD, "--model", str(path)]) == 1
    told = capsys.readouterr().err
    assert message in told
    assert "bad.tflite" in told


@pytest.mark.parametrize("option", ["--model", "--input"])
def test_a_file_without_end_is_not_read_to_its_end(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"--model": str(MODEL), option: "/dev/zero"}
    assert main(["estimate", str(RUNNER), "--board", BOARD, *(word for pair in arguments.items() for word in pair)]) == 1
    assert "/dev/zero: larger than" in capsys.readouterr().err


def test_firmware_without_an_interpreter_ends_with_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(SMALL), "--board", BOARD, "--model", str(MODEL)]) == 1
    assert "hint" in capsys.readouterr().err


def test_spare_memory_costs_what_the_chips_own_does(tmp_path: Path) -> None:
    """The firmware's own model, swapped for itself, has the stalls that it has in place; what the application ran before has left other lines."""
    (tmp_path / "in.bin").write_bytes(noise(4711, 192))
    own = instsim.estimate(RUNNER, board=BOARD, memory="exact")
    swapped = instsim.estimate(RUNNER, board=BOARD, memory="exact", model=SMALL_MODEL, input_file=tmp_path / "in.bin")
    assert own.memory is not None
    assert swapped.memory is not None
    assert swapped.memory.stall_cycles == pytest.approx(own.memory.stall_cycles, rel=0.02)
    assert swapped.cycles - swapped.memory.stall_cycles == own.cycles - own.memory.stall_cycles
    assert {path.memory for path in swapped.memory.paths} == {path.memory for path in own.memory.paths}


def test_outputs_that_are_not_those_of_the_package_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interpreter:
        @staticmethod
        def from_bytes(_model: bytes, arena_size: int) -> Interpreter:
            assert arena_size > 22_320
            return Interpreter()

        def set_input(self, value: np.ndarray[Any, Any], _number: int) -> None:
            assert value.shape == (1, 49, 10, 1)

        def invoke(self) -> None: ...

        def get_output(self, _number: int) -> np.ndarray[Any, Any]:
            return np.full((1, 12), 99, np.int8)

    monkeypatch.setitem(sys.modules, "tflite_micro", types.SimpleNamespace(runtime=types.SimpleNamespace(Interpreter=Interpreter)))
    with pytest.raises(SwapError, match="12 of 12 elements differ") as raised:
        instsim.profile(RUNNER, board=BOARD, model=MODEL, verify=True, use_cache=False)
    assert "tflite-micro says 99" in str(raised.value)
