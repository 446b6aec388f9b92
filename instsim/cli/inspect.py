"""``instsim inspect``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from instsim.cli.options import firmware_argument, output_option, request_from, run_options, sample_image, target_options

__all__ = ["command"]


@click.command("inspect")
@firmware_argument
@target_options
@click.option("--run/--no-run", default=True, show_default=True, help="Run the image to find its operators.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
@partial(run_options, budget="2G")
def command(firmware: Path | None, sample: str | None, form: str, output: Path | None, *, run: bool, **options: Any) -> None:
    """Show what FIRMWARE is: core, segments, memory map, models, the region that would be measured and its operators.

    An image that cannot be run is shown all the same, with the reason.
    """
    path = sample_image(firmware, sample, options)
    from instsim.cli.output import write_output, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cli.progress import progress  # noqa: PLC0415
    from instsim.report.inspection import inspection_json, inspection_parts  # noqa: PLC0415
    from instsim.session.inspecting import inspect_image  # noqa: PLC0415

    with progress(path.name) as on_progress:
        inspection = inspect_image(path, request_from({**options, "on_progress": on_progress}), run=run)
    if form == "json":
        write_output(inspection_json(inspection), output)
    else:
        write_parts(inspection_parts(inspection), output)
