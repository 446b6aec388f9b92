"""Whether the boards that are known already help a new one: learning curves of energy and latency."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from calibration.published import Row, by_setup, energy_runs, image_runs
from calibration.spreads import energy_spread, latency_spread
from instsim.calibrate.calibration import Calibration
from instsim.calibrate.fit_board import BoardFit, Setup, fit_board, others_alone, with_others
from instsim.calibrate.fitting import make_samples
from instsim.calibrate.known_boards import KnownBoard
from instsim.calibrate.observation import Observation
from instsim.calibrate.spread import Spread
from instsim.session.known_boards import BoardTraits, board_distance

__all__ = ["learning_curve"]

_SEED = 13
_DRAWS = 60
_MOST_RUNS = 10
_CORES = {
    "nucleo-l4r5zi": ("cortex-m4", "ldo"),
    "nucleo-u575zi-q": ("cortex-m33", "switched"),
    "nucleo-h7a3zi-q": ("cortex-m7", "switched"),
    "disco-f746ng": ("cortex-m7", "ldo"),
    "nucleo-g0b1re": ("cortex-m0plus", "ldo"),
    "ek-ra6m4": ("cortex-m33", "unknown"),
    "rx65n-cloud-kit": ("RXv2", "unknown"),
    "xg24-dk2601b": ("cortex-m33", "switched"),
}
_NO_SPREAD_OF_OTHER = Spread(0.1, 5.0, 0.1, 5.0, None, 0.1, 5.0)


@dataclass
class _Curve:
    """Errors by number of runs: with the new board's runs alone, and with other boards; and the boards behind them."""

    alone: dict[int, list[float]] = field(default_factory=dict)
    shrunk: dict[int, list[float]] = field(default_factory=dict)
    boards: dict[int, set[str]] = field(default_factory=dict)


def _traits(row: Row) -> BoardTraits:
    core, regulator = _CORES[row["board"]]
    return BoardTraits(core, regulator, float(row["clock_mhz"]) * 1e6, float(row.get("supply_v", 0.0)))


def _errors(quantity: str, calibration: Calibration, runs: Sequence[Observation]) -> list[float]:
    model = calibration.energy if quantity == "energy" else calibration.latency
    assert model is not None
    predicted = [(model.predict(sample.point), sample.value) for sample in make_samples(quantity, runs)]
    return [abs(found.value / value - 1) for found, value in predicted if found is not None]


def _curve(
    quantity: str,
    rows: Sequence[Row],
    keys: Sequence[str],
    observations: Callable[[Sequence[Row]], list[Observation]],
    spread_of: Callable[[Sequence[Row]], Spread],
) -> _Curve:
    """Learn a quantity of each board in turn, with spreads and calibrations of the other boards alone."""
    curve = _Curve()
    rng = random.Random(_SEED)  # noqa: S311 -- subsampling, no secret
    groups = list(by_setup(rows, *keys))

    def fitted(runs: Sequence[Observation], group: Sequence[Row], spreads: Mapping[str, Spread]) -> BoardFit:
        return fit_board(runs, Setup("trial", group[0]["board"], _traits(group[0]).regulator), spreads)

    for (board, *_), group in groups:
        foreign = [row for row in rows if row["board"] != board]
        spreads = {"latency": _NO_SPREAD_OF_OTHER, "energy": _NO_SPREAD_OF_OTHER, quantity: spread_of(foreign)}
        traits = _traits(group[0])
        known = [
            KnownBoard(fitted(observations(other), other, spreads).calibration, board_distance(traits, _traits(other[0])))
            for (name, *_), other in groups
            if name != board
        ]
        runs = observations(group)
        none = others_alone(known, Setup("trial", board, traits.regulator), spreads, traits.clock_hz, traits.supply_v).calibration
        curve.shrunk.setdefault(0, []).extend(_errors(quantity, none, runs))
        curve.boards.setdefault(0, set()).add(board)
        if quantity == "latency":
            curve.alone.setdefault(0, []).extend(abs(run.point.nominal_s / (run.latency_s or 0.0) - 1) for run in runs)
        for count in range(1, min(_MOST_RUNS, len(group) - 1) + 1):
            for _ in range(_DRAWS):
                chosen = set(rng.sample(range(len(runs)), count))
                alone = fitted([runs[i] for i in sorted(chosen)], group, spreads)
                left = [run for i, run in enumerate(runs) if i not in chosen]
                curve.alone.setdefault(count, []).extend(_errors(quantity, alone.calibration, left))
                curve.shrunk.setdefault(count, []).extend(_errors(quantity, with_others(alone, known, spreads).calibration, left))
            curve.boards.setdefault(count, set()).add(board)
    return curve


def learning_curve(energy_rows: Sequence[Row], image_rows: Sequence[Row]) -> str:
    """Return the curves as a Markdown table with what precedes it.

    Parameters
    ----------
    energy_rows, image_rows : sequence of dict
        The published energies, and the latencies of images with predicted cycles. Boards in turn are new; the others are known.
    """
    energy = _curve("energy", energy_rows, ("board", "supply_v"), energy_runs, energy_spread)
    latency = _curve("latency", image_rows, ("board",), image_runs, latency_spread)
    lines = [_INTRODUCTION]
    for count in sorted(energy.shrunk.keys() | latency.shrunk.keys()):
        cells = [str(count)]
        for curve in (energy, latency):
            cells.append(str(len(curve.boards.get(count, ()))))
            cells += [f"{fmean(errors[count]):.1%}" if count in errors else "-" for errors in (curve.alone, curve.shrunk)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


_INTRODUCTION = """### Boards that nobody has calibrated

From none to ten runs of a new board: its own runs alone, and drawn toward the other boards (`instsim calibrate --like`), the nearest
weighing most (by their cores' [descriptors](characterize.md), regulator, clock, supply). Energy is that at measured latency, of any
firmware; latency alone without a run is nominal. Other boards win by a tenth or two of a point, for latency with memory systems that
were made with these very images in view: so calibrations are fitted to the board alone unless asked otherwise. Without a run other boards say
nothing useful of energy, and of latency no more than the tables do.

| runs | boards | energy alone | with other boards | boards | latency alone | with other boards |
|---|---|---|---|---|---|---|"""
