"""Calibrates on a part of the published runs and predicts the rest, over and over."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from statistics import fmean, median

from calibration.published import Row, by_setup, energy_runs, image_runs, maker
from calibration.spreads import energy_spread, latency_spread
from instsim.calibrate.fit_board import Setup, fit_board
from instsim.calibrate.fitting import make_samples
from instsim.calibrate.observation import Observation
from instsim.calibrate.spread import Spread

__all__ = ["Trials", "run_trials"]

Split = Iterator[tuple[list[Observation], list[Observation]]]

_SEED = 13
_DRAWS = 60
_LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Trials:
    """Outcome of one kind of trial.

    Attributes
    ----------
    title : str
        What was calibrated on what.
    runs : str
        Runs a calibration.
    errors : tuple of float
        Relative, absolute, one for each prediction.
    covered : float
        Share of predictions whose 90 % interval holds the measurement.
    width : float
        Median width of the interval, relative to the prediction.
    """

    title: str
    runs: str
    errors: tuple[float, ...]
    covered: float
    width: float

    @property
    def mean(self) -> float:
        """Mean absolute error."""
        return fmean(self.errors)

    @property
    def percentile_90(self) -> float:
        """90th percentile of the absolute error (nearest rank)."""
        return sorted(self.errors)[math.ceil(0.9 * len(self.errors)) - 1]

    @property
    def worst(self) -> float:
        """Largest absolute error."""
        return max(self.errors)


def _score(quantity: str, split: Split, spread: Spread, regulator: str) -> list[tuple[float, bool, float]]:
    outcomes = []
    for train, test in split:
        fitted = fit_board(train, Setup("trial", "trial", regulator), {quantity: spread, _other(quantity): Spread(0.1, 5.0, 0.1, 5.0)})
        model = fitted.calibration.energy if quantity == "energy" else fitted.calibration.latency
        assert model is not None
        for sample in make_samples(quantity, test):
            predicted = model.predict(sample.point)
            if predicted is None:
                continue
            low, high = predicted.interval(_LEVEL)
            outcomes.append((abs(predicted.value / sample.value - 1), low <= sample.value <= high, (high - low) / predicted.value))
    return outcomes


def _other(quantity: str) -> str:
    return "latency" if quantity == "energy" else "energy"


def _trials(title: str, runs: str, outcomes: Sequence[tuple[float, bool, float]]) -> Trials:
    covered = fmean(hit for _, hit, _ in outcomes)
    return Trials(title, runs, tuple(error for error, _, _ in outcomes), covered, median(width for _, _, width in outcomes))


def _subsets(size: int, runs: Sequence[Observation]) -> Split:
    if len(runs) <= size:
        return
    for chosen in itertools.combinations(range(len(runs)), size):
        yield [runs[i] for i in chosen], [runs[i] for i in range(len(runs)) if i not in chosen]


def _draws(size: int, runs: Sequence[Observation]) -> Split:
    if len(runs) <= size + 2:
        return
    rng = random.Random(_SEED)  # noqa: S311 -- subsampling, no secret
    for _ in range(_DRAWS):
        order = list(runs)
        rng.shuffle(order)
        yield order[:size], order[size:]


def _families(runs: Sequence[Observation]) -> Split:
    names = sorted({run.point.firmware for run in runs})
    for name in names if len(names) > 1 else ():
        yield [run for run in runs if run.point.firmware != name], [run for run in runs if run.point.firmware == name]


def _pairs_of_families(runs: Sequence[Observation]) -> Split:
    names = sorted({run.point.firmware for run in runs})
    for first, second in itertools.permutations(names, 2):
        yield [run for run in runs if run.point.firmware == first], [run for run in runs if run.point.firmware == second]


def _gather(
    rows: Sequence[Row],
    keys: Sequence[str],
    spread_of: Callable[[Sequence[Row]], Spread],
    quantity: str,
    split: Callable[[list[Observation]], Split],
    *,
    apart: Callable[[Row], str] = itemgetter("board"),
) -> list[tuple[float, bool, float]]:
    """Run a kind of trial on every group of rows, with what all other boards show (or all of other makers)."""
    outcomes = []
    make = energy_runs if quantity == "energy" else image_runs
    for _, group in by_setup(rows, *keys):
        spread = spread_of([row for row in rows if apart(row) != apart(group[0])])
        outcomes += _score(quantity, split(make(group)), spread, group[0].get("regulator", "unknown"))
    return outcomes


def _renamed(rows: Sequence[Row]) -> list[Row]:
    """Give every laboratory's build of a firmware a name of its own."""
    return [{**row, "firmware": f"{row['firmware']} {row['laboratory']} {row['round']}"} for row in rows]


