"""Jobs in processes of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial

import pytest

from instsim.errors import SwapError
from instsim.session.processes import Ended, run_jobs


def count(start: int, end: int) -> Iterator[tuple[int, int]]:
    for number in range(start, end):
        yield number, os.getpid()


def kill(number: int) -> Iterator[int]:
    yield number
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> Iterator[int]:
    yield 1
    raise SwapError("operator", "no such operator", hint="another", details=("a line",))


def sleep() -> Iterator[int]:
    time.sleep(600)
    yield 0


def interrupts() -> Iterator[bool]:
    yield signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_every_job_s_results_come_in_their_order() -> None:
    found = list(run_jobs([partial(count, 10 * job, 10 * job + 3) for job in range(5)], 2))
    for job in range(5):
        assert [number for at, (number, _) in found if at == job] == [10 * job, 10 * job + 1, 10 * job + 2]
    processes = {process for _, (_, process) in found}
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in processes


def test_a_process_that_dies_is_told_and_replaced() -> None:
    found = list(run_jobs([partial(kill, 7), partial(count, 0, 1)], 1))
    assert found[:2] == [(0, 7), (0, Ended("signal SIGKILL"))]
    assert found[2][1][0] == 0


def test_what_a_job_raises_is_raised_here_and_the_others_are_stopped() -> None:
    with pytest.raises(SwapError, match="no such operator") as caught:
        list(run_jobs([refuse, sleep], 2))
    assert (caught.value.reason, caught.value.hint, caught.value.details) == ("operator", "another", ("a line",))


def test_ctrl_c_is_left_to_the_process_that_started_them() -> None:
    before = signal.getsignal(signal.SIGINT)
    assert list(run_jobs([interrupts])) == [(0, True)]
    assert signal.getsignal(signal.SIGINT) == before


def test_nothing_to_do_starts_nothing() -> None:
    assert list(run_jobs([])) == []
