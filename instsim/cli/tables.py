"""``instsim tables``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from instsim.cli.groups import SuggestingGroup
from instsim.cli.options import Name
from instsim.errors import TableError

if TYPE_CHECKING:
    from instsim.report.parts import Part

__all__ = ["command"]


@click.group("tables", cls=SuggestingGroup)
def command() -> None:
    """Show, check and explain the tables that every figure comes from: cores, memory systems and boards."""


@command.command("show")
@click.argument("name", type=Name())
def show_table(name: str) -> None:
    """Show the core table, memory system or board NAME (or a file): every row with its value, basis and source."""
    from instsim.cli.output import write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cost.table_files import find_tables  # noqa: PLC0415
    from instsim.report.bibliography import core_sources_parts  # noqa: PLC0415
    from instsim.report.board_page import board_parts  # noqa: PLC0415
    from instsim.report.catalogue import core_parts  # noqa: PLC0415
    from instsim.report.memory_page import memory_parts  # noqa: PLC0415

    found = find_tables(name)
    parts: tuple[Part, ...] = ()
    if found.core is not None:
        parts += (*core_parts(found.core), *core_sources_parts(found.core))
    if found.memory is not None:
        parts += memory_parts(found.memory)
    if found.board is not None:
        parts += board_parts(found.board)
    write_parts(parts)


@command.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
def check_tables(files: tuple[Path, ...]) -> None:
    """Check core tables, memory systems and board files, all those that come with instsim by default; print all that is wrong.

    Exit code 1 if anything is.
    """
    from instsim.cli.output import print_text  # noqa: PLC0415
    from instsim.cost.table_files import check_table, shipped_tables  # noqa: PLC0415
    from instsim.report.parts import printable  # noqa: PLC0415

    checked = files or shipped_tables()
    found = {path: check_table(path) for path in checked}
    lines = [f"{path}: {problem}" for path, problems in found.items() for problem in problems or ("ok",)]
    print_text("".join(f"{printable(line)}\n" for line in lines))
    total, bad = sum(map(len, found.values())), sum(1 for problems in found.values() if problems)
    if total:
        raise TableError(f"{total} problem{'s' if total > 1 else ''} in {bad} of {len(found)} table{'s' if len(found) > 1 else ''}")


@command.command("explain")
@click.argument("core", type=Name())
@click.argument("item", type=Name(), required=False)
def explain_item(core: str, item: str | None) -> None:
    """Explain ITEM of the table of CORE: an instruction class, an event or a parameter; without ITEM, list them.

    \b
    instsim tables explain cortex-m4 load
    """
    from instsim.cli.output import write_parts  # noqa: PLC0415
    from instsim.cost import load_core  # noqa: PLC0415
    from instsim.cost.explain import explain  # noqa: PLC0415
    from instsim.report.explanation import explanation_parts, items_parts  # noqa: PLC0415

    table = load_core(core)
    write_parts(items_parts(table) if item is None else explanation_parts(explain(table, item)))
