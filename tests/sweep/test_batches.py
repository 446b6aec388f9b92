"""Batches: as large as a second's work, shared out at the end, and no model lost or given twice."""

import itertools

import pytest

from instsim.sweep import batches
from instsim.sweep.batches import BATCH_S, Batch, Batches


def _numbered(contents):
    return enumerate(contents)


def _unknown():
    return 0


def test_a_batch_is_what_takes_its_time_at_the_pace_of_the_last_one():
    cut = Batches(_numbered(itertools.repeat(b"model")), _unknown, 1, 4)
    assert len(cut.take().models) == 1
    cut.note(10, BATCH_S / 2)
    assert len(cut.take().models) == 20
    cut.note(20, 100 * BATCH_S)
    assert len(cut.take().models) == 1


def test_models_that_are_evaluated_together_stay_together():
    cut = Batches(_numbered(itertools.repeat(b"model")), _unknown, 16, 4)
    cut.note(1, 100 * BATCH_S)
    assert len(cut.take().models) == 16


def test_the_last_models_are_shared_out_and_none_is_lost_or_given_twice():
    models = iter([b"model"] * 100)
    cut = Batches(_numbered(models), models.__length_hint__, 1, 4)
    cut.note(1000, BATCH_S)
    sizes, numbers = [], []
    while (batch := cut.take()) is not None:
        sizes.append(len(batch.models))
        numbers += batch.numbers
    assert numbers == list(range(100))
    assert sizes[0] == 25
    assert sizes[-1] == 1
    assert sizes == sorted(sizes, reverse=True)


def test_models_that_come_slowly_are_not_waited_for(monkeypatch):
    clock = itertools.count(0.0, batches._FILL_S / 2.5)
    monkeypatch.setattr(batches.time, "monotonic", lambda: next(clock))
    cut = Batches(_numbered(itertools.repeat(b"model")), _unknown, 1, 4)
    cut.note(500, BATCH_S)
    assert len(cut.take().models) == 2


def test_large_models_are_not_sent_by_the_hundred():
    cut = Batches(_numbered(itertools.repeat(bytes(batches._MOST_BYTES // 3))), _unknown, 1, 4)
    cut.note(500, BATCH_S)
    assert len(cut.take().models) == 4


def test_what_is_left_of_a_batch_and_its_models_one_by_one():
    batch = Batch((4, 5, 6), (b"a", b"b", b"c"))
    assert batch.behind(1) == Batch((5, 6), (b"b", b"c"))
    assert batch.suspects() == [Batch((4,), (b"a",), True), Batch((5,), (b"b",), True), Batch((6,), (b"c",), True)]


@pytest.mark.parametrize(("seconds", "done"), [(0.0, 4), (5.5, 8), (100.0, 10)])
def test_a_worker_gives_back_what_it_has_done_when_time_is_up(monkeypatch, seconds, done):
    pytest.importorskip("distributed")
    from instsim.sweep import keeper  # noqa: PLC0415 -- imports dask

    clock = [0.0]
    groups = []

    class Plan:
        group_size = 4

        def start(self):
            return self

        def run(self, models):
            groups.append(len(models))
            clock[0] += len(models)
            return [model.upper() for model in models]

    monkeypatch.setattr(keeper.time, "monotonic", lambda: clock[0])
    worker = keeper.Keeper("name", Plan())
    worker.setup(None)
    outcomes, took = worker.run(list("abcdefghij"), seconds)
    assert outcomes == list("ABCDEFGHIJ")[:done]
    assert took == done
    assert groups[0] == 4
