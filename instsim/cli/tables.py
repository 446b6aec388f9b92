"""``instsim tables``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from instsim.cli.groups import SuggestingGroup
from instsim.cli.options import Name
from instsim.errors import TableError, UsageError

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
    from instsim.units import counted  # noqa: PLC0415

    checked = files or shipped_tables()
    found = {path: check_table(path) for path in checked}
    lines = [f"{path}: {problem}" for path, problems in found.items() for problem in problems or ("ok",)]
    print_text("".join(f"{printable(line)}\n" for line in lines))
    total, bad = sum(map(len, found.values())), sum(1 for problems in found.values() if problems)
    if total:
        raise TableError(f"{counted(total, 'problem')} in {bad} of {counted(len(found), 'table')}")


@command.command("explain")
@click.argument("name", type=Name())
@click.argument("item", type=Name(), required=False)
def explain_item(name: str, item: str | None) -> None:
    """Explain ITEM of the core table or memory system NAME: an instruction class, an event, a parameter or a stall; without ITEM, list them.

    The NAME of a board stands for its core and its memory system.

    \b
    instsim tables explain cortex-m4 load
    instsim tables explain stm32l4 "stall:read flash"
    """
    from instsim.cli.output import write_parts  # noqa: PLC0415
    from instsim.cost import load_core  # noqa: PLC0415
    from instsim.cost.explain import explain  # noqa: PLC0415
    from instsim.cost.explain_memory import explain_stall  # noqa: PLC0415
    from instsim.cost.memory_table import load_memory  # noqa: PLC0415
    from instsim.cost.stall_cost import STALL_PREFIX  # noqa: PLC0415
    from instsim.cost.table_files import find_tables  # noqa: PLC0415
    from instsim.report.explanation import explanation_parts, items_parts, stalls_parts  # noqa: PLC0415

    found = find_tables(name)
    core, memory = found.core, found.memory
    if found.board is not None:
        core = core or load_core(found.board.core)
        memory = memory or (load_memory(found.board.memory_system) if found.board.memory_system else None)
    if item is None:
        write_parts((*(items_parts(core) if core is not None else ()), *(stalls_parts(memory) if memory is not None else ())))
    elif memory is not None and (core is None or item.startswith(STALL_PREFIX)):
        write_parts(tuple(part for explanation in explain_stall(memory, item) for part in explanation_parts(explanation)))
    elif core is not None and not item.startswith(STALL_PREFIX):
        write_parts(explanation_parts(explain(core, item)))
    else:
        raise UsageError(
            f"{name} has no memory system, whose item {item} would be",
            hint="give a memory system or a board that has one; reports name it under `memory`",
        )