def run_trials(energy_rows: Sequence[Row], image_rows: Sequence[Row]) -> list[Trials]:
    """Run all trials.

    Parameters
    ----------
    energy_rows, image_rows : sequence of dict
        The published runs.
    """
    setup = ("board", "supply_v", "firmware", "laboratory", "round")
    named, board = _renamed(energy_rows), ("board", "supply_v")
    unweighted = [{**row, "weights": "unknown"} for row in energy_rows]
    scalar = [row for row in energy_rows if "accelerator" not in row["firmware"]]
    images = [{**row, "family": row["firmware"].removesuffix(", weights in RAM")} for row in image_rows]
    without = [row for row in images if not (row["benchmark"] == "ad" and "RAM" not in row["firmware"])]
    family = ("board", "family")

    def energy(
        title: str,
        runs: str,
        rows: Sequence[Row],
        keys: Sequence[str],
        split: Callable[[list[Observation]], Split],
        *,
        apart: Callable[[Row], str] = itemgetter("board"),
    ) -> Trials:
        return _trials(f"energy, {title}", runs, _gather(rows, keys, energy_spread, "energy", split, apart=apart))

    def latency(title: str, runs: str, rows: Sequence[Row], keys: Sequence[str], split: Callable[[list[Observation]], Split]) -> Trials:
        return _trials(f"latency, {title}", runs, _gather(rows, keys, latency_spread, "latency", split))

    def of_any_size(*sizes: int) -> Callable[[list[Observation]], Split]:
        return lambda runs: itertools.chain.from_iterable(_subsets(size, runs) for size in sizes)

    new_firmware = "firmware the board was not calibrated with"
    flash = "networks whose weights are read once from flash left out"
    return [
        *(energy("other networks of the set-up", str(size), energy_rows, setup, partial(_subsets, size)) for size in (1, 2)),
        energy("other networks of the set-up", "1-2", energy_rows, setup, of_any_size(1, 2)),
        *(
            energy("the same, all boards of its maker left out", str(size), energy_rows, setup, partial(_subsets, size), apart=maker)
            for size in (1, 2)
        ),
        *(energy("the same, weights not known", str(size), unweighted, setup, partial(_subsets, size)) for size in (1, 2)),
        *(energy("the same without accelerators", str(size), scalar, setup, partial(_subsets, size)) for size in (1, 2)),
        *(energy("runs of a board drawn from all its firmwares", str(size), named, board, partial(_draws, size)) for size in (3, 5, 8)),
        energy(f"{new_firmware}, from one other", "2-3", named, board, _pairs_of_families),
        energy(f"{new_firmware}, from all others", "2-15", named, board, _families),
        *(latency("other networks of the set-up", str(size), images, family, partial(_subsets, size)) for size in (1, 2, 3)),
        latency("other networks of the set-up", "1-3", images, family, of_any_size(1, 2, 3)),
        latency(new_firmware, "2-7", images, ("board",), _families),
        *(latency(f"other networks, {flash}", str(size), without, family, partial(_subsets, size)) for size in (1, 2)),
    ]
