"""Runs of boards that were never built, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from instsim.calibrate.observation import Observation, Point
from instsim.calibrate.spread import Spread

KNOWN = Spread(0.05, 10.0, 0.1, 8.0)


def run(
    cycles: float,
    latency_s: float | None = None,
    energy_j: float | None = None,
    *,
    clock_hz: float = 100e6,
    supply_v: float = 3.0,
    firmware: str = "",
    temperature_c: float | None = None,
    stall_cycles: float | None = None,
    name: str = "",
    line: int = 0,
) -> Observation:
    point = Point(cycles, clock_hz, latency_s or cycles / clock_hz, supply_v, temperature_c, None, stall_cycles, firmware)
    return Observation(name or f"{cycles:g}", point, latency_s, energy_j, line=line)


def board(cycles: Sequence[float], factor: float = 1.1, power_w: float = 0.05, clock_hz: float = 100e6) -> list[Observation]:
    return [run(c, c / clock_hz * factor, c / clock_hz * factor * power_w, clock_hz=clock_hz) for c in cycles]
