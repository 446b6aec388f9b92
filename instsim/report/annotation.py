"""An annotated function as text: its instructions in order, with what each costs, how often it ran and why it costs that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from instsim.image.source_lines import SourceLine
from instsim.report.names import short_title
from instsim.report.parts import Column, Heading, Lines, Part, Row, Table, cut_end
from instsim.report.provenance import clock_text
from instsim.report.text import event_parts, guess_parts, origin_text, percent
from instsim.session.annotation import AnnotatedBlock, AnnotatedInstruction, Annotation
from instsim.units import format_count

__all__ = ["annotation_parts"]

_HOT_SHARE = 0.05
"""From this share of the function's cycles on, an instruction is marked: as in perf annotate."""

_NEAR_HOTTEST = 0.8
"""Where no instruction has that share, those are marked that have this part of the hottest one's."""

_COLD_SHARE = 0.005
"""Below this one it is drawn quietly."""

_CLASS = "class:"
_MARK = ">"
_CUT = " .."


def annotation_parts(annotation: Annotation, *, top: int | None = None) -> tuple[Part, ...]:
    """Return the parts of an annotated function's report, in order.

    Parameters
    ----------
    annotation : Annotation
        What to report.
    top : int, optional
        Show only so many blocks, those that cost most; all by default.
    """
    board = annotation.board
    heading = Heading(
        f"{annotation.firmware} on {short_title(board.title)}: {annotation.core_title} at {clock_text(annotation.clock_hz)}",
        f"{board.name}, {origin_text(board)}",
    )
    each = f", {annotation.cycles / annotation.instructions:.2f} cycles each" if annotation.instructions else ""
    whole = annotation.operator or annotation.region
    hottest = max(annotation.blocks, key=lambda block: (block.cycles, -block.address))
    name = "function" if annotation.function == f"{annotation.address:#010x}" else annotation.function
    facts = (
        f"{name} at {annotation.address:#010x}, {annotation.size} bytes",
        f"{_counted(annotation.cycles, 'cycle')}, {percent(annotation.share)} of {whole}",
        f"{_counted(annotation.instructions, 'instruction')}{each}; functions that it calls are not counted",
        f"hottest block {hottest.address:#010x}, {percent(hottest.share)}",
    )
    parts: list[Part] = [*guess_parts(board), heading, Lines(facts)]
    parts += [_listing(annotation, top), *event_parts([event for event in annotation.events if event.cycles], "Cycles by event in this function")]
    if annotation.notes:
        parts.append(Lines(annotation.notes, title="Notes", style="muted", bullet="- "))
    if annotation.warnings:
        parts.append(Lines(annotation.warnings, title="Warnings", style="warning", bullet="! "))
    return tuple(parts)


def _listing(annotation: Annotation, top: int | None) -> Table:
    columns = (
        Column("share", importance=8),
        Column("cycles", importance=4),
        Column("runs", importance=3),
        Column("each"),
        Column("address", numeric=False),
        Column("instruction", numeric=False, least_width=28, most_width=48),
        Column("taken", importance=6),
        Column("made of", numeric=False, least_width=18, importance=5, cut=_cut_reasons),
    )
    shown = set(range(len(annotation.blocks)))
    if top is not None:
        shown = set(sorted(shown, key=lambda number: (-annotation.blocks[number].cycles, number))[:top])
    hottest = max(row.share for row in annotation.rows)
    threshold = min(_HOT_SHARE, _NEAR_HOTTEST * hottest)
    rows: list[Row] = []
    source: SourceLine | None = None
    end = annotation.address
    hidden: list[AnnotatedBlock] = []
    for number, block in enumerate(annotation.blocks):
        if number not in shown:
            hidden.append(block)
            continue
        rows += _hidden(hidden)
        hidden = []
        if not (number and number - 1 not in shown) and block.address > end:
            rows += [Row((f"{_counted(block.address - end, 'byte')} that did not run",), "muted"), Row(("",))]
        rows.append(Row((_title(block),)))
        for instruction in block.instructions:
            if instruction.source is not None and instruction.source != source:
                rows.append(Row((_source_text(instruction.source),), "source"))
            source = instruction.source
            hot = instruction.share >= threshold > 0
            style = "strong" if hot else "muted" if instruction.share < _COLD_SHARE else ""
            rows.append(Row(tuple(_cells(instruction, hot=hot)), style))
        rows.append(Row(("",)))
        end = block.address + block.size
    rows += _hidden(hidden)
    last = annotation.blocks[-1]
    left = annotation.address + annotation.size - last.address - last.size
    if left > 0 and not hidden:
        rows.append(Row((f"{left} bytes behind this did not run, or are data",), "muted"))
    while rows and rows[-1].cells == ("",):
        rows.pop()
    marked = f"{_HOT_SHARE:.0%} of the function's cycles or more" if hottest >= _HOT_SHARE else "about as many cycles as the hottest instruction"
    meaning = (
        f"{_MARK} {marked}. each: mean cycles of one execution. made of: issue cycles, then what the pipeline adds or saves. "
        "taken: how often a branch was; else it fell through."
    )
    stalled = any(event.name.startswith("stall:") for event in annotation.events)
    # The table of some cores has the name of their board, which stands for both.
    elsewhere = stalled and annotation.board.name != annotation.core
    notes = (
        meaning,
        f"`instsim tables explain {annotation.core} EVENT` tells what an event is and where its figure comes from"
        + (f"; of a stall, `instsim tables explain {annotation.board.name} EVENT`." if elsewhere else "."),
    )
    return Table("", columns, tuple(rows), notes=notes)


