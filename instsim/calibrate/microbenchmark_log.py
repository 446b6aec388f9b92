"""What the bundled microbenchmark prints: read with every doubt named by its line, and written.

The form, one item a line (``firmware_elf/src/microbenchmark/microbenchmark.c`` prints it)::

    instsim-microbenchmark 1
    build cortex-m4
    counter cyccnt
    row NAME TURNS SHORT LONG SHORT_BEST SHORT_WORST LONG_BEST LONG_WORST
    end ROWS CHECKSUM

A row is two loops of TURNS turns whose bodies repeat a unit SHORT and LONG times, with the fewest and the most cycles that several runs of each
took. Lines before the first and behind the last are other output of the board, and are passed over.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from instsim.errors import InputError

__all__ = ["EMPTY", "FORMAT_VERSION", "MEMORY_PREFIX", "LogRow", "MicrobenchmarkLog", "log_text", "parse_log"]

FORMAT_VERSION = 1
EMPTY = "empty"
"""The row whose loops have no unit: what a loop and its measurement cost by themselves."""

MEMORY_PREFIX = "memory-"
"""Of rows that ask memory, not the core."""

_TITLE = "instsim-microbenchmark"
_COUNTERS = ("cyccnt", "systick", "mcycle", "mpccr", "cycle")
_ROW = re.compile(r"row ([a-z][a-z0-9-]*)((?: [0-9]+){7})")
_END = re.compile(r"end ([0-9]+) ([0-9]+)")
_MOST_BYTES = 1 << 20
_MOST_CYCLES_OF_A_UNIT = 20_000
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row.

    Attributes
    ----------
    name : str
        What was measured.
    turns : int
        Turns of either loop.
    short_units, long_units : int
        How often a turn repeats the unit.
    short_best, short_worst, long_best, long_worst : int
        Cycles of either loop: the fewest and the most of several runs.
    line : int
        Where it stands in its file; 0 if it was not read from one.
    """

    name: str
    turns: int
    short_units: int
    long_units: int
    short_best: int
    short_worst: int
    long_best: int
    long_worst: int
    line: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """The figures in the order in which they are printed."""
        return self.turns, self.short_units, self.long_units, self.short_best, self.short_worst, self.long_best, self.long_worst

    @property
    def units(self) -> int:
        """Units that the long loop executes more than the short one."""
        return self.turns * (self.long_units - self.short_units)

    @property
    def cycles(self) -> float:
        """Cycles of one unit: loop, call and measurement are in both loops, and cancel."""
        return (self.long_best - self.short_best) / self.units

    @property
    def spread_cycles(self) -> float:
        """By how much the runs differ, in cycles of one unit."""
        return (self.long_worst - self.long_best + self.short_worst - self.short_best) / self.units


@dataclass(frozen=True)
class MicrobenchmarkLog:
    """A log.

    Attributes
    ----------
    build : str
        Which build of the microbenchmark printed it.
    counter : str
        What counted the cycles.
    rows : tuple of LogRow
        In their order, the empty one included.
    digest : str
        SHA-256 of the log's lines, joined by newlines: the same however a terminal ended them.
    """

    build: str
    counter: str
    rows: tuple[LogRow, ...]
    digest: str

    @property
    def measured(self) -> tuple[LogRow, ...]:
        """The rows that have units."""
        return tuple(row for row in self.rows if row.name != EMPTY)


def checksum(rows: Iterable[LogRow]) -> int:
    """Return the checksum of the figures of rows: a polynomial modulo 2**32."""
    total = 0
    for row in rows:
        for number in row.numbers:
            total = (total * 31 + number) & _WORD
    return total


def log_text(build: str, counter: str, rows: Sequence[LogRow]) -> str:
    """Return the text that the microbenchmark prints for these rows."""
    lines = [f"{_TITLE} {FORMAT_VERSION}", f"build {build}", f"counter {counter}"]
    lines += [f"row {row.name} {' '.join(map(str, row.numbers))}" for row in rows]
    return "\n".join([*lines, f"end {len(rows)} {checksum(rows)}", ""])


def parse_log(text: str | bytes, place: str = "the log") -> MicrobenchmarkLog:
    """Read a log.

    Parameters
    ----------
    text : str or bytes
        What was captured of the board's output.
    place : str
        How messages name it.

    Raises
    ------
    InputError
        If there is no log in it, it is of another version, ends early, or its figures cannot be; ``details`` names each line.
    """
    if isinstance(text, bytes):
        if len(text) > _MOST_BYTES:
            raise InputError(f"{place}: larger than {_MOST_BYTES:,} bytes", hint="a log has some sixty lines: cut it out of what was captured")
        text = text.decode("utf-8", "replace")
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    titles = [place_in for place_in, (_, line) in enumerate(lines) if line.split(" ", 1)[0] == _TITLE]
    if not titles:
        raise InputError(f"{place}: no line begins with {_TITLE!r}", hint="capture all that the microbenchmark prints, from its first line on")
    if len(titles) > 1:
        first, second = (lines[at][0] for at in titles[:2])
        raise InputError(f"{place}: a log begins in line {first} and another one in line {second}", hint="keep one of them, best the last whole one")
    number, title = lines[titles[0]]
    version = title.removeprefix(_TITLE).strip()
    if version != str(FORMAT_VERSION):
        raise InputError(
            f"{place}, line {number}: a log of version {version or '(none)'}, and this instsim reads version {FORMAT_VERSION}",
            hint="flash the microbenchmark that comes with this instsim: `instsim characterize --firmware BUILD -o FILE`",
        )
    return _Reader(place).read(lines[titles[0] :])


