"""The section on calibrations of ``docs/accuracy.md``, between two markers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibration.trials import Trials
from instsim.calibrate.weight_reading import WeightReading

__all__ = ["BEGIN", "END", "kept_section", "put_section", "section"]

BEGIN = "<!-- calibration: begin, written by tools/calibration_study.py -->"
END = "<!-- calibration: end -->"

_INTRODUCTION = """## Calibrated figures

Calibrated on some of the published MLPerf Tiny runs (`tools/published_runs/`: keyword spotting, image classification, anomaly detection), the
others predicted: every subset of a set-up's runs, or 60 draws a board with a fixed seed. A set-up is a board, supply, firmware, laboratory and
round. The spread that is pooled into each calibration comes from the other boards alone. Energy is that at measured latency; the error of a
predicted latency comes on top. What reading weights does to power ({slope:+.3f} in its logarithm for a byte of weights a cycle, standard
error {slope_sd:.3f} between boards) comes from the other boards alone, too. Coverage is the share of predictions whose 90 % interval holds the
measurement, width its median width over the prediction. Images were priced with memory as their row says in `mlperf_tiny_images.csv`.

| calibrated | runs | predictions | mean error | 90th percentile | worst | coverage | width |
|---|---|---|---|---|---|---|---|"""

_REMARKS = """
Reading weights: the fully connected network draws less than the other two in 16 of the 19 set-ups that have it, by 5 % on average, as a core
does that waits. Its bytes of weights a cycle (0.2 to 0.8, those of the others 0.002 to 0.01) say so before it runs, and the slope holds whichever
boards, makers, laboratories, rounds or firmwares it is not taken from: 4.6 to 4.8 % with one run and 3.1 to 3.4 % with two, against 6.0 and 5.0 %
without it. Six other covariates were looked at (the share of fully connected layers, multiply-accumulates a cycle, both, and logarithms):
none did better on boards left out, and multiply-accumulates a cycle do not carry over between makers. It rests on one network, and X-CUBE-AI 9.0 on
two boards contradicts it (that network draws 6 and 11 % more there), so five runs of one's own may refute it. For a convolution network it is next to
nothing. Three runs cannot be tried, for a set-up has three networks at most. What is left is near what the data are good for: other laboratories
measure the same board and firmware 2 to 3 % apart, and the meter errs by up to 2 %.

Figures to reach were 85 to 95 % of coverage. Latency and energy of other networks, over all numbers of runs, reach them. Single rows with few
predictions, which are not independent (each image is predicted from every subset of the others), do not say more: 10 of 12 is 83 %, and would be
anything from 52 to 98 % of many. All that latency intervals from two and three runs miss are two images, image classification on the STM32F746
(3 %) and keyword spotting on the STM32L4R5 (1.5 %), where intervals from the other images are narrow because these agree to some tenths of a per
cent. Wider intervals for all would cover them, and be wrong elsewhere; nothing was changed for them. Intervals for firmware that a board was not
calibrated with are wider than they need to be: the spread between firmwares rests on few boards, and intervals carry that.
"""


def section(trials: Sequence[Trials], reading: WeightReading, further: Sequence[str] = ()) -> str:
    """Return the section as Markdown.

    Parameters
    ----------
    trials : sequence of Trials
        Rows of the table.
    reading : WeightReading
        Of all boards.
    further : sequence of str
        Paragraphs and tables behind it.
    """
    rows = [
        f"| {t.title} | {t.runs} | {len(t.errors)} | {t.mean:.1%} | {t.percentile_90:.1%} | {t.worst:.0%} | {t.covered:.0%} | {t.width:.0%} |"
        for t in trials
    ]
    introduction = _INTRODUCTION.format(slope=reading.slope, slope_sd=reading.slope_sd)
    return "\n".join([introduction, *rows, _REMARKS, *(f"\n{text}" for text in further)])


def put_section(path: Path, text: str) -> None:
    """Put the section between its markers, at the end of the page if it has none yet."""
    page = path.read_text(encoding="utf-8") if path.is_file() else "# Accuracy\n"
    block = f"{BEGIN}\n{text}\n{END}"
    if BEGIN in page and END in page:
        before, _, rest = page.partition(BEGIN)
        page = f"{before}{block}{rest.partition(END)[2]}"
    else:
        page = f"{page.rstrip()}\n\n{block}\n"
    path.write_text(page, encoding="utf-8")


def kept_section(path: Path) -> str:
    """Return the section that a page holds, markers included, for who writes the rest of the page anew; empty if it holds none."""
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    if BEGIN not in page or END not in page:
        return ""
    return f"\n{BEGIN}{page.partition(BEGIN)[2].partition(END)[0]}{END}\n"
