"""Run firmware images of vendors whose latency has been measured on the board, and set prediction beside measurement.

Usage::

    python tools/vendor_images.py IMAGES CSV            # print a line for each image and the summary
    python tools/vendor_images.py IMAGES CSV --write    # put them into docs/accuracy.md and docs/accuracy.json

``CSV`` has the columns round, submitter, system, benchmark, build, file, clock_mhz and cycles_per_inference; ``file`` is a path below ``IMAGES``,
or below the folder there that is named like the round. Rows whose image is not there are left out: the images are the vendors', and not part
of this repository. All of them speak the dialogue of EEMBC's runner, with the same random input for all images of one benchmark.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from accuracy.comparison import Comparison
from accuracy.data_sets import VENDOR_IMAGES
from accuracy.left_out import FittedImage, fitted_cycles, left_out_lines
from accuracy.page import summary_lines
from accuracy.publishing import publish

from instsim.cost import load_board
from instsim.cost.memory_table import load_memory
from instsim.errors import InstsimError, UsageError
from instsim.session.facade import estimate
from instsim.session.request import Request

_BOARDS = {
    "L4R5": "nucleo-l4r5zi",
    "U575": "nucleo-u575zi-q",
    "G0B1": "nucleo-g0b1re",
    "F746": "disco-f746ng",
    "H7A3": "nucleo-h7a3zi-q",
}
_RESULTS = re.compile(r"m-results-\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Ran:
    """One image that was run.

    Attributes
    ----------
    comparison : Comparison or None
        Predicted and official cycles; None if it gave no answer.
    benchmark : str
        Round, submitter and benchmark.
    outputs : str
        What the network said, as printed by the firmware; empty if nothing.
    fitted : mapping of str to float
        Cycles that are in proportion to each fitted figure of the board's memory table.
    """

    comparison: Comparison | None
    benchmark: str
    outputs: str
    fitted: Mapping[str, float] = field(default_factory=dict)


def _run(image: Path, facts: dict[str, str], memory: str) -> Ran:
    board = next((name for part, name in _BOARDS.items() if part in facts["system"]), None)
    benchmark = f"{facts['round']} {facts['submitter']} {facts['benchmark']}"
    name = " ".join(part for part in (facts["round"], facts["submitter"], facts["system"], facts["benchmark"], facts["build"]) if part)
    started = time.perf_counter()
    try:
        if board is None:
            raise UsageError("no board file")
        found = estimate(image, Request(board=board, serial="eembc", clock_hz=float(facts["clock_mhz"]) * 1e6, use_cache=False, memory=memory))
    except InstsimError as error:
        print(f"{name}: {error}")
        return Ran(None, benchmark, "")
    outputs = _RESULTS.search(found.run.output)
    ideal = None if found.memory is None else found.cycles - found.memory.stall_cycles
    source = f"github.com/mlcommons/tiny_results_{facts['round']}"
    row = Comparison(VENDOR_IMAGES, board, name, found.cycles, float(facts["cycles_per_inference"]), source=source, ideal_cycles=ideal)
    print(f"{name}: {100 * row.error:+.2f} %, {time.perf_counter() - started:.2f} s")
    system = load_board(board).memory_system
    fitted = {} if not system else fitted_cycles(found, load_memory(system))
    return Ran(row, benchmark, outputs[1] if outputs else "", fitted)


def run_all(images: Path, table: Path, only: str = "", memory: str = "exact") -> list[Ran]:
    """Run every image of the table that lies in the folder, following memories in that way."""
    ran = []
    with table.open(encoding="utf-8", newline="") as stream:
        for facts in csv.DictReader(line for line in stream if not line.startswith("#")):
            image = next((path for path in (images / facts["round"] / facts["file"], images / facts["file"]) if path.is_file()), None)
            if image is not None and re.search(only, f"{facts['round']}/{facts['file']}"):
                ran.append(_run(image, facts, memory))
    return ran


def without_the_image(ran: Sequence[Ran]) -> str:
    """Return the section on images by memory models that were fitted without them."""
    order = list(_BOARDS.values())
    images = [
        FittedImage(row.core, image.benchmark, row.predicted_cycles, row.measured_cycles, image.fitted)
        for image in ran
        if (row := image.comparison) is not None
    ]
    return "\n".join(left_out_lines(sorted(images, key=lambda image: order.index(image.board))))


def agreement(ran: Sequence[Ran]) -> str:
    """Say in how many benchmarks all boards gave the same outputs for the one random input."""
    outputs: dict[str, set[str]] = {}
    for image in ran:
        if image.outputs:
            outputs.setdefault(image.benchmark, set()).add(image.outputs)
    apart = [f"{name} ({len(found)} outputs)" for name, found in sorted(outputs.items()) if len(found) > 1]
    same = f"Outputs for one random input agree between all boards of a submission in {len(outputs) - len(apart)} of {len(outputs)} benchmarks"
    return f"{same}; not in {', '.join(apart)}." if apart else f"{same}."


def main() -> int:
    """Read the command line, run, print; return the exit code."""
    parser = argparse.ArgumentParser(description="Predicted and measured cycles of vendors' firmware images.")
    parser.add_argument("images", type=Path, help="folder with the images")
    parser.add_argument("csv", type=Path, help="table of what was measured")
    parser.add_argument("--only", default="", metavar="REGEX", help="only images whose path matches")
    parser.add_argument("--memory", default="exact", choices=["exact", "sampled", "ideal"], help="how memories are followed")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/accuracy.md and docs/accuracy.json")
    options = parser.parse_args()
    if options.write and (options.only or options.memory != "exact"):
        parser.error("only all images with exact memory are written")
    ran = run_all(options.images, options.csv, options.only, options.memory)
    rows = sorted((image.comparison for image in ran if image.comparison is not None), key=lambda row: list(_BOARDS.values()).index(row.core))
    print("\n".join(summary_lines(rows)))
    print(agreement(ran))
    if options.memory != "ideal":
        print(without_the_image(ran))
    if options.write:
        publish(rows, {VENDOR_IMAGES: agreement(ran)}, appendices={VENDOR_IMAGES: without_the_image(ran)})
    return 0 if len(rows) == len(ran) else 1


if __name__ == "__main__":
    sys.exit(main())
