"""Whole sweeps, in this process and in others."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

import instsim
from instsim.errors import InputError, SwapError, UsageError
from instsim.model.layer import chain
from instsim.session.request import Request
from instsim.sweep import cluster, journal
from instsim.sweep.evaluating import predictor_plan, swap_plan
from instsim.sweep.journal import Journal
from instsim.sweep.results import read_results
from instsim.sweep.row import Outcome
from instsim.sweep.sweeping import SweepOptions, journal_path, sweep
from tests.swap.swapping import model as bundled_model
from tests.sweep.sweep_models import BOARD, PREDICTOR, RUNNER, fill, layers, model

ROOT = str(Path(__file__).resolve().parents[2])
ALONE = {"workers": 0, "board": BOARD}


@pytest.fixture(scope="module")
def plan():
    return swap_plan(RUNNER, Request(board=BOARD))


def test_a_row_says_what_an_estimate_says(tmp_path):
    (row,) = instsim.sweep([("kws", bundled_model("kws"))], runner=RUNNER, **ALONE)
    estimate = instsim.estimate(RUNNER, model=bundled_model("kws"), board=BOARD, memory="ideal")
    swap = estimate.run.swap
    assert (row.path, row.status, row.digest) == ("kws", "ok", swap.model_sha256)
    assert row.cycles == pytest.approx(estimate.cycles, rel=1e-9)
    assert row.latency_s == pytest.approx(estimate.latency.value, rel=1e-8)
    assert row.energy_high_j == pytest.approx(estimate.energy.high, rel=1e-8)
    assert row.arena_bytes == swap.arena_need_bytes
    assert row.macs == 2_656_768
    assert 0 < row.flash_bytes < row.model_bytes == len(bundled_model("kws"))


def test_failures_are_rows_with_their_reason(tmp_path, plan):
    given = [
        ("good", model(1)),
        ("cut", model(1)[:200]),
        ("text", b"not a model"),
        ("control", bundled_model("control_flow")),
        tmp_path / "nowhere.tflite",
        ("better", model(2)),
    ]
    rows = list(sweep(given, plan, SweepOptions(workers=0)))
    reasons = {row.path: row.reason for row in rows}
    assert {name: reasons[name] for name in ("good", "cut", "text", "better")} == {"good": "", "cut": "model", "text": "model", "better": ""}
    assert reasons[str(tmp_path / "nowhere.tflite")] == "file"
    assert all(row.message and row.cycles is None for row in rows if not row.is_ok)
    assert next(row for row in rows if row.path == "better").cycles == next(iter(sweep([model(2)], plan, SweepOptions(workers=0)))).cycles


def test_equal_models_run_once_and_another_board_runs_again(tmp_path, plan):
    output = tmp_path / "r.csv"
    given = [("a", model(1)), ("b", model(2)), ("again", model(1))]
    rows = {row.path: row for row in sweep(given, plan, SweepOptions(output, workers=0))}
    assert rows["a"].cycles == rows["again"].cycles != rows["b"].cycles
    assert len(journal_path(output).read_text().splitlines()) == 2
    assert [row.path for row in read_results(output)] == ["a", "b", "again"]
    other = swap_plan(RUNNER, Request(board=BOARD, clock_hz=40e6))
    slower = list(sweep(given[:1], other, SweepOptions(output, workers=0)))
    assert slower[0].latency_s == pytest.approx(rows["a"].latency_s * 3, rel=1e-6)
    assert len(journal_path(output).read_text().splitlines()) == 3


def test_a_sweep_that_is_closed_goes_on_where_it_was(tmp_path, plan):
    output = tmp_path / "r.csv"
    asked = []

    def generated():
        for seed in range(6):
            asked.append(seed)
            yield f"net{seed}", layers(seed)

    begun = sweep(generated(), plan, SweepOptions(output, workers=0))
    first = [next(begun), next(begun)]
    begun.close()
    assert len(asked) < 6
    assert read_results(output) == first
    rows = list(sweep(generated(), plan, SweepOptions(output, workers=0)))
    assert rows[:2] == first
    assert len(rows) == len(journal_path(output).read_text().splitlines()) == 6


def test_failures_are_tried_again_on_request_only(tmp_path, plan):
    output = tmp_path / "r.csv"
    digest = next(iter(sweep([model(1)], plan, SweepOptions(workers=0)))).digest
    with Journal(journal_path(output), plan.setting) as journal:
        journal.append([(digest, Outcome.failure("crash", "out of memory"))])
    assert [row.reason for row in sweep([model(1)], plan, SweepOptions(output, workers=0))] == ["crash"]
    assert [row.reason for row in sweep([model(1)], plan, SweepOptions(output, workers=0, retry_failed=True))] == [""]
    assert [row.reason for row in sweep([model(1)], plan, SweepOptions(output, workers=0))] == [""]


def test_predicted_rows_do_not_depend_on_their_neighbours(tmp_path):
    plan = predictor_plan(PREDICTOR, Request(board=BOARD))
    evaluator = plan.start()
    alone = [evaluator.run([chain(layers(seed))])[0] for seed in range(40)]
    together = list(sweep(map(layers, range(40)), plan, SweepOptions(workers=0)))
    assert [outcome.document() for outcome in alone] == [Outcome.read(row.cells()).document() for row in together]
    from_file = next(iter(sweep([model(33)], plan, SweepOptions(workers=0))))
    assert (from_file.cycles, from_file.arena_bytes) == (alone[33].cycles, alone[33].arena_bytes)
    assert from_file.flash_bytes == alone[33].flash_bytes + 8  # the shape that RESHAPE has in a file


def test_memories_are_followed_on_request(tmp_path, plan):
    ideal = next(iter(sweep([model(1)], plan, SweepOptions(workers=0))))
    (exact,) = instsim.sweep([model(1)], runner=RUNNER, memory="exact", **ALONE)
    assert exact.cycles > ideal.cycles
    assert exact.arena_bytes == ideal.arena_bytes


def test_layers_that_make_no_network_are_a_row():
    good = layers(1)
    rows = list(instsim.sweep([good, [good[0]._replace(channels=-1)]], predictor=PREDICTOR, board=BOARD, workers=0))
    assert {(row.path, row.status, row.reason) for row in rows} == {("0", "ok", ""), ("1", "failed", "shape")}
    assert any("channels is -1" in row.message for row in rows)


def test_a_firmware_that_is_no_runner_is_refused_before_anything():
    with pytest.raises(SwapError):
        instsim.sweep([model(1)], runner=RUNNER.with_name("calls-cortex-m4.elf"), **ALONE)


def test_a_scheduler_that_does_not_answer_is_told(tmp_path, plan, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_ANSWER_S", 1)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(InputError, match="did not answer"):
            list(sweep([model(1)], plan, SweepOptions(tmp_path / "r.csv", scheduler=address)))
    assert not (tmp_path / "r.csv").exists()


def test_workers_without_instsim_are_told(plan, monkeypatch):
    """What a worker could not load arrives as an exception of no class, with the text of its own (distributed 2026.8)."""
    pytest.importorskip("distributed")

    class Client:
        def wait_for_workers(self, *_, **__):
            pass

        def run(self, _function):
            raise Exception("ModuleNotFoundError(\"No module named 'instsim'\")")  # noqa: TRY002 -- as distributed does

    monkeypatch.setattr(cluster, "_connected", lambda *_: nullcontext(Client()))
    with pytest.raises(UsageError, match=r"a worker of tcp://somewhere:1 lacks instsim"):
        list(sweep([model(1)], plan, SweepOptions(scheduler="tcp://somewhere:1")))


@pytest.mark.parametrize("address", ["nowhere", "tcp://nowhere", "carrier-pigeon://host:1"])
def test_what_is_no_address_is_told_before_a_client_is_made_of_it(plan, address, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "Client", lambda *_, **__: pytest.fail("a client, which waits for it at the end"))
    with pytest.raises(UsageError, match="no address"):
        list(sweep([model(1)], plan, SweepOptions(scheduler=address)))


def _endless(folder, count):
    """A list of so many models and one that nobody has written yet: a sweep of it does not end before somebody ends it."""
    fill(folder / "models", count)
    pipe = folder / "models" / "pipe.tflite"
    os.mkfifo(pipe)
    (folder / "list.txt").write_text("".join(f"models/net{number:03}.tflite\n" for number in range(count)) + "models/pipe.tflite\n")
    return pipe


def _command(folder, *options):
    arguments = ["-m", "instsim", "sweep", "list.txt", "--runner", RUNNER, "--board", BOARD, "-o", "r.parquet", *options]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def _wait_for_lines(journal, count, process):
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < count):
        time.sleep(0.01)


def test_two_workers_killed_and_resumed_lose_nothing_and_run_nothing_twice(tmp_path):
    pytest.importorskip("distributed")
    pytest.importorskip("pyarrow")
    pipe = _endless(tmp_path, 20)
    kept = tmp_path / "r.parquet.journal"
    killed = _command(tmp_path)
    _wait_for_lines(kept, 1, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    done = kept.read_bytes()
    assert not (tmp_path / "r.parquet").exists()
    pipe.unlink()
    pipe.write_bytes(b"bad")
    resumed = _command(tmp_path, "--pareto", "latency,flash")
    out, err = resumed.communicate()
    assert resumed.returncode == 0, err.decode()
    assert b"Front of latency and flash" in out
    assert b"pipe.tflite" in out
    lines = kept.read_bytes()
    assert lines.startswith(done[: done.rfind(b"\n") + 1])
    rows = read_results(tmp_path / "r.parquet")
    assert len(rows) == 21
    assert set(Counter(line.split(b'"model":"')[1][:64] for line in lines.splitlines()).values()) == {1}
    assert len(lines.splitlines()) == 21
    assert Counter(row.status for row in rows) == {"ok": 20, "failed": 1}
    with (tmp_path / "r.csv").open(newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == [row.path for row in rows]
    alone = {row.path: row for row in instsim.sweep(sorted((tmp_path / "models").glob("net00[0-2]*")), runner=RUNNER, **ALONE)}
    for path, row in alone.items():
        other = next(found for found in rows if Path(found.path).name == Path(path).name)
        assert (other.cycles, other.energy_j, other.arena_bytes) == (row.cycles, row.energy_j, row.arena_bytes)


def test_an_interrupted_sweep_leaves_its_rows_in_the_results(tmp_path):
    pytest.importorskip("distributed")
    pytest.importorskip("pyarrow")
    _endless(tmp_path, 20)
    process = _command(tmp_path, "--workers", "1")
    _wait_for_lines(tmp_path / "r.parquet.journal", 1, process)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C on a terminal does: workers get it, too
    _, err = process.communicate()
    assert process.returncode == 130, err.decode()
    assert b"Traceback" not in err
    assert 1 <= len(read_results(tmp_path / "r.parquet")) <= 20


def test_an_interrupt_while_the_journal_is_written_loses_no_row_that_is_in_it(tmp_path, plan, monkeypatch):
    output = tmp_path / "r.csv"
    written = []

    def interrupted(file):
        written.append(file)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(journal.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(sweep([model(1), model(2), model(3)], plan, SweepOptions(output, workers=0)))
    assert len(read_results(output)) == len(journal_path(output).read_text().splitlines()) == 2


_KILLER = """
import os
from instsim.sweep.evaluating import Plan
from instsim.sweep.row import Outcome
from instsim.sweep.sweeping import SweepOptions, sweep

