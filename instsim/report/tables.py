"""Text reports drawn from their parts: plain ASCII for pipes and files, rich for terminals, one layout for both."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from instsim.report.parts import Column, Facts, Heading, Lines, Part, Table, cut_end, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["render", "show"]

_GAP = 2
_INDENT = 2
_LEAST_TEXT_WIDTH = 16
_WIDEST_TEXT = 110
"""Sentences are not drawn out further than this, however wide the terminal."""

_STYLES = {"": "", "muted": "dim", "strong": "bold", "warning": "yellow", "source": "cyan"}

_RULES = "".join(f"{line}\n" for line in (" " * 4, " " * 4, " ── ", " " * 4, " ── ", " ── ", " " * 4, " " * 4))
"""Lines of a table for rich: below the head and above the totals, nowhere else; one space between columns."""


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A table with the columns that fit, every cell cut to its column's width."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    @property
    def whole_width(self) -> int:
        return sum(self.widths) + _GAP * (len(self.widths) - 1)

    @property
    def headers(self) -> list[str]:
        return [cut_end(column.header, given) for column, given in zip(self.columns, self.widths, strict=True)]

    def spans(self, cells: Sequence[str]) -> bool:
        """Whether a row goes across all columns."""
        return len(cells) == 1 < len(self.columns)

    def line(self, cells: Sequence[str]) -> str:
        """Return a row as text."""
        if self.spans(cells):
            return (" " * _INDENT + cells[0]).rstrip()
        aligned = (
            cell.rjust(given) if column.numeric else cell.ljust(given) for cell, given, column in zip(cells, self.widths, self.columns, strict=True)
        )
        return (" " * _INDENT + (" " * _GAP).join(aligned)).rstrip()


def _least(column: Column, natural: int) -> int:
    return natural if column.least_width is None else min(natural, max(column.least_width, len(column.header)))


def _fit(table: Table, width: int | None, *, ascii_only: bool) -> _Fitted:
    """Choose columns and widths: whole if they fit, else cut where allowed, else without the least important ones."""
    cells = [[printable(cell, ascii_only=ascii_only) for cell in row.cells] for row in (*table.rows, *table.totals)]
    kept = list(range(len(table.columns)))
    natural = [
        max(len(column.header), min(column.most_width, max((len(row[place]) for row in cells if len(row) == len(table.columns)), default=0)))
        for place, column in enumerate(table.columns)
    ]
    room = 1 << 30 if width is None else width - _INDENT

    def total(widths: Sequence[int]) -> int:
        return sum(widths) + _GAP * (len(widths) - 1)

    while len(kept) > 1 and total([_least(table.columns[place], natural[place]) for place in kept]) > room:
        kept.remove(min(kept, key=lambda place: (table.columns[place].importance, -place)))
    widths = [natural[place] for place in kept]
    while (excess := total(widths) - room) > 0:
        slack = [max(0, given - _least(table.columns[place], natural[place])) for given, place in zip(widths, kept, strict=True)]
        widest = max(range(len(kept)), key=lambda index: (slack[index], -index))
        if slack[widest] == 0:
            widths[0] = max(1, widths[0] - excess)
            break
        widths[widest] -= min(excess, slack[widest])
    fitted = tuple(
        (cut_end(row[0], room),)
        if len(row) == 1 < len(table.columns)
        else tuple(table.columns[place].cut(row[place], given) for place, given in zip(kept, widths, strict=True))
        for row in cells
    )
    dropped = [table.columns[place].header for place in range(len(table.columns)) if place not in kept]
    notes = (*table.notes, f"Left out at this width: {', '.join(dropped)}.") if dropped else table.notes
    return _Fitted(tuple(table.columns[place] for place in kept), tuple(widths), fitted[: len(table.rows)], fitted[len(table.rows) :], notes)


def _text_width(width: int | None) -> int | None:
    return None if width is None else max(_LEAST_TEXT_WIDTH, min(width, _WIDEST_TEXT))


def _wrapped(text: str, width: int | None, first: str, rest: str) -> list[str]:
    if width is None:
        return [first + text]
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False) or [first.rstrip()]


def _fact_lines(facts: Facts, width: int | None, *, ascii_only: bool) -> list[tuple[str, list[str]]]:
    """Return each fact's name, padded, and the lines of its value."""
    name_width = max((len(name) for name, _ in facts.pairs), default=0)
    room = None if width is None else max(_LEAST_TEXT_WIDTH, min(width, _WIDEST_TEXT) - _INDENT - name_width - _GAP)
    return [(name.ljust(name_width), _wrapped(printable(value, ascii_only=ascii_only), room, "", "")) for name, value in facts.pairs]


