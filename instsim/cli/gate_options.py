"""Options of the commands that estimate many images for many boards, and what they make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from instsim.cli.options import Name, workers_option
from instsim.errors import UsageError

__all__ = ["plan_from", "plan_options", "split_write"]

Command = TypeVar("Command", bound=Callable[..., Any])


def plan_options(command: Command) -> Command:
    """Add what says which images are estimated for which boards, and how."""
    decorators = (
        click.option("--budget", "budget_file", type=click.Path(path_type=Path), metavar="FILE", help="Budgets. Default: the settings' [check]."),
        click.option("-b", "--board", "boards", type=Name(), metavar="BOARD", multiple=True, help="Instead of the budgets' boards; repeatable."),
        click.option("--region", type=Name(), metavar="SYMBOL", help="What to measure where the budgets do not say."),
        workers_option,
        click.option("--cache/--no-cache", "use_cache", default=True, help="Whether an image that did not change may be left unrun."),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def plan_from(images: tuple[str, ...], budget_file: Path | None, boards: tuple[str, ...]) -> Any:
    """Return the `BudgetPlan` of a command's arguments.

    Raises
    ------
    UsageError
        If there are no budgets anywhere.
    BudgetFileError
        If they are not valid.
    """
    from instsim.gate.budget_file import find_plan, images_from, load_plan  # noqa: PLC0415 -- not for --help

    tasks = images_from(images) if images else None
    if budget_file is not None:
        return load_plan(budget_file, images=tasks, boards=boards)
    return find_plan(Path.cwd(), images=tasks, boards=boards)


def split_write(value: str, formats: tuple[str, ...]) -> tuple[str, Path]:
    """Return the format and the file of ``FORMAT=FILE``.

    Raises
    ------
    UsageError
        If it is not of that form.
    """
    form, equals, file = value.partition("=")
    if form not in formats or not equals or not file:
        raise UsageError(f"--write {value}: not of the form FORMAT=FILE", hint=f"formats: {', '.join(formats)}")
    path = Path(file)
    if not path.parent.is_dir():
        raise UsageError(f"--write {value}: there is no folder {str(path.parent)!r}")
    return form, path
