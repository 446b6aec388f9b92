"""Many images for many boards, in processes of their own where something has to run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from instsim.resources import firmware_elf
from instsim.session import processes
from instsim.session.estimate import Estimate
from instsim.session.facade import kept_estimate
from instsim.session.matrix import Failure, Work, estimate_matrix
from instsim.session.request import Request

ELF = firmware_elf() / "elf"
BOARDS = tuple(Request(board=name) for name in ("nucleo-l4r5zi", "nucleo-f446re"))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """Return two images for two boards, with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSTSIM_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("dispatch-s36", "dispatch-s28"):
        shutil.copy(ELF / f"{name}-cortex-m4.elf", tmp_path / f"{name}.elf")
    return [(f"{name}.elf", BOARDS) for name in ("dispatch-s36", "dispatch-s28")]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the processes that are started."""
    seen: list[int] = []
    start = processes._start

    def counted() -> processes._Worker:
        worker = start()
        seen.append(worker.process.pid or 0)
        return worker

    monkeypatch.setattr(processes, "_start", counted)
    return seen


def test_results_do_not_depend_on_processes_or_on_what_is_kept(work: list[Work], started: list[int]) -> None:
    fresh = [(file, tuple(replace(request, use_cache=False) for request in requests)) for file, requests in work]
    one, two = estimate_matrix(fresh, processes=1), estimate_matrix(fresh, processes=2)
    assert len(started) == 3
    first = estimate_matrix(work)
    assert len(started) > 3
    count = len(started)
    kept = estimate_matrix(work)
    alone = tuple(estimate_matrix([item])[0] for item in fresh)
    assert len(started) == count, "a process was started for what is kept, or for a single image"
    assert one == two == first == kept == alone
    assert all(isinstance(outcome, Estimate) for outcomes in one for outcome in outcomes)


def test_only_what_is_not_kept_runs(work: list[Work], started: list[int]) -> None:
    estimate_matrix([(file, requests[:1]) for file, requests in work])
    del started[:]
    seen: list[tuple[int, int]] = []
    found = estimate_matrix([*work, work[0]], on_done=lambda image, outcomes: seen.append((image, outcomes)), processes=1)
    assert len(started) == 1
    # What is kept comes first, and every count is told once.
    assert seen[:3] == [(0, 1), (1, 1), (2, 1)]
    assert sorted(seen[3:]) == [(0, 2), (1, 2), (2, 2)]
    assert [[outcome.board.name for outcome in outcomes if isinstance(outcome, Estimate)] for outcomes in found] == [
        ["nucleo-l4r5zi", "nucleo-f446re"]
    ] * 3


def test_an_image_that_has_to_run_is_not_kept(work: list[Work]) -> None:
    file, (request, _) = work[0]
    assert kept_estimate(file, request) is None
    estimate_matrix([(file, (request,))])
    assert kept_estimate(file, request) is not None
    assert kept_estimate(file, replace(request, use_cache=False)) is None
    assert kept_estimate(file, replace(request, region="all")) is None


def test_what_is_wrong_before_a_run_needs_no_process(work: list[Work], started: list[int]) -> None:
    Path("broken.elf").write_bytes(b"\x7fELF and nothing else")
    found = estimate_matrix([("broken.elf", BOARDS), (work[0][0], (Request(board="nucleo-l4r5zz"),))])
    assert [[outcome.kind for outcome in outcomes if isinstance(outcome, Failure)] for outcomes in found] == [["ImageError"] * 2, ["UsageError"]]
    assert started == []


def test_a_process_that_dies_costs_only_its_image(work: list[Work], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A site customisation that ends the process where it would send this one image's estimate.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys, multiprocessing.connection as c\n"
        "old = c.Connection.send\n"
        "c.Connection.send = lambda self, value: os._exit(3) if getattr(getattr(value, 'firmware', None), 'name', '') == 'dispatch-s36.elf' "
        "else old(self, value)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    died, lived = estimate_matrix(work, processes=2)
    assert [type(outcome) for outcome in lived] == [Estimate, Estimate]
    assert [outcome.kind for outcome in died if isinstance(outcome, Failure)] == ["Crash", "Crash"]
    assert "exit code 3" in died[0].message  # type: ignore[union-attr]
