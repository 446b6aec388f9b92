"""``docs/prediction.md`` from its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["page"]

_INTRODUCTION = """# How well predictors predict

Errors of predictors that come with instsim, on layers and networks that they were not taught. The truth is the simulator itself at ideal
memory: every layer and network was run in the firmware that taught the predictor; where it was taught what a
board's memories add, some networks were run with these, too, in the same firmware or in one linked for that board. So
these are errors of the formulas alone; how well the simulator does on hardware is in [accuracy.md](accuracy.md). This page is written by
`tools/predictor_study.py`, which needs the runners; they hold other people's code, and are not in the repository.

Beside each predictor stand two simpler ways. *MACs*: cycles in proportion to multiply-accumulates (output elements where there are none), with the
factor that does best on the very layers or networks it is judged on. *Forest*: a random forest on the layer's dimensions, one for each operator,
taught on 200 layers.

One run of a layer is not what it takes on other data: kernels branch on signs and on what is clamped, and a layer with few outputs has few
draws. So further layers, of a seed that nothing was developed on, were run on 8 inputs each. *Of one run* and *of the mean*: how many layers
were predicted within 1 % of their first run, and of the mean of all. *Of runs*: how many runs lie within 1 % of the mean of the other
runs of their layer: more no prediction reaches against one run, whatever it knows of the model. *Mean error* is that against the mean, *scatter*
the relative standard deviation from run to run. *In interval*: runs within the predictor's own 90 % interval. Operators that are missing in this
table were not taught again since.
"""


def _percent(value: float) -> str:
    return f"{100 * value:.2f}" if value < 0.1 else f"{100 * value:.1f}"


def _three(row: Mapping[str, Any], key: str) -> str:
    return " | ".join(_percent(row[way][key]) for way in ("predictor", "macs", "forest"))


def _scatter(figures: Mapping[str, Any]) -> list[str]:
    """Return the table of what data do, for sections that have measured it."""
    rows = {kind: row["data"] for kind, row in figures["layers"].items() if "data" in row}
    if not rows:
        return []
    lines = [
        "",
        "| operator | layers | within 1 %: of one run | of the mean | of runs | mean error % | scatter %: median | 95 % below | in interval |",
        "|" + "---|" * 9,
    ]
    for kind, row in rows.items():
        shares = " | ".join(f"{100 * row[key]:.0f} %" for key in ("one_run", "mean", "runs_of_others"))
        sizes = " | ".join(_percent(row[key]) for key in ("mean_error", "spread_median", "spread_p95"))
        lines.append(f"| {kind} | {row['layers']} | {shares} | {sizes} | {100 * row['covered']:.0f} % |")
    return lines


def _section(figures: Mapping[str, Any]) -> list[str]:
    lines = [f"## {figures['name']}", "", f"{figures['kernels']}; cycles of {figures['core']}.", ""]
    lines += [
        "| operator | taught | fresh | within 1 % | within 5 % | mean %: predictor | MACs | forest | 95th percentile %: predictor | MACs | forest |",
        "|" + "---|" * 11,
    ]
    for kind, row in figures["layers"].items():
        own = row["predictor"]
        shares = f"{100 * own['within_1']:.0f} % | {100 * own['within_5']:.0f} %"
        lines.append(f"| {kind} | {figures['taught'][kind]} | {row['layers']} | {shares} | {_three(row, 'mean')} | {_three(row, 'p95')} |")
    lines += _scatter(figures)
    lines += ["", "| network | cycles | predictor | forest | arena: predicted | in use |", "|---|---|---|---|---|---|"]
    for name, row in figures["networks"].items():
        own, forest = (100 * (row[way] / row["cycles"] - 1) for way in ("predictor", "forest"))
        arena = f"{round(row['arena_predicted']):,} B | {round(row['arena']):,} B"
        lines.append(f"| {name} | {round(row['cycles']):,} | {own:+.2f} % | {forest:+.1f} % | {arena} |")
    random = figures["random"]
    lines += [
        "",
        f"{random['networks']} networks drawn at random:",
        "",
        "| | mean error | 95th percentile | largest | rank correlation |",
        "|---|---|---|---|---|",
    ]
    for way in ("predictor", "macs", "forest"):
        row = random[way]
        errors = " | ".join(f"{_percent(row[key])} %" for key in ("mean", "p95", "largest"))
        lines.append(f"| {way} | {errors} | {row['rank_correlation']:.4f} |")
    speeds = figures["speeds"]
    covered = (
        f"The predictor's own 90 % interval held {100 * random['covered']:.0f} % of them. Arena: mean error {_percent(random['arena_error'])} %. "
    )
    speed = (
        f"One core predicts {speeds['from_layers']:,.0f} such networks a second from layers (nearly all layers distinct) and "
        f"{speeds['from_files']:,.0f} from files."
    )
    lines += ["", covered + speed, ""]
    for name, row in figures.get("beside", {}).items():
        said = f"{name}, taught on a build for another core, is {_percent(row['mean'])} % off on these networks in the mean"
        lines += [f"{said} (95th percentile {_percent(row['p95'])} %).", ""]
    for memory, stalls in figures["stalls"].items():
        lines += [
            f"{stalls['networks']} networks drawn at random, with the memories of a board followed ({memory}):",
            "",
            "| | mean error | 95th percentile | largest |",
            "|---|---|---|---|",
        ]
        for way in ("predictor", "ideal"):
            errors = " | ".join(f"{_percent(stalls[way][key])} %" for key in ("mean", "p95", "largest"))
            lines.append(f"| {'with stalls' if way == 'predictor' else 'ideal memory'} | {errors} |")
        lines += ["", f"The predictor's own 90 % interval held {100 * stalls['covered']:.0f} % of them.", ""]
    return lines


def page(figures: Mapping[str, Any]) -> str:
    """Return the page."""
    lines = [_INTRODUCTION]
    for _, found in sorted(figures.items()):
        lines += _section(found)
    return "\n".join(lines)
