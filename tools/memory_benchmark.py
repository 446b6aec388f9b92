"""How fast the emulator runs with ideal, exactly followed and sampled memories, and how far sampling is off.

Usage::

    python tools/memory_benchmark.py IMAGE BOARD [--serial eembc] [--region SYMBOL] [--repeats 3]

All ways run in turn in one process; the least processor time of each counts, from reset to the end of the region, without pricing.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmark_run import prepare_run, read_command_line

from instsim.emulate.run import profile_image
from instsim.profile import BlockProfile
from instsim.session.request import Request

_WAYS = ("ideal", "exact", "sampled")


def _run(path: Path, request: Request) -> tuple[float, BlockProfile, float]:
    """Return processor seconds of the run, its profile and the cycles of the region under the core's table and the memories."""
    prepared = prepare_run(path, request)
    started = time.process_time()
    profile = profile_image(prepared.image, prepared.spec, prepared.options)
    spent = time.process_time() - started
    prepared.prices.keep()
    cycles = prepared.model.price(profile, allow_unpriced=True, memory=profile.memory[0] if profile.memory else None).total_cycles
    return spent, profile, cycles


def main() -> int:
    """Read the command line, run, print."""
    path, request, repeats = read_command_line("Speed of the emulator by the way memories are followed.", 3)
    best: dict[str, float] = {}
    cycles: dict[str, float] = {}
    instructions = 0
    for _ in range(repeats):
        for way in _WAYS:
            spent, profile, cycles[way] = _run(path, replace(request, memory=way))
            best[way] = min(spent, best.get(way, spent))
            instructions = profile.run.total_instructions
    print(f"{path.name} on {request.board}: {instructions / 1e6:.1f} M instructions from reset")
    print(f"{'memories':10s} {'cpu s':>7s} {'M instr/s':>10s} {'of ideal':>9s} {'cycles':>14s} {'off exact':>10s}")
    for way in _WAYS:
        off = 100.0 * (cycles[way] / cycles["exact"] - 1.0)
        share = best["ideal"] / best[way]
        print(f"{way:10s} {best[way]:7.2f} {instructions / best[way] / 1e6:10.1f} {share:9.2f} {cycles[way]:14,.0f} {off:+9.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
