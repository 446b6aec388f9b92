"""How fast the emulator runs with ideal, exactly followed and sampled memories, and how far sampling is off.

Usage::

    python tools/memory_benchmark.py IMAGE BOARD [--serial eembc] [--region SYMBOL] [--repeats 3]

All ways run in turn in one process; the least processor time of each counts, from reset to the end of the region, without pricing.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from instsim.cost import CostModel
from instsim.emulate.run import RunOptions, profile_image
from instsim.image import load_image
from instsim.profile import BlockProfile
from instsim.session.choose import choose_target
from instsim.session.machines import machine_spec
from instsim.session.memories import memory_simulation
from instsim.session.regions import find_region, find_watch
from instsim.session.request import Request
from instsim.session.settings import Settings
from instsim.session.surroundings import find_serial

_WAYS = ("ideal", "exact", "sampled")


def _run(path: Path, request: Request) -> tuple[float, BlockProfile, float]:
    """Return processor seconds of the run, its profile and the cycles of the region under the core's table and the memories."""
    image = load_image(path, base=request.base)
    target = choose_target(image, request, Settings())
    model = CostModel(target.core)
    script = find_serial(image, request, target.machine_board)
    memories = memory_simulation(target, request)
    options = RunOptions(
        region=find_region(image, request, script),
        serial=script,
        watch=find_watch(image, request),
        block_cycles=partial(model.static_cycles, target.core.isa),
        memory_timing=None if memories is None else memories.timing,
    )
    spec = machine_spec(target.machine_board, target.core, target.clock_hz)
    started = time.process_time()
    profile = profile_image(image, spec, options)
    spent = time.process_time() - started
    cycles = model.price(profile, allow_unpriced=True, memory=profile.memory[0] if profile.memory else None).total_cycles
    return spent, profile, cycles


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description="Speed of the emulator by the way memories are followed.")
    parser.add_argument("image", type=Path)
    parser.add_argument("board")
    parser.add_argument("--serial")
    parser.add_argument("--region")
    parser.add_argument("--base", type=lambda text: int(text, 0))
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    best: dict[str, float] = {}
    cycles: dict[str, float] = {}
    instructions = 0
    for _ in range(chosen.repeats):
        for way in _WAYS:
            request = Request(
                board=chosen.board, serial=chosen.serial, region=chosen.region, base=chosen.base, memory=way, use_cache=False, force=True
            )
            spent, profile, cycles[way] = _run(chosen.image, request)
            best[way] = min(spent, best.get(way, spent))
            instructions = profile.run.total_instructions
    print(f"{chosen.image.name} on {chosen.board}: {instructions / 1e6:.1f} M instructions from reset")
    print(f"{'memories':10s} {'cpu s':>7s} {'M instr/s':>10s} {'of ideal':>9s} {'cycles':>14s} {'off exact':>10s}")
    for way in _WAYS:
        off = 100.0 * (cycles[way] / cycles["exact"] - 1.0)
        share = best["ideal"] / best[way]
        print(f"{way:10s} {best[way]:7.2f} {instructions / best[way] / 1e6:10.1f} {share:9.2f} {cycles[way]:14,.0f} {off:+9.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
