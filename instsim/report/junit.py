"""A check as JUnit XML, which CI systems show as test results: a suite for each image and board, a case for each limit."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from instsim.gate.verdict import Cell, CheckReport, Verdict

__all__ = ["render_junit"]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may hold, however they are written."""


def render_junit(report: CheckReport) -> str:
    """Return a check as JUnit XML, without times and dates, so that equal checks give equal bytes.

    A broken limit is a failure; an image without an answer, a wrong budget and what could not be decided are errors.
    """
    suites = Element("testsuites", name="instsim check")
    counts = {"tests": 0, "failures": 0, "errors": 0}
    for cell in report.cells:
        cases = _cases(cell)
        _suite(suites, f"{cell.image} on {cell.board or 'an unknown board'}", cases, counts)
    if report.problems:
        cases = []
        for problem in report.problems:
            case = Element("testcase", name=_text(problem), classname="budgets")
            SubElement(case, "error", type="BudgetFileError", message=_text(problem)).text = _text(problem)
            cases.append(case)
        _suite(suites, "budgets", cases, counts)
    for name, count in counts.items():
        suites.set(name, str(count))
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _suite(parent: Element, name: str, cases: list[Element], counts: dict[str, int]) -> None:
    suite = SubElement(parent, "testsuite", name=_text(name))
    own = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
    }
    for key, count in own.items():
        suite.set(key, str(count))
        counts[key] += count
    suite.set("skipped", "0")
    suite.extend(cases)


def _cases(cell: Cell) -> list[Element]:
    classname = _text(".".join(filter(None, (cell.image, cell.board))))
    if cell.failure is not None:
        case = Element("testcase", name="estimate", classname=classname)
        body = "\n".join((cell.failure.message, *cell.failure.details, *([f"hint: {cell.failure.hint}"] if cell.failure.hint else [])))
        SubElement(case, "error", type=_text(cell.failure.kind), message=_text(cell.failure.message)).text = _text(body)
        return [case]
    return [_case(verdict, classname) for verdict in cell.verdicts]


def _case(verdict: Verdict, classname: str) -> Element:
    upper = " (upper end)" if verdict.is_upper else ""
    case = Element("testcase", name=_text(f"{verdict.subject} {verdict.limit}{upper}"), classname=classname)
    if verdict.status == "held":
        SubElement(case, "system-out").text = _text(verdict.message)
        return case
    where = f"\n{verdict.file}:{verdict.line}" if verdict.line else ""
    kind, tag = {"broken": ("BudgetError", "failure"), "wrong": ("BudgetFileError", "error")}.get(verdict.status, ("IncompleteError", "error"))
    SubElement(case, tag, type=kind, message=_text(verdict.message)).text = _text(f"{verdict.message}{where}")
    return case


def _text(text: str) -> str:
    return _FORBIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
