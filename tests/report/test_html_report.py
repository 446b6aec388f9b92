"""The HTML report: one file that loads nothing, and hostile names that stay text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from instsim.report.html_report import render_html
from instsim.report.names import cut_name
from tests.report.example_estimate import keyword_estimate, nested_estimate, waiting_estimate

VOID = {"meta", "br", "hr", "img", "link", "input", "wbr"}
HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e\x1b[31m\udc80"


class Page(HTMLParser):
    """Elements, attributes and text of a page; complains about elements that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def hostile():
    estimate = keyword_estimate()
    return replace(
        estimate,
        firmware=replace(estimate.firmware, name=HOSTILE, compilers=(HOSTILE,), attributes={HOSTILE: HOSTILE}, format=HOSTILE),
        run=replace(estimate.run, output=HOSTILE + "\n" + HOSTILE, warnings=(HOSTILE,), region=HOSTILE),
        board=replace(estimate.board, name=HOSTILE, title=HOSTILE, chosen_by="guess", reasons=(HOSTILE,), candidates=(HOSTILE,)),
        provenance=replace(estimate.provenance, core=HOSTILE, core_title=HOSTILE, memory=HOSTILE, calibration=HOSTILE),
        operators=tuple(replace(operator, name=HOSTILE, kernel=HOSTILE) for operator in estimate.operators),
        functions=tuple(replace(function, name=HOSTILE) for function in estimate.functions),
        classes=tuple(replace(item, name=HOSTILE) for item in estimate.classes),
        events=tuple(replace(event, name=HOSTILE, source=HOSTILE, basis=HOSTILE) for event in estimate.events),
        latency=replace(estimate.latency, source=HOSTILE),
        warnings=(HOSTILE,),
    )


@pytest.mark.parametrize("make", [keyword_estimate, nested_estimate, hostile])
def test_page_is_well_formed_and_loads_nothing(make):
    page = Page(render_html(make()))
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "svg", "a", "base", "form"}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name in {"src", "href", "srcset", "action"} or name.startswith("on")]


def test_policy_forbids_scripts_and_network():
    policy = next(attributes["content"] for tag, attributes in Page(render_html(keyword_estimate())).elements if "http-equiv" in attributes)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "url(" not in render_html(keyword_estimate())
    assert "@import" not in render_html(keyword_estimate())


def test_hostile_names_stay_text():
    html = render_html(hostile())
    plain = Page(render_html(keyword_estimate()))
    page = Page(html)
    assert page.count("style") == plain.count("style") == 1
    assert "<img src=x onerror=alert(1)>" in page.text
    assert not [character for character in html if not character.isprintable() and character != "\n"]
    html.encode("utf-8")


def test_figures_of_the_estimate_are_on_the_page():
    estimate = keyword_estimate()
    text = Page(render_html(estimate)).text
    assert f"{round(estimate.cycles):,}" in text
    for item in (*estimate.operators, *estimate.functions, *estimate.classes, *estimate.events):
        assert cut_name(item.name, 120) in text
    for warning in (*estimate.warnings, *estimate.run.warnings):
        assert " ".join(warning.split()) in text
    assert estimate.provenance.core_digest in text


def test_operators_stand_in_the_order_of_execution():
    estimate = keyword_estimate()
    table = render_html(estimate).partition("<h2>Operators</h2>")[2].partition("</tbody>")[0].partition("<tbody>")[2]
    places = [line.partition("</td>")[0].rpartition(">")[2] for line in table.strip().splitlines()]
    assert places == [str(operator.index) if operator.index >= 0 else "" for operator in estimate.operators]


def test_equal_estimates_give_equal_bytes():
    assert render_html(keyword_estimate()) == render_html(keyword_estimate())


def test_an_estimate_of_nothing_is_a_page_too():
    estimate = replace(
        keyword_estimate(),
        operators=(),
        functions=(),
        classes=(),
        events=(),
        warnings=(),
        cycles=0.0,
        instructions=0,
        latency=replace(keyword_estimate().latency, value=0.0, low=0.0, high=0.0),
    )
    assert "No operator was found" in Page(render_html(estimate)).text


def test_stalls_stand_with_operators_functions_and_memories_where_memory_was_followed():
    estimate = waiting_estimate()
    page = Page(render_html(estimate))
    assert "Waiting for memory" in page.text
    for told in ("data-lines", "98.52%", "79,659", "prefetch off (reset value)", "wait-states 5 (given)", "paired loads", "5,392,380 words of data"):
        assert told in page.text
    assert page.text.count("12.5%") >= len(estimate.operators) + len(estimate.functions)
    assert "Waiting for memory" not in render_html(keyword_estimate())
    memory = estimate.memory
    assert memory is not None
    hostile_memory = replace(
        memory,
        system=HOSTILE,
        settings={HOSTILE: HOSTILE},
        paths=tuple(replace(path, memory=HOSTILE, cache=HOSTILE, basis=HOSTILE, source=HOSTILE) for path in memory.paths),
    )
    assert Page(render_html(replace(estimate, memory=hostile_memory))).count("script") == 0
