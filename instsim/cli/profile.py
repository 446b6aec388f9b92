"""``instsim profile``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.options import firmware_argument, model_options, output_option, request_from, run_options, sample_image, target_options

__all__ = ["command"]


@click.command("profile")
@firmware_argument
@target_options
@model_options
@output_option
@run_options
def command(firmware: Path | None, sample: str | None, output: Path | None, **options: Any) -> None:
    """Run FIRMWARE and save what ran: executions of every basic block, by operator.

    The file can be estimated for any board whose core has the same instruction set, without running the firmware again:

    \b
    instsim profile firmware.elf -o run.profile
    instsim estimate run.profile --board nucleo-f446re
    """
    path = sample_image(firmware, sample, options)
    from instsim.cli.output import write_file  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cli.progress import progress  # noqa: PLC0415
    from instsim.errors import ImageError  # noqa: PLC0415
    from instsim.profile.file import is_profile, profile_bytes  # noqa: PLC0415
    from instsim.session.facade import profile  # noqa: PLC0415

    if is_profile(path):
        raise ImageError(f"{path}: a saved profile already, not a firmware image", hint="`instsim estimate` reads profiles")
    with progress(path.name) as on_progress:
        result = profile(path, request_from({**options, "on_progress": on_progress}))
    target = output or Path(path.name).with_suffix(".profile")
    write_file(profile_bytes(result), target)
    kernels = f", {len(result.kernels)} operators" if result.kernels else ""
    click.echo(f"{target}: {result.run.region}; {result.addresses.size:,} blocks{kernels}", err=True)
    for warning in result.run.warnings:
        click.echo(f"warning: {warning}", err=True)
