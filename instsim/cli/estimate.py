"""``instsim estimate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.options import (
    Number,
    calibration_options,
    firmware_argument,
    model_options,
    output_option,
    request_from,
    run_options,
    sample_image,
    target_options,
)

__all__ = ["command"]

_OF_CALLS = ("speedscope", "callgrind", "folded")


@click.command("estimate")
@firmware_argument
@target_options
@model_options
@calibration_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "html", "speedscope", "callgrind", "folded"]),
    default="text",
    show_default=True,
    help="csv: the operators; html: one self-contained page; speedscope, callgrind, folded: the call tree, for viewers of these.",
)
@output_option
@click.option("--top", type=click.IntRange(min=0), default=15, show_default=True, help="Functions and classes to list.")
@click.option("-v", "--verbose", is_flag=True, help="Show the cost model's events and what the firmware printed, too.")
@run_options
@click.option(
    "--weight-bytes",
    type=Number(),
    metavar="BYTES",
    help="Weights that the region reads, where the image does not show its operators: a core that waits for them draws less.",
)
@click.option("--allow-unpriced", is_flag=True, help="Charge one cycle for an instruction that has no price, instead of refusing.")
def command(firmware: Path | None, sample: str | None, form: str, output: Path | None, top: int, *, verbose: bool, **options: Any) -> None:
    """Latency, energy and cycles of one inference of FIRMWARE (ELF, Intel HEX, UF2, raw binary, or a saved profile).

    Without --board the board comes from instsim.toml or pyproject.toml, else it is guessed from the image, and the guess is shown first.

    \b
    Exit codes: 0 done, 1 the firmware cannot be used, 2 wrong usage, 3 the answer would be incomplete.
    """
    path = sample_image(firmware, sample, options)
    from instsim.cli.output import write_output, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cli.progress import progress  # noqa: PLC0415
    from instsim.session.facade import estimate  # noqa: PLC0415

    if form in _OF_CALLS:
        options["call_stacks"] = True
    with progress(path.name) as on_progress:
        result = estimate(path, request_from({**options, "on_progress": on_progress}))
    if form == "json":
        from instsim.report.json_report import render_json  # noqa: PLC0415

        write_output(render_json(result), output)
    elif form == "csv":
        from instsim.report.csv_report import render_csv  # noqa: PLC0415

        write_output(render_csv(result), output)
    elif form in _OF_CALLS:
        from instsim.report import stacks  # noqa: PLC0415

        write_output(getattr(stacks, f"render_{form}")(result), output)
    elif form == "html":
        from instsim.report.html_report import render_html  # noqa: PLC0415

        write_output(render_html(result), output)
    else:
        from instsim.report.text import estimate_parts  # noqa: PLC0415

        write_parts(estimate_parts(result, top=top, verbose=verbose), output)
