"""What looks wrong with runs that are valid one by one: other units, outliers, another clock. Named, never dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from instsim.calibrate.fitting import Fit
from instsim.calibrate.observation import Observation
from instsim.errors import InputError

__all__ = ["check_units", "operating_point_warnings", "outlier_warnings", "unlikely_figures"]

_OTHER_UNIT_FACTORS = (1e3, 1e6, 1e9)
_FACTOR_TOLERANCE = 3.0
_OUTLIER_MAD = 3.5
"""Iglewicz and Hoaglin, "How to detect and handle outliers", 1993."""

_LIKELY_FACTORS = (0.5, 4.0)
"""Latency over cycles and clock: half already means more than two instructions where one was counted; flash that nobody models takes two to three."""

_LIKELY_J_PER_CYCLE = (20e-12, 4e-9)
"""Boards measured draw 120 to 560 pJ a cycle; this is far below and above them."""

_MAD_TO_SD = 1.4826
_LEAST_OUTLIER = 0.15


def check_units(observations: Sequence[Observation]) -> None:
    """Refuse runs that are a thousand times off the others: two units in one column.

    Raises
    ------
    InputError
        Naming them.
    """
    problems = []
    for quantity, unit in (("latency", "cycles / clock"), ("energy", "cycles")):
        ratios = []
        for run in observations:
            value, base = (run.latency_s, run.point.nominal_s) if quantity == "latency" else (run.energy_j, run.point.cycles)
            if value is not None:
                ratios.append((run, value / base))
        if not ratios:
            continue
        # Of two runs neither can be told to be the odd one: the smaller ratio stands for what is usual.
        usual = median(ratio for _, ratio in ratios) if len(ratios) > 2 else min(ratio for _, ratio in ratios)
        for run, ratio in ratios:
            distance = abs(math.log(ratio / usual))
            if any(abs(distance - math.log(factor)) < math.log(_FACTOR_TOLERANCE) for factor in _OTHER_UNIT_FACTORS):
                problems.append(f"{run.place}: {quantity} over {unit} is {ratio / usual:.3g} times that of the other runs")
    if problems:
        raise InputError("some runs seem to be in another unit than the others", hint="one unit a column", details=tuple(problems))


def unlikely_figures(observations: Sequence[Observation]) -> tuple[str, ...]:
    """Name a middle of latency or energy that no board has: a whole column in another unit, or another region than was measured."""
    factors = [run.latency_s / run.point.nominal_s for run in observations if run.latency_s is not None]
    energies = [run.energy_j / run.point.cycles for run in observations if run.energy_j is not None]
    warnings = []
    if factors and not _LIKELY_FACTORS[0] <= median(factors) <= _LIKELY_FACTORS[1]:
        warnings.append(f"latency is {median(factors):.3g} times cycles over clock: another unit, clock or region than was measured?")
    if energies and not _LIKELY_J_PER_CYCLE[0] <= median(energies) <= _LIKELY_J_PER_CYCLE[1]:
        warnings.append(f"energy is {median(energies) * 1e12:,.3g} pJ a cycle, boards measured take 120 to 560: another unit or region?")
    return tuple(warnings)


def outlier_warnings(fit: Fit) -> tuple[str, ...]:
    """Name runs that the others predict badly, measured by how badly they predict each other."""
    known = [(item.place, item.left_out) for item in fit.influence if item.left_out is not None]
    if len(known) < 3:
        return ()
    middle = median(error for _, error in known)
    deviation = _MAD_TO_SD * median(abs(error - middle) for _, error in known)
    limit = max(_OUTLIER_MAD * deviation, _LEAST_OUTLIER)
    return tuple(
        f"{place}: the other runs predict its {fit.model.quantity} {error:+.0%} off; kept, look at it"
        for place, error in known
        if abs(error - middle) > limit
    )


def operating_point_warnings(observations: Sequence[Observation], board_clock_hz: float, board_supply_v: float) -> tuple[str, ...]:
    """Name runs that were measured at another clock or supply than the board's."""
    warnings = []
    for what, unit, scale, usual, values in (
        ("clock", "MHz", 1e-6, board_clock_hz, [(run, run.point.clock_hz) for run in observations]),
        ("supply", "V", 1.0, board_supply_v, [(run, run.point.supply_v) for run in observations]),
    ):
        other = [(run, value) for run, value in values if usual and value and abs(value / usual - 1.0) > 0.005]
        if not other:
            continue
        figures = ", ".join(dict.fromkeys(f"{value * scale:g} {unit}" for _, value in other))
        which = "all runs" if len(other) == len(observations) else ", ".join(run.place for run, _ in other)
        warnings.append(f"{which}: measured at a {what} of {figures}, the board has {usual * scale:g} {unit}")
    return tuple(warnings)
