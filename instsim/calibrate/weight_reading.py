"""What reading weights once does to a board's power: a covariate that a few runs cannot tell, with a slope from known boards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["WeightReading", "slope_within"]


@dataclass(frozen=True, slots=True)
class WeightReading:
    """``ln(power) = constant + slope * w``, w the bytes of a network's weights over the cycles of an inference.

    A fully connected layer uses each weight once, so the core waits for memory where a convolution multiplies, and a waiting core draws less.

    Attributes
    ----------
    slope : float
        Of the logarithm of power, for one byte a cycle.
    slope_sd : float
        Its standard error, between boards.
    network_sd : float
        How far w differs between the networks of a set-up: what not knowing it costs.
    mean : float
        Of the runs of a calibration, at which its coefficients hold.
    """

    slope: float
    slope_sd: float
    network_sd: float
    mean: float = 0.0

    def ratio(self, weights_per_cycle: float | None) -> float:
        """Return the power over that at the runs' mean; 1 where nobody knows the weights."""
        return 1.0 if weights_per_cycle is None else math.exp(self.slope * (weights_per_cycle - self.mean))

    def ln_variance(self, weights_per_cycle: float | None) -> float:
        """Return the variance of the logarithm of `ratio`."""
        if weights_per_cycle is None:
            return self.unknown_ln_variance
        return (self.slope_sd * (weights_per_cycle - self.mean)) ** 2

    @property
    def unknown_ln_variance(self) -> float:
        """What the logarithm of power varies by where weights are not known."""
        return (self.slope * self.network_sd) ** 2


def slope_within(groups: Sequence[Sequence[tuple[float, float]]]) -> float:
    """Return the least-squares slope of y on x that groups share, each with a constant of its own; 0 where x does not differ.

    Parameters
    ----------
    groups : sequence of sequence of (float, float)
        x and y of each member.
    """
    products = squares = 0.0
    for group in groups:
        mean_x = math.fsum(x for x, _ in group) / len(group)
        mean_y = math.fsum(y for _, y in group) / len(group)
        products += math.fsum((x - mean_x) * (y - mean_y) for x, y in group)
        squares += math.fsum((x - mean_x) ** 2 for x, _ in group)
    return products / squares if squares > 0 else 0.0
