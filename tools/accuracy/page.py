"""The page ``docs/accuracy.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from accuracy.ablations import Ablation
from accuracy.comparison import Comparison, Summary, summarize
from accuracy.data_sets import ABOUT, ORDER, goal_of
from accuracy.figures_file import Figures

__all__ = ["page", "summary_lines"]

_INTRODUCTION = """# Accuracy

Cycles that instsim predicts from an ELF file beside cycles that were measured. Errors are predicted / measured - 1.

This page is written by programs. The RTL part needs nothing but this repository; the others need firmware that is not ours to distribute. What is
not computed anew stays as it was.

    python tools/scoreboard.py                           # the RTL part, this page and docs/accuracy.json, which it is made of
    python tools/scoreboard.py --check                   # compares with the figures in docs/accuracy.json instead
    python tools/scoreboard.py --programs manifest.json  # other programs too; --help says what a manifest holds
    python tools/vendor_images.py IMAGES CSV --write     # images of the result repositories of MLPerf Tiny
    python tools/calibration_study.py                    # calibrations
"""

_OVERVIEW_NOTE = """*Same code*: the very instructions that were measured; elsewhere programs were built again, mostly with another
compiler, which alone moves a kernel by some per cent. *Ideal memory*: the mean error if nothing waited for memory; none where programs run from
memory without waits.
"""

_REMARKS = """## Remarks on the worst rows

* **Hazard3, `statemach_Os` (-0.7 %)**: a jump lands one block before the block of a predicted branch whose target is split over two words. Fetch is
  not ahead then and falls behind by a cycle; instsim knows that only of a jump to the very block (event `loop-fetch`).
* **VexRiscv, `fibrec` (+2.1 %, -2.3 %)**: whether a return waits for the decompressor (event `word-held`) depends on more of the code behind it than
  the rule looks at. `statemach` (-0.5 %): the same of jumps through a table.
* **PicoRV32 small**: shifts by a register take a step for each four bits of an amount that nobody follows; a mean is assumed. `sra_reg4` and
  `sll_reg31` are the two ends of that.
* **Ibex with instruction cache (`ibex_otlike`)**: its cache is not modelled. It costs a cycle or two in some micro-benchmarks, 10 % of one that
  takes 19 cycles (`csrw_mscratch`).
