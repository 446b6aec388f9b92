"""Result files of a sweep: Parquet and CSV, written as a whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from instsim.errors import InputError, UsageError
from instsim.sweep.row import COLUMNS, SweepRow

__all__ = ["check_output", "read_results", "write_results"]

_PARQUET, _CSV = ".parquet", ".csv"


def check_output(output: Path) -> None:
    """Refuse an output that could not be written when all is done.

    Raises
    ------
    UsageError
        For another suffix than ``.parquet`` or ``.csv``, a folder that does not exist, or if pyarrow is missing.
    """
    if output.suffix not in (_PARQUET, _CSV):
        raise UsageError(f"results go to a .parquet or a .csv file, not to {output}", hint="with .parquet, a .csv file is written beside it")
    if not output.parent.is_dir():
        raise UsageError(f"there is no folder {output.parent}")
    if output.suffix == _PARQUET:
        _pyarrow()


def write_results(rows: Sequence[SweepRow], output: Path, facts: Mapping[str, str]) -> tuple[Path, ...]:
    """Write rows; a reader sees the old file or the new one.

    Parameters
    ----------
    rows : sequence of SweepRow
        In the order of the file.
    output : Path
        A ``.parquet`` file, beside which a ``.csv`` file is written, or a ``.csv`` file alone.
    facts : mapping of str to str
        What the figures rest on, for the metadata of the Parquet file.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    InputError
        If a file cannot be written; the sweep's journal keeps the rows.
    """
    written = []
    if output.suffix == _PARQUET:
        _replace(output, lambda place: _write_parquet(rows, place, facts))
        written.append(output)
    table = output.with_suffix(_CSV)
    _replace(table, lambda place: place.write_text(_csv_text(rows), "utf-8", newline=""))
    return (*written, table)


def read_results(path: Path) -> list[SweepRow]:
    """Read a file that `write_results` wrote.

    Raises
    ------
    InputError
        If it cannot be read or is something else.
    """
    try:
        if path.suffix == _PARQUET:
            records: list[dict[str, Any]] = _pyarrow().parquet.read_table(path).to_pylist()
        else:
            with path.open(encoding="utf-8", newline="") as file:
                records = [_typed(record) for record in csv.DictReader(file)]
        names = {field.name for field in fields(SweepRow)}
        return [SweepRow(**{name: value for name, value in record.items() if name in names}) for record in records]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"cannot read the results {path}: {error}", hint="results are the .parquet or .csv file of `instsim sweep`") from error


def _typed(record: dict[str, Any]) -> dict[str, Any]:
    def value(name: str, text: str | None) -> Any:
        kind = COLUMNS.get(name, str)
        if kind is str:
            return text or ""
        return kind(text) if text else None

    return {name: value(name, text) for name, text in record.items()}


def _csv_text(rows: Sequence[SweepRow]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(["" if value is None else repr(value) if isinstance(value, float) else value for value in row.cells().values()])
    return stream.getvalue().encode("utf-8", "backslashreplace").decode("utf-8")


def _write_parquet(rows: Sequence[SweepRow], place: Path, facts: Mapping[str, str]) -> None:
    pa = _pyarrow()
    types = {str: pa.string(), float: pa.float64(), int: pa.int64()}
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()], metadata={f"instsim.{name}": text for name, text in facts.items()})
    cells = [row.cells() for row in rows]
    columns = [pa.array([_storable(cell[name]) for cell in cells], types[kind]) for name, kind in COLUMNS.items()]
    pa.parquet.write_table(pa.Table.from_arrays(columns, schema=schema), place)


def _storable(value: Any) -> Any:
    # A file's name need not be text; Parquet's strings must.
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


def _replace(target: Path, write: Callable[[Path], Any]) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise InputError(
            f"cannot write the results {target}: {error.strerror or error}",
            hint="the journal keeps what was found: make room, and the same command writes it without running a model again",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _pyarrow() -> Any:
    try:
        import pyarrow as pa  # noqa: PLC0415 -- an extra of the package
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            "Parquet files need pyarrow, which is not installed", hint="pip install 'instsim[sweep]', or write a .csv file, which needs nothing"
        ) from error
    return pa
