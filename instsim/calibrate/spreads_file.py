"""``cost_tables/calibrations/spreads.toml``: the spreads that known boards show."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from instsim.calibrate.spread import Spread
from instsim.calibrate.weight_reading import WeightReading
from instsim.errors import TableError
from instsim.resources import cost_tables

__all__ = ["FOLLOWED_MEMORY", "KnownSpreads", "NominalSpread", "load_spreads"]


FOLLOWED_MEMORY = "followed"
"""Memories were simulated, by whichever table."""


@dataclass(frozen=True, slots=True)
class NominalSpread:
    """How measured latency relates to cycles over clock before any calibration.

    Attributes
    ----------
    memory : str
        How memories were followed when the cycles were predicted: `FOLLOWED_MEMORY`, or the words for ideal ones.
    isa : str
        Instruction set of the boards it was found on.
    ln_bias : float
        Mean of ``ln(measured / predicted)``.
    ln_sd, degrees_of_freedom : float
        Its spread.
    source : str
        What it rests on.
    """

    memory: str
    isa: str
    ln_bias: float
    ln_sd: float
    degrees_of_freedom: float
    source: str


@dataclass(frozen=True)
class KnownSpreads:
    """Everything the file holds."""

    latency: Spread
    energy: Spread
    nominal: tuple[NominalSpread, ...]

    @cached_property
    def by_quantity(self) -> Mapping[str, Spread]:
        """Spreads for `instsim.calibrate.fit_board.fit_board`."""
        return MappingProxyType({"latency": self.latency, "energy": self.energy})

    def nominal_for(self, memory: str, isa: str) -> NominalSpread | None:
        """Return the spread of nominal latency where something supports one."""
        return next((item for item in self.nominal if item.memory == memory and item.isa == isa), None) or next(
            (item for item in self.nominal if not memory.startswith("ideal") and item.memory == FOLLOWED_MEMORY and item.isa == isa), None
        )


def load_spreads(path: Path | None = None) -> KnownSpreads:
    """Read the spreads that come with instsim.

    Raises
    ------
    TableError
        If the file is missing or not valid.
    """
    path = path or cost_tables() / "calibrations" / "spreads.toml"
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        return KnownSpreads(_spread(table["latency"]), _spread(table["energy"]), tuple(_nominal(item) for item in table["nominal_latency"]))
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise TableError(f"{path}: not valid: {type(error).__name__}: {error}") from error


def _spread(table: Mapping[str, Any]) -> Spread:
    keys = ("ln_sd", "degrees_of_freedom", "between_firmware_ln_sd", "between_firmware_degrees_of_freedom")
    ln_sd, degrees, between, between_degrees = (float(table[key]) for key in keys)
    reading = _reading(table["weight_reading"]) if "weight_reading" in table else None
    boards = (float(table[key]) for key in ("between_boards_ln_sd", "between_boards_degrees_of_freedom"))
    return Spread(ln_sd, degrees, between, between_degrees, reading, *boards)


def _reading(table: Mapping[str, Any]) -> WeightReading:
    slope, slope_sd, network_sd = (float(table[key]) for key in ("slope", "slope_sd", "network_sd"))
    return WeightReading(slope, slope_sd, network_sd)


def _nominal(table: Mapping[str, Any]) -> NominalSpread:
    memory, isa, source = (str(table[key]) for key in ("memory", "isa", "source"))
    ln_bias, ln_sd, degrees = (float(table[key]) for key in ("ln_bias", "ln_sd", "degrees_of_freedom"))
    return NominalSpread(memory, isa, ln_bias, ln_sd, degrees, source)
