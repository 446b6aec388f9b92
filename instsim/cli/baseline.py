"""``instsim baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.gate_options import plan_from, plan_options
from instsim.cli.groups import SuggestingGroup
from instsim.cli.progress import matrix_progress
from instsim.errors import UsageError

__all__ = ["command"]


@click.group("baseline", cls=SuggestingGroup)
def command() -> None:
    """Keep the figures that later ones are compared with: a small readable file to commit."""


@command.command("save")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@plan_options
@click.option("--force", is_flag=True, help="Overwrite the baseline that is there; never another file.")
def save_baseline(file: Path | None, images: tuple[str, ...], *, force: bool, **options: Any) -> None:
    """Estimate every image for its boards and write the figures to FILE, by default to the one that the budgets name."""
    plan, target = _plan(file, images, options)
    if target.exists() and not force:
        raise UsageError(f"{target} exists", hint="`instsim baseline update` replaces what changed; --force overwrites it")
    _refuse_other_files(target)
    _write(plan, target, None, options)


@command.command("update")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@plan_options
def update_baseline(file: Path | None, images: tuple[str, ...], **options: Any) -> None:
    """Estimate again and replace these images' figures in FILE; those of other images and boards stay."""
    from instsim.gate.baseline import read_baseline  # noqa: PLC0415 -- not for --help

    plan, target = _plan(file, images, options)
    _refuse_other_files(target)
    _write(plan, target, read_baseline(target) if target.exists() else None, options)


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
def show_baseline(file: Path) -> None:
    """Show the figures in FILE and what they rest on."""
    from instsim.cli.output import write_parts  # noqa: PLC0415
    from instsim.gate.baseline import read_baseline  # noqa: PLC0415
    from instsim.report.baseline import baseline_parts  # noqa: PLC0415

    write_parts(baseline_parts(read_baseline(file)))


def _plan(file: Path | None, images: tuple[str, ...], options: dict[str, Any]) -> tuple[Any, Path]:
    plan = plan_from(images, options["budget_file"], options["boards"])
    if file is None and not plan.baseline:
        raise UsageError("which file? The budgets name no baseline", hint='give FILE, or write baseline = "instsim-baseline.toml" into the budgets')
    return plan, file if file is not None else Path(plan.baseline)


def _refuse_other_files(target: Path) -> None:
    """Keep what was given in the place of FILE, a firmware, the budgets, from being overwritten."""
    from instsim.gate.baseline import may_overwrite  # noqa: PLC0415

    if not may_overwrite(target):
        raise UsageError(f"{target} is no baseline", hint="the baseline's file comes first, then images: instsim baseline save FILE IMAGE...")


def _write(plan: Any, target: Path, old: Any, options: dict[str, Any]) -> None:
    from instsim.cli.output import write_output  # noqa: PLC0415
    from instsim.gate.baseline import baseline_text  # noqa: PLC0415
    from instsim.gate.checking import make_baseline  # noqa: PLC0415
    from instsim.session.request import Request  # noqa: PLC0415
    from instsim.units import counted  # noqa: PLC0415

    request = Request(region=options["region"])
    with matrix_progress() as on_done:
        made = make_baseline(plan, old, use_cache=options["use_cache"], processes=options["workers"], on_done=on_done, request=request)
    before = {(entry.image, entry.side.board): entry for entry in old.entries} if old is not None else {}
    changed = sum(1 for entry in made.entries if before.get((entry.image, entry.side.board)) != entry)
    write_output(baseline_text(made), target)
    click.echo(f"{target}: {counted(len(made.entries), 'estimate')}, {changed} new or changed", err=True)
