"""Whether the boards that are known already help a new one: learning curves of energy and latency."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import fmean

from calibration.published import Row, by_setup
from instsim.calibrate.device_descriptor import distance
from instsim.session.microbenchmark import find_build

__all__ = ["learning_curve"]

_SEED = 13
_DRAWS = 200
_MOST_RUNS = 10
_CORES = {
    "nucleo-l4r5zi": ("cortex-m4", "ldo"),
    "nucleo-u575zi-q": ("cortex-m33", "switched"),
    "nucleo-h7a3zi-q": ("cortex-m7", "switched"),
    "disco-f746ng": ("cortex-m7", "ldo"),
    "nucleo-g0b1re": ("cortex-m0plus", "ldo"),
    "esp32-c3": ("esp32-c3", "switched"),
    "ek-ra6m4": ("cortex-m33", "unknown"),
    "rx65n-cloud-kit": ("RXv2", "unknown"),
    "xg24-dk2601b": ("cortex-m33", "switched"),
}
_UNLIKE = 0.8
"""Distance of cores of which no build of the microbenchmark runs on both."""


@dataclass
class _Curve:
    """Errors by number of runs: with the new board's runs alone, and with other boards; and the boards behind them."""

    alone: dict[int, list[float]] = field(default_factory=dict)
    shrunk: dict[int, list[float]] = field(default_factory=dict)
    boards: dict[int, set[str]] = field(default_factory=dict)


def _ln_charge(row: Row) -> float:
    """Logarithm of the energy of a cycle."""
    return math.log(float(row["energy_uj"]) / float(row["cycles"]))


def _ln_factor(row: Row) -> float:
    """Logarithm of measured over predicted latency."""
    return math.log(float(row["latency_ms"]) * 1e3 * float(row["clock_mhz"]) / float(row["predicted_cycles"]))


@cache
def _core_distance(first: str, second: str) -> float:
    if first == second:
        return 0.0
    vectors = {known.core.name: known.cycles for known in find_build("cortex-m0plus").known_cores()}
    return distance(vectors[first], vectors[second]) if first in vectors and second in vectors else _UNLIKE


def _distance(first: Row, second: Row) -> float:
    """Distance of two boards: of their cores' descriptors, regulators, clocks, supplies."""
    core, regulator = _CORES[first["board"]]
    other_core, other_regulator = _CORES[second["board"]]
    clocks = abs(math.log(float(first["clock_mhz"]) / float(second["clock_mhz"])))
    supplies = abs(math.log(float(first["supply_v"]) / float(second["supply_v"]))) if "supply_v" in first else 0.0
    return _core_distance(core, other_core) + 0.5 * (regulator != other_regulator) + clocks + supplies


def _prior(group: Sequence[Row], others: Sequence[Sequence[Row]], ln_value: Callable[[Row], float], least_sd: float) -> tuple[float, float]:
    """Return mean and spread of a quantity on other boards, the nearest weighing most."""
    means = [(fmean(map(ln_value, other)), math.exp(-_distance(group[0], other[0]))) for other in others]
    total = sum(weight for _, weight in means)
    mean = math.fsum(weight * value for value, weight in means) / total
    spread = math.sqrt(math.fsum(weight * (value - mean) ** 2 for value, weight in means) / total)
    return mean, max(spread, least_sd)


def _curve(rows: Sequence[Row], keys: Sequence[str], ln_value: Callable[[Row], float], sds: tuple[float, float], nominal: float | None) -> _Curve:
    """Learn a quantity of each board in turn.

    Parameters
    ----------
    rows : sequence of dict
        Published runs.
    keys : sequence of str
        Columns that tell one board's operating points apart.
    ln_value : callable
        What is learnt: the logarithm of a run's factor.
    sds : tuple of float
        Its spread between networks, and between firmwares.
    nominal : float or None
        What stands for it without any run; None where nothing does.
    """
    curve = _Curve()
    rng = random.Random(_SEED)  # noqa: S311 -- subsampling, no secret
    variance = math.fsum(sd**2 for sd in sds)
    groups = list(by_setup(rows, *keys))
    for (board, *_), group in groups:
        mean, spread = _prior(group, [other for (name, *_), other in groups if name != board], ln_value, sds[1])
        for count in range(min(_MOST_RUNS, len(group) - 1) + 1):
            subsets = [tuple(rng.sample(range(len(group)), count)) for _ in range(_DRAWS)] if count else [()]
            for chosen in subsets:
                own = [ln_value(group[i]) for i in chosen]
                weight = count / variance / (count / variance + 1 / spread**2)
                left = [ln_value(row) for i, row in enumerate(group) if i not in chosen]
                alone = fmean(own) if own else nominal
                shrunk = weight * fmean(own) + (1 - weight) * mean if own else mean
                for errors, guess in ((curve.alone, alone), (curve.shrunk, shrunk)):
                    if guess is not None:
                        errors.setdefault(count, []).extend(abs(math.exp(guess - value) - 1) for value in left)
                curve.boards.setdefault(count, set()).add(board)
    return curve


def learning_curve(energy_rows: Sequence[Row], image_rows: Sequence[Row]) -> str:
    """Return the curves as a Markdown table with what precedes it.

    Parameters
    ----------
    energy_rows, image_rows : sequence of dict
        The published energies, and the latencies of images with predicted cycles. Boards in turn are new; the others are known.
    """
    energy = _curve(energy_rows, ("board", "supply_v"), _ln_charge, (0.056, 0.098), None)
    latency = _curve(image_rows, ("board",), _ln_factor, (0.005, 0.009), 0.0)
    lines = [
        "### Boards that nobody has calibrated",
        "",
        "From none to ten runs of a new board: its own runs alone, and shrunk toward the other boards, the nearest",
        "weighing most (by their cores' [descriptors](characterize.md), regulator, clock, supply). Energy is that at measured latency, of any",
        "firmware; latency alone without a run is nominal. From one run on other boards give three tenths of a per cent at most, and less than",
        "that on a board of one's own, for the memory systems of these boards were made with these images in view: so calibrations are fitted",
        "to the board alone. Without a run other boards say nothing useful of energy, and of latency no more than the tables do.",
        "",
        "| runs | boards | energy alone | with other boards | boards | latency alone | with other boards |",
        "|---|---|---|---|---|---|---|",
    ]
    for count in sorted(energy.shrunk.keys() | latency.shrunk.keys()):
        cells = [str(count)]
        for curve in (energy, latency):
            cells.append(str(len(curve.boards.get(count, ()))))
            cells += [f"{fmean(errors[count]):.1%}" if count in errors else "-" for errors in (curve.alone, curve.shrunk)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
