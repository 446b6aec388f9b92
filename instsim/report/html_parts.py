"""Pieces of an HTML page. What comes out of the firmware or a file goes through `text`, and nowhere else into the page."""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from instsim.report.parts import printable

__all__ = ["HtmlColumn", "bar", "breakable", "definitions", "hue", "section", "table", "text", "width"]


def text(value: str) -> str:
    """Return text that means nothing to a browser: markup and quotes as entities, control and direction characters as backslash escapes."""
    return escape(printable(value), quote=True)


def breakable(value: str) -> str:
    """Return `text` that a browser may break behind underscores and colons, where a narrow column needs it."""
    return text(value).replace("_", "_<wbr>").replace("::", "::<wbr>")


def width(share: float) -> str:
    """Return a share as a CSS percentage between 0 and 100."""
    return f"{100 * min(1.0, max(0.0, share)):.3f}%"


def hue(name: str) -> str:
    """Return a colour for a name, the same in every report: light enough for dark text, in warm tones as flame graphs have them."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    red, green, blue = colorsys.hls_to_rgb((8 + digest[0] / 255 * 47) / 360, 0.68 + digest[1] / 255 * 0.08, 0.72)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def section(title: str, *body: str, kind: str = "") -> str:
    """Return a section of the page; `title` is text, `body` is HTML."""
    opening = f'<section class="{kind}">' if kind else "<section>"
    heading = f"<h2>{text(title)}</h2>\n" if title else ""
    return f"{opening}\n{heading}" + "\n".join(part for part in body if part) + "\n</section>"


def bar(share: float, of: float, label: str) -> str:
    """Return a bar as long as `share` is of `of`, with a label behind it."""
    return f'<div class="bar"><span><i style="width:{width(share / of if of else 0.0)}"></i></span><em>{text(label)}</em></div>'


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values (text) as a list; an empty name continues the value above."""
    parts: list[str] = []
    for name, value in pairs:
        parts.append((f"<dt>{text(name)}</dt>" if name or not parts else "<dt></dt>") + f"<dd>{text(value)}</dd>")
    return "<dl>\n" + "\n".join(parts) + "\n</dl>"


@dataclass(frozen=True, slots=True)
class HtmlColumn:
    """A column of a table: header (text), whether it is numeric, the classes of its cells, whether a phone leaves it out."""

    header: str
    numeric: bool = False
    kind: str = ""
    wide: bool = False

    @property
    def attribute(self) -> str:
        """The ``class`` attribute of its cells, with a space in front."""
        names = " ".join(name for name in ("n" if self.numeric else "", self.kind, "wide" if self.wide else "") if name)
        return f' class="{names}"' if names else ""


def table(columns: Sequence[HtmlColumn], rows: Iterable[tuple[Sequence[str], str]], total: Sequence[str] = ()) -> str:
    """Return a table of rows (cells as HTML, and the class of the row) and a total below them."""
    header = "".join(f'<th scope="col"{column.attribute}>{text(column.header)}</th>' for column in columns)

    def line(cells: Sequence[str], kind: str = "") -> str:
        opening = f'<tr class="{kind}">' if kind else "<tr>"
        return opening + "".join(f"<td{column.attribute}>{cell}</td>" for column, cell in zip(columns, cells, strict=True)) + "</tr>"

    body = "\n".join(line(cells, kind) for cells, kind in rows)
    foot = f"\n<tfoot>{line(total)}</tfoot>" if total else ""
    return f'<div class="scroll"><table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n{body}\n</tbody>{foot}\n</table></div>'
