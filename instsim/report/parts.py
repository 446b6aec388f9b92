"""What a text report is made of, before it is drawn: paragraphs, lists of facts and tables, with no colour and no width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Column", "Facts", "Heading", "Lines", "Part", "Row", "Table", "cut_end", "printable"]


def printable(text: str, *, ascii_only: bool = False) -> str:
    """Return text that can do nothing to a terminal: control characters, and on request all but ASCII, as backslash escapes.

    Names and output come out of the firmware, which may hold anything.
    """
    kept = "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii") for character in text)
    return kept.encode("ascii", "backslashreplace").decode("ascii") if ascii_only else kept


def cut_end(text: str, width: int, mark: str = "..") -> str:
    """Cut text to a width, with a mark where something is missing."""
    if len(text) <= width:
        return text
    return text[: max(0, width - len(mark))] + mark[:width]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    header : str
        Its name, with the unit if cells have none.
    numeric : bool
        Aligned to the right.
    least_width : int or None
        Characters it may be cut down to; None if its cells must stay whole.
    most_width : int
        Characters it never exceeds.
    importance : int
        Where a table is too wide, columns of lower importance leave first.
    cut : callable
        ``cut(text, width)`` shortens a cell.
    """

    header: str
    numeric: bool = True
    least_width: int | None = None
    most_width: int = 100
    importance: int = 9
    cut: Callable[[str, int], str] = cut_end


@dataclass(frozen=True, slots=True)
class Row:
    """Cells of one row.

    Attributes
    ----------
    cells : tuple of str
        One for each column; a single cell in a table of several columns is a line of its own across all of them, empty for a gap.
    style : {'', 'muted', 'strong', 'source'}
        How much it asks for attention; ``source`` for lines of source code.
    """

    cells: tuple[str, ...]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes
    ----------
    title : str
        Shown above.
    columns : tuple of Column
        From left to right.
    rows : tuple of Row
        From top to bottom.
    totals : tuple of Row
        Below a rule.
    notes : tuple of str
        Said below, quietly.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts by name.

    Attributes
    ----------
    title : str
        Shown above; may be empty.
    pairs : tuple of (str, str)
        Name and value; an empty name continues the fact above.
    style : {'', 'muted', 'strong', 'warning'}
        Of the values.
    """

    title: str
    pairs: tuple[tuple[str, str], ...]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """The subject of a report, and beside it what qualifies it."""

    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Lines:
    """Sentences, each its own paragraph.

    Attributes
    ----------
    lines : tuple of str
        The sentences.
    title : str
        Shown above; may be empty.
    style : {'', 'muted', 'strong', 'warning'}
        How much they ask for attention.
    bullet : str
        In front of each.
    """

    lines: tuple[str, ...]
    title: str = ""
    style: str = ""
    bullet: str = ""


Part = Table | Facts | Heading | Lines
