"""Run firmware images of vendors whose latency has been measured on the board, and set prediction beside measurement.

Usage::

    python tools/vendor_images.py IMAGES CSV                # print the table
    python tools/vendor_images.py IMAGES CSV --write        # put it into docs/accuracy.md, between its markers
    python tools/vendor_images.py IMAGES CSV --json FILE    # keep the rows

``CSV`` has the columns round, submitter, system, benchmark, build, file, clock_mhz and cycles_per_inference; ``file`` is a path below ``IMAGES``,
or below the folder there that is named like the round. Rows whose image is not there are left out: the images are the vendors', and not part
of this repository. All of them speak the dialogue of EEMBC's runner, with the same random input for all images of one benchmark.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

from instsim.errors import InstsimError
from instsim.session.estimate import Estimate
from instsim.session.facade import estimate
from instsim.session.request import Request

_DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "accuracy.md"
_BEGIN, _END = "<!-- vendor images: begin -->", "<!-- vendor images: end -->"
_BOARDS = {
    "L4R5": "nucleo-l4r5zi",
    "U575": "nucleo-u575zi-q",
    "G0B1": "nucleo-g0b1re",
    "F746": "disco-f746ng",
    "H7A3": "nucleo-h7a3zi-q",
}
_HEADING = """## Firmware images of vendors

Images from the result repositories of MLPerf Tiny (github.com/mlcommons/tiny_results_v1.1 and v1.2), run unmodified from reset through the dialogue
of EEMBC's runner; the region lies between the two timestamps of one inference. Official cycles are the published latency times the nominal clock. The
images come from closed code generators and are not part of this repository; `python tools/vendor_images.py IMAGES CSV --write` makes this section.
"Ideal memory" leaves the memories' stalls out: what is missing most then (anomaly detection) reads weights from flash once. The memory tables say
which of their figures were derived or fitted on these images. Host seconds hold boot, dialogue, inference and pricing, on a shared two-core machine.
"""
_RESULTS = re.compile(r"m-results-\[([^\]]*)\]")


@dataclass(frozen=True)
class Row:
    """One image: what was measured, what is predicted."""

    round: str
    submitter: str
    system: str
    benchmark: str
    build: str
    official_cycles: int
    ideal_cycles: float | None
    predicted_cycles: float | None
    host_s: float
    results: str
    problem: str

    @property
    def ratio(self) -> float | None:
        """Predicted over official cycles."""
        return None if self.predicted_cycles is None else self.predicted_cycles / self.official_cycles


def _run(image: Path, facts: dict[str, str], memory: str) -> Row:
    board = next((name for part, name in _BOARDS.items() if part in facts["system"]), None)
    started = time.perf_counter()
    found: Estimate | None = None
    problem = ""
    if board is None:
        problem = "no board file"
    else:
        request = Request(board=board, serial="eembc", clock_hz=float(facts["clock_mhz"]) * 1e6, use_cache=False, memory=memory)
        try:
            found = estimate(image, request)
        except InstsimError as error:
            problem = str(error)
    results = _RESULTS.search(found.run.output) if found is not None else None
    return Row(
        facts["round"],
        facts["submitter"],
        facts["system"],
        facts["benchmark"],
        facts["build"],
        int(facts["cycles_per_inference"]),
        None if found is None else found.cycles - (found.memory.stall_cycles if found.memory is not None else 0.0),
        None if found is None else found.cycles,
        time.perf_counter() - started,
        results[1] if results else "",
        problem,
    )


def run_all(images: Path, table: Path, only: str = "", memory: str = "exact") -> list[Row]:
    """Run every image of the table that lies in the folder, following memories in that way."""
    rows = []
    with table.open(encoding="utf-8", newline="") as stream:
        for facts in csv.DictReader(line for line in stream if not line.startswith("#")):
            image = next((path for path in (images / facts["round"] / facts["file"], images / facts["file"]) if path.is_file()), None)
            if image is None or not re.search(only, f"{facts['round']}/{facts['file']}"):
                continue
            row = _run(image, facts, memory)
            rows.append(row)
            ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
            print(f"{row.round} {row.system} {row.benchmark} {row.build} {ratio} {row.host_s:.2f} s {row.problem}", file=sys.stderr)
    return rows


def table_text(rows: list[Row]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| round, submitter | system | benchmark | build | predicted cycles | official cycles | ratio, ideal memory | ratio | host s |",
        "|---|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        predicted = "-" if row.predicted_cycles is None else f"{row.predicted_cycles:,.0f}"
        ratios = [f"{found:.3f}" if found else "-" for found in (_ratio(row, row.ideal_cycles), row.ratio)]
        cells = (f"{row.round} {row.submitter}", row.system, row.benchmark, row.build or "", predicted, f"{row.official_cycles:,}", *ratios)
        lines.append(f"| {' | '.join(cells)} | {row.host_s:.1f} |")
    lines += ["", "| chip | images | mean error, ideal memory | mean error | worst |", "|---|--:|--:|--:|--:|"]
    for chip in [*_BOARDS, ""]:
        chosen = [row for row in rows if chip in row.system and row.predicted_cycles]
        if chosen:
            ideal, real = (
                [abs((_ratio(row, cycles) or 0.0) - 1.0) for row, cycles in zip(chosen, column, strict=True)]
                for column in ([row.ideal_cycles for row in chosen], [row.predicted_cycles for row in chosen])
            )
            cells = (chip or "all", str(len(chosen)), *(f"{100 * value:.2f} %" for value in (mean(ideal), mean(real), max(real))))
            lines.append(f"| {' | '.join(cells)} |")
    groups: dict[str, set[str]] = {}
    for row in rows:
        if row.results:
            groups.setdefault(f"{row.round} {row.submitter} {row.benchmark}", set()).add(row.results)
    apart = [f"{name} ({len(found)} outputs)" for name, found in sorted(groups.items()) if len(found) > 1]
    same = len(groups) - len(apart)
    lines += [
        "",
        f"Outputs for one random input agree between all boards of a submission in {same} of {len(groups)} benchmarks"
        + ("." if not apart else f"; not in {', '.join(apart)}."),
    ]
    return "\n".join(lines) + "\n"


def _ratio(row: Row, cycles: float | None) -> float | None:
    return None if cycles is None else cycles / row.official_cycles


def write_section(text: str) -> None:
    """Put the table between its markers in ``docs/accuracy.md``; a document without them gets them at its end."""
    document = _DOCUMENT.read_text(encoding="utf-8") if _DOCUMENT.is_file() else ""
    section = f"{_BEGIN}\n{_HEADING}\n{text}{_END}"
    if _BEGIN in document and _END in document:
        before, rest = document.split(_BEGIN, 1)
        document = before + section + rest.split(_END, 1)[1]
    else:
        document = f"{document.rstrip()}\n\n{section}\n".lstrip()
    _DOCUMENT.write_text(document, encoding="utf-8")


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description="Predicted and measured cycles of vendors' firmware images.")
    parser.add_argument("images", type=Path, help="folder with the images")
    parser.add_argument("csv", type=Path, help="table of what was measured")
    parser.add_argument("--only", default="", metavar="REGEX", help="only images whose path matches")
    parser.add_argument("--memory", default="exact", choices=["exact", "sampled", "ideal"], help="how memories are followed")
    parser.add_argument("--json", type=Path, help="write the rows to a file")
    parser.add_argument("--write", action="store_true", help="put the table into docs/accuracy.md")
    options = parser.parse_args()
    rows = run_all(options.images, options.csv, options.only, options.memory)
    text = table_text(rows)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    if options.write:
        write_section(text)
    print(text)
    return 0 if all(not row.problem for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