class _Reader:
    """Collects what is wrong with one log."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._problems: list[str] = []
        self._rows: list[LogRow] = []

    def read(self, lines: Sequence[tuple[int, str]]) -> MicrobenchmarkLog:
        kept = [lines[0][1]]
        heads: dict[str, str] = {}
        end: tuple[int, int, int] | None = None
        for number, line in lines[1:]:
            if not line:
                continue
            kept.append(line)
            matched = _END.fullmatch(line)
            if matched:
                end = number, int(matched[1]), int(matched[2])
                break
            key, _, value = line.partition(" ")
            if key in {"build", "counter"}:
                self._head(heads, key, value, number)
            elif len(heads) < 2:
                self._problems.append(f"line {number}: {line[:60]!r} stands where 'build' and 'counter' have to")
                break
            else:
                self._row(line, number)
        self._whole(end, lines[-1][0])
        if self._problems:
            hint = "capture it again, whole; nothing else may print or run meanwhile"
            raise InputError(f"{self._place}: not a log that can be used", hint=hint, details=tuple(self._problems))
        digest = hashlib.sha256("\n".join(kept).encode()).hexdigest()
        return MicrobenchmarkLog(heads["build"], heads["counter"], tuple(self._rows), digest)

    def _head(self, heads: dict[str, str], key: str, value: str, number: int) -> None:
        if key in heads:
            self._problems.append(f"line {number}: a second {key!r}")
        elif self._rows:
            self._problems.append(f"line {number}: {key!r} behind rows")
        elif not re.fullmatch(r"[a-z0-9_-]+", value):
            self._problems.append(f"line {number}: {key!r} names nothing: {value[:40]!r}")
        elif key == "counter" and value not in _COUNTERS:
            self._problems.append(f"line {number}: no counter is named {value[:40]!r}; there are {', '.join(_COUNTERS)}")
        heads.setdefault(key, value)

    def _row(self, line: str, number: int) -> None:
        matched = _ROW.fullmatch(line)
        if matched is None:
            self._problems.append(f"line {number}: {line[:60]!r} is no row (a name and seven numbers)")
            return
        turns, short, long, short_best, short_worst, long_best, long_worst = map(int, matched[2].split())
        row = LogRow(matched[1], turns, short, long, short_best, short_worst, long_best, long_worst, number)
        before = next((other for other in self._rows if other.name == row.name), None)
        if before is not None:
            self._problems.append(f"line {number}: a second row {row.name!r}, the first is in line {before.line}")
        elif (row.name == EMPTY) != (not self._rows):
            self._problems.append(f"line {number}: the row 'empty' comes first, and no other one does")
        else:
            self._problems += [f"line {number}: {row.name}: {problem}" for problem in _impossible(row)]
        self._rows.append(row)

    def _whole(self, end: tuple[int, int, int] | None, last: int) -> None:
        if end is None:
            self._problems.append(f"line {last}: it ends without an 'end', behind {len(self._rows)} rows: truncated")
            return
        number, count, told = end
        if count != len(self._rows):
            self._problems.append(f"line {number}: {count} rows were printed, {len(self._rows)} are here")
        elif not self._problems and told != checksum(self._rows):
            self._problems.append(f"line {number}: the figures do not add up to the checksum {told}: at least one was changed on its way")
        elif not count:
            self._problems.append(f"line {number}: no rows")


def _impossible(row: LogRow) -> list[str]:
    problems = []
    if not row.turns:
        problems.append("a loop without turns")
    if row.short_best > row.short_worst or row.long_best > row.long_worst:
        problems.append("fewest cycles above most cycles")
    if not row.short_best or not row.long_best:
        problems.append("no cycles: the counter stands still")
    if row.name == EMPTY:
        if row.short_units or row.long_units:
            problems.append("units in an empty loop")
    elif row.long_units <= row.short_units:
        problems.append(f"the long loop has {row.long_units} units and the short one {row.short_units}")
    elif row.long_best < row.short_best:
        problems.append(f"{row.long_units} units took {row.long_best} cycles, and {row.short_units} took {row.short_best}")
    elif row.turns and row.cycles > _MOST_CYCLES_OF_A_UNIT:
        problems.append(f"{row.cycles:,.0f} cycles for one unit")
    return problems
