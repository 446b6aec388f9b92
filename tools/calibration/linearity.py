"""How linear latency and energy are in cycles: ``docs/linearity.md`` and its pictures."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from accuracy.data_sets import PROGRAMS
from accuracy.figures_file import load_figures

from calibration.published import Row, by_setup
from instsim.report.calibration_plot import new_figure

__all__ = ["write_linearity"]

_TEXT = """# How linear latency and energy are in cycles

Calibration rests on two straight lines: latency is proportional to predicted cycles, and energy is proportional to latency. This page shows how
straight they are where something was measured. It is written by `python tools/calibration_study.py`; the data are in `docs/accuracy.json`
(simulated RTL) and `tools/published_runs/` (MLPerf Tiny, development part).

## Cycles, across optimisation levels: simulated RTL

Sixteen programs, the same ELF files on both sides, at -O2 and -Os. One factor was fitted to the eight programs at -O2 (weights 1/y^2) and used for
the eight at -Os.

{rtl}

![Predicted against simulated cycles](img/linearity-rtl.svg)

## Latency, across networks, compilers and runtimes: published images

The images whose bytes are public, run by instsim as they are. *Factor* is measured over predicted latency (geometric mean), *scatter* the standard
deviation of its logarithm over all of a board's images, *without reading once* that of images other than fully connected networks whose weights
lie in flash: those read every weight once, so that what flash costs a cycle differs from the other networks. Memory: {memory}.

{latency}

![Measured against predicted latency](img/linearity-latency.svg)

## Energy, across networks and firmwares: published runs

Power is energy over measured latency. *Within* is the scatter of the networks of one set-up (firmware, laboratory, round), *between* that of the
set-ups' means. One power for a set-up is what the data carry; one for a board over all firmware scatters twice as much.

{energy}

![Energy over latency](img/linearity-energy.svg)

