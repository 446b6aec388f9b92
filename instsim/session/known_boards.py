"""Calibrated boards beside a new one: which are meant, and how far they are from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType

from instsim.calibrate.calibration import Calibration
from instsim.calibrate.calibration_file import load_calibration
from instsim.calibrate.device_descriptor import distance
from instsim.calibrate.known_boards import KnownBoard
from instsim.cost import load_board, load_core
from instsim.errors import InstsimError, TableError, UsageError
from instsim.isa import Isa
from instsim.session.calibrated import shipped_calibrations
from instsim.session.microbenchmark import find_build

__all__ = ["ALL_BOARDS", "BoardTraits", "board_distance", "find_known", "known_boards"]

ALL_BOARDS = "all"
"""Name of all calibrations that come with instsim."""

_UNLIKE = 0.8
"""Distance of a core that no table knows: the largest between cores of the tables."""

_OTHER_REGULATOR = 0.5

_BUILDS = MappingProxyType({Isa.THUMB: "cortex-m0plus", Isa.RV32: "rv32imc"})


@dataclass(frozen=True, slots=True)
class BoardTraits:
    """What two boards are compared by.

    Attributes
    ----------
    core : str
        Its core table; empty if unknown.
    regulator : str
        What makes the core voltage.
    clock_hz, supply_v : float
        Operating point.
    """

    core: str
    regulator: str
    clock_hz: float
    supply_v: float


@cache
def _vector(core: str) -> Mapping[str, float]:
    """Return what the build that most cores can run would measure on a core; nothing for one that no table knows."""
    try:
        table = load_core(core)
        return find_build(_BUILDS[table.isa]).on(table).cycles
    except InstsimError:
        return {}


def _core_distance(first: str, second: str) -> float:
    if first == second:
        return 0.0
    one, other = _vector(first), _vector(second)
    return distance(one, other) if one.keys() & other.keys() else _UNLIKE


def board_distance(first: BoardTraits, second: BoardTraits) -> float:
    """Return how far two boards are apart: their cores' descriptors, regulators, clocks and supplies (as logarithms)."""
    clocks = abs(math.log(first.clock_hz / second.clock_hz))
    supplies = abs(math.log(first.supply_v / second.supply_v)) if first.supply_v > 0 and second.supply_v > 0 else 0.0
    return _core_distance(first.core, second.core) + _OTHER_REGULATOR * (first.regulator != second.regulator) + clocks + supplies


def find_known(names: Sequence[str]) -> tuple[Calibration, ...]:
    """Return the calibrations that names mean, each once.

    Parameters
    ----------
    names : sequence of str
        Files of calibrations, folders of them, boards or calibrations that come with instsim, or `ALL_BOARDS`.

    Raises
    ------
    UsageError
        If a name means none.
    TableError
        If a file is not valid.
    """
    shipped = {path.stem: path for path in shipped_calibrations()}
    paths: dict[Path, None] = {}
    for name in names:
        found = _paths(name, shipped)
        if not found:
            near = get_close_matches(name, (*shipped, *(stem.partition("@")[0] for stem in shipped)), 2, 0.4)
            hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else f"a calibration's file, a folder of them, or {ALL_BOARDS!r}"
            raise UsageError(f"no calibration of a board {name!r}", hint=hint)
        paths.update(dict.fromkeys(found))
    return tuple(load_calibration(path) for path in paths)


def _paths(name: str, shipped: dict[str, Path]) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return sorted(file for file in path.glob("*.toml") if _is_calibration(file))
    if path.suffix == ".toml" or path.is_file():
        return [path]
    return [file for stem, file in shipped.items() if name in {ALL_BOARDS, stem, stem.partition("@")[0]}]


def _is_calibration(path: Path) -> bool:
    try:
        load_calibration(path)
    except TableError:
        return False
    return True


def known_boards(calibrations: Sequence[Calibration], new: BoardTraits) -> tuple[KnownBoard, ...]:
    """Return calibrated boards with their distance from a new one."""
    return tuple(_known(calibration, new) for calibration in calibrations)


def _known(calibration: Calibration, new: BoardTraits) -> KnownBoard:
    core = calibration.core
    if not core:
        try:
            core = load_board(calibration.board).core
        except InstsimError:
            core = ""  # A board without a file: there for comparison.
    traits = BoardTraits(core, calibration.regulator, calibration.clock_hz, calibration.supply_v)
    linear = new.regulator == traits.regulator == "ldo" and new.supply_v > 0 and traits.supply_v > 0
    # Behind a linear regulator the current stays, whatever the supply.
    return KnownBoard(calibration, board_distance(new, traits), math.log(new.supply_v / traits.supply_v) if linear else 0.0)