def _title(block: AnnotatedBlock) -> str:
    each = block.cycles / block.executions if block.executions else 0.0
    runs, cycles = _counted(block.executions, "run"), _counted(block.cycles, "cycle")
    return f"block {block.address:#010x}: {runs}, {cycles} ({percent(block.share)}), {each:.2f} each"


def _counted(number: float, noun: str) -> str:
    return f"{format_count(number)} {noun}{'' if round(number) == 1 else 's'}"


def _hidden(blocks: list[AnnotatedBlock]) -> list[Row]:
    if not blocks:
        return []
    return [Row((f"{_counted(len(blocks), 'block')} not shown, {percent(sum(block.share for block in blocks))} of the cycles",), "muted"), Row(("",))]


def _source_text(source: SourceLine) -> str:
    return f"{PurePosixPath(source.file.replace(chr(92), '/')).name}:{source.line}  {source.text}".rstrip()


def _cells(row: AnnotatedInstruction, *, hot: bool) -> Iterator[str]:
    yield f"{_MARK if hot else ' '}{percent(row.share):>6}"
    yield format_count(row.cycles)
    yield format_count(row.executions)
    yield f"{row.cycles_per_execution:.2f}"
    yield f"{row.address:08x}"
    yield f"{row.mnemonic:<7} {row.operands}".rstrip()
    yield _taken(row)
    yield _reasons(row)


def _taken(row: AnnotatedInstruction) -> str:
    if row.taken is None or row.fallen_through is None:
        return ""
    share = row.taken / max(1, row.taken + row.fallen_through)
    text = f"{100 * share:.1f}%"
    # Never and always are said of branches that never or always were, not of those that nearly were.
    if row.taken and row.fallen_through:
        return {"0.0%": "<0.1%", "100.0%": ">99.9%"}.get(text, text)
    return f"{share:.0%}"


def _reasons(row: AnnotatedInstruction) -> str:
    """Return ``2 -1 load-pair``: issue cycles and what was added, in cycles of one execution; empty where there is only the issue."""
    issue, terms = "", []
    for event in row.events:
        each = event.cycles / row.executions if row.executions else 0.0
        if event.name.startswith(_CLASS):
            issue = _short(each)
        elif event.cycles:
            terms.append(f"{_short(each, sign=True)} {event.name}")
    return " ".join((issue, *terms)) if terms else ""


def _cut_reasons(text: str, width: int) -> str:
    """Cut to a width: the issue cycles, which the class tells too, go first, then whole terms from the end."""
    if len(text) <= width:
        return text
    issue, _, rest = text.partition(" ")
    kept = rest if issue[:1] not in "+-" else text
    while len(kept) > width and " " in (shorter := kept.removesuffix(_CUT).rpartition(" ")[0].rpartition(" ")[0]):
        kept = shorter + _CUT
    return cut_end(kept, width)


def _short(cycles: float, *, sign: bool = False) -> str:
    text = f"{cycles:.2f}".rstrip("0").rstrip(".")
    if text in {"0", "-0"} and cycles:
        text = "<0.01" if cycles > 0 else ">-0.01"
    return f"+{text}" if sign and cycles > 0 else text
