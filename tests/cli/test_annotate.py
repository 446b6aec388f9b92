"""`instsim annotate` and the split of cycles by event, from the command line."""

from __future__ import annotations

import json
import re

import pytest

from instsim.cost import load_core
from instsim.cost.boards import load_board
from instsim.cost.explain import explain
from instsim.cost.explain_memory import explain_stall
from instsim.cost.memory_table import load_memory
from instsim.report.explanation import explanation_parts
from instsim.report.tables import render

KWS = ("--sample", "kws", "--board", "nucleo-l4r5zi")


def test_it_prints_plain_ascii_to_a_pipe(instsim):
    ran = instsim("annotate", *KWS, "--function", "softmax")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.isascii()
    assert "\x1b" not in ran.out
    assert "softmax at 0x" in ran.out
    assert "Cycles by event in this function" in ran.out


def test_it_writes_json(instsim, tmp_path):
    path = tmp_path / "out.json"
    ran = instsim("annotate", *KWS, "--operator", "3", "--format", "json", "-o", path)
    assert (ran.code, ran.out) == (0, "")
    document = json.loads(path.read_text("utf-8"))
    assert document["operator"].startswith("operator 3 (")
    assert document["blocks"]


def test_it_takes_saved_profiles(instsim, tmp_path, images):
    assert instsim("profile", images / "dispatch-s28-rv32imc.elf", "-b", "esp32-c3", "-o", tmp_path / "a.profile").code == 0
    ran = instsim("annotate", tmp_path / "a.profile", "--top", "1")
    assert (ran.code, ran.err) == (0, "")
    assert "a saved profile has no source lines" in ran.out
    again = instsim("annotate", tmp_path / "a.profile", "--board", "rpi-pico2-riscv", "--top", "1")
    assert "Hazard3" in again.out


@pytest.mark.parametrize(
    ("arguments", "code", "messages"),
    [
        ((*KWS, "--function", "main"), 2, ("main did not run in call 1 of kws_invoke", "these did: conv_2d")),
        ((*KWS, "--function", "convolve"), 1, ("no function named 'convolve'",)),
        ((*KWS, "--function", "0x08000eaa"), 1, ("lies inside conv_2d", "give the start")),
        ((*KWS, "--operator", "77"), 2, ("no operator 77 ran", "operators: 0, 1, 2")),
        ((*KWS, "--function", ""), 2, ("the value is empty",)),
        (("--board", "nucleo-l4r5zi"), 2, ("give either FIRMWARE or --sample",)),
        (("missing.elf",), 1, ("no such file",)),
        ((*KWS, "--top", "0"), 2, ("--top",)),
    ],
)
def test_what_cannot_be_annotated_is_told(instsim, arguments, code, messages):
    ran = instsim("annotate", *arguments)
    assert (ran.code, ran.out) == (code, "")
    for message in messages:
        assert message in ran.err


@pytest.mark.parametrize("board", ["generic-cortex-m0plus", "nucleo-l4r5zi", "nucleo-h743zi", "nucleo-u575zi-q", "esp32-c3", "rpi-pico2-riscv"])
def test_every_event_of_an_estimate_is_explained_with_the_same_figures(instsim, board):
    document = json.loads(instsim("estimate", "--sample", "kws", "--board", board, "--format", "json").out)
    core = document["provenance"]["core"]
    table = load_core(core)
    system = load_board(board).memory_system
    assert document["events"]
    assert sum(event["share"] for event in document["events"]) == pytest.approx(1)
    verbose = instsim("estimate", "--sample", "kws", "--board", board, "-v").out.partition("Cycles by event\n")[2].partition("\n\n")[0]
    assert re.match(r"\s+event +count +weight +cycles +share +basis +source\n", verbose)
    for event in document["events"]:
        name = event["name"]
        count = f"{event['count']:,}" if event["count"] else ""
        assert re.search(rf"^ +{re.escape(name)} +{count} .* {event['basis']} +{re.escape(event['source'][:90])}", verbose, flags=re.MULTILINE)
        if name.startswith("stall:"):
            explanations = explain_stall(load_memory(system), name)
            assert (event["basis"], event["source"]) in {(row.basis, f"{row.source.key} {row.locator}") for row in explanations}
            ran = instsim("tables", "explain", system, name)
            assert (ran.code, ran.err) == (0, "")
            assert instsim("tables", "explain", board, name).out == ran.out
            assert all(row.source.title in ran.out for row in explanations)
            continue
        explanation = explain(table, name)
        if explanation.instead is not None and event["basis"] == explanation.instead.basis and "unknown" not in name:
            explanation = explanation.instead  # operands were recorded: the divider's model is the source, its mean the weight
        elif not explanation.per_register:
            assert event["weight_cycles"] == pytest.approx(float(explanation.value))
        assert explanation.basis == event["basis"]
        assert explanation.source is not None
        assert event["source"].startswith(explanation.source.key)
        ran = instsim("tables", "explain", core, name)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == render(explanation_parts(explain(table, name)))
        for told in (explanation.source.title, event["basis"], explanation.source.key):
            assert told in ran.out


def test_a_divide_is_explained_with_and_without_operands(instsim):
    ran = instsim("tables", "explain", "cortex-m4", "class:divide (operands unknown)")
    assert (ran.code, ran.err) == (0, "")
    assert "cortex-m4: class divide" in ran.out
    assert "cortex-m4: divider divider" in ran.out
    assert "divider" not in instsim("tables", "explain", "cortex-m4", "class:multiply").out
