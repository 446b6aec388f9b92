"""What the benchmarks of the emulation run: an image on a board, set up as `instsim estimate` sets it up, and the options that name both."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from instsim.cost import BlockPrices, CostModel
from instsim.emulate.run import RunOptions
from instsim.emulate.spec import MachineSpec
from instsim.image import FirmwareImage, load_image
from instsim.session.choose import choose_target
from instsim.session.machines import machine_spec
from instsim.session.memories import memory_simulation
from instsim.session.regions import find_region, find_watch
from instsim.session.request import Request
from instsim.session.settings import Settings
from instsim.session.surroundings import find_serial

__all__ = ["BenchmarkRun", "prepare_run", "read_command_line"]


@dataclass(frozen=True)
class BenchmarkRun:
    """A run that is ready to start.

    Attributes
    ----------
    image : FirmwareImage
        What runs.
    spec : MachineSpec
        The chip.
    options : RunOptions
        Region, dialogue, prices and memories.
    prices : BlockPrices
        Prices of the blocks, to keep for the next run.
    model : CostModel
        Prices what ran.
    """

    image: FirmwareImage
    spec: MachineSpec
    options: RunOptions
    prices: BlockPrices
    model: CostModel


def prepare_run(path: Path, request: Request) -> BenchmarkRun:
    """Set a run up, whatever settings files say; nothing is taken from a cache of runs."""
    image = load_image(path, base=request.base)
    target = choose_target(image, replace(request, force=True), Settings())
    model = CostModel(target.core)
    prices = BlockPrices(model, image.sha256)
    script = find_serial(image, request, target.machine_board)
    memories = memory_simulation(target, request)
    options = RunOptions(
        region=find_region(image, request, script),
        serial=script,
        watch=find_watch(image, request),
        block_cycles=prices,
        memory_timing=None if memories is None else memories.timing,
    )
    return BenchmarkRun(image, machine_spec(target.machine_board, target.core, target.clock_hz), options, prices, model)


def read_command_line(description: str, repeats: int) -> tuple[Path, Request, int]:
    """Return image, request and repeats of a command line ``IMAGE BOARD [--serial] [--region] [--base] [--repeats]``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("image", type=Path)
    parser.add_argument("board")
    parser.add_argument("--serial")
    parser.add_argument("--region")
    parser.add_argument("--base", type=lambda text: int(text, 0))
    parser.add_argument("--repeats", type=int, default=repeats)
    chosen = parser.parse_args()
    return chosen.image, Request(board=chosen.board, serial=chosen.serial, region=chosen.region, base=chosen.base), chosen.repeats
