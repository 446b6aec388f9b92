"""Whether the boards that are known already help a new one: a learning curve."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from statistics import fmean

from calibration.published import Row, by_setup

__all__ = ["learning_curve"]

_SEED = 13
_DRAWS = 200
_MOST_RUNS = 10
_WITHIN_SD = 0.056
_FIRMWARE_SD = 0.098
_CORES = {
    "nucleo-l4r5zi": ("M4", "ldo"),
    "nucleo-u575zi-q": ("M33", "switched"),
    "nucleo-h7a3zi-q": ("M7", "switched"),
    "ek-ra6m4": ("M33", "unknown"),
    "rx65n-cloud-kit": ("RXv2", "unknown"),
    "xg24-dk2601b": ("M33", "switched"),
}


def _ln_charge(row: Row) -> float:
    """Logarithm of the energy of a cycle."""
    return math.log(float(row["energy_uj"]) / float(row["cycles"]))


def _distance(first: Row, second: Row) -> float:
    """Distance of two boards' descriptors: core, regulator, clock, supply."""
    core, regulator = _CORES[first["board"]]
    other_core, other_regulator = _CORES[second["board"]]
    clocks = abs(math.log(float(first["clock_mhz"]) / float(second["clock_mhz"])))
    supplies = abs(math.log(float(first["supply_v"]) / float(second["supply_v"])))
    return 0.5 * (core != other_core) + 0.5 * (regulator != other_regulator) + clocks + supplies


def _prior(group: Sequence[Row], rows: Sequence[Row]) -> tuple[float, float]:
    """Return mean and spread of the energy of a cycle on other boards, the nearest weighing most."""
    means = [(fmean(_ln_charge(row) for row in other), _distance(group[0], other[0])) for _, other in by_setup(rows, "board", "supply_v")]
    weights = [math.exp(-distance) for _, distance in means]
    mean = math.fsum(w * m for w, (m, _) in zip(weights, means, strict=True)) / sum(weights)
    spread = math.sqrt(math.fsum(w * (m - mean) ** 2 for w, (m, _) in zip(weights, means, strict=True)) / sum(weights))
    return mean, max(spread, _FIRMWARE_SD)


def learning_curve(rows: Sequence[Row]) -> str:
    """Return the curve as a Markdown table with what precedes it.

    Parameters
    ----------
    rows : sequence of dict
        Of the published energies. Boards in turn are new; the others are known.
    """
    alone: dict[int, list[float]] = {}
    shrunk: dict[int, list[float]] = {}
    boards: dict[int, set[str]] = {}
    rng = random.Random(_SEED)  # noqa: S311 -- subsampling, no secret
    for (board, _), group in by_setup(rows, "board", "supply_v"):
        mean, spread = _prior(group, [row for row in rows if row["board"] != board])
        variance = _WITHIN_SD**2 + _FIRMWARE_SD**2
        for count in range(min(_MOST_RUNS, len(group) - 1) + 1):
            subsets = list(itertools.islice(itertools.combinations(range(len(group)), count), 1)) if count == 0 else []
            subsets += [tuple(rng.sample(range(len(group)), count)) for _ in range(_DRAWS)] if count else []
            for chosen in subsets:
                own = [_ln_charge(group[i]) for i in chosen]
                weight = count / variance / (count / variance + 1 / spread**2)
                guess = weight * fmean(own) + (1 - weight) * mean if own else mean
                left = [_ln_charge(row) for i, row in enumerate(group) if i not in chosen]
                shrunk.setdefault(count, []).extend(abs(math.exp(guess - value) - 1) for value in left)
                if own:
                    alone.setdefault(count, []).extend(abs(math.exp(fmean(own) - value) - 1) for value in left)
                boards.setdefault(count, set()).add(board)
    lines = [
        "A board that nobody has calibrated, from none to ten of its runs (energy at measured latency, any firmware): its own runs alone, and",
        "shrunk toward the other boards' energy of a cycle, the nearest descriptor (core, regulator, clock, supply) weighing most. From one run on",
        "its own runs say as much, so calibrations are fitted to the board alone; without a run, the board file's prior stands.",
        "",
        "| runs | boards | alone | with other boards |",
        "|---|---|---|---|",
    ]
    for count in sorted(shrunk):
        own_text = f"{fmean(alone[count]):.1%}" if count in alone else "-"
        lines.append(f"| {count} | {len(boards[count])} | {own_text} | {fmean(shrunk[count]):.1%} |")
    return "\n".join(lines)
