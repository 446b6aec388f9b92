"""Puts figures that were computed anew among those that were kept, and writes the page of all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from calibration.page import kept_section
from calibration.spreads import write_spreads

from accuracy.ablations import Ablation
from accuracy.comparison import Comparison
from accuracy.figures_file import Section, load_figures, merge, save_figures, version_of
from accuracy.page import page

__all__ = ["FIGURES", "publish"]

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = _ROOT / "docs" / "accuracy.md"
FIGURES = _ROOT / "docs" / "accuracy.json"
"""What the page is made of."""


def publish(
    fresh: Sequence[Comparison],
    remarks: Mapping[str, str],
    ablations: Sequence[Ablation] | None = None,
    appendices: Mapping[str, str] | None = None,
) -> None:
    """Write ``docs/accuracy.json`` and ``docs/accuracy.md``, and say so; the spread of nominal latency that ships follows them.

    Parameters
    ----------
    fresh : sequence of Comparison
        Every row of the data sets that were computed anew.
    remarks : mapping of str to str
        By data set, what its run found besides.
    ablations : sequence of Ablation, optional
        What each rule is worth. Default: as before.
    appendices : mapping of str to str, optional
        By data set, what stands behind its rows.
    """
    today, version = dt.datetime.now(tz=dt.UTC).date().isoformat(), version_of(_ROOT)
    behind = appendices or {}
    names = dict.fromkeys(row.data_set for row in fresh)
    sections = [Section(name, today, version, remarks.get(name, ""), behind.get(name, "")) for name in names]
    figures = merge(load_figures(FIGURES), fresh, sections, ablations)
    save_figures(figures, FIGURES)
    _PAGE.write_text(page(figures) + kept_section(_PAGE), encoding="utf-8")
    write_spreads(figures.comparisons)
    print(f"wrote {_PAGE.relative_to(_ROOT)} and {FIGURES.relative_to(_ROOT)}")