def _plain(part: Part, width: int | None) -> list[str]:
    indent = " " * _INDENT
    if isinstance(part, Heading):
        text, detail = printable(part.text, ascii_only=True), printable(part.detail, ascii_only=True)
        return _wrapped(f"{text} ({detail})" if detail else text, _text_width(width), "", indent)
    lines = _wrapped(part.title, _text_width(width), "", indent) if part.title else []
    if isinstance(part, Lines):
        bullet = indent + part.bullet
        for sentence in part.lines:
            lines += _wrapped(printable(sentence, ascii_only=True), _text_width(width), bullet, " " * len(bullet))
        return lines
    if isinstance(part, Facts):
        for name, values in _fact_lines(part, width, ascii_only=True):
            lines += [f"{indent}{name if number == 0 else ' ' * len(name)}{' ' * _GAP}{value}".rstrip() for number, value in enumerate(values)]
        return lines
    fitted = _fit(part, width, ascii_only=True)

    rule = indent + "-" * fitted.whole_width
    if any(column.header for column in fitted.columns):
        lines += [fitted.line(fitted.headers), rule]
    lines += [fitted.line(row) for row in fitted.rows]
    if fitted.totals:
        lines += [rule, *(fitted.line(row) for row in fitted.totals)]
    for note in fitted.notes:
        lines += _wrapped(printable(note, ascii_only=True), _text_width(width), indent, indent)
    return lines


def _rich(part: Part, width: int) -> list[RenderableType]:
    from rich.box import Box  # noqa: PLC0415 - only where a terminal is drawn on
    from rich.padding import Padding  # noqa: PLC0415
    from rich.table import Table as RichTable  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    if isinstance(part, Heading):
        heading = Text(printable(part.text), style="bold")
        return [heading.append(f"  {printable(part.detail)}" if part.detail else "", style="not bold dim")]
    drawn: list[RenderableType] = (
        [Text(line, style="bold") for line in _wrapped(part.title, _text_width(width), "", " " * _INDENT)] if part.title else []
    )
    if isinstance(part, Lines):
        bullet = " " * _INDENT + part.bullet
        for sentence in part.lines:
            drawn += [Text(line, style=_STYLES[part.style]) for line in _wrapped(printable(sentence), _text_width(width), bullet, " " * len(bullet))]
        return drawn
    if isinstance(part, Facts):
        for name, values in _fact_lines(part, width, ascii_only=False):
            for number, value in enumerate(values):
                fact = Text(" " * _INDENT).append(name if number == 0 else " " * len(name), style="dim")
                drawn.append(fact.append(" " * _GAP).append(value, style=_STYLES[part.style]))
        return drawn
    fitted = _fit(part, width, ascii_only=False)
    notes = [Text(line, style="dim") for note in fitted.notes for line in _wrapped(printable(note), _text_width(width), " " * _INDENT, " " * _INDENT)]
    if any(fitted.spans(cells) for cells in fitted.rows):
        # Tables of rich have no rows across all columns: these are drawn line by line.
        drawn += [Text(fitted.line(fitted.headers), style="dim"), Text(" " * _INDENT + "─" * fitted.whole_width, style="dim")]
        drawn += [Text(fitted.line(cells), style=_STYLES[row.style]) for row, cells in zip(part.rows, fitted.rows, strict=True)]
        return [*drawn, *notes]
    table = RichTable(box=Box(_RULES), padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style="dim", border_style="dim")
    for column, given in zip(fitted.columns, fitted.widths, strict=True):
        table.add_column(Text(column.header), justify="right" if column.numeric else "left", width=given, no_wrap=True)
    table.show_header = any(column.header for column in fitted.columns)
    for row, cells in zip(part.rows, fitted.rows, strict=True):
        table.add_row(*map(Text, cells), style=_STYLES[row.style])
    for number, (row, cells) in enumerate(zip(part.totals, fitted.totals, strict=True)):
        if number == 0:
            table.add_section()
        table.add_row(*map(Text, cells), style=_STYLES[row.style])
    drawn.append(Padding(table, (0, 0, 0, _INDENT), expand=False))
    return [*drawn, *notes]


def show(parts: Sequence[Part], console: Console) -> None:
    """Draw on a console: with rich on a terminal that has the characters for it, else plain.

    Parameters
    ----------
    parts : sequence of Part
        What to draw; an empty line between two of them.
    console : rich.console.Console
        Where; its width counts only if it is a terminal.
    """
    if not console.is_terminal or console.options.ascii_only:
        width = console.width if console.is_terminal else None
        console.file.write(render(parts, width=width))
        return
    for number, part in enumerate(parts):
        if number:
            console.print()
        for piece in _rich(part, console.width):
            console.print(piece, no_wrap=True, overflow="ellipsis", highlight=False)


def render(parts: Sequence[Part], *, width: int | None = None, color: bool = False) -> str:
    """Draw to a string.

    Parameters
    ----------
    parts : sequence of Part
        What to draw; an empty line between two of them.
    width : int, optional
        Characters of a line; by default lines are as long as their contents.
    color : bool
        As for a terminal, with colours. Without, the text is ASCII with no escape sequence.
    """
    if not color:
        return "\n".join("".join(f"{line}\n" for line in _plain(part, width)) for part in parts)
    from rich.console import Console  # noqa: PLC0415

    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=width or 200, legacy_windows=False, _environ={})
    with console.capture() as capture:
        show(parts, console)
    return capture.get()
