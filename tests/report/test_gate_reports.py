"""Comparisons and checks as text, Markdown, JSON, JUnit XML and annotations."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from instsim.gate.baseline import Baseline, entry_of
from instsim.gate.budget_schema import parse_limit
from instsim.gate.budgets import Budget
from instsim.gate.comparing import compare
from instsim.gate.judging import judge
from instsim.gate.verdict import Cell, CheckReport
from instsim.report.baseline import baseline_parts
from instsim.report.check import check_parts
from instsim.report.comparison import comparison_parts
from instsim.report.gate_json import check_document, comparison_document, render_document
from instsim.report.github_annotations import render_annotations
from instsim.report.json_report import schema_path
from instsim.report.json_schema import check_schema, comparison_schema
from instsim.report.junit import render_junit
from instsim.report.markdown import markdown_text, render_markdown
from instsim.report.signed import percent_of_change, signed
from instsim.report.tables import render
from instsim.session.matrix import Failure
from tests.report import example_estimate as example

NOW = example.keyword_estimate()
SLOWER = replace(
    NOW,
    cycles=NOW.cycles * 1.01,
    operators=(replace(NOW.operators[0], cycles=NOW.operators[0].cycles + 0.01 * NOW.cycles), *NOW.operators[1:]),
)
NASTY = "evil|<b>\x1b[31m`@you`\n::error::x\x00\ufffe%"


def report() -> CheckReport:
    budgets = [
        Budget("*", "*", None, "cycles", (parse_limit("+0.5 %"), parse_limit(1e12)), file="budgets.toml", line=4),
        Budget("*", "*", 0, "latency_ms", (parse_limit(1),), file="bud,gets:1.toml", line=9),
        Budget("*", "*", "CONV_9D", "cycles", (parse_limit(1),), file="budgets.toml", line=12),
        Budget("*", "*", None, "flash_bytes", (parse_limit("+0"),), file="budgets.toml"),
    ]
    good = judge("kws", "kws.elf", SLOWER, budgets, Baseline((entry_of("kws", NOW),), "base.toml"))
    lost = judge("other", "other.elf", NOW, budgets, Baseline((entry_of("kws", NOW),), "base.toml"))
    failed = Cell(NASTY, "x.elf", "nucleo-l4r5zi", Failure("RunError", f"{NASTY} failed", "try again", ("at 0x1", NASTY)))
    return CheckReport("budgets.toml", "base.toml", "0.1.0", (good, lost, failed), ("budgets.toml:3: no image is named 'x'",))


def test_published_schemas_are_current_and_hold() -> None:
    for name, make, document in (
        ("comparison", comparison_schema, comparison_document(compare(NOW, SLOWER))),
        ("check", check_schema, check_document(report())),
    ):
        published = json.loads(schema_path().with_name(f"{name}.schema.json").read_text("utf-8"))
        assert published == make(), "run python tools/export_schemas.py"
        Draft202012Validator.check_schema(published)
        Draft202012Validator(published).validate(json.loads(render_document(document)))


def test_the_comparison_leads_with_the_change_and_its_operator() -> None:
    text = render(comparison_parts(compare(NOW, SLOWER)))
    cycles = next(line for line in text.splitlines() if line.split()[:1] == ["cycles"])
    assert "+1.00%" in cycles
    assert "exact under the model" in cycles
    assert text.index("Operators") < text.index("Functions") < text.index("Symbols")
    assert re.search(r"0 +CONV_2D .*\+", text)
    assert "None of" in text[text.index("Functions") :]


def test_sides_that_share_nothing_are_warned_of_before_the_figures() -> None:
    other = replace(NOW, provenance=replace(NOW.provenance, core_digest="99" * 32))
    for text in (render(comparison_parts(compare(NOW, other))), render_markdown(comparison_parts(compare(NOW, other)))):
        assert text.index("not exact") < text.index("cycles")
        assert "999999999999" in text


def test_rows_beyond_the_top_are_summed() -> None:
    after = replace(NOW, functions=tuple(replace(row, cycles=row.cycles + 10) for row in NOW.functions))
    text = render(comparison_parts(compare(NOW, after), top=2))
    more = next(line for line in text.splitlines() if f"({len(NOW.functions) - 2} more)" in line)
    assert f"+{10 * (len(NOW.functions) - 2)}" in more


def test_markdown_is_safe_and_folds_what_is_long() -> None:
    text = render_markdown(check_parts(report()))
    assert text.count("<details>") == text.count("</details>") > 2
    assert "<b>" not in text
    assert "@you" not in text
    assert "\x1b" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    heads = [line.count("|") for line in tables]
    assert len(set(heads)) < len(heads)
    # The outcome and what is broken stand in the open.
    assert text.index("FAILED") < text.index("**Broken**") < text.index("<details>")
    assert markdown_text("a_b*c<d>|e&lt;") == "a&#95;b&#42;c&#60;d&#62;&#124;e&amp;lt;"


def test_every_row_of_a_markdown_table_has_as_many_cells_as_its_head() -> None:
    for parts in (check_parts(report()), comparison_parts(compare(NOW, SLOWER)), baseline_parts(Baseline((entry_of(NASTY, NOW),)))):
        width = 0
        for line in render_markdown(parts).splitlines():
            width = (width or line.count("|")) if line.startswith("|") else 0
            assert not width or line.count("|") == width


def test_junit_keeps_to_the_common_form() -> None:
    """As the schema of Jenkins' xUnit plug-in has it: names, counts, and at most one outcome for a case."""
    text = render_junit(report())
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    totals = {"tests": 0, "failures": 0, "errors": 0}
    for suite in root:
        assert suite.tag == "testsuite"
        assert set(suite.attrib) <= {"name", "tests", "failures", "errors", "skipped", "time"}
        cases = list(suite)
        for case in cases:
            assert case.tag == "testcase"
            assert set(case.attrib) == {"name", "classname"}
            assert [child.tag for child in case] in (["failure"], ["error"], ["system-out"], [])
            for child in case:
                assert set(child.attrib) == (set() if child.tag == "system-out" else {"type", "message"})
        counts = {
            "tests": len(cases),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
        }
        assert {name: int(suite.attrib[name]) for name in counts} == counts
        totals = {name: totals[name] + counts[name] for name in totals}
    assert {name: int(root.attrib[name]) for name in totals} == totals
    # cycles is over its baseline, latency of operator 0 over its limit twice; CONV_9D twice, no baseline for `other` twice, a run, a budget.
    assert totals == {"tests": 12, "failures": 3, "errors": 6}


