"""The firmware that comes with instsim."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from instsim import artifacts
from instsim.cost.boards import load_board
from instsim.cost.core_table import load_core
from instsim.errors import UsageError
from instsim.image import load_image
from instsim.isa import Isa
from instsim.resources import firmware_elf
from instsim.session.board_fit import fit_problems
from instsim.session.request import Request
from instsim.session.settings import find_settings

__all__ = ["Sample", "choose_sample", "sample_names"]

_SAMPLES = ("kws",)
_DEFAULT_BOARD = "nucleo-l4r5zi"
_RISCV_CORE = "rv32imc"


@dataclass(frozen=True, slots=True)
class Sample:
    """A bundled firmware for one board.

    Attributes
    ----------
    name : str
        Which sample.
    path : Path
        Its file.
    board, chosen_by : str
        Board it is for, and who chose it (``option``, ``settings`` or ``sample``).
    region : str
        Function to measure.
    run_on : str or None
        Board whose memory map the build runs in, where it is linked for another.
    """

    name: str
    path: Path
    board: str
    chosen_by: str
    region: str
    run_on: str | None


def sample_names() -> tuple[str, ...]:
    """Return the names of the samples."""
    return _SAMPLES


def choose_sample(name: str, request: Request) -> Sample:
    """Return a sample's file for the board in question.

    Parameters
    ----------
    name : str
        Which sample.
    request : Request
        Its board (or the settings') decides which build; NUCLEO-L4R5ZI by default.

    Raises
    ------
    UsageError
        If there is no such sample, or no build for the board's core.
    """
    if name not in _SAMPLES:
        raise UsageError(f"no sample {name!r}", hint=f"samples: {', '.join(_SAMPLES)}")
    setting = find_settings(request.settings_folder).board
    board_name = request.board or setting or _DEFAULT_BOARD
    chosen_by = "option" if request.board else "settings" if setting else "sample"
    board = load_board(board_name)
    core = load_core(request.core or board.core)
    folder = firmware_elf()
    images = artifacts.toml_document((folder / "manifest.toml").read_bytes())["image"]
    builds = {image["core"]: image for image in images if image["name"] == name}
    # A table of one's own says what its core is emulated as. A Cortex-M3 runs what is built for the M0+: there is no build of its own.
    named = core.name if core.name in builds else core.emulated_cpu
    wanted = _RISCV_CORE if core.isa is Isa.RV32 else {"cortex-m3": "cortex-m0plus", "cortex-m0": "cortex-m0plus"}.get(named, named)
    image = builds.get(wanted)
    if image is None:
        raise UsageError(f"the sample {name} has no build for {core.name}", hint=f"builds: {', '.join(sorted(builds))}")
    path = folder / image["file"]
    run_on = f"generic-{wanted.replace('rv32imc', 'rv32')}" if fit_problems(load_image(path), board) else None
    return Sample(name, path, board_name, chosen_by, image["region"], run_on)
