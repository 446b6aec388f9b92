"""An image that did not change is not run again, and gives the same bytes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from instsim.errors import RunError
from instsim.report.json_report import render_json
from instsim.report.text import render_text
from instsim.resources import cost_tables, firmware_elf
from instsim.session import facade
from instsim.session.facade import estimate
from instsim.session.request import Request
from instsim.swap import runner

ELF = firmware_elf() / "elf"
IMAGE = ELF / "dispatch-s28-cortex-m4.elf"
L4 = Request(board="nucleo-l4r5zi")


def test_a_runner_is_learned_once_for_many_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTSIM_CACHE_DIR", str(tmp_path / "cache"))
    learned = []
    learn = runner.learn_runner
    monkeypatch.setattr(runner, "learn_runner", lambda image, *rest: learned.append(image.name) or learn(image, *rest))
    models = firmware_elf() / "models"
    first, other = (estimate(IMAGE, replace(L4, model=models / name)) for name in ("small.tflite", "kws.tflite"))
    assert learned == [IMAGE.name]
    without = [estimate(IMAGE, replace(L4, model=models / name, use_cache=False)) for name in ("small.tflite", "kws.tflite")]
    assert learned == [IMAGE.name] * 3
    assert [render_json(first), render_json(other)] == [render_json(each) for each in without]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count what is run, with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSTSIM_CACHE_DIR", str(tmp_path / "cache"))
    seen: list[str] = []
    run = facade._run

    def counted(image, target, request, variants):
        seen.append(image.name)
        return run(image, target, request, variants)

    monkeypatch.setattr(facade, "_run", counted)
    return seen


def test_the_second_answer_is_the_first_one_without_a_run(runs: list[str]) -> None:
    first, second, without = estimate(IMAGE, L4), estimate(IMAGE, L4), estimate(IMAGE, replace(L4, use_cache=False))
    assert runs == [IMAGE.name] * 2
    assert render_json(first) == render_json(second) == render_json(without)
    assert render_text(first, verbose=True) == render_text(second, verbose=True) == render_text(without, verbose=True)


def test_a_memory_system_that_changed_is_simulated_anew(runs: list[str], tmp_path: Path) -> None:
    tables = cost_tables()
    memory, board = tmp_path / "memory.toml", tmp_path / "board.toml"
    table = (tables / "memories" / "esp32-c3.toml").read_text("utf-8")
    memory.write_text(table, "utf-8")
    text = (tables / "boards" / "esp32-c3.toml").read_text("utf-8")
    board.write_text(text.replace('memory_system = "esp32-c3"\n', f'memory_system = "{memory.as_posix()}"\n'), "utf-8")
    image = ELF / "kws-rv32imc.elf"
    request = Request(board=str(board))
    before = estimate(image, request)
    memory.write_text(table.replace("hz = 80e6", "hz = 40e6"), "utf-8")
    after = estimate(image, request)
    assert runs == [image.name] * 2
    assert before.memory is not None
    assert after.memory is not None
    assert after.memory.stall_cycles == pytest.approx(2 * before.memory.stall_cycles, rel=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"board": "nucleo-f446re"},
        {"clock_hz": 1e7},
        {"core": "cortex-m33"},
        {"region": "all"},
        {"call": 2, "region": "tflite::MicroInterpreter::Invoke"},
        {"budget_cycles": 10**9},
        {"dispatchers": ("main",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_changes_the_run_runs_again(runs: list[str], change: dict[str, object]) -> None:
    image = ELF / "dispatch-s36-cortex-m4.elf"
    estimate(image, L4)
    estimate(image, replace(L4, **change))
    assert len(runs) == 2


def test_what_only_changes_the_price_does_not(runs: list[str]) -> None:
    estimate(IMAGE, L4)
    estimate(IMAGE, replace(L4, allow_unpriced=True, board_chosen_by="sample", force=True))
    assert len(runs) == 1


def test_other_bytes_run_again_and_the_name_is_the_file_s(runs: list[str], tmp_path: Path) -> None:
    estimate(IMAGE, L4)
    other = tmp_path / "other.elf"
    shutil.copy(IMAGE, other)
    assert estimate(other, L4).firmware.name == "other.elf"
    other.write_bytes(other.read_bytes() + b"\0")
    estimate(other, L4)
    assert len(runs) == 3


def test_a_damaged_cache_costs_time_and_nothing_else(runs: list[str], tmp_path: Path) -> None:
    first = estimate(IMAGE, L4)
    (kept,) = (tmp_path / "cache" / "profiles").iterdir()
    kept.write_bytes(kept.read_bytes()[:-5])
    assert render_json(estimate(IMAGE, L4)) == render_json(first)
    assert len(runs) == 2


def test_a_run_that_failed_is_not_remembered(runs: list[str]) -> None:
    image = ELF / "fault-read-cortex-m4.elf"
    for _ in range(2):
        with pytest.raises(RunError):
            estimate(image, L4)
    assert len(runs) == 2
