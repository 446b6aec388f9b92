"""Budgets from a file of their own, or from the table ``check`` of the project's settings."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instsim.errors import BudgetFileError, UsageError
from instsim.gate.budgets import Budget, BudgetPlan, ImageTask
from instsim.session.settings import OWN_FILE, SHARED_FILE, settings_files
from instsim.small_files import read_text
from instsim.units import counted

__all__ = ["find_plan", "images_from", "load_plan"]

_SETTINGS = {OWN_FILE: ("check",), SHARED_FILE: ("tool", "instsim", "check")}
"""The tables that hold budgets, by the name of the file."""
_HEADING = re.compile(r"\s*\[\[\s*(?:[\w.]+\.)?budget\s*\]\]")
_EXAMPLE = 'write [[image]] with file = "build/firmware.elf" and [[budget]] with latency_ms = "<= 50"; docs/ci.md has more'


def load_plan(path: Path, *, images: Sequence[ImageTask] | None = None, boards: Sequence[str] = ()) -> BudgetPlan:
    """Read a budget file, or a settings file with a table ``check``.

    Parameters
    ----------
    path : Path
        Any TOML file; ``instsim.toml`` and ``pyproject.toml`` hold the budgets in their table.
    images : sequence of ImageTask, optional
        Instead of the file's; those that are in the file, too, keep their names, options and boards.
    boards : sequence of str
        Instead of the file's.

    Raises
    ------
    BudgetFileError
        If the file cannot be read or is not valid, with all that is wrong.
    """
    text = read_text(path, BudgetFileError, hint=_EXAMPLE)
    table = _document(text, path)
    keys = _SETTINGS.get(path.name, ())
    if keys and (inner := _inner(table, keys)) is not None:
        table = inner
    elif path.name == SHARED_FILE:
        raise BudgetFileError(f"{path}: has no table [{'.'.join(keys)}]", hint=_EXAMPLE)
    return _plan(table, text, path, images, boards)


def find_plan(folder: Path, *, images: Sequence[ImageTask] | None = None, boards: Sequence[str] = ()) -> BudgetPlan:
    """Read the budgets in the nearest settings file that has some, from a folder upward.

    Raises
    ------
    UsageError
        If there is none.
    BudgetFileError
        As for `load_plan`.
    """
    for path in settings_files(folder):
        if _inner(_document(read_text(path, BudgetFileError, hint=_EXAMPLE), path), _SETTINGS[path.name]) is not None:
            return load_plan(path, images=images, boards=boards)
    raise UsageError("no budgets: neither --budget nor a table [check] in instsim.toml or [tool.instsim.check] in pyproject.toml", hint=_EXAMPLE)


def images_from(patterns: Sequence[str], *, options: tuple[tuple[str, object], ...] = ()) -> tuple[ImageTask, ...]:
    """Return a task for each file, named after it without its ending; with the ending where two would share a name.

    Raises
    ------
    BudgetFileError
        If two files have the same name.
    """
    return _named([(None, pattern, (), options) for pattern in patterns], "the command line")


def _document(text: str, path: Path) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BudgetFileError(f"{path}: not TOML: {error}") from error


def _inner(table: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _plan(table: Any, text: str, path: Path, images: Sequence[ImageTask] | None, boards: Sequence[str]) -> BudgetPlan:
    from pydantic import ValidationError  # noqa: PLC0415 -- only where a file is validated

    from instsim.gate.budget_schema import BudgetFile, budget_problems  # noqa: PLC0415

    try:
        parsed = BudgetFile.model_validate(table)
    except ValidationError as error:
        problems = budget_problems(error)
        raise BudgetFileError(f"{path}: {counted(len(problems), 'problem')} in the budgets", details=problems) from error
    folder = path.parent
    tasks = _given(images, _tasks(parsed, folder, path, strict=False), _boards(parsed.boards, folder)) if images else _tasks(parsed, folder, path)
    if not tasks:
        raise BudgetFileError(f"{path}: names no image, and none is given", hint=_EXAMPLE)
    if boards:
        tasks = tuple(ImageTask(task.name, task.file, tuple(boards), task.options) for task in tasks)
    lines = _lines(text)
    budgets = tuple(
        Budget(entry.image, entry.board, entry.operator, metric, limits, entry.upper, str(path), _line(lines, number, metric))
        for number, entry in enumerate(parsed.budget)
        for metric, limits in entry.limits.items()
    )
    return BudgetPlan(tasks, budgets, str(folder / parsed.baseline) if parsed.baseline else "", str(path))


def _boards(names: Sequence[str], folder: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(folder / name) if name.endswith(".toml") else name for name in names))


def _given(images: Sequence[ImageTask], own: Sequence[ImageTask], boards: tuple[str, ...]) -> tuple[ImageTask, ...]:
    """Return the tasks of images given instead of the file's: one that the file has, too, keeps the name, options and boards it has there."""
    by_file: dict[Path, list[ImageTask]] = {}
    for task in own:
        by_file.setdefault(Path(task.file).resolve(), []).append(task)
    tasks = [task for image in images for task in by_file.get(Path(image.file).resolve(), [ImageTask(image.name, image.file, boards, image.options)])]
    _refuse_same_names(tasks, "the command line")
    return tuple(tasks)


def _tasks(parsed: Any, folder: Path, path: Path, *, strict: bool = True) -> tuple[ImageTask, ...]:
    entries = []
    for number, entry in enumerate(parsed.image, 1):
        given = entry.model_dump(exclude={"file", "name", "boards"}, exclude_none=True)
        if given.get("calibration", "").endswith(".toml"):
            given["calibration"] = str(folder / given["calibration"])
        options = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in sorted(given.items()))
        boards = _boards(parsed.boards if entry.boards is None else entry.boards, folder)
        files = [str(folder / entry.file)]
        if any(mark in entry.file for mark in "*?["):
            files = sorted(str(found) for found in folder.glob(entry.file) if found.is_file()) if not Path(entry.file).is_absolute() else []
            if not files and strict:
                raise BudgetFileError(f"{path}: image {number}: no file matches {entry.file!r} in {folder.resolve()}")
        entries += [(entry.name, file, boards, options) for file in files]
    return _named(entries, str(path))


def _named(entries: Sequence[tuple[str | None, str, tuple[str, ...], tuple[tuple[str, object], ...]]], where: str) -> tuple[ImageTask, ...]:
    stems = Counter(Path(file).stem for name, file, _, _ in entries if name is None)
    tasks = [
        ImageTask(name or (Path(file).stem if stems[Path(file).stem] == 1 else Path(file).name), file, boards, options)
        for name, file, boards, options in entries
    ]
    _refuse_same_names(tasks, where)
    return tuple(tasks)


def _refuse_same_names(tasks: Sequence[ImageTask], where: str) -> None:
    twice = sorted(name for name, count in Counter(task.name for task in tasks).items() if count > 1)
    if twice:
        raise BudgetFileError(f"{where}: two images are named {twice[0]!r}", hint='give each [[image]] a name = "..." of its own')


def _lines(text: str) -> list[list[tuple[int, str]]]:
    """Return the numbered lines of each ``[[budget]]``, in order."""
    sections: list[list[tuple[int, str]]] = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADING.match(line):
            sections.append([])
            inside = True
        elif line.lstrip().startswith("["):
            inside = False
        if inside:
            sections[-1].append((number, line))
    return sections


def _line(sections: list[list[tuple[int, str]]], number: int, metric: str) -> int:
    if number >= len(sections):
        return 0  # Written in another form, as an inline array.
    return next((place for place, line in sections[number] if line.split("=")[0].strip().strip("\"'") == metric), sections[number][0][0])
