"""A check as commands of GitHub's workflow log, which it shows beside the lines of the budget file."""

from __future__ import annotations

from instsim.gate.verdict import CheckReport
from instsim.report.check import outcome_text
from instsim.report.parts import printable

__all__ = ["render_annotations"]

_LEVELS = {"broken": "error", "wrong": "error", "undecided": "warning"}


def render_annotations(report: CheckReport) -> str:
    """Return one command for each limit that does not hold and each image without an answer, and a notice with the outcome."""
    lines = []
    for cell in report.cells:
        subject = f"{cell.image} on {cell.board}" if cell.board else cell.image
        if cell.failure is not None:
            text = "\n".join((cell.failure.message, *cell.failure.details))
            lines.append(_command("error", f"{subject}: {text}", "instsim: no answer", report.budget_file, 0))
        for verdict in cell.verdicts:
            if verdict.status in _LEVELS:
                title = f"instsim: {verdict.subject} {verdict.status}"
                lines.append(_command(_LEVELS[verdict.status], f"{subject}: {verdict.message}", title, verdict.file, verdict.line))
    lines += [_command("error", problem, "instsim: budget fits nothing", report.budget_file, 0) for problem in report.problems]
    lines.append(_command("notice", outcome_text(report), "instsim check", "", 0))
    return "".join(f"{line}\n" for line in lines)


def _command(level: str, message: str, title: str, file: str, line: int) -> str:
    properties = [f"file={_property(file)}"] if file else []
    if file and line:
        properties.append(f"line={line}")
    properties.append(f"title={_property(title)}")
    return f"::{level} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    """Escape as GitHub's runner unescapes: a line break would end the command and could begin another."""
    kept = "\n".join(printable(line) for line in text.split("\n"))
    return kept.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
