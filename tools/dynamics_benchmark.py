"""What it costs to follow branch predictors and the operands of divides while blocks are counted.

Usage::

    python tools/dynamics_benchmark.py                                   # the bundled firmware of two instruction sets
    python tools/dynamics_benchmark.py IMAGE BOARD [--passes 20] [--repeats 7]

Two machines run each image, in turn: one that counts blocks and nothing else, one that does all that every run does. Each runs it once from
reset, and then again and again, which is timed: what is done once for each divide instruction and each block is over by then, and told apart
(the difference of the first runs). The least processor time of each counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from instsim.cost import load_board, load_core
from instsim.emulate.machine import Machine
from instsim.image import FirmwareImage, load_image
from instsim.session.machines import machine_spec
from instsim.session.request import Request
from instsim.session.samples import choose_sample

_BOUND = 1.15
_BUNDLED = ("generic-rv32", "generic-cortex-m4")
_MOST_CYCLES = 10**9


@dataclass(frozen=True)
class _Spent:
    """What one machine took, in processor seconds, and what it ran in the passes that were timed."""

    first_s: float
    passes_s: float
    blocks: int
    divides: int


def _run(image: FirmwareImage, board_name: str, passes: int, *, count_only: bool) -> _Spent:
    board = load_board(board_name)
    with closing(Machine(image, machine_spec(board, load_core(board.core), board.clock_hz), count_only=count_only)) as machine:
        first_s = _pass(machine)
        blocks, divides = _counts(machine)
        passes_s = 0.0
        for _ in range(passes):
            machine.go_to(machine.start)
            if machine.initial_sp is not None:
                machine.engine.write_register(machine.engine.registers.sp, machine.initial_sp)
            passes_s += _pass(machine)
        all_blocks, all_divides = _counts(machine)
        return _Spent(first_s, passes_s, all_blocks - blocks, all_divides - divides)


def _pass(machine: Machine) -> float:
    started = time.process_time()
    machine.run(machine.now_cycles() + _MOST_CYCLES)
    return time.process_time() - started


def _counts(machine: Machine) -> tuple[int, int]:
    return int(machine.counters.counts()[0].sum()), sum(int(histogram.sum()) for histogram in machine.divides.values())


def _compare(path: Path, board: str, passes: int, repeats: int) -> str:
    image = load_image(path)
    spent: dict[bool, list[_Spent]] = {True: [], False: []}
    for _ in range(repeats):
        for count_only, runs in spent.items():
            runs.append(_run(image, board, passes, count_only=count_only))
    counted, full = (min(run.passes_s for run in spent[count_only]) for count_only in (True, False))
    once_ms = 1e3 * (min(run.first_s for run in spent[False]) - min(run.first_s for run in spent[True]))
    once_ms -= 1e3 * (full - counted) / passes
    last = spent[False][-1]
    ratio = full / counted
    verdict = "" if ratio <= _BOUND else f"   more than {_BOUND:.2f}"
    row = f"{path.name:32.32} {board:20} {last.blocks:12,} {last.divides:10,} {counted:9.3f} {full:8.3f} {ratio:6.2f} {once_ms:8.1f}"
    return row + verdict


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path, nargs="?")
    parser.add_argument("board", nargs="?")
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=7)
    chosen = parser.parse_args()
    if (chosen.image is None) != (chosen.board is None):
        parser.error("give an image and a board, or neither")
    runs = (
        [(chosen.image, chosen.board)]
        if chosen.image is not None
        else [(choose_sample("kws", Request(board=board)).path, board) for board in _BUNDLED]
    )
    print(f"{'image':32} {'board':20} {'blocks':>12} {'divides':>10} {'counts s':>9} {'all s':>8} {'ratio':>6} {'once ms':>8}")
    for path, board in runs:
        print(_compare(path, board, chosen.passes, chosen.repeats))
    return 0


if __name__ == "__main__":
    sys.exit(main())
