"""The page ``docs/accuracy.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from accuracy.ablations import Ablation
from accuracy.comparison import Comparison, summarize
from accuracy.figures_file import Figures
from accuracy.rtl_figures import GOALS, MICRO, PROGRAMS, WHOLE_RUNS

__all__ = ["page", "summary_lines"]

_INTRODUCTION = """# Accuracy

Cycles that instsim predicts from an ELF file beside cycles that were measured. Errors are predicted / measured - 1.

This page is written by a program. The RTL part needs nothing but this repository:

    python tools/scoreboard.py            # runs everything, prints the summary, writes this page and docs/accuracy.json
    python tools/scoreboard.py --check    # compares with the figures in docs/accuracy.json instead

The other sections need programs that are not ours to distribute; `--programs manifest.json` says where they are (see `python tools/scoreboard.py
--help`). Without it their figures stay as they were.
"""

_ABOUT: Mapping[str, str] = {
    PROGRAMS: (
        "Sixteen small C programs, the same ELF files on both sides; third pass of the kernel, memory without wait states; VexRiscv with its"
        " caches. Programs and cycles: `firmware_elf/rtl/`."
    ),
    MICRO: (
        "Short sequences in assembly that ask for one thing each, the same ELF files on both sides. Figures include the store that marks a region."
        " Programs and cycles: `firmware_elf/rtl/`."
    ),
    WHOLE_RUNS: (
        "The sixteen programs from their entry point to their exit: start-up, set-up code and cold passes too, so mostly code that the other two"
        " sets do not hold. No figure was chosen by these; Hazard3's fetch queue was looked into because of them. On VexRiscv they include cold"
        " caches."
    ),
    "TFLM person detection on RP2040, rebuilt with another compiler": (
        "TensorFlow Lite Micro on a Raspberry Pi Pico, operator by operator, code and weights in flash behind the XIP cache. The author's"
        " compiler is not known, so that the code differs in detail: 5 cycles an output explain what is left of the 1x1 convolutions of 1bdb61c."
        " One figure of the memory system was fitted here, 15 of the 55 cycles of a miss, on 1bdb61c. Nothing was chosen by cb48261; which CONV"
        " source was measured there is not certain. Operator 13 depends on where the linker put its weights: conflicts in a cache of two ways."
    ),
    "TFLM float networks on RP2350, rebuilt with another compiler": (
        "Weights stream from flash: 82 and 55 % of all cycles wait for it. Nothing was fitted to these rows. The published runs are of float models,"
        " converted anew by their author; here are the float models of MLPerf Tiny (mlcommons/tiny), whose shapes are the same."
    ),
    "ESP32-C3 TinyMaix, rebuilt with another compiler": (
        "Networks of another engine, a cache miss being 154 clocks of the flash, counted from its protocol; nothing was fitted to these rows but the"
        " choice of replacement (FIFO). Where the model lies in RAM the difference is the compiler's (GCC 12.2 for one of 2022)."
    ),
}

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
            goal = GOALS.get(core, {}).get(data_set)
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


def page(figures: Figures, skipped: Mapping[str, str]) -> str:
    """Return the page as Markdown."""
    dates = {section.data_set: section for section in figures.sections}
    parts = [_INTRODUCTION]
    for data_set, cores in _groups(figures.comparisons).items():
        parts.append(f"## {data_set}\n")
        section = dates.get(data_set)
        made = f"Computed on {section.date} at commit {section.commit}." if section is not None else ""
        parts.append(" ".join(part for part in (_ABOUT.get(data_set, ""), made) if part) + "\n")
        parts.append("\n".join(_table(data_set, cores)) + "\n")
        parts.extend("\n".join(_details(core, rows)) + "\n" for core, rows in cores.items())
    if skipped:
        parts.append("Not run: " + "; ".join(f"`{name}` ({reason})" for name, reason in skipped.items()) + ".\n")
    parts.append(_REMARKS)
    if figures.ablations:
        parts.append("\n".join(_ablations(figures.ablations)) + "\n")
    return "\n".join(parts)


def _table(data_set: str, cores: Mapping[str, Sequence[Comparison]]) -> Iterator[str]:
    yield "| core | rows | mean absolute error | bias | worst | goal (mean, worst) |"
    yield "|---|---|---|---|---|---|"
    for core, rows in cores.items():
        summary = summarize(rows)
        goal = GOALS.get(core, {}).get(data_set)
        aim = "" if goal is None else f"{_percent(goal.mean_absolute, sign=False)}, {_percent(goal.worst, sign=False)}"
        yield (
            f"| {core} | {summary.rows} | {_percent(summary.mean_absolute, sign=False)} | {_percent(summary.bias)} "
            f"| {_percent(summary.worst.error)} `{summary.worst.name}` | {aim} |"
        )


def _details(core: str, rows: Sequence[Comparison]) -> Iterator[str]:
    sources = dict.fromkeys(row.source for row in rows if row.source)
    yield f"<details><summary>{core}: every row</summary>\n"
    yield from (f"{source}\n" for source in sources)
    yield "| program | predicted | measured | error |"
    yield "|---|---|---|---|"
    for row in rows:
        other = "" if row.compiler_independent else " (another compiler)"
        yield f"| `{row.name}`{other} | {row.predicted_cycles:,.0f} | {row.measured_cycles:,.0f} | {_percent(row.error)} |"
    yield "\n</details>"


def _ablations(ablations: Sequence[Ablation]) -> Iterator[str]:
    yield "## What each rule is worth\n"
    yield "Mean absolute errors with the rule, and with its weight set to nothing. Rules that no program here meets are left out.\n"
    yield "| core | rule | rests on | programs | without | micro-benchmarks | without |"
    yield "|---|---|---|---|---|---|---|"
    for row in ablations:
        figures = (row.programs, row.programs_without, row.micro, row.micro_without)
        yield f"| {row.core} | {row.rule} | {row.basis} | " + " | ".join(_percent(figure, sign=False) for figure in figures) + " |"
