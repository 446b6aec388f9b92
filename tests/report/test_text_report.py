"""The text report says everything there is to know, in order, at any width."""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from instsim.report.text import all_warnings, print_text, render_text

from . import example_estimate as example

GOLDEN = Path(__file__).parent / "golden"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")

ESTIMATES = {
    "keyword": example.keyword_estimate(),
    "guessed": example.guessed_estimate(),
    "nested": example.nested_estimate(),
    "bare": example.bare_estimate(),
    "waiting": example.waiting_estimate(),
}


@pytest.mark.parametrize(
    ("name", "width", "verbose"),
    [
        ("keyword", 60, False),
        ("keyword", 80, False),
        ("guessed", 120, False),
        ("guessed", None, True),
        ("nested", 80, False),
        ("nested", 200, False),
        ("bare", 80, True),
        ("waiting", 80, False),
    ],
)
def test_golden_text(name, width, verbose):
    text = render_text(ESTIMATES[name], width=width, verbose=verbose)
    path = GOLDEN / f"{name}-{width or 'natural'}{'-verbose' if verbose else ''}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="ascii")
    assert text == path.read_text(encoding="ascii")


@pytest.mark.parametrize("name", ESTIMATES)
@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("color", [False, True], ids=["plain", "color"])
def test_no_line_exceeds_the_width(name, width, color):
    text = ESCAPE.sub("", render_text(ESTIMATES[name], width=width, color=color, verbose=True))
    assert max(len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("name", ESTIMATES)
@pytest.mark.parametrize("width", [60, 120, None])
def test_plain_text_is_ascii_with_no_escapes_and_no_trailing_blanks(name, width):
    text = render_text(ESTIMATES[name], width=width, verbose=True)
    assert text.isascii()
    assert all(character == "\n" or character.isprintable() for character in text)
    assert not any(line.endswith(" ") for line in text.splitlines())
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_a_guessed_board_stands_first_with_its_reasons_and_the_other_candidates():
    lines = render_text(ESTIMATES["guessed"]).splitlines()
    assert lines[0] == "Board guessed: ST NUCLEO-L4R5ZI (nucleo-l4r5zi)"
    head = "\n".join(lines[: lines.index("")])
    for reason in ESTIMATES["guessed"].board.reasons:
        assert reason in head
    for candidate in ESTIMATES["guessed"].board.candidates:
        assert candidate in head


def test_a_chosen_board_is_no_guess():
    text = render_text(ESTIMATES["keyword"])
    assert "guess" not in text
    assert text.splitlines()[0] == "kws.elf on ST NUCLEO-L4R5ZI: Cortex-M4 at 120 MHz (nucleo-l4r5zi, from --board)"


def test_every_warning_is_said_once_and_last():
    estimate = ESTIMATES["guessed"]
    estimate = replace(estimate, run=replace(estimate.run, warnings=(*estimate.run.warnings, *estimate.warnings)))
    text = render_text(estimate)
    for warning in all_warnings(estimate):
        assert text.count(warning) == 1
    assert [line[4:] for line in text.splitlines()[-2:]] == list(all_warnings(estimate))
    assert "2 warnings, at the end." in text
    assert "Warnings" not in render_text(replace(estimate, warnings=(), run=replace(estimate.run, warnings=())))


def test_every_figure_has_its_interval_and_basis():
    text = render_text(ESTIMATES["keyword"])
    assert re.search(r"latency +104\.1 ms +95\.7 to 112 ms \(90%\) +nominal\n", text)
    assert re.search(r"energy +1\.873 mJ +1\.31 to 2\.68 mJ \(90%\) +nominal\n", text)
    assert re.search(r"power +18\.00 mW +12\.6 to 25\.7 mW \(90%\) +nominal\n", text)


def test_interval_bounds_of_different_magnitude_keep_both_units():
    energy = replace(ESTIMATES["keyword"].energy, low=0.00082, high=0.0012)
    assert "820 uJ to 1.20 mJ (90%)" in render_text(replace(ESTIMATES["keyword"], energy=energy))


def test_a_calibrated_figure_says_so():
    latency = replace(ESTIMATES["keyword"].latency, basis="calibrated", source="calibration lab-2024")
    text = render_text(replace(ESTIMATES["keyword"], latency=latency))
    assert re.search(r"latency +104\.1 ms .* calibrated\n", text)
    assert "calibrated: calibration lab-2024" in text


def test_the_total_row_is_the_region():
    text = render_text(ESTIMATES["keyword"])
    (total,) = re.findall(r"^ +total .*$", text, flags=re.MULTILINE)
    assert total.split() == ["total", "2,656,768", "12,486,912", "100.0%", "4.70", "104.1", "ms", "1.873", "mJ"]


def test_operator_energy_is_labelled_as_a_share():
    assert "energy is a share of the region's energy, in proportion to its cycles" in render_text(ESTIMATES["keyword"])


def test_operators_are_numbered_by_subgraph_only_where_there_are_several():
    assert re.search(r"^ +1 +DEPTHWISE_CONV_2D", render_text(ESTIMATES["keyword"]), flags=re.MULTILINE)
    nested = render_text(ESTIMATES["nested"])
    assert re.search(r"^ +0\.0 +WHILE ", nested, flags=re.MULTILINE)
    assert re.search(r"^ +1\.0 {4}CONV_2D +10 ", nested, flags=re.MULTILINE)  # inside WHILE, ten times
    two = tuple(replace(row, model=min(row.index, 1)) if row.index >= 0 else row for row in ESTIMATES["keyword"].operators)
    assert re.search(r"^ +m1:2 +CONV_2D", render_text(replace(ESTIMATES["keyword"], operators=two)), flags=re.MULTILINE)


def test_inclusive_cycles_are_shown_only_where_they_differ():
    assert "inclusive" not in render_text(ESTIMATES["keyword"])
    assert "10,004,000" in render_text(ESTIMATES["nested"])


def test_what_is_not_listed_is_summed_up():
    text = render_text(ESTIMATES["keyword"], top=2)
    # Of six functions the last four have 15% of the cycles.
    assert re.search(r"\(4 more\) +1,873,037 +15\.0%", text)
    assert "(5 more)" in text


def test_columns_left_out_are_named():
    assert "Left out at this width: MACs, latency, energy." in render_text(ESTIMATES["keyword"], width=80)
    assert "Left out" not in render_text(ESTIMATES["keyword"], width=120)


def test_the_terminal_shows_the_same_words_with_colour():
    drawn = render_text(ESTIMATES["keyword"], width=120, color=True)
    assert "\x1b[1m" in drawn
    words = set(re.findall(r"[\w.,%]+", ESCAPE.sub("", drawn)))
    assert set(re.findall(r"[\w.,%]+", render_text(ESTIMATES["keyword"], width=120))) <= words


def test_names_from_the_firmware_cannot_steer_the_terminal():
    functions = (replace(ESTIMATES["keyword"].functions[0], name="evil\x1b]0;title\x07[bold]\nname"),)
    run = replace(ESTIMATES["keyword"].run, output="\x1b[2Jgone\r\n")
    estimate = replace(ESTIMATES["keyword"], functions=functions, run=run)
    for color in (False, True):
        text = ESCAPE.sub("", render_text(estimate, color=color, verbose=True))
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\r" not in text
        assert r"evil\x1b]0;title\x07[bold]\nname" in text


def _console(encoding: str, *, terminal: bool) -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    return Console(file=file, width=100, force_terminal=terminal, color_system="standard" if terminal else None, _environ={}), raw


def test_an_ascii_terminal_gets_plain_text():
    console, raw = _console("ascii", terminal=True)
    print_text(ESTIMATES["bare"], console)
    assert raw.getvalue().decode("ascii") == render_text(ESTIMATES["bare"], width=100)


def test_a_pipe_gets_plain_text_as_wide_as_it_needs():
    console, raw = _console("utf-8", terminal=False)
    print_text(ESTIMATES["keyword"], console)
    assert raw.getvalue().decode() == render_text(ESTIMATES["keyword"])


def test_a_terminal_gets_colours():
    console, raw = _console("utf-8", terminal=True)
    print_text(ESTIMATES["keyword"], console)
    assert raw.getvalue().decode() == render_text(ESTIMATES["keyword"], width=100, color=True)


def test_an_estimate_of_nothing_is_said_plainly():
    text = render_text(ESTIMATES["bare"])
    assert "No operator was found" in text
    assert "no interval known" in text
    assert "tensor arena used  not found" in text
    assert "figures are nominal" in text
    assert r"blinky \xfc\x1b[31m.hex" in text
