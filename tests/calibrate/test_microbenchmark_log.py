"""Logs of the microbenchmark: what is read, and what is refused with its line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.calibrate.microbenchmark_log import LogRow, MicrobenchmarkLog, log_text, parse_log
from instsim.errors import InputError

EMPTY = LogRow("empty", 64, 0, 0, 300, 302, 300, 302)
LOAD = LogRow("load", 64, 8, 40, 1836, 1836, 7980, 7990)
SHIFT = LogRow("shift", 64, 8, 40, 812, 813, 2860, 2860)
TEXT = log_text("cortex-m4", "cyccnt", [EMPTY, LOAD, SHIFT])


def problems(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_log(text, "log.txt")
    return "\n".join((caught.value.message, *caught.value.details))


def test_a_unit_costs_the_difference_of_the_loops_over_that_of_their_units() -> None:
    log = parse_log(TEXT)
    assert (log.build, log.counter) == ("cortex-m4", "cyccnt")
    assert [row.name for row in log.measured] == ["load", "shift"]
    load, shift = log.measured
    assert load.cycles == (7980 - 1836) / (64 * 32) == 3.0
    assert shift.cycles == 1.0
    # Ten cycles in 2048 units.
    assert load.spread_cycles == 10 / 2048


def test_what_the_firmware_printed_is_the_same_text() -> None:
    # The form is written down twice, in C and here: a change of either shows in tests of the emulated firmware.
    assert re.fullmatch(r"instsim-microbenchmark 1\nbuild \S+\ncounter \S+\n(?:row [a-z0-9-]+(?: [0-9]+){7}\n)+end 3 [0-9]+\n", TEXT)


def test_other_output_and_line_ends_of_a_terminal_change_nothing() -> None:
    noisy = "boot 1.2\r\n\r\n" + TEXT.replace("\n", "\r\n") + "done\r\n"
    assert parse_log(noisy).digest == parse_log(TEXT).digest == parse_log(TEXT.encode()).digest
    assert [row.cycles for row in parse_log(noisy).rows[1:]] == [3.0, 1.0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: "hello\n", "no line begins with 'instsim-microbenchmark'"),
        (lambda text: text.replace("microbenchmark 1", "microbenchmark 2"), "line 1: a log of version 2"),
        (lambda text: text.replace("microbenchmark 1", "microbenchmark"), "version (none)"),
        (lambda text: text + text, "begins in line 1 and another one in line 8"),
        (lambda text: text[: text.index("end")], "line 7: it ends without an 'end', behind 3 rows"),
        (lambda text: text[: text.index("row shift")] + "end 3 0\n", "line 6: 3 rows were printed, 2 are here"),
        (lambda text: text.replace("row shift 64", "row shift 65"), "the figures do not add up"),
        (lambda text: text.replace("row shift", "row load"), "line 6: a second row 'load', the first is in line 5"),
        (lambda text: text.replace("row shift", "row empty"), "line 6: a second row 'empty'"),
        (lambda text: text.replace("row empty", "row alu"), "line 4: the row 'empty' comes first"),
        (lambda text: text.replace("counter cyccnt\n", "").replace("end", "counter cyccnt\nend"), "line 3: 'row empty"),
        (lambda text: text.replace("end", "build cortex-m7\nend"), "line 7: a second 'build'"),
        (lambda text: text.replace("cyccnt", "sundial"), "line 3: no counter is named 'sundial'"),
        (lambda text: text.replace("build cortex-m4", "build "), "line 2: 'build' names nothing"),
        (lambda text: text.replace("row shift 64", "row shift x64"), "line 6: 'row shift x64"),
        (lambda text: text.replace("row shift 64 ", "row shift "), "is no row (a name and seven numbers)"),
        (lambda text: text.replace(" 1836 1836 ", " 1836 1835 "), "load: fewest cycles above most cycles"),
        (lambda text: text.replace(" 1836 1836 ", " 0 0 "), "load: no cycles: the counter stands still"),
        (lambda text: text.replace(" 1836 1836 ", " 9836 9836 "), "load: 40 units took 7980 cycles, and 8 took 9836"),
        (lambda text: text.replace("load 64 8 40", "load 64 40 40"), "load: the long loop has 40 units and the short one 40"),
        (lambda text: text.replace("load 64 8 40", "load 0 8 40"), "load: a loop without turns"),
        (lambda text: text.replace("empty 64 0 0", "empty 64 0 1"), "empty: units in an empty loop"),
        (lambda text: text.replace(" 7980 7990", " 99007980 99007990"), "cycles for one unit"),
    ],
)
def test_a_log_that_cannot_be_is_refused_with_its_line(change, told) -> None:
    assert told in problems(change(TEXT))


def test_every_problem_is_named_at_once() -> None:
    text = TEXT.replace(" 1836 1836 ", " 1836 1835 ").replace("row shift", "row load").replace("cyccnt", "sundial")
    assert [line[:6] for line in problems(text).splitlines()[1:]] == ["line 3", "line 5", "line 6"]


@given(st.binary(max_size=400))
def test_noise_is_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_log(data)


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="utf-8"))
def test_one_changed_character_is_found_or_changes_no_figure(place: int, character: str) -> None:
    changed = TEXT[:place] + character + TEXT[place + 1 :]
    try:
        log: MicrobenchmarkLog | None = parse_log(changed)
    except InputError:
        return
    assert log is not None
    assert [row.numbers for row in log.rows] == [row.numbers for row in parse_log(TEXT).rows]