def test_annotations_stay_one_command_a_line() -> None:
    lines = render_annotations(report()).splitlines()
    assert all(re.match(r"::(error|warning|notice) ", line) for line in lines)
    assert sum(line.startswith("::error") for line in lines) == 3 + 2 + 1 + 1
    assert sum(line.startswith("::warning") for line in lines) == 2
    (first, *_) = lines
    assert first.startswith("::error file=budgets.toml,line=4,title=instsim%3A cycles broken::kws on nucleo-l4r5zi: cycles is ")
    assert any("file=bud%2Cgets%3A1.toml,line=9" in line for line in lines)
    assert not any("\x1b" in line or "\x00" in line for line in lines)


def test_the_text_of_a_check_names_everything() -> None:
    text = render(check_parts(report()))
    for said in ("FAILED", "No answer for", "hint: try again", "was", "Not in the baseline", "operators that changed", "no image is named 'x'"):
        assert said in text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0, "", "0"), (1234.4, "", "+1,234"), (-5, "B", "-5 B"), (0.0012, "s", "+1.200 ms"), (-2e-6, "J", "-2.000 uJ"), (None, "s", "")],
)
def test_differences_have_their_sign(value: float | None, unit: str, text: str) -> None:
    assert signed(value, unit) == text


def test_small_changes_do_not_look_like_none() -> None:
    assert [percent_of_change(ratio) for ratio in (None, 0.0, 1e-9, -1e-9, 0.0123)] == ["", "0%", "+<0.01%", "-<0.01%", "+1.23%"]
