"""Rerun every comparison of predicted with measured cycles, and write ``docs/accuracy.md``.

Usage::

    python tools/scoreboard.py                             # RTL part: needs nothing but this repository
    python tools/scoreboard.py --programs manifest.json    # other programs too
    python tools/scoreboard.py --check                     # fail if the RTL part differs from docs/accuracy.json or misses a goal

Exit code 1 if ``--check`` finds a difference.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from accuracy.ablations import ablate
from accuracy.comparison import Comparison
from accuracy.data_sets import PROGRAMS
from accuracy.external_programs import MANIFEST_FORM, compare_programs
from accuracy.figures_file import load_figures
from accuracy.page import summary_lines
from accuracy.publishing import FIGURES, publish
from accuracy.rtl_figures import load_bench

from instsim.cost import load_core

_SAME = 1e-8


def _differences(kept: list[Comparison], fresh: list[Comparison]) -> list[str]:
    before = {(row.data_set, row.core, row.name): row for row in kept}
    found = []
    for row in fresh:
        old = before.get((row.data_set, row.core, row.name))
        if old is None:
            found.append(f"{row.core} {row.name}: new")
        elif abs(old.predicted_cycles - row.predicted_cycles) > _SAME * old.predicted_cycles:
            found.append(f"{row.core} {row.name}: {row.predicted_cycles:,.0f} cycles, were {old.predicted_cycles:,.0f}")
    return found


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=MANIFEST_FORM, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, metavar="MANIFEST", help="programs that are not in the repository")
    parser.add_argument("--check", action="store_true", help="compare with the committed figures, write nothing")
    arguments = parser.parse_args()
    bench = load_bench()
    fresh = [row for core in bench.cores for row in bench.compare(core)]
    if arguments.programs is not None:
        fresh += compare_programs(arguments.programs)
    order = list(dict.fromkeys(row.data_set for row in fresh))
    fresh.sort(key=lambda row: order.index(row.data_set))
    lines = list(summary_lines(fresh))
    print("\n".join(lines))
    for name, reason in bench.skipped.items():
        print(f"not run: {name}: {reason}")
    if arguments.check:
        problems = _differences(list(load_figures(FIGURES).comparisons), fresh)
        print("\n".join(problems) or f"the same as {FIGURES.name}")
        return 1 if problems else 0
    ablations = [row for core, facts in bench.cores.items() for row in ablate(bench, core, load_core(facts["core"]))]
    not_run = "; ".join(f"`{name}` ({reason})" for name, reason in bench.skipped.items())
    publish(fresh, {PROGRAMS: f"Not run: {not_run}."} if not_run else {}, ablations)
    return 0


if __name__ == "__main__":
    sys.exit(main())