"""

_WHOLE_FROM = 1000


def _percent(value: float, *, sign: bool = True) -> str:
    return f"{value * 100:+.2f} %" if sign else f"{value * 100:.2f} %"


def _groups(rows: Sequence[Comparison]) -> dict[str, dict[str, list[Comparison]]]:
    groups: dict[str, dict[str, list[Comparison]]] = {}
    for row in rows:
        groups.setdefault(row.data_set, {}).setdefault(row.core, []).append(row)
    return groups


def summary_lines(rows: Sequence[Comparison]) -> Iterator[str]:
    """Yield the summary that is printed: a line for each core of each data set."""
    for data_set, cores in _groups(rows).items():
        yield f"{data_set}:"
        for core, members in cores.items():
            summary = summarize(members)
            goal = goal_of(data_set, core)
            met = (
                ""
                if goal is None
                else "  ok"
                if summary.mean_absolute <= goal.mean_absolute and abs(summary.worst.error) <= goal.worst
                else "  MISSED"
            )
            yield (
                f"  {core:14} {summary.rows:4} rows  mean {_percent(summary.mean_absolute, sign=False):>8}  bias {_percent(summary.bias):>8}  "
                f"worst {_percent(summary.worst.error):>9} {summary.worst.name}{met}"
            )


def page(figures: Figures) -> str:
    """Return the page as Markdown."""
    sections = {section.data_set: section for section in figures.sections}
    groups = _groups(figures.comparisons)
    order = sorted(groups, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    parts = [_INTRODUCTION, "\n".join(_overview({name: groups[name] for name in order})) + "\n"]
    for data_set in order:
        parts.append(f"## {data_set}\n")
        section = sections.get(data_set)
        made = () if section is None else (section.remark, f"Computed on {section.date} at commit {section.commit}.")
        parts.append(" ".join(part for part in (ABOUT.get(data_set, ""), *made) if part) + "\n")
        parts.append("\n".join(_table(data_set, groups[data_set])) + "\n")
        parts.extend("\n".join(_details(core, rows)) + "\n" for core, rows in groups[data_set].items())
        if section is not None and section.appendix:
            parts.append(section.appendix + "\n")
    parts.append(_REMARKS)
    if figures.ablations:
        parts.append("\n".join(_ablations(figures.ablations)) + "\n")
    return "\n".join(parts)


def _overview(groups: Mapping[str, Mapping[str, Sequence[Comparison]]]) -> Iterator[str]:
    yield "## At a glance\n"
    yield _OVERVIEW_NOTE
    yield "| measured | boards or cores | same code | rows | mean error | worst | mean error, ideal memory |"
    yield "|---|---|---|---|---|---|---|"
    for data_set, cores in groups.items():
        rows = [row for members in cores.values() for row in members]
        summary = summarize(rows)
        same = {row.compiler_independent for row in rows}
        code = "some" if len(same) > 1 else "yes" if same.pop() else "no"
        anchor = "".join(letter for letter in data_set.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")
        yield (
            f"| [{data_set}](#{anchor}) | {len(cores)} | {code} | {summary.rows} | {_percent(summary.mean_absolute, sign=False)} "
            f"| {_percent(summary.worst.error)} | {_ideal(summary)} |"
        )


def _ideal(summary: Summary) -> str:
    return "" if summary.ideal_mean_absolute is None else _percent(summary.ideal_mean_absolute, sign=False)


def _table(data_set: str, cores: Mapping[str, Sequence[Comparison]]) -> Iterator[str]:
    yield "| core | rows | mean absolute error | bias | worst | mean, ideal memory | goal (mean, worst) |"
    yield "|---|---|---|---|---|---|---|"
    for core, rows in cores.items():
        summary = summarize(rows)
        goal = goal_of(data_set, core)
        aim = "" if goal is None else f"{_percent(goal.mean_absolute, sign=False)}, {_percent(goal.worst, sign=False)}"
        yield (
            f"| {core} | {summary.rows} | {_percent(summary.mean_absolute, sign=False)} | {_percent(summary.bias)} "
            f"| {_percent(summary.worst.error)} `{summary.worst.name}` | {_ideal(summary)} | {aim} |"
        )


def _details(core: str, rows: Sequence[Comparison]) -> Iterator[str]:
    sources = dict.fromkeys(row.source for row in rows if row.source)
    followed = any(row.ideal_error is not None for row in rows)
    yield f"<details><summary>{core}: every row</summary>\n"
    yield from (f"{source}\n" for source in sources)
    yield "| program | predicted | measured | error |" + (" ideal memory |" if followed else "")
    yield "|---|---|---|---|" + ("---|" if followed else "")
    for row in rows:
        other = "" if row.compiler_independent else " (built again)"
        ideal = "" if not followed else " |" if row.ideal_error is None else f" {_percent(row.ideal_error)} |"
        yield f"| `{row.name}`{other} | {_cycles(row.predicted_cycles)} | {_cycles(row.measured_cycles)} | {_percent(row.error)} |{ideal}"
    yield "\n</details>"


def _cycles(value: float) -> str:
    """Return cycles in whole numbers, those of a single instruction with as many digits as an error of a per cent needs."""
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:.4g}"


def _ablations(ablations: Sequence[Ablation]) -> Iterator[str]:
    yield "## What each rule is worth\n"
    yield "Mean absolute errors with the rule, and with its weight set to nothing. Rules that no program here meets are left out.\n"
    yield "| core | rule | rests on | programs | without | micro-benchmarks | without |"
    yield "|---|---|---|---|---|---|---|"
    for row in ablations:
        figures = (row.programs, row.programs_without, row.micro, row.micro_without)
        yield f"| {row.core} | {row.rule} | {row.basis} | " + " | ".join(_percent(figure, sign=False) for figure in figures) + " |"
