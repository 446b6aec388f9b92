"""The boards there are: found by name or path, validated once, then remembered."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from instsim.cost.board import Board
from instsim.cost.board_cache import remembered_board
from instsim.cost.sources import load_sources
from instsim.errors import UsageError
from instsim.resources import cost_tables

__all__ = ["board_names", "list_boards", "load_board"]


def _folder() -> Path:
    return cost_tables() / "boards"


def board_names() -> tuple[str, ...]:
    """Names of the boards that come with instsim, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_board(name_or_path: str) -> Board:
    """Load a board by its name, or from a file of one's own.

    Parameters
    ----------
    name_or_path : str
        A name of `board_names`, or the path of a ``.toml`` file.

    Returns
    -------
    Board
        The validated board.

    Raises
    ------
    UsageError
        If there is no such board.
    TableError
        If there is no such file, or the file is not valid; all of its errors stand in ``details``.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        return _remembered(Path(name_or_path), own=True)
    names = board_names()
    if name_or_path in names:
        return _remembered(_folder() / f"{name_or_path}.toml")
    own = Path(f"{name_or_path}.toml")
    if name_or_path and own.is_file():
        raise UsageError(f"no board named {name_or_path!r} comes with instsim", hint=f"for the file in this folder: --board {own}")
    near = get_close_matches(name_or_path.lower(), names, n=3, cutoff=0.5)
    near = near or [name for name in names if name_or_path and name_or_path.lower() in name]
    hint = f"did you mean {' or '.join(near)}?" if near else f"boards: {', '.join(names)}."
    raise UsageError(f"no board named {name_or_path!r}", hint=f"{hint} For a board of your own, give the path of its .toml file")


def list_boards() -> tuple[Board, ...]:
    """Load every board that comes with instsim, sorted by name.

    Raises
    ------
    TableError
        If one of the files is not valid.
    """
    return tuple(_remembered(_folder() / f"{name}.toml") for name in board_names())


def _remembered(path: Path, *, own: bool = False) -> Board:
    # Only files of the user's own name tables that may not exist.
    cores = frozenset(_names("cores")) if own else None
    memories = frozenset(_names("memories")) if own else None

    def read(file: Path) -> Board:
        from instsim.cost.board_schema import read_board  # noqa: PLC0415 -- pydantic is loaded only where a file is validated

        return read_board(file, load_sources().keys(), cores, memories)

    bibliography = cost_tables() / "sources.toml"
    context = (bibliography.read_bytes() if bibliography.is_file() else b"") + repr((sorted(cores or ()), sorted(memories or ()))).encode()
    return remembered_board(path, context, read)


def _names(folder: str) -> Iterator[str]:
    return (path.stem for path in (cost_tables() / folder).glob("*.toml"))
