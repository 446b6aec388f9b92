"""``instsim sweep``: what is refused, and what is printed."""

import csv

import pytest

from instsim.cli import sweep as sweep_command
from tests.sweep.sweep_models import BOARD, PREDICTOR, fill

PREDICTED = ("--predictor", PREDICTOR, "--board", BOARD, "--workers", "0")


def test_a_sweep_and_its_front(instsim, tmp_path):
    fill(tmp_path / "models", 5)
    (tmp_path / "models" / "broken.tflite").write_bytes(b"TFL3")
    ran = instsim("sweep", "models", *PREDICTED, "-o", "r.csv", "--pareto", "latency,size")
    assert ran.code == 0
    assert "broken.tflite" in ran.out
    assert "Front of latency and size" in ran.out
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["failed", *["ok"] * 5]
    fastest = min((row for row in rows if row["latency_s"]), key=lambda row: float(row["latency_s"]))
    assert fastest["path"] in ran.out
    again = instsim("sweep", "r.csv", "--pareto", "latency,size")
    assert again.out == ran.out


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_front_is_drawn(instsim, tmp_path, form):
    pytest.importorskip("matplotlib")
    fill(tmp_path / "models", 5)
    ran = instsim("sweep", "models", *PREDICTED, "-o", "r.csv", "--pareto", "energy,arena", "--plot", f"front.{form}")
    assert ran.code == 0, ran.err
    start = (tmp_path / f"front.{form}").read_bytes()[:300]
    assert start.startswith(b"\x89PNG") if form == "png" else b"<svg" in start or b"<?xml" in start


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("models", *PREDICTED), "-o results.parquet"),
        (("models", *PREDICTED, "-o", "r.xlsx"), ".parquet"),
        (("models", *PREDICTED, "-o", "no/r.csv"), "no folder"),
        (("nowhere", *PREDICTED, "-o", "r.csv"), "there is no nowhere"),
        (("empty", *PREDICTED, "-o", "r.csv"), "no .tflite file"),
        (("models", *PREDICTED, "--runner", "r.elf", "-o", "r.csv"), "not by both"),
        (("models", *PREDICTED, "-o", "r.csv", "--pareto", "speed,flash"), "'speed'"),
        (("models", *PREDICTED, "-o", "r.csv", "--plot", "f.png"), "--pareto"),
        (("models", *PREDICTED, "-o", "r.csv", "--pareto", "latency,flash", "--plot", "f.bmp"), "f.bmp"),
        (("models", *PREDICTED, "-o", "r.csv", "--scheduler", "gopher://x:1"), "no address"),
    ],
)
def test_wrong_usage_is_told_before_work(instsim, tmp_path, arguments, words):
    if "--scheduler" in arguments:
        pytest.importorskip("distributed")
    fill(tmp_path / "models", 1)
    (tmp_path / "empty").mkdir()
    ran = instsim("sweep", *arguments)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "r.csv").exists()


@pytest.mark.parametrize(("module", "output", "words"), [("pyarrow", "r.parquet", "instsim[sweep]"), ("distributed", "r.csv", "--workers 0")])
def test_an_extra_that_is_missing_is_named(instsim, tmp_path, monkeypatch, module, output, words):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    fill(tmp_path / "models", 1)
    ran = instsim("sweep", "models", *PREDICTED[:-2], "-o", output)
    assert ran.code == 2
    assert words in ran.err


def test_the_rate_leaves_out_the_models_that_came_with_the_start_of_the_workers(monkeypatch, capsys):
    clock = iter((0.0, 5.0, 7.0))
    monkeypatch.setattr(sweep_command.time, "monotonic", lambda: next(clock))
    progress = sweep_command._Progress(9)
    progress.evaluated(1)
    progress.evaluated(4)
    progress.written([])
    assert "evaluated 5 models, 7,200 an hour" in capsys.readouterr().err
