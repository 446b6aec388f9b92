"""Tables as files: read with a bound on their size, and validated once for the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from instsim import __version__, artifacts
from instsim.errors import MOST_DETAILS, TableError, UsageError
from instsim.resources import cost_tables
from instsim.small_files import read_bytes
from instsim.units import counted

__all__ = ["TableFile", "TableKind", "read_table", "refuse", "table_names", "table_path", "validate_once"]


@dataclass(frozen=True, slots=True)
class TableKind:
    """What messages say of a kind of file.

    Attributes
    ----------
    noun : str
        ``core table``.
    unreadable_hint, invalid_hint : str
        What to do when the file cannot be read, and when its contents are wrong.
    """

    noun: str
    unreadable_hint: str
    invalid_hint: str


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file that was read.

    Attributes
    ----------
    path : Path
        The file.
    document : dict of str to Any
        Its contents.
    digest : str
        SHA-256 of its bytes.
    """

    path: Path
    document: dict[str, Any]
    digest: str


def table_names(folder: str) -> tuple[str, ...]:
    """Return the names of the tables in a folder of ``cost_tables``, sorted."""
    return tuple(sorted(path.stem for path in (cost_tables() / folder).glob("*.toml")))


def table_path(name_or_path: str | Path, folder: str, noun: str) -> Path:
    """Return the file of a table.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a table that comes with instsim, or a path that ends in ``.toml``.
    folder : str
        Where named ones lie, in ``cost_tables``.
    noun : str
        What messages call such a table.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    text = str(name_or_path)
    if text.endswith(".toml"):
        return Path(text)
    names = table_names(folder)
    if text not in names:
        near = get_close_matches(text.lower(), names, n=2, cutoff=0.5)
        meant = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}."
        raise UsageError(f"no {noun} is named {text!r}", hint=f"{meant} A path that ends in .toml loads your own table.")
    return cost_tables() / folder / f"{text}.toml"


def read_table(path: Path, kind: TableKind) -> TableFile:
    """Read a TOML file.

    Raises
    ------
    TableError
        If the file cannot be read, is larger than 1 MiB, or is not TOML.
    """
    what = f"{kind.noun} {path}"
    contents = read_bytes(path, TableError, what=what, hint=kind.unreadable_hint)
    try:
        document = artifacts.toml_document(contents)
    except UnicodeDecodeError as error:
        raise TableError(f"{what}: not UTF-8 text (byte {error.start})", hint=f"{kind.noun}s are TOML text") from error
    except (ValueError, RecursionError) as error:
        raise TableError(f"{what}: {error}", hint=f"compare with a {kind.noun} that comes with instsim") from error
    return TableFile(path, document, hashlib.sha256(contents).hexdigest())


def refuse(path: Path, kind: TableKind, problems: Sequence[str]) -> TableError:
    """Return the error that tells all problems of a file at once."""
    count = counted(len(problems), "error")
    listing = f"; `instsim tables check {path}` lists them all" if len(problems) > MOST_DETAILS else ""
    return TableError(f"{kind.noun} {path} is not valid: {count}", hint=f"{kind.invalid_hint}{listing}", details=tuple(problems))


def validate_once(file: TableFile, kind: TableKind, rooms: Sequence[str], problems_of: Callable[[Mapping[str, Any]], Sequence[str]]) -> None:
    """Validate a table, unless a mark in the disk cache says that these very bytes passed under this very bibliography.

    Parameters
    ----------
    file : TableFile
        What to validate.
    kind : TableKind
        For messages.
    rooms : sequence of str
        Rooms whose code the verdict depends on.
    problems_of : callable
        Lists what is wrong with a document; called only without a mark, so that it may load pydantic.

    Raises
    ------
    TableError
        If there are problems; ``details`` lists every one.
    """
    bibliography = cost_tables() / "sources.toml"
    mark = hashlib.sha256()
    mark.update(f"{kind.noun} {file.digest} {__version__} ".encode())
    mark.update(bibliography.read_bytes() if bibliography.is_file() else b"")
    mark.update(artifacts.code_stamp(*rooms).encode())
    key = mark.hexdigest()
    if artifacts.load("checked-tables", key) is not None:
        return
    problems = problems_of(file.document)
    if problems:
        raise refuse(file.path, kind, problems)
    artifacts.store("checked-tables", key, b"")
