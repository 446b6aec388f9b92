"""Measured against predicted, and residuals, as a picture. The only importer of matplotlib."""

from __future__ import annotations

import io
from typing import Any

from instsim.calibrate.choosing import Choice
from instsim.calibrate.fit_board import BoardFit
from instsim.calibrate.fitting import Sample, make_samples
from instsim.errors import UsageError

__all__ = ["draw_calibration", "new_figure"]


def new_figure(width_inches: float, height_inches: float) -> Any:
    """Return an empty figure that belongs to no window.

    Raises
    ------
    UsageError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 -- an extra of the package
    except ImportError as error:
        raise UsageError("plots need matplotlib, which is not installed", hint="pip install 'instsim[plot]'") from error
    return Figure(figsize=(width_inches, height_inches), layout="constrained")


def draw_calibration(fitted: BoardFit, form: str = "png") -> bytes:
    """Draw, for latency and energy, measured against predicted with the 90 % interval, and the residuals below.

    Parameters
    ----------
    fitted : BoardFit
        What was fitted.
    form : {'png', 'svg', 'pdf'}
        Of the picture.

    Raises
    ------
    UsageError
        If matplotlib is not installed.
    """
    choices = [choice for choice in (fitted.latency, fitted.energy) if choice is not None]
    figure = new_figure(5.0 * len(choices), 6.0)
    axes = figure.subplots(2, len(choices), squeeze=False, height_ratios=(2, 1))
    for column, choice in enumerate(choices):
        _draw(axes[0][column], axes[1][column], choice, make_samples(choice.fit.model.quantity, fitted.observations))
    stream = io.BytesIO()
    figure.suptitle(" of ".join(dict.fromkeys((fitted.calibration.name, fitted.calibration.board))))
    figure.savefig(stream, format=form, metadata={"Date": None} if form == "svg" else None)
    return stream.getvalue()


def _draw(above: Any, below: Any, choice: Choice, samples: tuple[Sample, ...]) -> None:
    from matplotlib.ticker import FormatStrFormatter, LogLocator  # noqa: PLC0415 -- an extra of the package, found by `new_figure`

    model = choice.fit.model
    unit, scale = ("ms", 1e3) if model.quantity == "latency" else ("mJ", 1e3)
    for family in sorted({sample.point.firmware for sample in samples}):
        pairs = [(model.predict(s.point), s.value) for s in samples if s.point.firmware == family]
        known = [(prediction, value) for prediction, value in pairs if prediction is not None]
        x = [prediction.value * scale for prediction, _ in known]
        above.errorbar(
            x,
            [value * scale for _, value in known],
            xerr=[
                [(p.value - p.interval()[0]) * scale for p, _ in known],
                [(p.interval()[1] - p.value) * scale for p, _ in known],
            ],
            fmt="o",
            markersize=4,
            linewidth=1,
            label=family or "runs",
        )
        below.plot(x, [100 * (value / prediction.value - 1) for prediction, value in known], "o", markersize=4)
    above.axline((0, 0), slope=1, color="0.6", linewidth=1, zorder=0)
    above.set(xscale="log", yscale="log", ylabel=f"measured {model.quantity}, {unit}")
    above.legend(fontsize="small")
    below.axhline(0, color="0.6", linewidth=1)
    below.set(xscale="log", xlabel=f"fitted {model.quantity} with 90 % interval, {unit}", ylabel="residual, %")
    for axis in (above.xaxis, above.yaxis, below.xaxis):
        # Beside decades: 2 and 5 have room, all the others would cover each other.
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.set_minor_formatter(FormatStrFormatter("%g"))
        axis.set_major_formatter(FormatStrFormatter("%g"))
