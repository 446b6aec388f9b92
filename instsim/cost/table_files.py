"""Tables by name or file, whether they are of a core, a memory system or a board."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from instsim.cost.board import Board
from instsim.cost.boards import board_names, load_board
from instsim.cost.core_table import CoreTable, core_names, load_core
from instsim.cost.explain import check as check_core
from instsim.cost.memory_resolution import resolve
from instsim.cost.memory_table import MemoryTable, load_memory, memory_names
from instsim.cost.sources import load_sources
from instsim.errors import InstsimError, TableError, UsageError
from instsim.resources import cost_tables

__all__ = ["FoundTables", "check_table", "find_tables", "shipped_tables"]

_LARGEST_FILE = 1 << 20
_FOLDERS = ("cores", "memories", "boards")
_KEYS = {
    "board": frozenset({"memory", "soc", "supply", "boot", "clock", "device", "identity"}),
    "core": frozenset({"classes", "events", "pipeline", "emulated_cpu", "isa", "extensions", "divider"}),
    "memory": frozenset({"registers", "settings", "wait_states", "cache", "path", "external_clock", "fetch_lead", "crossing"}),
}


@dataclass(frozen=True, slots=True)
class FoundTables:
    """What goes by one name: a core, a memory system, a board, or several of them."""

    core: CoreTable | None = None
    memory: MemoryTable | None = None
    board: Board | None = None


def shipped_tables() -> tuple[Path, ...]:
    """Return the files of the cores, memory systems and boards that come with instsim, by folder and name."""
    return tuple(path for folder in _FOLDERS for path in sorted((cost_tables() / folder).glob("*.toml")))


def check_table(path: Path) -> tuple[str, ...]:
    """Return all that is wrong with a table, one line each; empty for a valid one.

    Parameters
    ----------
    path : Path
        A core table, a memory system or a board file; its keys tell which. A board is also held against its memory system.
    """
    kind, problem = _kind(path)
    if problem:
        return (problem,)
    check = {"core": check_core, "memory": _check_memory, "board": _check_board}[kind]
    problems = list(check(path))
    if not problems and path.resolve() in {shipped.resolve() for shipped in shipped_tables()}:
        problems = _name_problems(path)
    return tuple(problems)


def _check_memory(path: Path) -> list[str]:
    try:
        load_memory(path)
    except TableError as error:
        return list(error.details) or [error.message]
    return []


def _check_board(path: Path) -> list[str]:
    from instsim.cost.board_schema import read_board  # noqa: PLC0415 -- pydantic is loaded only where a file is validated

    try:
        board = read_board(path, load_sources().keys(), frozenset(core_names()), frozenset(memory_names()))
        systems = [board.memory_system, board.boot.direct.memory_system if board.boot.direct else ""]
        for system in filter(None, systems):
            resolve(load_memory(system), board, board.clock_hz)
    except InstsimError as error:
        return list(error.details) or [error.message]
    return []


def find_tables(name: str) -> FoundTables:
    """Return the core, the memory system and the board of a name (a name may be several), or what a file holds.

    Raises
    ------
    UsageError
        If there is none; near names are suggested.
    TableError
        If the file is not valid.
    """
    if name.endswith(".toml"):
        kind, problem = _kind(Path(name))
        if problem:
            raise TableError(f"{name}: {problem}", hint="`instsim cores` and `instsim boards` list the tables that come with instsim")
        if kind == "board":
            return FoundTables(board=load_board(name))
        return FoundTables(memory=load_memory(name)) if kind == "memory" else FoundTables(core=load_core(name))
    cores, memories, boards = core_names(), memory_names(), board_names()
    names = sorted({*cores, *memories, *boards})
    if name not in names:
        near = get_close_matches(name.lower(), names, n=3, cutoff=0.5) or [known for known in names if name and name.lower() in known]
        hint = f"did you mean {' or '.join(near)}?" if near else "`instsim cores` and `instsim boards` list them"
        raise UsageError(f"no core, memory system or board is named {name!r}", hint=hint)
    return FoundTables(
        load_core(name) if name in cores else None,
        load_memory(name) if name in memories else None,
        load_board(name) if name in boards else None,
    )


def _kind(path: Path) -> tuple[str, str]:
    """Tell by its keys what a file holds, and why it holds no table (empty if it does)."""
    if path.suffix != ".toml":
        return "", "core tables, memory systems and board files end in .toml"
    try:
        with path.open("rb") as stream:
            contents = stream.read(_LARGEST_FILE + 1)
        if len(contents) > _LARGEST_FILE:
            return "", f"larger than {_LARGEST_FILE:,} bytes"
        keys = tomllib.loads(contents.decode("utf-8")).keys()
    except OSError as error:
        return "", str(error.strerror or error)
    except UnicodeDecodeError as error:
        return "", f"not UTF-8 text (byte {error.start})"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return "", f"not TOML: {error}"
    kind, shared = max(((kind, len(keys & known)) for kind, known in _KEYS.items()), key=lambda item: item[1])
    return kind, "" if shared else "neither a core table, a memory system nor a board file"


def _name_problems(path: Path) -> list[str]:
    name = tomllib.loads(path.read_text("utf-8"))["name"]
    return [] if name == path.stem else [f"name: {name!r} is not the file's name"]
