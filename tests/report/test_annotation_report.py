"""An annotated function as text and JSON: the sample on every family of cores, at any width."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from instsim.image.source_lines import SourceLine
from instsim.report.annotation import annotation_parts
from instsim.report.annotation_json import render_annotation_json
from instsim.report.tables import render
from instsim.session.annotating import annotate
from instsim.session.annotation import Annotation
from instsim.session.request import Request
from instsim.session.samples import choose_sample

GOLDEN = Path(__file__).parent / "golden"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
FAMILIES = {
    "generic-cortex-m0plus": 80,
    "generic-cortex-m3": 120,
    "nucleo-l4r5zi": 120,
    "nucleo-h743zi": 200,
    "nucleo-u575zi-q": 80,
    "esp32-c3": 120,
    "rpi-pico2-riscv": 200,
}


@cache
def annotation(board: str, function: str | None = None, memory: str = "ideal") -> Annotation:
    sample = choose_sample("kws", Request(board=board, settings_folder="/"))
    request = Request(board=board, region=sample.region, run_on=sample.run_on, settings_folder="/", memory=memory)
    return annotate(sample.path, request, function=function)


def text(result: Annotation, *, width: int | None = None, color: bool = False, top: int | None = None) -> str:
    return render(annotation_parts(result, top=top), width=width, color=color)


@pytest.mark.parametrize(("board", "width"), FAMILIES.items())
def test_golden_annotation_of_each_family(board, width):
    drawn = text(annotation(board), width=width, top=2)
    path = GOLDEN / f"annotate-{board}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(drawn, encoding="ascii")
    assert drawn == path.read_text(encoding="ascii")


def test_stalls_stand_beside_the_instructions_that_waited():
    result = annotation("nucleo-l4r5zi", memory="exact")
    waited = [(row, event) for row in result.rows for event in row.events if event.name.startswith("stall:")]
    assert sum(event.cycles for _, event in waited) == pytest.approx(result.cycles - annotation("nucleo-l4r5zi").cycles)
    row, event = max(waited, key=lambda item: item[1].cycles)
    (line,) = (line for line in text(result).splitlines() if f"  {row.address:08x}  " in line)
    assert f" +{event.cycles / row.executions:.2f} {event.name}" in line
    assert "of a stall, `instsim tables explain nucleo-l4r5zi EVENT`" in " ".join(text(result).split())


def test_a_core_named_as_its_board_is_named_once_for_stalls_and_events():
    words = " ".join(text(annotation("esp32-c3", memory="exact")).split())
    assert "stall:" in words
    assert words.count("`instsim tables explain esp32-c3 EVENT`") == 1


def test_one_cycle_is_no_cycles():
    lines = [line for line in text(annotation("nucleo-h743zi", "fully_connected")).splitlines() if line.startswith("  block 0x")]
    assert any(" 1 run, 1 cycle (" in line for line in lines)
    assert not any(re.search(r"\b1 (runs|cycles)", line) for line in lines)


@pytest.mark.parametrize("board", FAMILIES)
@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
@pytest.mark.parametrize("color", [False, True], ids=["plain", "color"])
def test_no_line_exceeds_the_width(board, width, color):
    drawn = ESCAPE.sub("", text(with_sources(annotation(board)), width=width, color=color))
    assert max(len(line) for line in drawn.splitlines()) <= width


def with_sources(result: Annotation) -> Annotation:
    """Give every block a source line, whose name tries to steer the terminal."""
    line = SourceLine("C:\\work\\\x1b[2Jconv.c", 12, "sum += \x07" + "x" * 300)
    blocks = tuple(replace(block, instructions=(replace(block.instructions[0], source=line), *block.instructions[1:])) for block in result.blocks)
    return replace(result, blocks=blocks)


def test_plain_text_is_ascii_and_nothing_of_the_image_steers_the_terminal():
    result = with_sources(replace(annotation("nucleo-l4r5zi"), function="f\x1b]0;x\x07\u00fc"))
    plain = text(result)
    assert plain.isascii()
    for drawn in (plain, ESCAPE.sub("", text(result, width=120, color=True))):
        assert "\x1b" not in drawn
        assert "\x07" not in drawn
        assert not any(line.endswith(" ") for line in plain.splitlines())
    assert r"\x1b[2Jconv.c:12  sum += \x07xxx" in plain


def test_a_terminal_shows_the_same_words_with_colour():
    result = with_sources(annotation("nucleo-l4r5zi"))
    drawn = text(result, width=160, color=True)
    words = set(re.findall(r"[\w.,%+]+", ESCAPE.sub("", drawn)))
    assert set(re.findall(r"[\w.,%+]+", text(result, width=160))) <= words
    bold = [line for line in drawn.splitlines() if line.startswith("\x1b[1m") and "0800" in line]
    marked = [line for line in text(result, width=160).splitlines() if line.startswith("  >") and "0800" in line]
    assert len(bold) == len(marked) > 0


def test_the_hottest_instructions_are_marked_and_their_parts_sum_to_what_one_costs():
    result = annotation("nucleo-l4r5zi")
    lines = text(result).splitlines()
    for row in result.rows:
        (line,) = (line for line in lines if f"  {row.address:08x}  " in line)
        assert line.startswith("  >") == (row.share >= 0.05)
        made_of = re.findall(r"(?:^|\s)([+-]?[\d.]+)(?=\s|$)(?: [a-z])?", line.partition(f"{row.mnemonic:<7} {row.operands}")[2].replace("%", " % "))
        terms = [float(term) for term in made_of if "%" not in term]
        if len(terms) > 1 and row.taken is None:
            assert sum(terms) == pytest.approx(row.cycles_per_execution, abs=0.03)


def test_branches_that_never_or_always_were_taken_are_told_from_those_that_nearly_were():
    result = annotation("nucleo-l4r5zi")
    block = next(block for block in result.blocks if block.instructions[-1].taken)
    last = block.instructions[-1]
    for taken, fallen_through, shown in ((0, 5, "0%"), (5, 0, "100%"), (1, 10_000, "<0.1%"), (10_000, 1, ">99.9%"), (1, 3, "25.0%")):
        branch = replace(last, taken=taken, fallen_through=fallen_through)
        one = replace(block, instructions=(*block.instructions[:-1], branch))
        (line,) = (line for line in text(replace(result, blocks=(one,))).splitlines() if f"  {last.address:08x}  " in line)
        assert f" {shown}" in line


def test_what_did_not_run_and_what_is_not_shown_is_said():
    result = annotation("nucleo-l4r5zi")
    drawn = text(result)
    assert "bytes that did not run" in drawn
    assert "not shown" not in drawn
    assert drawn.count("\n  block 0x") == len(result.blocks)
    few = text(result, top=1)
    assert few.count("\n  block 0x") == 1
    hidden = [int(number) for number in re.findall(r"(\d+) blocks? not shown", few)]
    assert sum(hidden) == len(result.blocks) - 1


def test_the_json_document_holds_every_figure():
    result = annotation("nucleo-l4r5zi")
    document = json.loads(render_annotation_json(result))
    assert document["schema_version"] == "1.0"
    assert document["function"] == "conv_2d"
    rows = [row for block in document["blocks"] for row in block["instructions"]]
    assert len(rows) == len(list(result.rows))
    assert sum(row["cycles"] for row in rows) == pytest.approx(document["cycles"])
    assert sum(event["cycles"] for row in rows for event in row["events"]) == pytest.approx(document["cycles"])
    assert {"address", "mnemonic", "operands", "executions", "cycles", "events", "taken", "fallen_through", "source"} <= rows[0].keys()
    assert render_annotation_json(result) == render_annotation_json(result)
