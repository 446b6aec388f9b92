"""``instsim calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.options import Name, output_option, request_from, run_options, target_options, workers_option
from instsim.cli.progress import matrix_progress
from instsim.errors import UsageError

__all__ = ["command"]

_PLOTS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}


@click.command("calibrate")
@click.argument("runs", required=False, type=click.Path(path_type=Path))
@target_options
@output_option
@click.option("--template", is_flag=True, help="Print a file of runs to start from.")
@click.option("--table", is_flag=True, help="Refit weights of the core table instead, to runs of images with their latency.")
@click.option("--event", "events", multiple=True, metavar="NAME", help="With --table: a row to refit. Default: all that are not documented.")
@click.option("--predictor", type=Name(), metavar="FILE", help="Predictor of rows that name a model. Default: the one that suits the board.")
@click.option("--descriptor", type=Name(), metavar="FILE", help="Device descriptor that such rows are priced by, instead of the board's core.")
@click.option(
    "--like",
    type=Name(),
    metavar="BOARD",
    multiple=True,
    help="Draw the fit toward calibrated boards: a calibration's file, a folder of them, a board that comes with instsim, or 'all'; repeatable.",
)
@click.option("--name", help="Name of the calibration. Default: that of the output file.")
@click.option("--source", default="", help="Where the runs come from, in words.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw measured against predicted (.png, .svg, .pdf).")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the report.")
@run_options
@workers_option
def command(runs: Path | None, output: Path | None, *, template: bool, table: bool, form: str, plot: Path | None, **options: Any) -> None:
    """Fit latency and energy of a board to a few RUNS measured on it, and save what was learned.

    RUNS is a CSV file with one row a run: the image (or a saved profile, a model, or known cycles), its latency, and its energy, power, or current
    and voltage. Five runs that differ in length are worth more than twenty of one kind; one is enough to begin with.
    --force overwrites the output.

    \b
    instsim calibrate --template > runs.csv
    instsim calibrate runs.csv --board my-board.toml -o my-board.calibration.toml
    instsim estimate firmware.elf --board my-board.toml --calibration my-board.calibration.toml
    """
    from instsim.cli.output import print_text, write_document, write_file, write_parts  # noqa: PLC0415 -- all of these load for real work only

    if template:
        from instsim.calibrate.runs_file import runs_template  # noqa: PLC0415

        print_text(runs_template())
        return
    if runs is None and (table or not options["like"]):
        raise UsageError("give a file of runs", hint="`instsim calibrate --template > runs.csv` makes one to start from")
    for path in (output, plot):
        if path is not None and path.exists() and not options["force"]:
            raise UsageError(f"{path} exists already", hint="--force overwrites it")
    if plot is not None and runs is None:
        raise UsageError("a plot shows runs, and none are given", hint="leave out --plot, or give a file of runs")
    if plot is not None and plot.suffix.lower() not in _PLOTS:
        raise UsageError(f"{plot}: a plot ends in {', '.join(_PLOTS)}")
    if table:
        assert runs is not None
        if options["like"]:
            raise UsageError("--like is for latency and energy of a board, --table for its core table", hint="leave one of them out")
        _refit(runs, output, form, options)
        return
    from instsim.calibrate.calibration_file import calibration_toml  # noqa: PLC0415
    from instsim.session.calibrating import CalibrationRequest, calibrate  # noqa: PLC0415

    name = options["name"] or (output.name.partition(".")[0] if output is not None else runs.stem if runs is not None else "others")
    request = request_from(options)
    wanted = CalibrationRequest(
        request, name, options["source"], str(output or ""), options["predictor"], options["descriptor"], tuple(options["like"])
    )
    with matrix_progress() as on_done:
        fitted = calibrate(runs, wanted, processes=options["workers"], on_done=on_done)
    picture = None
    if plot is not None:
        from instsim.report.calibration_plot import draw_calibration  # noqa: PLC0415

        picture = draw_calibration(fitted, _PLOTS[plot.suffix.lower()])
    if output is not None:
        write_file(calibration_toml(fitted.calibration).encode(), output)
    if plot is not None and picture is not None:
        write_file(picture, plot)
    if form == "json":
        from instsim.report.calibration_json import calibration_document  # noqa: PLC0415

        write_document(calibration_document(fitted))
    else:
        from instsim.report.calibration import calibration_parts  # noqa: PLC0415

        write_parts(calibration_parts(fitted))
    if output is not None:
        click.echo(f"{output}: use it with --calibration {output}", err=True)


def _refit(runs: Path, output: Path | None, form: str, options: dict[str, Any]) -> None:
    from instsim.cli.output import write_document, write_file, write_parts  # noqa: PLC0415
    from instsim.report.weights import weights_document, weights_parts  # noqa: PLC0415
    from instsim.session.table_refit import refit_table, refitted_toml  # noqa: PLC0415

    with matrix_progress() as on_done:
        found = refit_table(runs, request_from(options), options["events"], processes=options["workers"], on_done=on_done)
    if output is not None:
        write_file(refitted_toml(found, options["name"] or output.stem).encode(), output)
    if form == "json":
        write_document(weights_document(found))
    else:
        write_parts(weights_parts(found))
    if output is not None:
        click.echo(f"{output}: use it with --core {output}", err=True)
