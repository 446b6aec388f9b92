"""What a budget can limit, and where each figure is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from instsim.session.estimate import Estimate, EstimatedOperator, Figure
from instsim.units import format_count

__all__ = ["METRICS", "Metric", "figures_of", "operator_figures", "upper_end"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
        With its unit, as in budgets and baselines.
    of_image : callable
        ``of_image(estimate)``; None where the figure was not found.
    of_operator : callable or None
        ``of_operator(operator)``; None for what operators do not have.
    interval : callable or None
        ``interval(estimate)`` returns the upper end of the interval, or None; None for what is exact.
    """

    name: str
    of_image: Callable[[Estimate], float | None]
    of_operator: Callable[[EstimatedOperator], float] | None = None
    interval: Callable[[Estimate], float | None] | None = None

    def text(self, value: float) -> str:
        """Return a value as readers want it: counts whole, the rest with six digits."""
        return format_count(value) if float(value).is_integer() or abs(value) >= 1e6 else f"{value:,.6g}"


def _scaled(figure: Figure, scale: float) -> float | None:
    return None if figure.high is None else figure.high * scale


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("cycles", lambda e: e.cycles, lambda o: o.cycles),
            Metric("instructions", lambda e: e.instructions, lambda o: o.instructions),
            Metric("latency_ms", lambda e: e.latency.value * 1e3, lambda o: o.latency_s * 1e3, lambda e: _scaled(e.latency, 1e3)),
            Metric("energy_uj", lambda e: e.energy.value * 1e6, lambda o: o.energy_j * 1e6, lambda e: _scaled(e.energy, 1e6)),
            Metric("flash_bytes", lambda e: e.firmware.flash_bytes),
            Metric("ram_bytes", lambda e: e.firmware.static_ram_bytes),
            Metric("stack_bytes", lambda e: e.run.stack_high_water_bytes),
            Metric("arena_bytes", lambda e: e.run.arena_used_bytes),
        )
    }
)
"""By name, in the order of reports."""


def figures_of(estimate: Estimate) -> dict[str, float]:
    """Return every metric of a whole image that is known."""
    found = {name: metric.of_image(estimate) for name, metric in METRICS.items()}
    return {name: value for name, value in found.items() if value is not None}


def operator_figures(operator: EstimatedOperator) -> dict[str, float]:
    """Return every metric of one operator."""
    return {name: metric.of_operator(operator) for name, metric in METRICS.items() if metric.of_operator is not None}


def upper_end(estimate: Estimate, metric: Metric) -> float | None:
    """Return the upper end of a metric's interval; None where nothing supports one, the value itself where it is exact."""
    return metric.of_image(estimate) if metric.interval is None else metric.interval(estimate)
