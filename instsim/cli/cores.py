"""``instsim cores``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("cores")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(form: str) -> None:
    """List the cores that come with instsim; `instsim tables show NAME` shows the table of one."""
    from instsim.cli.output import write_document, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cost import list_cores  # noqa: PLC0415

    cores = list_cores()
    if form == "json":
        from instsim.report.catalogue_json import cores_document  # noqa: PLC0415

        write_document(cores_document(cores))
    else:
        from instsim.report.catalogue import cores_parts  # noqa: PLC0415

        write_parts(cores_parts(cores))
