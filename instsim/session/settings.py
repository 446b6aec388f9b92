"""Settings of a project: ``instsim.toml``, or ``[tool.instsim]`` in ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from instsim.errors import TableError, UsageError
from instsim.small_files import read_bytes, read_text
from instsim.units import counted

__all__ = ["OWN_FILE", "SHARED_FILE", "Settings", "find_settings", "settings_files"]

OWN_FILE, SHARED_FILE = "instsim.toml", "pyproject.toml"
"""Files that settings stand in: the first one is instsim's alone."""

_KEYS: dict[str, type | tuple[type, ...]] = {"board": str, "core": str, "clock_hz": (int, float), "region": str, "calibration": str, "memory": str}
_MOST_FOLDERS = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults of a project.

    Attributes
    ----------
    board, core, region, memory : str or None
        As the options of the command line; a board or core file's path is relative to the settings file.
    clock_hz : float or None
        Core clock.
    calibration : str or None
        As --calibration; a file's path is relative to the settings file.
    path : str
        The file they come from, empty if there is none.
    """

    board: str | None = None
    core: str | None = None
    clock_hz: float | None = None
    region: str | None = None
    calibration: str | None = None
    memory: str | None = None
    path: str = ""


def find_settings(folder: str | Path | None = None) -> Settings:
    """Return the settings of the nearest file, from a folder upward; ``instsim.toml`` wins over ``pyproject.toml`` beside it.

    Parameters
    ----------
    folder : str or Path, optional
        Where to begin; the current folder by default.

    Raises
    ------
    TableError
        If the file cannot be read, is not TOML, or holds a key or a type that is not known.
    UsageError
        As for `settings_files`.
    """
    for path in settings_files(folder):
        table: Any = _read(path) if path.name == OWN_FILE else _tool_table(path)
        if table is not None:
            return _settings(table, path)
    return Settings()


def settings_files(folder: str | Path | None = None) -> Iterator[Path]:
    """Yield the files that may hold settings, the nearest first: from a folder upward, the current one by default.

    Raises
    ------
    UsageError
        If the current folder was removed.
    """
    try:
        start = Path(folder or ".").resolve()
    except OSError as error:
        raise UsageError(f"the current folder cannot be used: {error.strerror}", hint="change to one that exists") from error
    for place in [start, *start.parents][:_MOST_FOLDERS]:
        for name in (OWN_FILE, SHARED_FILE):
            if (place / name).is_file():
                yield place / name


def _tool_table(path: Path) -> Any:
    """Return what a ``pyproject.toml`` says under ``tool.instsim``, None for nothing."""
    if b"instsim" not in read_bytes(path, TableError):
        return None
    tool = _read(path).get("tool")
    return tool.get("instsim") if isinstance(tool, dict) else None


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 -- most runs read no TOML

    try:
        return tomllib.loads(read_text(path, TableError))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TableError(f"{path}: not TOML: {error}") from error


def _settings(table: Any, path: Path) -> Settings:
    if not isinstance(table, dict):
        raise TableError(f"{path}: tool.instsim is not a table")
    problems = []
    values: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            continue  # Tables belong to other commands, which read them themselves.
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, 1)
            problems.append(f"{key}: no such setting" + (f", did you mean {near[0]}?" if near else f"; known: {', '.join(_KEYS)}"))
        elif not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            problems.append(f"{key}: {value!r} is not {'a number' if key == 'clock_hz' else 'a text'}")
        else:
            values[key] = value
    if problems:
        raise TableError(f"{path}: {counted(len(problems), 'problem')} in the settings", details=tuple(problems))
    for key in ("board", "core", "calibration"):
        if values.get(key, "").endswith(".toml"):
            values[key] = str(path.parent / values[key])
    return Settings(**values, path=str(path))
