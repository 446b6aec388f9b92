"""The section on calibrations of ``docs/accuracy.md``, between two markers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibration.trials import Trials

__all__ = ["BEGIN", "END", "kept_section", "put_section", "section"]

BEGIN = "<!-- calibration: begin, written by tools/calibration_study.py -->"
END = "<!-- calibration: end -->"

_INTRODUCTION = """## Calibrated figures

Calibrated on some of the published MLPerf Tiny runs (`tools/published_runs/`: keyword spotting, image classification, anomaly detection), the
others predicted: every subset of a set-up's runs, or 60 draws a board with a fixed seed. A set-up is a board, supply, firmware, laboratory and
round. The spread that is pooled into each calibration comes from the other boards alone. Energy is that at measured latency; the error of a
predicted latency comes on top. Coverage is the share of predictions whose 90 % interval holds the measurement, width the median width of that
interval over the prediction. Images were priced with memory as their row says in `mlperf_tiny_images.csv`.

| calibrated | runs | predictions | mean error | 90th percentile | worst | coverage | width |
|---|---|---|---|---|---|---|---|"""

_REMARKS = """
Figures to reach were 85 to 95 % of coverage. Latency and energy of other networks, over all numbers of runs, reach them. Single rows with few
predictions, which are not independent (each image is predicted from every subset of the others), do not say more: 10 of 12 is 83 %, and would be
anything from 52 to 98 % of many. All that latency intervals from two and three runs miss are two images, image classification on the STM32F746
(3 %) and keyword spotting on the STM32L4R5 (1.5 %), where intervals from the other images are narrow because these agree to some tenths of a per
cent. Wider intervals for all would cover them, and be wrong elsewhere; nothing was changed for them. Intervals for firmware that a board was not
calibrated with are wider than they need to be: the spread between firmwares rests on few boards, and intervals carry that.
"""


def section(trials: Sequence[Trials], further: Sequence[str] = ()) -> str:
    """Return the section as Markdown.

    Parameters
    ----------
    trials : sequence of Trials
        Rows of the table.
    further : sequence of str
        Paragraphs and tables behind it.
    """
    rows = [
        f"| {t.title} | {t.runs} | {len(t.errors)} | {t.mean:.1%} | {t.percentile_90:.1%} | {t.worst:.0%} | {t.covered:.0%} | {t.width:.0%} |"
        for t in trials
    ]
    return "\n".join([_INTRODUCTION, *rows, _REMARKS, *(f"\n{text}" for text in further)])


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
