"""A device descriptor in the place of a core table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from instsim.calibrate.device_descriptor import load_descriptor
from instsim.errors import UsageError
from instsim.session.choose import Target
from instsim.session.request import Request

__all__ = ["described_target"]


def described_target(target: Target, path: Path, request: Request) -> Target:
    """Return a target whose core is the one that a descriptor stands for.

    Raises
    ------
    UsageError
        If the request names a core as well, or the descriptor is of another instruction set than the board.
    TableError
        If the descriptor cannot be read or is not valid.
    """
    if request.core is not None:
        raise UsageError("both --core and --descriptor say which core it is", hint="a descriptor stands for a core table: give one of them")
    descriptor = load_descriptor(path)
    from instsim.session.starting_table import described_core  # noqa: PLC0415 -- loads SciPy, and runs the microbenchmark

    core = described_core(descriptor)
    if core.isa is not target.core.isa:
        raise UsageError(f"{path} is of a {core.isa} core, {target.board.name} has a {target.core.isa} core", hint="name the device's own board")
    return replace(target, core=core)
