"""``instsim plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.options import output_option, request_from, run_options, target_options, workers_option
from instsim.cli.progress import matrix_progress

__all__ = ["command"]


@click.command("plan")
@click.argument("candidates", nargs=-1, required=True, type=click.Path(path_type=Path))
@target_options
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True, help="How many to choose.")
@click.option(
    "--target", "targets", type=click.Path(path_type=Path), multiple=True, metavar="FILE", help="Predict this image well. Default: all candidates."
)
@click.option("--measured", type=click.Path(path_type=Path), metavar="RUNS", help="Runs that exist already (a file of `instsim calibrate`).")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
@run_options
@workers_option
def command(
    candidates: tuple[Path, ...], targets: tuple[Path, ...], runs: int, measured: Path | None, *, form: str, workers: int | None, **options: Any
) -> None:
    """Choose which of the CANDIDATES (images or saved profiles) to measure on the board, to calibrate it with few runs.

    \b
    instsim plan build/*.elf --board my-board.toml --runs 3
    """
    from instsim.cli.output import write_document, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.report.plan import plan_document, plan_parts  # noqa: PLC0415
    from instsim.session.planning import plan  # noqa: PLC0415

    output = options.pop("output")
    most = min(runs, len(set(candidates)))
    with matrix_progress() as on_done:
        found = plan(candidates, request_from(options), runs=most, targets=targets, measured=measured, processes=workers, on_done=on_done)
    if form == "json":
        write_document(plan_document(found), output)
    else:
        write_parts(plan_parts(found), output)