An intercept fitted to the three networks of a set-up is negative in most of them, because the fully connected network draws less power while it
runs: no inference gives energy back, so such an intercept is refused. Its weights a cycle say how much
less ([accuracy.md](accuracy.md#calibrated-figures)).

## What no public data shows

Temperature: no published energy names it. Its term (`warmth`) is tested on synthetic runs only. The same holds for supply voltage and clock varied
on one board with one firmware: terms and choice are tested on synthetic runs; published runs have the STM32L4R5 at 1.8 and 3.0 V, with different
builds.
"""


def _save(figure: Any, path: Path) -> None:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    path.write_text("\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n", encoding="utf-8")


def _table(header: str, rows: Sequence[str]) -> str:
    return "\n".join([header, "|".join(["", *["---"] * (header.count("|") - 1), ""]), *rows])


def _factor(pairs: Sequence[tuple[float, float]]) -> float:
    ratios = [predicted / measured for predicted, measured in pairs]
    return math.fsum(ratios) / math.fsum(ratio * ratio for ratio in ratios)


def _rtl(docs: Path) -> str:
    programs = [row for row in load_figures(docs / "accuracy.json").comparisons if row.data_set == PROGRAMS]
    figure = new_figure(5.5, 4.0)
    axes, rows = figure.subplots(), []
    for core in dict.fromkeys(row.core for row in programs):
        here = [row for row in programs if row.core == core]
        fast, small = ([(r.predicted_cycles, r.measured_cycles) for r in here if r.name.endswith(level)] for level in ("_O2", "_Os"))
        factor = _factor(fast)
        errors = [abs(factor * predicted / measured - 1) for predicted, measured in small]
        rows.append(f"| {core} | {factor:.4f} | {fmean(errors):.2%} | {max(errors):.2%} |")
        axes.plot([r.measured_cycles for r in here], [r.error * 100 for r in here], "o", markersize=3, label=core)
    axes.set(xscale="log", xlabel="cycles of simulated RTL", ylabel="predicted - measured, %")
    axes.axhline(0, color="0.6", linewidth=1)
    axes.legend(fontsize=6, ncols=2)
    _save(figure, docs / "img" / "linearity-rtl.svg")
    return _table("| core | factor from -O2 | mean error at -Os | worst |", rows)


def _reads_once(row: Row) -> bool:
    return row["benchmark"] == "ad" and "RAM" not in row["firmware"]


def _latency(docs: Path, image_rows: Sequence[Row]) -> str:
    figure = new_figure(5.5, 4.0)
    axes, rows = figure.subplots(), []
    for (board,), group in by_setup(image_rows, "board"):
        predicted = [float(row["predicted_cycles"]) / float(row["clock_mhz"]) * 1e-3 for row in group]
        measured = [float(row["latency_ms"]) for row in group]
        logs = [math.log(m / p) for m, p in zip(measured, predicted, strict=True)]
        inside = [value for value, row in zip(logs, group, strict=True) if not _reads_once(row)]
        spread = f"{stdev(inside):.1%}" if len(inside) > 1 else "-"
        rows.append(f"| {board} | {len(group)} | {math.exp(fmean(logs)):.3f} | {stdev(logs):.1%} | {spread} |")
        axes.plot(predicted, [m / p for m, p in zip(measured, predicted, strict=True)], "o", markersize=4, label=board)
    axes.set(xscale="log", xlabel="predicted latency, ms", ylabel="measured / predicted")
    axes.axhline(1, color="0.6", linewidth=1)
    axes.legend(fontsize=7)
    _save(figure, docs / "img" / "linearity-latency.svg")
    return _table("| board | images | factor | scatter | without reading once |", rows)


def _energy(docs: Path, energy_rows: Sequence[Row]) -> str:
    figure = new_figure(5.5, 4.0)
    axes, rows = figure.subplots(), []
    for (board, supply_v), group in by_setup(energy_rows, "board", "supply_v"):
        setups = [[math.log(_power_w(row)) for row in rows_of] for _, rows_of in by_setup(group, "firmware", "laboratory", "round")]
        squares = math.fsum((value - fmean(setup)) ** 2 for setup in setups for value in setup)
        within = math.sqrt(squares / sum(len(setup) - 1 for setup in setups))
        between = f"{stdev(fmean(setup) for setup in setups):.1%}" if len(setups) > 1 else "-"
        mean_mw = math.exp(fmean(fmean(setup) for setup in setups)) * 1e3
        rows.append(f"| {board} | {float(supply_v):g} | {len(group)} | {len(setups)} | {mean_mw:.1f} | {within:.1%} | {between} |")
        x = [float(row["latency_ms"]) for row in group]
        axes.plot(x, [_power_w(row) * 1e3 for row in group], "o", markersize=4, label=f"{board}, {float(supply_v):g} V")
    axes.set(xscale="log", yscale="log", xlabel="measured latency, ms", ylabel="energy / latency, mW")
    axes.legend(fontsize=6)
    _save(figure, docs / "img" / "linearity-energy.svg")
    return _table("| board | supply, V | runs | set-ups | mean power, mW | within | between |", rows)


def _power_w(row: Row) -> float:
    return float(row["energy_uj"]) / float(row["latency_ms"]) * 1e-3


def write_linearity(docs: Path, energy_rows: Sequence[Row], image_rows: Sequence[Row]) -> None:
    """Write the page and its pictures.

    Parameters
    ----------
    docs : Path
        Folder of the page.
    energy_rows, image_rows : sequence of dict
        The published runs.
    """
    import matplotlib as mpl  # noqa: PLC0415 -- an extra, needed here only

    (docs / "img").mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "instsim", "svg.fonttype": "none"}):
        memory = "; ".join(sorted({row["memory"] for row in image_rows}))
        text = _TEXT.format(rtl=_rtl(docs), latency=_latency(docs, image_rows), energy=_energy(docs, energy_rows), memory=memory)
    (docs / "linearity.md").write_text(text, encoding="utf-8")
