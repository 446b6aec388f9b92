"""Processor time of pricing all code that an image runs: with an empty cache, and when its decode is cached.

    python tools/pricing_benchmark.py IMAGE BOARD [IMAGE BOARD ...] [--region SYMBOL] [--repeats 5]

Each time is that of `CostModel.price` in a process of its own, with what it has to import for that, on the profile of the whole run (boot
included) or of a region; the least of the repeats counts. It is cold in a cache folder of its own, which the process behind it finds filled.
Bounds: 0.3 s and 0.05 s.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from instsim import artifacts
from instsim.cost import CostModel, load_core
from instsim.profile import load_profile, save_profile
from instsim.session.choose import choose_target
from instsim.session.facade import load_firmware, profile_for
from instsim.session.request import Request
from instsim.session.settings import Settings


def _price(profile: Path, core: str) -> None:
    """Print the processor seconds of pricing a saved profile."""
    ran, model = load_profile(profile), CostModel(load_core(core))
    started = time.process_time()
    model.price(ran, allow_unpriced=True, memory=ran.memory[0] if ran.memory else None)
    print(time.process_time() - started)


def _seconds(profile: Path, core: str, cache: str) -> float:
    command = [sys.executable, __file__, "--price", str(profile), core]
    done = subprocess.run(command, env={**os.environ, artifacts.ENVIRONMENT_VARIABLE: cache}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _measure(path: Path, board: str, region: str, repeats: int) -> str:
    request = Request(board=board, region=region, memory="exact", use_cache=False, force=True)
    image = load_firmware(path, request, Settings())
    target = choose_target(image, request, Settings())
    ran = profile_for(image, target, request)
    cold, cached = [], []
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "profile"
        save_profile(ran, saved)
        for number in range(repeats):
            cache = str(Path(folder) / f"cache{number}")
            cold.append(_seconds(saved, target.core.name, cache))
            cached.append(_seconds(saved, target.core.name, cache))
    return f"{path.name[:40]:40} {target.core.name:14} {ran.addresses.size:7,} {len(ran.code) / 1024:6.0f} {min(cold):8.3f} {min(cached):9.3f}"


def main() -> int:
    """Read the command line, price, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", help="image and board, in turn")
    parser.add_argument("--region", default="all")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--price", nargs=2, metavar=("PROFILE", "CORE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.price:
        _price(Path(options.price[0]), options.price[1])
        return 0
    if not options.images or len(options.images) % 2:
        parser.error("give an image and a board, in turn")
    print(f"{'image':40} {'core':14} {'blocks':>7} {'KB':>6} {'cold s':>8} {'cached s':>9}")
    for path, board in zip(options.images[::2], options.images[1::2], strict=True):
        print(_measure(Path(path), board, options.region, options.repeats), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
