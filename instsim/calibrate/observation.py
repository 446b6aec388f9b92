"""A run on a board as a value: what ran, how long it took, what it drew."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Observation", "Point"]


@dataclass(frozen=True, slots=True)
class Point:
    """What a model predicts from.

    Attributes
    ----------
    cycles : float
        Cycles of the region: predicted, or given.
    clock_hz : float
        Core clock.
    time_s : float
        Time that energy is a function of: measured, or predicted where nobody measured it.
    supply_v : float
        Supply of the device; 0 if unknown.
    temperature_c : float or None
        Of the device.
    flash_reads, stall_cycles : float or None
        Reads of flash that a core waits for, and cycles it stands still; None where unknown.
    firmware : str
        Family of the firmware: runtime and compiler, or any name the user gave; empty if unknown.
    assumed_share : float
        Share of the cycles that rests on assumed rows of a table.
    weight_bytes : float or None
        Bytes of the network's weights and biases; None where unknown.
    """

    cycles: float
    clock_hz: float
    time_s: float
    supply_v: float = 0.0
    temperature_c: float | None = None
    flash_reads: float | None = None
    stall_cycles: float | None = None
    firmware: str = ""
    assumed_share: float = 0.0
    weight_bytes: float | None = None

    @property
    def nominal_s(self) -> float:
        """Cycles over clock."""
        return self.cycles / self.clock_hz

    @property
    def weights_per_cycle(self) -> float | None:
        """Bytes of weights over cycles; None where unknown."""
        return None if self.weight_bytes is None else self.weight_bytes / self.cycles


@dataclass(frozen=True, slots=True)
class Observation:
    """One run on a board.

    Attributes
    ----------
    name : str
        Image, profile, or any name; runs of one name at one operating point are repeats of each other.
    point : Point
        What ran where; its ``time_s`` is the measured latency where there is one.
    latency_s, energy_j : float or None
        Measured, per inference.
    latency_sd_s, energy_sd_j : float or None
        Standard deviation of a single repeat.
    repeats : int
        Repeats behind the figures.
    line : int
        Line of the file it was read from; 0 if it was not.
    """

    name: str
    point: Point
    latency_s: float | None = None
    energy_j: float | None = None
    latency_sd_s: float | None = None
    energy_sd_j: float | None = None
    repeats: int = 1
    line: int = 0

    @property
    def operating_point(self) -> tuple[object, ...]:
        """What two runs share that only repeat each other."""
        point = self.point
        return (self.name, point.cycles, point.clock_hz, point.supply_v, point.temperature_c, point.firmware)

    @property
    def place(self) -> str:
        """How a message names it."""
        return f"line {self.line} ({self.name})" if self.line else self.name
