"""``instsim compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.options import output_option, request_from, run_options, target_options

__all__ = ["command"]


@click.command("compare")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@target_options
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True, help="markdown: for comments.")
@output_option
@click.option("--top", type=click.IntRange(min=0), default=15, show_default=True, help="Rows of each table to list.")
@run_options
@click.option("--allow-unpriced", is_flag=True, help="Charge one cycle for an instruction that has no price, instead of refusing.")
def command(before: Path, after: Path, form: str, output: Path | None, top: int, **options: Any) -> None:
    """Compare BEFORE with AFTER: cycles, energy and memory, by operator, function, instruction class and symbol.

    Each side is an image, a saved profile, or the JSON of `instsim estimate`. Both sides rest on the same tables and the run is deterministic,
    so a difference of cycles is exact under the model, however wide the interval of either side.

    \b
    instsim compare base.elf head.elf --board nucleo-l4r5zi
    instsim compare base.json head.elf --format markdown
    """
    from instsim.cli.output import write_document, write_output, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cli.progress import progress  # noqa: PLC0415
    from instsim.errors import UsageError  # noqa: PLC0415
    from instsim.gate.pairs import compare_pair  # noqa: PLC0415
    from instsim.report.json_report import is_document, read_json  # noqa: PLC0415

    reports = [is_document(path) for path in (before, after)]
    given = [f"--{name}" for name in ("board", "core", "clock") if options.get("clock_hz" if name == "clock" else name)]
    if all(reports) and given:
        raise UsageError(f"both sides are reports, each of its own board: {given[0]} changes nothing", hint="give images or saved profiles")
    with progress(f"{before.name}, {after.name}") as on_progress:
        sides = [read_json(path) if is_report else str(path) for path, is_report in zip((before, after), reports, strict=True)]
        comparison = compare_pair(sides[0], sides[1], request_from({**options, "on_progress": on_progress}))
    if form == "json":
        from instsim.report.gate_json import comparison_document  # noqa: PLC0415

        write_document(comparison_document(comparison), output)
        return
    from instsim.report.comparison import comparison_parts  # noqa: PLC0415

    parts = comparison_parts(comparison, top=top)
    if form == "markdown":
        from instsim.report.markdown import render_markdown  # noqa: PLC0415

        write_output(render_markdown(parts), output)
    else:
        write_parts(parts, output)
