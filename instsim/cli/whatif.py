"""``instsim whatif``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.options import Clocks, Name, Numbers, board_options, firmware_argument, output_option, request_from, run_options, sample_image

__all__ = ["command"]


@click.command("whatif")
@firmware_argument
@board_options
@click.option("--clock", "clocks_hz", type=Clocks(), default=(), metavar="HZ,...", help="Core clocks to try, as in 40MHz,80MHz.")
@click.option(
    "--wait-states",
    "wait_states",
    type=Numbers(),
    default=(),
    metavar="N,...",
    help="Wait states of the flash to try at each clock. Default: the fewest that it needs there.",
)
@click.option(
    "--move",
    "moves",
    type=Name(),
    multiple=True,
    metavar="PLACE=MEMORY",
    help="Try the image with PLACE in another memory of the board: 'weights' (its models), a function, a data symbol, a pattern, a section, "
    "or START-STOP. Several with commas go together; several options are tried one by one.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="json: with stalls by memory.")
@output_option
@run_options
@click.option("--allow-unpriced", is_flag=True, help="Charge one cycle for an instruction that has no price, instead of refusing.")
def command(firmware: Path | None, sample: str | None, form: str, output: Path | None, **options: Any) -> None:
    """Ask what one run of FIRMWARE would cost at other clocks and wait states, and with parts of it in other memories, in one table.

    The image runs once; every access to memory goes through all memory systems. The first row is the image as it is.

    \b
    instsim whatif firmware.elf --clock 40MHz,80MHz,120MHz
    instsim whatif firmware.elf --move weights=sram1 --move conv_2d=sram2,weights=sram1
    instsim whatif firmware.elf --clock 80MHz --wait-states 0,2,4
    """
    path = sample_image(firmware, sample, options)
    from instsim.cli.output import write_document, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cli.progress import progress  # noqa: PLC0415
    from instsim.report.whatif import whatif_document, whatif_parts  # noqa: PLC0415
    from instsim.session.whatif import whatif  # noqa: PLC0415

    with progress(path.name) as on_progress:
        request = request_from({**options, "on_progress": on_progress})
        result = whatif(path, request, clocks_hz=options["clocks_hz"], wait_states=options["wait_states"], moves=options["moves"])
    if form == "json":
        write_document(whatif_document(result), output)
    else:
        write_parts(whatif_parts(result), output)
