"""The figures of the last run, ``docs/accuracy.json``: what the page is made of, and what later runs are checked against."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from accuracy.ablations import Ablation
from accuracy.comparison import Comparison

__all__ = ["Figures", "Section", "load_figures", "merge", "save_figures", "version_of"]

_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Section:
    """When and from what the rows of one data set were computed.

    Attributes
    ----------
    data_set : str
        Its name.
    date, commit : str
        Of the run.
    remark : str
        What that run found besides its figures.
    appendix : str
        What stands behind its rows.
    """

    data_set: str
    date: str
    commit: str
    remark: str = ""
    appendix: str = ""


@dataclass(frozen=True)
class Figures:
    """Everything the page shows."""

    sections: tuple[Section, ...]
    comparisons: tuple[Comparison, ...]
    ablations: tuple[Ablation, ...]


def load_figures(path: Path) -> Figures:
    """Read the figures of an earlier run; none if there was no run."""
    if not path.is_file():
        return Figures((), (), ())
    document = json.loads(path.read_text(encoding="utf-8"))
    return Figures(
        tuple(Section(**row) for row in document["sections"]),
        tuple(
            Comparison(group["data_set"], group["core"], name, predicted, measured, independent, group["source"], ideal)
            for group in document["comparisons"]
            for name, predicted, measured, independent, ideal in group["rows"]
        ),
        tuple(Ablation(**row) for row in document["ablations"]),
    )


def save_figures(figures: Figures, path: Path) -> None:
    """Write the figures, a row to a line."""
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for row in figures.comparisons:
        groups.setdefault((row.data_set, row.core, row.source), []).append(row)
    comparisons = []
    for (data_set, core, source), members in groups.items():
        head = json.dumps({"data_set": data_set, "core": core, "source": source}, ensure_ascii=False)
        rows = ",\n    ".join(
            json.dumps(
                [row.name, _rounded(row.predicted_cycles), _rounded(row.measured_cycles), row.compiler_independent, _rounded(row.ideal_cycles)]
            )
            for row in members
        )
        comparisons.append(f'{head[:-1]}, "rows": [\n    {rows}\n  ]}}')
    sections = [json.dumps({key: value for key, value in asdict(section).items() if value or key != "appendix"}) for section in figures.sections]
    ablations = [json.dumps({key: _rounded(value) for key, value in asdict(row).items()}) for row in figures.ablations]
    parts = [
        f'"{name}": [\n  ' + ",\n  ".join(lines) + "\n ]"
        for name, lines in (("sections", sections), ("comparisons", comparisons), ("ablations", ablations))
    ]
    path.write_text("{\n " + ",\n ".join(parts) + "\n}\n", encoding="utf-8")


def _rounded(value: object) -> object:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def version_of(folder: Path) -> str:
    """Return the commit that a folder's repository is at, or ``unknown``."""
    done = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def merge(kept: Figures, fresh: Sequence[Comparison], sections: Sequence[Section], ablations: Sequence[Ablation] | None = None) -> Figures:
    """Replace the data sets that were computed anew, and keep the others; None keeps the ablations."""
    names = {section.data_set for section in sections}
    return Figures(
        (*sections, *(section for section in kept.sections if section.data_set not in names)),
        (*fresh, *(row for row in kept.comparisons if row.data_set not in names)),
        kept.ablations if ablations is None else tuple(ablations),
    )
