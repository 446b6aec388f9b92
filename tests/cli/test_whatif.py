"""``instsim whatif`` on the sample."""

from __future__ import annotations

import json
import re

import pytest

KWS = ("whatif", "--sample", "kws", "--board", "nucleo-l4r5zi")


def test_clocks_and_moves_in_one_table(instsim, tmp_path):
    arguments = (*KWS, "--clock", "40MHz, 120MHz", "--move", "weights=sram1")
    ran = instsim(*arguments)
    assert (ran.code, ran.err) == (0, "")
    rows = [line.split() for line in ran.out.splitlines() if re.match(r" *\d+ MHz +\d +(as built|weights in sram1) ", line)]
    assert [row[0] for row in rows] == ["120", "40", "40", "120"]
    ran = instsim(*arguments, "--format", "json", "-o", "answer.json")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    document = json.loads((tmp_path / "answer.json").read_text("utf-8"))
    first, slow, slow_moved, moved = document["rows"]
    # Tables give 1 wait state at 40 MHz and 5 at 120 MHz; weights are what is waited for.
    assert (first["wait_states"], slow["wait_states"]) == (5, 1)
    assert first["cycles"] > slow["cycles"] > slow_moved["cycles"]
    assert slow_moved["cycles"] == pytest.approx(moved["cycles"], rel=1e-3)
    assert moved["energy_change"] == pytest.approx(moved["cycles_change"])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "nothing to try"),
        (("--clock", "fast"), 2, "'fast' is not a clock"),
        (("--clock", "40MHz,,80MHz"), 2, "'' is not a clock"),
        (("--wait-states", "0,two"), 2, "'two' is not a whole number"),
        (("--wait-states", "-1"), 2, "'-1' is negative"),
        (("--move", ""), 2, "the value is empty"),
        (("--move", "weights:sram1"), 2, "not PLACE=MEMORY"),
        (("--clock", "500MHz"), 2, "outside the wait-state table"),
        (("--clock", "40MHz", "--memory", "ideal"), 2, "ideal memories cost the same"),
    ],
)
def test_wrong_questions_are_refused_in_a_sentence(instsim, arguments, code, message):
    ran = instsim(*KWS, *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
    assert "Traceback" not in ran.err
