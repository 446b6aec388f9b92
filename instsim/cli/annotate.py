"""``instsim annotate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.options import Name, firmware_argument, output_option, request_from, run_options, sample_image, target_options

__all__ = ["command"]


@click.command("annotate")
@firmware_argument
@click.option(
    "-f",
    "--function",
    type=Name(),
    metavar="NAME",
    help="Name, signature, or address (0x...) of a function. Default: the one that cost most.",
)
@click.option("--operator", type=Name(), metavar="INDEX", help="Count only what ran in this operator; 'dispatch': outside of all.")
@target_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
@click.option("--top", type=click.IntRange(min=1), help="Show only so many blocks, those that cost most. Default: all.")
@run_options
@click.option("--allow-unpriced", is_flag=True, help="Charge one cycle for an instruction that has no price, instead of refusing.")
def command(
    firmware: Path | None,
    sample: str | None,
    function: str | None,
    *,
    operator: str | None,
    form: str,
    output: Path | None,
    top: int | None,
    **options: Any,
) -> None:
    """Show a function of FIRMWARE instruction by instruction: how often each ran, its cycles, and what they are made of.

    FIRMWARE may be a saved profile; source lines stand in between where an ELF file has debug information.

    \b
    instsim annotate firmware.elf
    instsim annotate firmware.elf --function ConvPerChannel --operator 3
    """
    path = sample_image(firmware, sample, options)
    from instsim.cli.output import write_output, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cli.progress import progress  # noqa: PLC0415
    from instsim.session.annotating import annotate  # noqa: PLC0415

    with progress(path.name) as on_progress:
        result = annotate(path, request_from({**options, "on_progress": on_progress}), function=function, operator=operator)
    if form == "json":
        from instsim.report.annotation_json import render_annotation_json  # noqa: PLC0415

        write_output(render_annotation_json(result), output)
    else:
        from instsim.report.annotation import annotation_parts  # noqa: PLC0415

        write_parts(annotation_parts(result, top=top), output)
