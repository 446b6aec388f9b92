"""The CSV holds every operator, as RFC 4180 has it."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

from instsim.report.csv_report import render_csv

from . import example_estimate as example


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_one_row_an_operator_dispatch_last():
    estimate = example.keyword_estimate()
    read = rows(render_csv(estimate))
    assert [row["operator"] for row in read] == [operator.name for operator in estimate.operators]
    assert read[-1]["operator"] == "(dispatch)"
    assert (read[-1]["index"], read[-1]["cycles_per_mac"]) == ("", "")
    assert (read[1]["index"], read[1]["macs"], read[1]["cycles"]) == ("1", "72000", "712500.25")
    assert (read[0]["inputs"], read[0]["outputs"]) == ("1x49x10x1 int8; 64x10x4x1 int8; -", "1x25x5x64 int8")


def test_columns_sum_to_the_region():
    estimate = example.keyword_estimate()
    read = rows(render_csv(estimate))
    assert math.isclose(sum(float(row["cycles"]) for row in read), estimate.cycles, rel_tol=1e-8)
    assert math.isclose(sum(float(row["energy_share_j"]) for row in read), estimate.energy.value, rel_tol=1e-8)
    assert math.isclose(sum(float(row["share_of_cycles"]) for row in read), 1.0, rel_tol=1e-8)


def test_children_name_their_parents_row():
    read = rows(render_csv(example.nested_estimate()))
    assert [row["parent_row"] for row in read] == ["", "0", "0", "", ""]


def test_lines_end_with_cr_lf_and_odd_names_are_quoted():
    estimate = example.keyword_estimate()
    odd = 'my "own", operator\nof two lines'
    text = render_csv(replace(estimate, operators=(replace(estimate.operators[0], name=odd),)))
    assert text.count("\r\n") == 2
    assert text.endswith("\r\n")
    assert rows(text)[0]["operator"] == odd


def test_no_operators_leave_the_header():
    assert render_csv(example.bare_estimate()).startswith("model,subgraph,index,operator,")
    assert rows(render_csv(example.bare_estimate())) == []


def test_stalls_of_an_operator_are_part_of_its_cycles():
    estimate = example.waiting_estimate()
    read = rows(render_csv(estimate))
    assert math.isclose(sum(float(row["stall_cycles"]) for row in read), 0.125 * estimate.cycles, rel_tol=1e-8)
    assert {row["stall_cycles"] for row in rows(render_csv(example.keyword_estimate()))} == {"0.0"}
