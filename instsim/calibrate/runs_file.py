"""The file of board runs, ``runs.csv``: read, all its errors told at once."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from instsim.errors import InputError
from instsim.small_files import read_text
from instsim.units import counted

__all__ = ["COLUMNS", "Run", "RunsFile", "read_runs", "runs_template"]

_LARGEST_FILE = 8 << 20
_BELOW_ZERO = -1e-300
"""A figure above it is zero or more."""
_POWER_AGREES_WITHIN = 0.1

_TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_ENERGIES = {"j": 1.0, "mj": 1e-3, "uj": 1e-6, "nj": 1e-9}
_POWERS = {"w": 1.0, "mw": 1e-3, "uw": 1e-6}
_CURRENTS = {"a": 1.0, "ma": 1e-3, "ua": 1e-6}
_VOLTAGES = {"v": 1.0, "mv": 1e-3}
_CLOCKS = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}

_QUANTITIES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "latency": _TIMES,
        "latency_sd": _TIMES,
        "energy": _ENERGIES,
        "energy_sd": _ENERGIES,
        "power": _POWERS,
        "current": _CURRENTS,
        "voltage": _VOLTAGES,
        "clock": _CLOCKS,
        "supply": _VOLTAGES,
        "temperature": {"c": 1.0},
    }
)
_SOURCES = ("image", "profile", "model", "cycles")
_PLAIN = ("cycles", "repeats", "flash_reads", "stall_cycles", "weight_bytes")
_TEXTS = ("image", "profile", "model", "name", "region", "firmware", "notes")

COLUMNS: tuple[str, ...] = (*_TEXTS, *_PLAIN, *(f"{quantity}_{unit}" for quantity, units in _QUANTITIES.items() for unit in units))
"""Every column that is known."""

_TEMPLATE = """\
# Runs on a board for `instsim calibrate`: one row a run, every figure per inference. Lines that start with # are left out.
#
# image         firmware as flashed (ELF, HEX, UF2, BIN), from this file's folder; or `profile`: a saved profile; or `cycles`: known cycles;
#               or `model`: a .tflite file, whose cycles are predicted (`instsim predict`)
# region        function that was measured; leave empty for one Invoke of the interpreter
# latency_ms    time of one inference. Also latency_s, latency_us
# energy_uj     energy of one inference at the device's supply, gross: nothing subtracted for idle. Also energy_j, _mj, _nj.
#               Instead of it: power_mw, or current_ma and voltage_v (both need the latency)
# clock_mhz     core clock, if it is not that of the board file
# supply_v      supply of the device, if it is not that of the board file
# temperature_c of the device, if it varied
# firmware      family of the firmware (runtime, version, compiler), any name; runs of one family should share it
# repeats       how many inferences the figures are a mean of; latency_sd_ms and energy_sd_uj are the deviation of a single one
# notes         anything
#
# Further columns: name, flash_reads, stall_cycles (counted on the board), weight_bytes (of the network, where the
# image does not show them). Units stand in the column names, never in the cells.
image,region,latency_ms,energy_uj,clock_mhz,supply_v,firmware,repeats,notes
kws.elf,,97.65,4635.7,120,1.8,TFLM 2.4 GCC 12 -O2,100,example row: replace it
ic.elf,,252.76,12298.3,120,1.8,TFLM 2.4 GCC 12 -O2,40,example row: replace it
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the file in SI units.

    Attributes
    ----------
    line : int
        Of the file, from 1.
    source : str
        ``image``, ``profile``, ``model`` or ``cycles``: where the cycles come from.
    path : Path or None
        Of the image, the profile or the model.
    name, region, firmware, notes : str
        Texts; `name` falls back on the file's name.
    cycles : float or None
        Known cycles.
    latency_s, energy_j, latency_sd_s, energy_sd_j : float or None
        Measured.
    clock_hz, supply_v, temperature_c : float or None
        Operating point, None where the column is empty.
    flash_reads, stall_cycles : float or None
        Counted on the board.
    weight_bytes : float or None
        Of the network.
    repeats : int
        Behind the figures.
    """

    line: int
    source: str
    path: Path | None
    name: str
    region: str
    firmware: str
    notes: str
    cycles: float | None
    latency_s: float | None
    energy_j: float | None
    latency_sd_s: float | None
    energy_sd_j: float | None
    clock_hz: float | None
    supply_v: float | None
    temperature_c: float | None
    flash_reads: float | None
    stall_cycles: float | None
    weight_bytes: float | None
    repeats: int

    @property
    def is_firmware(self) -> bool:
        """Whether it names something to run or to price: an image or a profile."""
        return self.source in {"image", "profile"}


@dataclass(frozen=True)
class RunsFile:
    """The runs of a file.

    Attributes
    ----------
    path : Path
        The file.
    digest : str
        SHA-256 of its rows, whatever their order.
    runs : tuple of Run
        In the file's order, rows that are the same in everything only once.
    warnings : tuple of str
        What a reader should know: duplicate rows.
    """

    path: Path
    digest: str
    runs: tuple[Run, ...]
    warnings: tuple[str, ...]


def runs_template() -> str:
    """Return a file to start from, with a comment on every column."""
    return _TEMPLATE


def read_runs(path: Path) -> RunsFile:
    """Read a file of runs.

    Parameters
    ----------
    path : Path
        Comma- or semicolon-separated, UTF-8; lines that start with ``#`` are left out.

    Raises
    ------
    InputError
        If it cannot be read, or rows are not valid: all problems stand in ``details``.
    """
    rows = _rows(path)
    if not rows:
        raise InputError(f"{path}: no rows", hint="`instsim calibrate --template` shows what the file looks like")
    (header_line, header), *body = rows
    columns = [name.strip().lower() for name in header]
    problems = _column_problems(columns, header_line)
    if problems:
        raise InputError(f"{path}: the columns are not right", hint="`instsim calibrate --template` shows them all", details=tuple(problems))
    runs, warnings, seen = [], [], dict[tuple[str, ...], int]()
    for line, cells in body:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            problems.append(f"line {line}: {len(cells)} cells, and the header has {len(columns)}: a decimal comma?")
            continue
        key = tuple(cell.strip() for cell in cells)
        if key in seen:
            warnings.append(f"line {line} is the same as line {seen[key]} in every cell: counted once")
            continue
        seen[key] = line
        row = dict(zip(columns, key, strict=False))
        run, found = _run(row, line, path.parent)
        problems += found
        if run is not None:
            runs.append(run)
    if problems:
        raise InputError(f"{path}: {counted(len(problems), 'problem')}", hint="correct the rows named", details=tuple(problems))
    if not runs:
        raise InputError(f"{path}: no runs below the header", hint="`instsim calibrate --template` shows what the file looks like")
    if len(runs) == 1 and warnings:
        raise InputError(f"{path}: all rows are the same: that is one run", hint="measure another image, or keep one row", details=tuple(warnings))
    digest = hashlib.sha256("\n".join(sorted(repr(sorted(zip(columns, key, strict=False))) for key in seen)).encode()).hexdigest()
    return RunsFile(path, digest, tuple(runs), tuple(warnings))


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    text = read_text(
        path,
        InputError,
        hint="`instsim calibrate --template` prints a file to start from",
        text_hint="save it as CSV, not as a spreadsheet",
        most_bytes=_LARGEST_FILE,
    )
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return []
    delimiter = ";" if lines[0][1].count(";") > lines[0][1].count(",") else ","
    try:
        return [(number, next(csv.reader(io.StringIO(line), delimiter=delimiter, strict=True))) for number, line in lines]
    except csv.Error as error:
        raise InputError(f"{path}: not CSV: {error}") from error


def _column_problems(columns: Sequence[str], line: int) -> list[str]:
    problems = []
    for column in columns:
        if column in COLUMNS:
            continue
        quantity = column.rpartition("_")[0] or column
        if not column:
            problems.append(f"line {line}: a column without a name")
        elif column in _QUANTITIES:
            problems.append(f"line {line}: {column} lacks its unit: {', '.join(f'{column}_{unit}' for unit in _QUANTITIES[column])}")
        elif quantity in _QUANTITIES:
            problems.append(f"line {line}: {column}: no such unit; known: {', '.join(f'{quantity}_{unit}' for unit in _QUANTITIES[quantity])}")
        else:
            near = get_close_matches(column, COLUMNS, 1)
            problems.append(f"line {line}: no column {column!r} is known" + (f", did you mean {near[0]}?" if near else ""))
    problems += [f"line {line}: column {column} is there twice" for column in dict.fromkeys(columns) if columns.count(column) > 1]
    for quantity, units in _QUANTITIES.items():
        present = [f"{quantity}_{unit}" for unit in units if f"{quantity}_{unit}" in columns]
        if len(present) > 1:
            problems.append(f"line {line}: {quantity} in several units ({', '.join(present)}): keep one column")
    if not set(_SOURCES) & set(columns):
        problems.append(f"line {line}: no column says what ran: {', '.join(_SOURCES[:-1])} or {_SOURCES[-1]}")
    measured = {quantity for quantity, units in _QUANTITIES.items() if any(f"{quantity}_{unit}" in columns for unit in units)}
    if not {"latency", "energy"} & measured:
        problems.append(f"line {line}: no column holds a measurement: latency_ms or energy_uj, for example")
    return problems


class _Row:
    """The cells of a row, and what is wrong with them."""

    def __init__(self, cells: Mapping[str, str], line: int) -> None:
        self._cells, self._line = cells, line
        self.problems: list[str] = []

    def text(self, column: str) -> str:
        return self._cells.get(column, "")

    def refuse(self, problem: str) -> None:
        self.problems.append(f"line {self._line}: {problem}")

    def number(self, column: str, *, least: float | None = 0.0) -> float | None:
        """Return a number above `least`; None where there is none, or none that can be used."""
        text = self.text(column)
        if not text:
            return None
        try:
            value = float(text.replace("_", ""))
        except ValueError:
            if re.fullmatch(r"[-+0-9.eE]+\s*[a-zA-Z]+", text):
                self.refuse(f"{column}: {text!r} holds a unit; it belongs into the column's name")
            elif re.fullmatch(r"[-+]?\d+,\d+", text):
                self.refuse(f"{column}: {text!r} has a decimal comma; write a point")
            else:
                self.refuse(f"{column}: {text!r} is not a number")
            return None
        if not math.isfinite(value):
            self.refuse(f"{column}: {text} is not finite")
            return None
        if least is not None and not value > least:
            self.refuse(f"{column}: {text} is not above {least:g}")
            return None
        return value

    def quantity(self, name: str, *, least: float | None = 0.0) -> float | None:
        """Return a quantity in its basic unit, from the column of whichever unit the file has."""
        for unit, scale in _QUANTITIES[name].items():
            column = f"{name}_{unit}"
            if self.text(column):
                value = self.number(column, least=least)
                return None if value is None else value * scale
        return None

    def agreeing(self, given: float | None, derived: float, what: str) -> float:
        """Return what was given, or what follows from the other columns; a disagreement is a problem."""
        if given is None:
            return derived
        if abs(given / derived - 1.0) > _POWER_AGREES_WITHIN:
            self.refuse(f"{what} disagree by {abs(given / derived - 1.0):.0%}: another unit, or another region?")
        return given

    def measured(self) -> tuple[float | None, float | None]:
        """Return latency and energy, the latter from power, or current and voltage, as well."""
        latency, energy = self.quantity("latency"), self.quantity("energy")
        power, current, voltage = self.quantity("power"), self.quantity("current"), self.quantity("voltage")
        if current is not None and voltage is not None:
            power = self.agreeing(power, current * voltage, "power and current x voltage")
        elif current is not None:
            self.refuse("a current without a voltage says nothing of energy")
        if power is not None and latency is None:
            self.refuse("power without latency says nothing of energy")
        elif power is not None and latency is not None:
            energy = self.agreeing(energy, power * latency, "energy and power x latency")
        if latency is None and energy is None and not self.problems:
            self.refuse("neither latency nor energy")
        return latency, energy

    def source(self, folder: Path) -> tuple[str, Path | None]:
        """Return the column that says what ran, and the file it names, if it names one."""
        sources = [source for source in _SOURCES if self.text(source)]
        if not sources:
            self.refuse(f"none of {', '.join(_SOURCES)}")
        if len(sources) > 1:
            self.refuse(f"both {' and '.join(sources)}: one of them says what ran")
        if not sources or sources[0] == "cycles":
            return "cycles", None
        path = folder / self.text(sources[0])
        if not path.is_file():
            near = get_close_matches(path.name, [other.name for other in path.parent.glob("*")], 1) if path.parent.is_dir() else []
            self.refuse(f"{sources[0]}: there is no file {path}" + (f", did you mean {near[0]}?" if near else ""))
        return sources[0], path


def _run(cells: Mapping[str, str], line: int, folder: Path) -> tuple[Run | None, list[str]]:
    row = _Row(cells, line)
    source, path = row.source(folder)
    latency, energy = row.measured()
    repeats = row.number("repeats")
    if repeats is not None and repeats != int(repeats):
        row.refuse(f"repeats: {repeats:g} is not a whole number")
    cycles = row.number("cycles")
    run = Run(
        line=line,
        source=source,
        path=path,
        name=row.text("name") or (path.name if path is not None else f"{cycles or 0:.9g} cycles"),
        region=row.text("region"),
        firmware=row.text("firmware"),
        notes=row.text("notes"),
        cycles=cycles,
        latency_s=latency,
        energy_j=energy,
        latency_sd_s=row.quantity("latency_sd", least=_BELOW_ZERO),
        energy_sd_j=row.quantity("energy_sd", least=_BELOW_ZERO),
        clock_hz=row.quantity("clock"),
        supply_v=row.quantity("supply"),
        temperature_c=row.quantity("temperature", least=None),
        flash_reads=row.number("flash_reads", least=_BELOW_ZERO),
        stall_cycles=row.number("stall_cycles", least=_BELOW_ZERO),
        weight_bytes=row.number("weight_bytes", least=_BELOW_ZERO),
        repeats=int(repeats or 1),
    )
    return (None, row.problems) if row.problems else (run, [])
