"""What-if answers as text and JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from instsim.report.json_report import schema_path
from instsim.report.json_schema import whatif_schema
from instsim.report.tables import render
from instsim.report.whatif import whatif_document, whatif_parts
from instsim.session.whatif import AS_BUILT, PlacedBytes, WhatIf, WhatIfRow

from . import example_estimate as example

PUBLISHED = json.loads(schema_path().with_name("whatif.schema.json").read_text("utf-8"))


def answer() -> WhatIf:
    estimate = example.waiting_estimate()
    memory = estimate.memory
    assert memory is not None
    ideal = estimate.cycles - memory.stall_cycles

    def row(clock_hz: float, waits: int | None, placement: str, stalls: float, *, works: bool = True) -> WhatIfRow:
        cycles = ideal + stalls
        latency_s, first_s = cycles / clock_hz, estimate.cycles / example.CLOCK_HZ
        change = cycles / estimate.cycles - 1
        energy_j = cycles * example.ENERGY_PER_CYCLE_J
        origin = "" if waits is None else "given"
        later = latency_s / first_s - 1
        return WhatIfRow(
            clock_hz, waits, origin, works, placement, cycles, stalls, stalls / cycles, latency_s, energy_j, change, later, change, memory
        )

    rows = (
        row(120e6, 5, AS_BUILT, memory.stall_cycles),
        row(40e6, 1, AS_BUILT, 0.4 * memory.stall_cycles),
        row(120e6, 0, AS_BUILT, 0.1 * memory.stall_cycles, works=False),
        row(120e6, 5, "weights in sram1, conv_2d in sram2", 0.0),
        row(120e6, 5, "0x08010000-0x08020000 in sram3", memory.stall_cycles - 100),
    )
    placements = (PlacedBytes("weights in sram1, conv_2d in sram2", 43_264),)
    facts = estimate.provenance
    return WhatIf(estimate.firmware, estimate.run, estimate.board, facts, 9_989_530, ideal, rows, placements, "prior of the board", ("mind the gap",))


def test_the_document_is_what_its_schema_says_and_the_schema_is_current():
    assert whatif_schema() == PUBLISHED, "run python tools/export_schemas.py"
    result = answer()
    without = replace(result, rows=tuple(replace(row, wait_states=None, wait_states_from="") for row in result.rows), placements=())
    for document in (whatif_document(result), whatif_document(without)):
        Draft202012Validator(PUBLISHED).validate(json.loads(json.dumps(document, allow_nan=False)))
    rows = whatif_document(result)["rows"]
    assert [row["works"] for row in rows] == [True, True, False, True, True]
    assert rows[0]["memory"]["paths"][0]["memory"] == "flash"


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_rows_fit_and_keep_what_was_asked(width):
    text = render(whatif_parts(answer()), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii()
    for told in ("120 MHz", "40 MHz", "as built", "12,486,912", "104.1 ms", "mind the gap"):
        assert told in text


def test_text_says_changes_failures_and_what_the_figures_rest_on():
    text = render(whatif_parts(answer()), width=160)
    lines = text.splitlines()
    (first,) = (line for line in lines if line.split()[:4] == ["120", "MHz", "5", "as"])
    assert "%" in first
    assert first.count("%") == 1  # stalls; no change against itself
    assert any(line.split()[:3] == ["120", "MHz", "0!"] for line in lines)
    (moved,) = (line for line in lines if "conv_2d in sram2  " in line)
    assert "-12.5%" in moved
    assert "0.0%" in moved
    (little,) = (line for line in lines if "in sram3  " in line)
    assert ">-0.1%" in little
    joined = " ".join(text.split())
    for told in (
        "stm32l4 at 120 MHz, 5 wait states; data-cache on (programmed)",
        "Without any waiting the region takes 10,926,048 cycles",
        "the real chip would fail",
        "43,264 B (42.2 KiB) moved",
        "* nominal, whatever the calibration",
    ):
        assert told in joined


def test_columns_that_say_the_same_in_every_row_are_left_out():
    result = answer()
    text = render(whatif_parts(replace(result, rows=(result.rows[0], result.rows[2]), placements=())), width=160)
    header = next(line for line in text.splitlines() if line.lstrip().startswith("clock"))
    assert "placement" not in header
    assert "latency %" not in header
    assert "moved" not in text
