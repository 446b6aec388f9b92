"""Exports of the call tree, read by small parsers of each format's documentation."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import jsonschema
import pytest

from instsim.errors import UsageError
from instsim.report.html_report import render_html
from instsim.report.stacks import render_callgrind, render_folded, render_speedscope
from instsim.session.estimate import Estimate, EstimatedCall
from tests.report.example_estimate import keyword_estimate

# From speedscope's file-format-spec.ts: the parts that a sampled profile uses.
SPEEDSCOPE = {
    "type": "object",
    "required": ["$schema", "shared", "profiles"],
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "shared": {
            "type": "object",
            "required": ["frames"],
            "properties": {
                "frames": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}
            },
        },
        "profiles": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "name", "unit", "startValue", "endValue", "samples", "weights"],
                "properties": {
                    "type": {"const": "sampled"},
                    "name": {"type": "string"},
                    "unit": {"enum": ["none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"]},
                    "startValue": {"type": "number"},
                    "endValue": {"type": "number"},
                    "samples": {"type": "array", "items": {"type": "array", "items": {"type": "integer", "minimum": 0}}},
                    "weights": {"type": "array", "items": {"type": "number"}},
                },
                "additionalProperties": False,
            },
        },
        "name": {"type": "string"},
        "activeProfileIndex": {"type": "number"},
        "exporter": {"type": "string"},
        "version": {"type": "string"},
    },
    "additionalProperties": False,
}


def with_calls(*extra: EstimatedCall) -> Estimate:
    calls = (
        EstimatedCall("main", 0x100, -1, 0, 10.4, 1000.0),
        EstimatedCall("a; b", 0x200, 0, 3, 300.3, 900.0),
        EstimatedCall("leaf", 0x300, 1, 9, 599.7, 599.7),
        EstimatedCall("leaf", 0x300, 0, 1, 89.6, 89.6),
        EstimatedCall("handler", 0x400, -1, 7, 50.0, 50.0),
    )
    return replace(keyword_estimate(), calls=(*calls, *extra))


def read_folded(text: str) -> dict[tuple[str, ...], int]:
    stacks = {}
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        assert tuple(stack.split(";")) not in stacks
        stacks[tuple(stack.split(";"))] = int(count)
    return stacks


def read_callgrind(text: str) -> tuple[dict[str, int], dict[tuple[str, str], tuple[int, int]], dict[str, str]]:
    """Own cycles by function, calls and inclusive cycles by caller and callee, header; the grammar of Valgrind's manual, chapter 13.1."""
    header, own, edges, names = {}, {}, {}, {}
    function, callee, times = "", "", None

    def resolve(value: str) -> str:
        match = re.fullmatch(r"\((\d+)\)(?: (.+))?", value)
        assert match
        if match[2] is not None:
            assert match[1] not in names
            names[match[1]] = match[2]
        return names[match[1]]

    lines = text.splitlines()
    assert lines[0] == "# callgrind format"
    for line in lines[1:]:
        if not line:
            continue
        if re.fullmatch(r"\d+ \d+", line):
            cycles = int(line.split()[1])
            if times is None:
                own[function] = own.get(function, 0) + cycles
            else:
                edges[function, callee] = times, cycles
                times = None
            continue
        assert times is None
        if match := re.fullmatch(r"calls=(\d+) \d+", line):
            times = int(match[1])
        elif match := re.fullmatch(r"(fn|cfn|fl)=(.+)", line):
            if match[1] == "fn":
                function = resolve(match[2])
            elif match[1] == "cfn":
                callee = resolve(match[2])
        else:
            key, _, value = line.partition(": ")
            assert key in {"version", "creator", "cmd", "desc", "positions", "events", "summary", "totals"}
            header[key] = value
    return own, edges, header


def test_folded_stacks_are_the_exclusive_cycles_by_path():
    assert read_folded(render_folded(with_calls())) == {
        ("main",): 10,
        ("main", "a: b"): 301,
        ("main", "a: b", "leaf"): 599,
        ("main", "leaf"): 90,
        ("handler",): 50,
    }


def test_speedscope_file_follows_its_schema_and_holds_the_same_stacks():
    document = json.loads(render_speedscope(with_calls()))
    jsonschema.validate(document, SPEEDSCOPE)
    (profile,) = document["profiles"]
    names = [frame["name"] for frame in document["shared"]["frames"]]
    assert names == ["main", "a; b", "leaf", "handler"]
    stacks = {
        tuple(names[frame].replace(";", ":") for frame in sample): weight
        for sample, weight in zip(profile["samples"], profile["weights"], strict=True)
    }
    assert stacks == read_folded(render_folded(with_calls()))
    assert profile["endValue"] - profile["startValue"] == sum(profile["weights"]) == 1050


def test_callgrind_holds_calls_and_inclusive_cycles():
    own, edges, header = read_callgrind(render_callgrind(with_calls()))
    assert own == {"main": 10, "a; b": 301, "leaf": 689, "handler": 50}
    assert edges == {("main", "a; b"): (3, 900), ("a; b", "leaf"): (9, 599), ("main", "leaf"): (1, 90)}
    assert header["events"] == "Cycles"
    assert header["summary"] == header["totals"] == "1050"


def test_functions_of_one_name_stay_two():
    own, _, _ = read_callgrind(render_callgrind(with_calls(EstimatedCall("leaf", 0x500, 0, 1, 5.0, 5.0))))
    assert {"leaf at 0x00000300", "leaf at 0x00000500"} <= set(own)


def test_names_with_line_breaks_stay_on_one_line():
    estimate = with_calls(EstimatedCall("x\nfn=(99) y 1\n0 5", 0x600, 0, 1, 5.0, 5.0))
    assert read_callgrind(render_callgrind(estimate))[0]["x\\nfn=(99) y 1\\n0 5"] == 5
    assert len(read_folded(render_folded(estimate))) == 6


@pytest.mark.parametrize("render", [render_folded, render_speedscope, render_callgrind])
def test_without_call_stacks_there_is_nothing_to_export(render):
    with pytest.raises(UsageError, match="no call tree") as caught:
        render(keyword_estimate())
    assert "--call-stacks" in str(caught.value.hint)


def test_the_flame_graph_is_on_the_page_and_escaped():
    page = render_html(with_calls(EstimatedCall("<b>x</b>", 0x600, 0, 1, 500.0, 500.0)))
    boxes = re.findall(r'<div(?: class="thin")? style="left:([\d.]+)%;width:([\d.]+)%;top:(\d+)px;[^>]*title="([^:"]+)', page)
    assert [(name, top) for _, _, top, name in boxes] == [
        ("main", "0"),
        ("a; b", "18"),
        ("leaf", "36"),
        ("leaf", "18"),
        ("handler", "0"),
        ("&lt;b&gt;x&lt;/b&gt;", "18"),
    ]
    assert float(boxes[0][1]) == pytest.approx(100 * 1000 / 1050, abs=0.001)
    assert float(boxes[4][0]) == pytest.approx(100 * 1000 / 1050, abs=0.001)
    assert float(boxes[2][0]) == float(boxes[1][0])
    assert "<b>x" not in page
    assert "Calls</h2>" not in render_html(keyword_estimate())
