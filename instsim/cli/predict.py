"""``instsim predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from instsim.cli.options import Name, calibration_options, output_option, request_from, target_options

__all__ = ["command"]


@click.command("predict")
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MODEL...")
@target_options
@click.option(
    "--predictor", "name", type=Name(), metavar="FILE", help="File of `instsim predictor train`, or the name of one that comes with instsim."
)
@click.option("--descriptor", type=Name(), metavar="FILE", help="Device descriptor of `instsim characterize`: the core of a board that has no table.")
@click.option(
    "--memory",
    type=click.Choice(["exact", "ideal"]),
    help="Add what the board's memories cost, where the predictor was taught it, or take them as ideal. Default: the former.",
)
@calibration_options
@click.option("--format", "form", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True, help="Of the report.")
@output_option
def command(models: tuple[Path, ...], name: str | None, descriptor: str | None, *, form: str, output: Path | None, **options: Any) -> None:
    """Predict MODELs (.tflite files) on a board without a firmware: nothing is compiled and nothing runs.

    The answer rests on a predictor: what each operator's kernel executes, as formulas in the layer's dimensions, taught on one firmware. Those that
    come with instsim were taught on TensorFlow Lite Micro's kernels; the report says which, and by which compiler.

    \b
    instsim predict model.tflite --board nucleo-l4r5zi
    instsim predict candidates/*.tflite --board nucleo-l4r5zi --format csv
    instsim predict model.tflite --predictor mine.predictor --board my-board.toml

    \b
    Exit codes: 0 done, 1 a model or the predictor cannot be used, 2 wrong usage, 3 the predictor lacks an operator.
    """
    import numpy as np  # noqa: PLC0415 -- all of these load for real work only

    from instsim.cli.output import write_document, write_output, write_parts  # noqa: PLC0415
    from instsim.errors import IncompleteError  # noqa: PLC0415
    from instsim.report.prediction import prediction_document, prediction_parts, render_prediction_csv  # noqa: PLC0415
    from instsim.session.predicting import Predictor  # noqa: PLC0415

    predictor = Predictor(name, request_from(options), descriptor=descriptor)
    predictions = predictor.predict(models)
    if form == "json":
        write_document(prediction_document(predictor, predictions), output)
    elif form == "csv":
        write_output(render_prediction_csv(predictions), output)
    else:
        write_parts(prediction_parts(predictor, predictions), output)
    incomplete = np.flatnonzero(~np.isfinite(predictions.cycles))
    if incomplete.size:
        missing = {operator.reason for number in incomplete.tolist() for operator in predictions[number].operators if operator.flag.name == "UNKNOWN"}
        raise IncompleteError(
            f"no figure for {incomplete.size} of {len(predictions)} networks",
            hint="run the model in a firmware that has the operator: `instsim estimate runner.elf --model model.tflite`",
            details=tuple(sorted(missing)),
        )
