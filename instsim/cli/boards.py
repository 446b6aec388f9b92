"""``instsim boards``."""

from __future__ import annotations

from pathlib import Path

import click

from instsim.cli.groups import SuggestingGroup
from instsim.cli.options import Name, output_option
from instsim.errors import UsageError

__all__ = ["command"]

_DEFAULT_NAME = "my-board"


@click.group("boards", cls=SuggestingGroup, invoke_without_command=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the list.")
@click.pass_context
def command(context: click.Context, form: str) -> None:
    """List the boards that come with instsim, show one, or start a file for your own."""
    if context.invoked_subcommand is not None:
        return
    from instsim.cli.output import write_document, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cost import list_boards  # noqa: PLC0415

    boards = list_boards()
    if form == "json":
        from instsim.report.catalogue_json import boards_document  # noqa: PLC0415

        write_document(boards_document(boards))
    else:
        from instsim.report.catalogue import boards_parts  # noqa: PLC0415

        write_parts(boards_parts(boards))


@command.command("show")
@click.argument("name", type=Name())
def show_board(name: str) -> None:
    """Show the board NAME (or a board file): memory map, operating point and energy, every figure with basis and source."""
    from instsim.cli.output import write_parts  # noqa: PLC0415
    from instsim.cost import load_board  # noqa: PLC0415
    from instsim.report.board_page import board_parts  # noqa: PLC0415

    write_parts(board_parts(load_board(name)))


@command.command("new")
@click.argument("name", type=Name(), required=False)
@click.option("--like", type=Name(), required=True, metavar="BOARD", help="Board to start from: its core, memories and devices are taken over.")
@output_option
@click.option("--force", is_flag=True, help="Overwrite the file.")
def new_board_file(name: str | None, like: str, output: Path | None, *, force: bool) -> None:
    """Start a board file for the board NAME, with a comment on every field.

    Without NAME the board is named after the file, or my-board.

    \b
    instsim boards new my-board --like nucleo-f446re -o my-board.toml
    instsim estimate firmware.elf --board my-board.toml
    """
    from instsim.cli.output import write_output  # noqa: PLC0415
    from instsim.cost.board_template import new_board  # noqa: PLC0415

    text = new_board(like, name or (output.stem if output is not None else _DEFAULT_NAME))
    if output is not None and output.exists() and not force:
        raise UsageError(f"{output} exists already", hint="--force overwrites it")
    write_output(text, output)
    if output is not None:
        click.echo(f"{output}: edit it, then `instsim tables check {output}`", err=True)