class Killer(Plan):
    def start(self):
        return self

    def run(self, models):
        if b"kill" in models:
            os._exit(9)
        return [Outcome(cycles=float(len(model))) for model in models]

if __name__ == "__main__":
    models = [b"a", b"kill", *(b"c" * length for length in range(2, 30))]
    rows = sweep(models, Killer(None, None, "s", {}), SweepOptions(workers=1))
    print(sorted((int(row.path), row.reason, row.cycles) for row in rows))
"""


def test_a_model_that_kills_its_worker_is_a_row_and_its_neighbours_are_none_the_worse(tmp_path):
    pytest.importorskip("distributed")
    script = tmp_path / "kills.py"
    script.write_text(_KILLER)
    ran = subprocess.run([sys.executable, script], env={**os.environ, "PYTHONPATH": ROOT}, capture_output=True, text=True, check=False)
    expected = [(0, "", 1.0), (1, "crash", None), *((number, "", float(number)) for number in range(2, 30))]
    assert ran.stdout.strip() == str(expected), ran.stderr


def test_the_workers_of_a_scheduler_find_what_this_process_finds(tmp_path, plan):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        address = cluster.scheduler_address
        rows = list(sweep([model(1), layers(2), b"bad"], plan, SweepOptions(tmp_path / "r.csv", scheduler=address)))
    alone = list(sweep([model(1), layers(2), b"bad"], plan, SweepOptions(workers=0)))
    assert sorted(rows, key=lambda row: row.path) == alone
