"""The journal: nothing lost, nothing taken from another setting."""

import multiprocessing
import resource

import pytest

from instsim.errors import InputError, UsageError
from instsim.sweep.journal import Journal
from instsim.sweep.row import Outcome

DONE = Outcome(cycles=1234.5, latency_s=0.01, macs=77, domain="inside")
FAILED = Outcome.failure("operator", 'no "LSTM"\nhere')


def test_what_was_written_is_found_again(tmp_path):
    with Journal(tmp_path / "j", "a") as journal:
        journal.append([("1", DONE), ("2", FAILED)])
    with Journal(tmp_path / "j", "a") as journal:
        assert (journal.find("1"), journal.find("2"), journal.find("3")) == (DONE, FAILED, None)


def test_another_setting_has_outcomes_of_its_own(tmp_path):
    with Journal(tmp_path / "j", "a") as journal:
        journal.append([("1", DONE)])
    with Journal(tmp_path / "j", "b") as journal:
        assert journal.find("1") is None
        journal.append([("1", FAILED)])
    with Journal(tmp_path / "j", "a") as journal:
        assert journal.find("1") == DONE


@pytest.mark.parametrize("cut", [1, 5, 40, 90])
def test_a_line_cut_short_costs_that_line_only(tmp_path, cut):
    path = tmp_path / "j"
    with Journal(path, "a") as journal:
        journal.append([("1", DONE)])
        journal.append([("2", DONE)])
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(path, "a") as journal:
        assert journal.find("1") == DONE
        assert journal.find("2") is None
        journal.append([("3", FAILED)])
    with Journal(path, "a") as journal:
        assert (journal.find("1"), journal.find("2"), journal.find("3")) == (DONE, None, FAILED)


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "j"
    path.write_text("dear diary\n")
    with pytest.raises(InputError, match="not the journal"):
        Journal(path, "a")
    assert path.read_text() == "dear diary\n"


def test_two_sweeps_do_not_write_one_journal(tmp_path):
    with Journal(tmp_path / "j", "a"), pytest.raises(UsageError, match="another sweep"):
        Journal(tmp_path / "j", "a")


def _fill_up(path, result):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    with Journal(path, "a") as journal:
        for number in range(100):
            try:
                journal.append([(str(number), DONE)])
            except InputError as error:
                result.put((number, str(error)))
                return


def test_a_disk_without_room_is_told_and_keeps_what_was_there(tmp_path):
    context = multiprocessing.get_context("spawn")
    result = context.SimpleQueue()
    process = context.Process(target=_fill_up, args=(tmp_path / "j", result))
    process.start()
    process.join()
    number, message = result.get()
    assert number > 1
    assert "cannot write the journal" in message
    assert "goes on where it was" in message
    assert (tmp_path / "j").read_bytes().endswith(b"\n")
    with Journal(tmp_path / "j", "a") as journal:
        assert journal.find(str(number - 1)) == DONE
        assert journal.find(str(number)) is None
