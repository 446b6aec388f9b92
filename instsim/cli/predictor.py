"""``instsim predictor``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from instsim.cli.groups import SuggestingGroup
from instsim.cli.options import Name, output_option, request_from, target_options

__all__ = ["command"]


@click.group("predictor", cls=SuggestingGroup)
def command() -> None:
    """Teach predictors on a firmware, show what they know, and check whether they fit another firmware."""


@command.command("train")
@click.argument("runner", type=click.Path(path_type=Path))
@target_options
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to write the predictor.")
@click.option("--operator", "kinds", multiple=True, metavar="KIND", help="Teach only these operators, as CONV_2D; repeatable.")
@click.option("--layers", "most", type=click.IntRange(40), default=600, show_default=True, help="Most layers of an operator.")
@click.option("--seconds", type=click.FloatRange(1), default=240.0, show_default=True, help="Most processor time for an operator.")
@click.option("-j", "--workers", "processes", type=click.IntRange(1), default=2, show_default=True, help="Operators taught at once.")
@click.option("--name", type=Name(), help="Name of the predictor. Default: that of the output file.")
@click.option("--kernels", default="", metavar="TEXT", help="Which kernels these are, for reports.")
@click.option("--provenance", multiple=True, metavar="KEY=TEXT", help="What else reports should say of the firmware; repeatable.")
def train(runner: Path, output: Path, *, most: int, seconds: float, processes: int, name: str | None, **options: Any) -> None:
    """Teach a predictor on RUNNER, any firmware with TensorFlow Lite Micro's interpreter.

    Its own model does not matter: instsim runs small models of one layer in its place, and finds formulas for what the kernels execute. An
    interrupted training goes on where it was: operators that are done are kept beside the output until all are.

    \b
    instsim predictor train runner.elf --board nucleo-l4r5zi -o l4r5.predictor
    instsim predict model.tflite --board nucleo-l4r5zi --predictor l4r5.predictor
    """
    from instsim.cli.output import write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.errors import UsageError  # noqa: PLC0415
    from instsim.predict.predictor_file import save_predictor  # noqa: PLC0415
    from instsim.predict.training import TrainingPlan  # noqa: PLC0415
    from instsim.report.predictor import predictor_parts  # noqa: PLC0415
    from instsim.session.predictor_training import TrainingOptions, train_predictor  # noqa: PLC0415

    if not output.parent.is_dir():
        raise UsageError(f"there is no folder {output.parent}")
    provenance = dict(pair.partition("=")[::2] for pair in options["provenance"])

    def on_kind(done: int, total: int, text: str) -> None:
        if sys.stderr is not None:
            click.echo(f"{done} of {total}  {text}", err=True)

    taught = train_predictor(
        runner,
        request_from(options),
        TrainingOptions(
            name or output.name.partition(".")[0],
            options["kernels"],
            provenance,
            tuple(kind.upper() for kind in options["kinds"]),
            TrainingPlan(most=most, seconds=seconds),
            processes,
            output.with_name(output.name + ".parts"),
            on_kind,
        ),
    )
    save_predictor(taught, output)
    write_parts(predictor_parts(taught))
    click.echo(f"{output}: use it with --predictor {output}", err=True)


@command.command("stalls")
@click.argument("predictor", type=Name())
@click.argument("runner", type=click.Path(path_type=Path))
@target_options
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to write the predictor.")
@click.option("--operator", "kinds", multiple=True, metavar="KIND", help="Teach only these operators' stalls, as CONV_2D; repeatable.")
@click.option("--layers", type=click.IntRange(40), default=200, show_default=True, help="Layers of an operator, twice as many of those with weights.")
def stalls(predictor: str, runner: Path, output: Path, *, kinds: tuple[str, ...], layers: int, **options: Any) -> None:
    """Teach PREDICTOR what the memories of a board add, on RUNNER, the image that taught it.

    Flash and caches are followed as for `instsim estimate`. What was taught for other boards or clocks is kept.

    \b
    instsim predictor stalls l4r5.predictor runner.elf --board nucleo-l4r5zi -o l4r5.predictor
    """
    from instsim.cli.output import write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.errors import UsageError  # noqa: PLC0415
    from instsim.predict.predictor_file import save_predictor  # noqa: PLC0415
    from instsim.report.predictor import predictor_parts  # noqa: PLC0415
    from instsim.session.predicting import load_named  # noqa: PLC0415
    from instsim.session.stall_teaching import StallOptions, teach_stalls  # noqa: PLC0415

    if not output.parent.is_dir():
        raise UsageError(f"there is no folder {output.parent}")

    def on_kind(done: int, total: int, text: str) -> None:
        if sys.stderr is not None:
            click.echo(f"{done} of {total}  {text}", err=True)

    chosen = StallOptions(kinds=tuple(kind.upper() for kind in kinds), layers=layers, on_kind=on_kind)
    taught = teach_stalls(load_named(predictor), runner, request_from(options), chosen)
    save_predictor(taught, output)
    write_parts(predictor_parts(taught))


@command.command("show")
@click.argument("predictor", required=False, type=Name())
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--operator", "kind", type=Name(), metavar="KIND", help="Show an operator's formulas.")
@output_option
def show(predictor: str | None, form: str, kind: str | None, output: Path | None) -> None:
    """Show what PREDICTOR (a file, or the name of one that comes with instsim) knows; without one, list those that come with instsim."""
    from instsim.cli.output import write_document, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.errors import UsageError  # noqa: PLC0415
    from instsim.report.predictor import formula_parts, list_parts, predictor_document, predictor_parts  # noqa: PLC0415
    from instsim.session.predicting import load_named, shipped_predictors  # noqa: PLC0415

    if predictor is None:
        write_parts(list_parts([load_named(name) for name in shipped_predictors()]), output)
        return
    taught = load_named(predictor)
    if form == "json":
        write_document(predictor_document(taught), output)
    elif kind is None:
        write_parts(predictor_parts(taught), output)
    elif kind.upper() in taught.kinds or kind in taught.kinds:
        write_parts(formula_parts(taught.kinds[kind if kind in taught.kinds else kind.upper()]), output)
    else:
        raise UsageError(f"the predictor {taught.name} has no {kind}", hint=f"it has {', '.join(sorted(taught.kinds))}")


@command.command("check")
@click.argument("predictor", type=Name())
@click.argument("firmware", type=click.Path(path_type=Path))
@target_options
@output_option
def check(predictor: str, firmware: Path, output: Path | None, **options: Any) -> None:
    """Tell whether FIRMWARE's kernels are those that PREDICTOR was taught on, by running a few layers of each operator in it.

    Exit code 4 if a kernel differs.
    """
    from instsim.cli.output import write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.errors import BudgetError  # noqa: PLC0415
    from instsim.report.predictor import check_parts  # noqa: PLC0415
    from instsim.session.predicting import load_named  # noqa: PLC0415
    from instsim.session.predictor_checking import check_predictor  # noqa: PLC0415

    checked = check_predictor(load_named(predictor), firmware, request_from(options))
    write_parts(check_parts(checked), output)
    if not checked.fits:
        raise BudgetError(
            f"{checked.firmware} has other kernels than {checked.predictor} was taught on",
            hint=f"`instsim predictor train {firmware} -o FILE` teaches one on them",
        )
