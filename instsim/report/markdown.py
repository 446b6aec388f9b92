"""Text reports drawn as Markdown for pull requests: the answer in the open, the rest in sections that unfold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from instsim.report.parts import Facts, Heading, Lines, Part, Table, printable

__all__ = ["markdown_text", "render_markdown"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~@])")
_STYLES = {"strong": "**{}**", "muted": "{}", "warning": "{}", "": "{}"}


def markdown_text(text: str) -> str:
    """Return text that means nothing in Markdown or HTML: names come out of the firmware, which may hold anything."""
    # An `@` would call a person, a `<` begin a tag, a `|` end a cell.
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", printable(text.replace("&", "&amp;")))


def render_markdown(parts: Sequence[Part], *, unfolded: int = 2, fold_headings: bool = False) -> str:
    """Draw the parts of a report as GitHub's Markdown.

    Parameters
    ----------
    parts : sequence of Part
        What to draw.
    unfolded : int
        The first parts, warnings and whatever has no title stay open; all other become ``<details>``.
    fold_headings : bool
        Draw headings one level lower.
    """
    blocks = []
    for number, part in enumerate(parts):
        if isinstance(part, Heading):
            detail = f" ({markdown_text(part.detail)})" if part.detail else ""
            blocks.append(f"{'###' if fold_headings else '##'} {markdown_text(part.text)}{detail}")
            continue
        body, title = "\n".join(_body(part)), markdown_text(part.title)
        is_open = number < unfolded or not title or getattr(part, "style", "") == "warning"
        if not title:
            blocks.append(body)
        elif is_open:
            blocks.append(f"**{title}**\n\n{body}")
        else:
            blocks.append(f"<details><summary>{title}</summary>\n\n{body}\n\n</details>")
    return "\n\n".join(blocks) + "\n"


def _body(part: Table | Facts | Lines) -> list[str]:
    if isinstance(part, Lines):
        return [f"- {markdown_text(line)}" for line in part.lines] if len(part.lines) > 1 else [markdown_text(line) for line in part.lines]
    if isinstance(part, Facts):
        return [f"- {f'{markdown_text(name)}: ' if name else ''}{markdown_text(value)}" for name, value in part.pairs]
    lines = [_row([markdown_text(column.header) for column in part.columns])]
    lines.append(_row(["---:" if column.numeric else ":---" for column in part.columns]))
    for row in (*part.rows, *part.totals):
        style = _STYLES.get(row.style, "{}")
        cells = [style.format(markdown_text(cell)) if cell else "" for cell in row.cells]
        lines.append(_row(cells))
    for note in part.notes:
        lines += ["", markdown_text(note)]
    return lines


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
