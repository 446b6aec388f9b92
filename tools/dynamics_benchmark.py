"""What it costs to follow branch predictors and the operands of divides while blocks are counted.

Usage::

    python tools/dynamics_benchmark.py                                   # the bundled firmware of two instruction sets
    python tools/dynamics_benchmark.py IMAGE BOARD [--machines 20] [--passes 3]

Two kinds of machine run an image from reset to its end, in turn: one that counts blocks and nothing else, one that does all that every run
does. A machine's first run is what a user's run is: it translates the code and places a hook at every divide that it meets. For the runs behind
it memory, registers and devices are put back to reset (`instsim.emulate.checkpoint`), so that the image does the same again, and what is left
is the time of the blocks. Processor time of `Machine.run`, the least of each kind; setting a machine up is in neither.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmark_run import prepare_run

from instsim.emulate.checkpoint import Checkpoint
from instsim.emulate.machine import Machine
from instsim.session.request import Request
from instsim.session.samples import choose_sample

_BOUND = 1.15
_BUNDLED = ("generic-rv32", "generic-cortex-m4")
_MOST_CYCLES = 10**9


@dataclass
class _Spent:
    """Processor seconds of runs by one kind of machine."""

    first_s: list[float] = field(default_factory=list)
    again_s: list[float] = field(default_factory=list)


def _run(machine: Machine) -> float:
    started = time.process_time()
    machine.run(_MOST_CYCLES)
    return time.process_time() - started


def _compare(path: Path, board: str, machines: int, passes: int) -> str:
    prepared = prepare_run(path, Request(board=board, memory="ideal"))
    plain, full = _Spent(), _Spent()
    blocks = divides = 0
    for number in range(machines):
        # Each kind is set up first every other time: which memory a machine gets is worth some percent.
        kinds = (plain, full) if number % 2 else (full, plain)
        pair = [(Machine(prepared.image, prepared.spec, count_only=spent is plain), spent) for spent in kinds]
        at_reset = [Checkpoint(machine) for machine, _ in pair]
        for machine, spent in pair:
            spent.first_s.append(_run(machine))
        for _ in range(passes):
            for (machine, spent), reset in zip(pair, at_reset, strict=True):
                reset.restore()
                spent.again_s.append(_run(machine))
        ran = {int(machine.counters.counts()[0].sum()) for machine, _ in pair}
        if len(ran) != 1:
            raise SystemExit(f"{path.name}: the machines ran {sorted(ran)} blocks")
        blocks, divides = ran.pop(), sum(counts.total() for machine, _ in pair for counts in machine.divides.values())
        for machine, _ in pair:
            machine.close()
    figures = [1e3 * min(times) for times in (plain.first_s, full.first_s, plain.again_s, full.again_s)]
    first, again = figures[1] / figures[0], figures[3] / figures[2]
    verdict = "" if max(first, again) <= _BOUND else f"   more than {_BOUND:.2f}"
    row = f"{path.name:32.32} {board:18} {blocks:11,} {divides:8,} {figures[0]:8.1f} {figures[1]:8.1f} {first:6.3f}"
    return f"{row} {figures[2]:8.1f} {figures[3]:8.1f} {again:6.3f}{verdict}"


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path, nargs="?")
    parser.add_argument("board", nargs="?")
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--passes", type=int, default=3)
    chosen = parser.parse_args()
    if (chosen.image is None) != (chosen.board is None):
        parser.error("give an image and a board, or neither")
    runs = (
        [(chosen.image, chosen.board)]
        if chosen.image is not None
        else [(choose_sample("kws", Request(board=board)).path, board) for board in _BUNDLED]
    )
    print(f"{'':72} {'first run, ms':^24} {'runs behind it, ms':^24}")
    print(f"{'image':32} {'board':18} {'blocks':>11} {'divides':>8}" + 2 * f" {'counts':>8} {'all':>8} {'ratio':>6}")
    for path, board in runs:
        print(_compare(path, board, chosen.machines, chosen.passes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
