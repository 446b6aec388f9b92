"""Tables by name or file, whether they are of a core or of a board."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path

from instsim.cost.board import Board, board_names, load_board
from instsim.cost.core_table import CoreTable, core_names, load_core
from instsim.cost.explain import check as check_core
from instsim.cost.sources import load_sources
from instsim.errors import TableError, UsageError
from instsim.resources import cost_tables

__all__ = ["check_table", "find_tables", "shipped_tables"]

_LARGEST_FILE = 1 << 20
_BOARD_KEYS = frozenset({"memory", "soc", "supply", "boot", "clock", "device", "identity"})
_CORE_KEYS = frozenset({"classes", "events", "pipeline", "emulated_cpu", "isa", "extensions", "divider"})


def shipped_tables() -> tuple[Path, ...]:
    """Return the files of the cores and boards that come with instsim, by folder and name."""
    folder = cost_tables()
    return tuple(sorted((folder / "cores").glob("*.toml"))) + tuple(sorted((folder / "boards").glob("*.toml")))


def check_table(path: Path) -> tuple[str, ...]:
    """Return all that is wrong with a table, one line each; empty for a valid one.

    Parameters
    ----------
    path : Path
        A core table or a board file; its keys tell which.
    """
    is_board, problem = _kind(path)
    if problem:
        return (problem,)
    if not is_board:
        problems = check_core(path)
    else:
        from instsim.cost.board_schema import read_board  # noqa: PLC0415 -- pydantic is loaded only where a file is validated

        try:
            read_board(path, load_sources().keys(), frozenset(core_names()))
            problems = []
        except TableError as error:
            problems = list(error.details) or [error.message]
    if not problems and path.resolve() in {shipped.resolve() for shipped in shipped_tables()}:
        problems = _name_problems(path)
    return tuple(problems)


def find_tables(name: str) -> tuple[CoreTable | None, Board | None]:
    """Return the core and the board of a name (a name may be both), or what a file holds.

    Raises
    ------
    UsageError
        If there is neither; near names are suggested.
    TableError
        If the file is not valid.
    """
    if name.endswith(".toml"):
        is_board, problem = _kind(Path(name))
        if problem:
            raise TableError(f"{name}: {problem}", hint="`instsim cores` and `instsim boards` list the tables that come with instsim")
        return (None, load_board(name)) if is_board else (load_core(name), None)
    cores, boards = core_names(), board_names()
    if name not in cores and name not in boards:
        names = sorted({*cores, *boards})
        near = get_close_matches(name.lower(), names, n=3, cutoff=0.5) or [known for known in names if name and name.lower() in known]
        hint = f"did you mean {' or '.join(near)}?" if near else "`instsim cores` and `instsim boards` list them"
        raise UsageError(f"no core or board is named {name!r}", hint=hint)
    return load_core(name) if name in cores else None, load_board(name) if name in boards else None


def _kind(path: Path) -> tuple[bool, str]:
    """Tell by its keys whether a file is a board's, and why it is neither that nor a core table (empty if it is one)."""
    if path.suffix != ".toml":
        return False, "core tables and board files end in .toml"
    try:
        with path.open("rb") as stream:
            contents = stream.read(_LARGEST_FILE + 1)
        if len(contents) > _LARGEST_FILE:
            return False, f"larger than {_LARGEST_FILE:,} bytes"
        keys = tomllib.loads(contents.decode("utf-8")).keys()
    except OSError as error:
        return False, str(error.strerror or error)
    except UnicodeDecodeError as error:
        return False, f"not UTF-8 text (byte {error.start})"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return False, f"not TOML: {error}"
    board, core = len(keys & _BOARD_KEYS), len(keys & _CORE_KEYS)
    return board > core, "" if board or core else "neither a core table nor a board file"


def _name_problems(path: Path) -> list[str]:
    name = tomllib.loads(path.read_text("utf-8"))["name"]
    return [] if name == path.stem else [f"name: {name!r} is not the file's name"]
