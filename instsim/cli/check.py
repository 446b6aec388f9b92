"""``instsim check``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from instsim.cli.gate_options import plan_from, plan_options, split_write
from instsim.cli.options import output_option
from instsim.cli.progress import matrix_progress

__all__ = ["command"]

_FORMATS = ("text", "json", "markdown", "junit", "github")


@click.command("check")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@plan_options
@click.option("--baseline", "baseline_file", type=click.Path(path_type=Path), metavar="FILE", help="Instead of the baseline that the budgets name.")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True, help="github: commands that annotate a pull request."
)
@output_option
@click.option("--write", "writes", multiple=True, metavar="FORMAT=FILE", help="Write another format to a file as well; repeatable.")
def command(images: tuple[str, ...], form: str, output: Path | None, writes: tuple[str, ...], **options: Any) -> None:
    """Hold images against budgets of latency, energy, cycles, flash, RAM, stack and arena.

    Budgets stand in a file, or in the table [check] of instsim.toml or [tool.instsim.check] of pyproject.toml; IMAGEs replace theirs.

    \b
    instsim check --budget budgets.toml
    instsim check build/*.elf --budget budgets.toml --board nucleo-l4r5zi --write junit=report.xml

    \b
    Exit codes: 0 all hold, 4 a budget is broken, 1 an image, a budget or a baseline cannot be used, 2 wrong usage,
    3 something could not be decided: the baseline is missing or stale, or there is no interval.
    """
    others = [split_write(value, _FORMATS) for value in writes]
    from instsim.cli.output import write_output, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.errors import BudgetError, IncompleteError, InputError  # noqa: PLC0415
    from instsim.gate.checking import check  # noqa: PLC0415
    from instsim.report.check import check_parts, outcome_text  # noqa: PLC0415
    from instsim.session.request import Request  # noqa: PLC0415

    plan = plan_from(images, options["budget_file"], options["boards"])
    if options["baseline_file"] is not None:
        plan = replace(plan, baseline=str(options["baseline_file"]))
    request = Request(region=options["region"])
    with matrix_progress() as on_done:
        report = check(plan, use_cache=options["use_cache"], processes=options["workers"], on_done=on_done, request=request)
    for other, path in others:
        write_output(_rendered(report, other), path)
    if form == "text":
        write_parts(check_parts(report), output)
    else:
        write_output(_rendered(report, form), output)
    if report.exit_code:
        kind = next(kind for kind in (BudgetError, InputError, IncompleteError) if kind.exit_code == report.exit_code)
        raise kind(outcome_text(report))


def _rendered(report: Any, form: str) -> str:
    match form:
        case "json":
            from instsim.report.gate_json import check_document, render_document  # noqa: PLC0415

            return render_document(check_document(report))
        case "markdown":
            from instsim.report.check import check_parts  # noqa: PLC0415
            from instsim.report.markdown import render_markdown  # noqa: PLC0415

            return render_markdown(check_parts(report))
        case "junit":
            from instsim.report.junit import render_junit  # noqa: PLC0415

            return render_junit(report)
        case "github":
            from instsim.report.github_annotations import render_annotations  # noqa: PLC0415

            return render_annotations(report)
        case _:
            from instsim.report.check import check_parts  # noqa: PLC0415
            from instsim.report.tables import render  # noqa: PLC0415

            return render(check_parts(report))
