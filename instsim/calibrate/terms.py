"""The terms that latency and energy may be made of: a closed list, each with its unit and its physics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from instsim.calibrate.observation import Point

__all__ = ["REFERENCE_TEMPERATURE_C", "TERMS", "Term", "TermKind", "term_value"]

REFERENCE_TEMPERATURE_C = 25.0
"""Temperature at which the temperature term vanishes."""


@dataclass(frozen=True, slots=True)
class TermKind:
    """What a term is.

    Attributes
    ----------
    value : callable
        ``value(point)``: what its coefficient is multiplied by; None where the point does not know it.
    latency_unit, energy_unit : str
        Unit of its coefficient; empty for a bare number, and where the term has no place in that model.
    meaning : str
        In words, for a report.
    may_be_negative : bool
        Whether a negative coefficient makes sense.
    """

    value: Callable[[Point], float | None]
    latency_unit: str
    energy_unit: str
    meaning: str
    may_be_negative: bool = False

    def unit(self, quantity: str) -> str:
        """Return the unit of its coefficient in a model of latency or energy; empty for a bare number."""
        return self.energy_unit if quantity == "energy" else self.latency_unit


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _supply(point: Point, power: int, factor: float) -> float | None:
    return factor * point.supply_v**power if point.supply_v > 0 else None


def _warmth(point: Point) -> float | None:
    return None if point.temperature_c is None else (point.temperature_c - REFERENCE_TEMPERATURE_C) * point.time_s


TERMS: Mapping[str, TermKind] = MappingProxyType(
    {
        "nominal-time": TermKind(lambda p: p.nominal_s, "", "W", "cycles over clock"),
        "time": TermKind(lambda p: p.time_s, "", "W", "power while it runs"),
        "cycles": TermKind(lambda p: p.cycles, "", "J", "energy of a cycle"),
        "cycles*V": TermKind(lambda p: _supply(p, 1, p.cycles), "", "J/V", "energy of a cycle behind a linear regulator"),
        "cycles*V^2": TermKind(lambda p: _supply(p, 2, p.cycles), "", "J/V^2", "energy of a cycle where the core follows the supply"),
        "time*V": TermKind(lambda p: _supply(p, 1, p.time_s), "", "A", "static current"),
        "constant": TermKind(lambda _: 1.0, "s", "J", "the same for every run"),
        "stalls": TermKind(lambda p: _times(p.stall_cycles, 1.0 / p.clock_hz), "", "W", "cycles in which the core waits"),
        "flash-reads": TermKind(lambda p: p.flash_reads, "s", "J", "a read of flash that the core waits for"),
        "warmth": TermKind(_warmth, "", "W/K", "power for each kelvin above 25 degrees", may_be_negative=True),
    }
)
"""Every term by name."""


@dataclass(frozen=True, slots=True)
class Term:
    """A column of a design matrix.

    Attributes
    ----------
    kind : str
        Key of `TERMS`.
    firmware : str or None
        The one family of firmware it holds for; None: all.
    """

    kind: str
    firmware: str | None = None

    @property
    def label(self) -> str:
        """How a report names it."""
        return self.kind if self.firmware is None else f"{self.kind} [{self.firmware}]"


def term_value(term: Term, point: Point) -> float | None:
    """Return what a term's coefficient is multiplied by at a point; None where the point does not know it."""
    if term.firmware is not None and term.firmware != point.firmware:
        return 0.0
    return TERMS[term.kind].value(point)
