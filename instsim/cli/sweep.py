"""``instsim sweep``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from instsim.cli.options import Name, Number, calibration_options, request_from, target_options

if TYPE_CHECKING:
    from instsim.sweep.row import SweepRow

__all__ = ["command"]

_EVERY_S = 0.2
_LINE_EVERY_S = 60.0
_LONG_S = 120.0
"""More is told in minutes."""
_RESULTS = (".parquet", ".csv")
_PICTURES = (".png", ".svg", ".pdf")


@click.command("sweep")
@click.argument("models", type=click.Path(path_type=Path), metavar="MODELS")
@click.option("--runner", type=click.Path(path_type=Path), metavar="FIRMWARE", help="Run every model in this firmware (TensorFlow Lite Micro).")
@click.option("--predictor", type=Name(), metavar="FILE", help="Predict instead: a file of `instsim predictor train`, or the name of a shipped one.")
@target_options
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Results: .parquet (and .csv beside it), or .csv.")
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True, help="Processes; 0: this one alone, without dask.")
@click.option("--scheduler", type=Name(), metavar="tcp://HOST:PORT", help="Use the workers of this dask.distributed scheduler.")
@click.option("--retry-failed", is_flag=True, help="Evaluate models again that failed in an earlier run.")
@click.option("--pareto", type=Name(), metavar="A,B", help="Print the front of two of latency, energy, cycles, macs, arena, flash, size.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw that front: .png, .svg or .pdf.")
@click.option(
    "--memory",
    type=click.Choice(["exact", "sampled", "ideal"]),
    help="Follow wait states and caches, which takes about a second a model. Default: ideal.",
)
@click.option("--allow-float", is_flag=True, help="Let models compute with floating-point numbers.")
@click.option("--allow-unpriced", is_flag=True, help="Charge one cycle for an instruction that has no price, instead of refusing.")
@click.option(
    "--budget", "budget_cycles", type=Number(), default="20G", show_default=True, metavar="CYCLES", help="Give a model up after so many cycles."
)
@calibration_options
def command(models: Path, *, runner: Path | None, predictor: str | None, output: Path | None, **options: Any) -> None:
    """Latency, energy and memory of many MODELS: a folder, a text file with a path on each line, or a result file of an earlier sweep.

    What is found is kept in a journal beside the output, model by model: the same command goes on where a killed one stopped, and runs nothing twice.
    A model that cannot run is a row with its reason.

    \b
    instsim sweep models/ --runner runner.elf --board nucleo-l4r5zi -o results.parquet
    instsim sweep models/ --board nucleo-l4r5zi -o results.parquet --pareto latency,flash --plot front.png
    instsim sweep results.parquet --pareto energy,arena
    """
    from instsim.cli.output import write_file, write_parts  # noqa: PLC0415 -- all of these load for real work only
    from instsim.errors import UsageError  # noqa: PLC0415
    from instsim.report.sweep import draw_front, front_parts, summary_parts  # noqa: PLC0415
    from instsim.sweep.pareto import figure_pair  # noqa: PLC0415

    pareto, plot = options["pareto"], options["plot"]
    if plot is not None and pareto is None:
        raise UsageError("--plot draws a front, and none was asked for", hint="as in --pareto latency,flash")
    if plot is not None and (plot.suffix not in _PICTURES or not plot.parent.is_dir()):
        raise UsageError(f"cannot draw {plot}", hint=f"a picture is one of {', '.join(_PICTURES)}, in a folder that exists")
    figures = None if pareto is None else figure_pair(pareto)
    rows = _saved(models, runner, predictor, output, figures) if models.suffix in _RESULTS else _swept(models, runner, predictor, output, options)
    parts = summary_parts(rows)
    if figures is not None:
        parts += front_parts(rows, figures)
        if plot is not None:
            write_file(draw_front(rows, figures, plot.suffix[1:]), plot)
    write_parts(parts)


def _saved(models: Path, runner: Path | None, predictor: str | None, output: Path | None, figures: tuple[str, str] | None) -> Sequence[SweepRow]:
    from instsim.errors import UsageError  # noqa: PLC0415 -- these load for real work only
    from instsim.sweep.results import read_results  # noqa: PLC0415

    if runner is not None or predictor is not None or output is not None or figures is None:
        raise UsageError(f"{models} holds results of a sweep: nothing is run", hint="--pareto A,B prints the front of two of its figures")
    return read_results(models)


def _swept(models: Path, runner: Path | None, predictor: str | None, output: Path | None, options: dict[str, Any]) -> Sequence[SweepRow]:
    from instsim.errors import UsageError  # noqa: PLC0415 -- these load for real work only
    from instsim.sweep.fork_server import start_fork_server  # noqa: PLC0415
    from instsim.sweep.models import find_models  # noqa: PLC0415
    from instsim.sweep.results import check_output  # noqa: PLC0415

    if output is None:
        raise UsageError("a sweep writes its results to a file, and none was named", hint="-o results.parquet, or -o results.csv")
    check_output(output)
    found = find_models(models)
    if options["workers"] and options["scheduler"] is None:
        start_fork_server()
    from instsim.sweep.sweeping import SweepOptions, make_plan, sweep  # noqa: PLC0415 -- takes as long as the other process takes to load

    plan = make_plan(runner, predictor, request_from(options))
    progress = _Progress(len(found))
    settled = SweepOptions(output, options["workers"], options["scheduler"], options["retry_failed"], progress.evaluated, progress.written)
    rows: list[SweepRow] = []
    try:
        for row in sweep(found, plan, settled):
            rows.append(row)
            progress.show(len(rows), is_ok=row.is_ok)
    finally:
        progress.end()
    return rows


class _Progress:
    """How far a sweep is, on standard error: a line that changes on a terminal, elsewhere one a minute."""

    def __init__(self, total: int) -> None:
        self._total, self._failed, self._evaluated, self._first = total, 0, 0, 0
        self._started = self._last = time.monotonic()
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = False

    def evaluated(self, count: int) -> None:
        """Count models that took time."""
        if not self._evaluated:
            # Starting workers is over, and it is not known how long these took without that.
            self._started, self._first = time.monotonic(), count
        self._evaluated += count

    def show(self, done: int, *, is_ok: bool) -> None:
        """Count a model."""
        self._failed += not is_ok
        now = time.monotonic()
        if now - self._last < (_EVERY_S if self._is_terminal else _LINE_EVERY_S):
            return
        self._last = now
        rate = self._rate(now)
        text = f"{done:,} of {self._total:,} models, {self._failed:,} failed"
        if rate:
            left_s = (self._total - done) / rate
            left = f"{left_s / 60:,.0f} min" if left_s > _LONG_S else f"{left_s:.0f} s"
            text += f", {rate * 3600:,.0f} an hour, {left} left"
        if self._is_terminal:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            self._shown = True
        else:
            click.echo(text, err=True)

    def _rate(self, now: float) -> float:
        """Models a second."""
        return (self._evaluated - self._first) / max(now - self._started, _EVERY_S)

    def written(self, files: Sequence[Path]) -> None:
        """Say how fast it went and where the results are."""
        now = time.monotonic()
        self.end()
        if now - self._started > _EVERY_S and self._evaluated > self._first:
            click.echo(f"evaluated {self._evaluated:,} models, {self._rate(now) * 3600:,.0f} an hour", err=True)
        click.echo(f"wrote {' and '.join(map(str, files))}", err=True)

    def end(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
