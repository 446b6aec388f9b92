"""The spreads that published runs show, and the file that carries them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from accuracy.comparison import Comparison

from calibration.nominal import nominal_spreads
from calibration.published import ENERGY_RUNS, IMAGE_RUNS, WEIGHT_BYTES, Row, by_setup, read_rows
from instsim.calibrate.spread import Spread, pool_spreads
from instsim.calibrate.spreads_file import FOLLOWED_MEMORY
from instsim.calibrate.weight_reading import WeightReading, slope_within
from instsim.isa import Isa
from instsim.resources import cost_tables
from instsim.session.memories import IDEAL_MEMORY

__all__ = ["energy_spread", "latency_spread", "spreads_toml", "write_spreads"]

_MOST_DEGREES = 20.0
"""The set-ups agree so well on their spread that it would outweigh 37 runs; half of that, because boards of other makers are not among them."""

_HEAD = """\
# What known boards show, pooled into calibrations from few runs. Written by `python tools/calibration_study.py`.
# Spreads are standard deviations of natural logarithms.
"""

_READING_SOURCE = (
    "slope of ln(power) on bytes of weights a cycle within the same set-ups, networks by their dimensions in mlcommons/tiny; its standard error by "
    "leaving boards out"
)

_SETUP = ("board", "supply_v", "firmware", "laboratory", "round")


def _variances(groups: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    pairs = [(stdev(group) ** 2, float(len(group) - 1)) for group in groups if len(group) > 1]
    return [variance for variance, _ in pairs], [degrees for _, degrees in pairs]


def _pooled(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    variances, degrees = _variances(groups)
    return math.sqrt(math.fsum(v * d for v, d in zip(variances, degrees, strict=True)) / sum(degrees)), sum(degrees)


def _ln_power(row: Row) -> float:
    return math.log(float(row["energy_uj"]) / float(row["latency_ms"]))


def _ln_excess(row: Row) -> float:
    """Logarithm of measured over predicted latency."""
    return math.log(float(row["latency_ms"]) * float(row["clock_mhz"]) * 1e3 / float(row["predicted_cycles"]))


def _weights_per_cycle(row: Row) -> float:
    return WEIGHT_BYTES[row["benchmark"]] / float(row["cycles"])


def _slope(rows: Sequence[Row]) -> float:
    """Return the slope of the logarithm of power on weights a cycle, within set-ups."""
    return slope_within([[(_weights_per_cycle(row), _ln_power(row)) for row in group] for _, group in by_setup(rows, *_SETUP)])


def _reading(rows: Sequence[Row]) -> WeightReading:
    """Return what reading weights does to power; its standard error by leaving one board out at a time (jackknife), for a board's rows agree."""
    boards = sorted({row["board"] for row in rows})
    slopes = [_slope([row for row in rows if row["board"] != board]) for board in boards]
    slope_sd = math.sqrt((len(boards) - 1) / len(boards) * math.fsum((slope - fmean(slopes)) ** 2 for slope in slopes))
    network_sd, _ = _pooled([[_weights_per_cycle(row) for row in group] for _, group in by_setup(rows, *_SETUP)])
    return WeightReading(_slope(rows), slope_sd, network_sd)


def _between_boards(rows: Sequence[Row], values: Sequence[float]) -> tuple[float, float]:
    """Return standard deviation and degrees of freedom of the means of boards."""
    boards: dict[str, list[float]] = {}
    for row, value in zip(rows, values, strict=True):
        boards.setdefault(row["board"], []).append(value)
    return stdev(map(fmean, boards.values())), float(len(boards) - 1)


def energy_spread(rows: Sequence[Row]) -> Spread:
    """Return the spread of energy at measured latency, within set-ups and between the firmwares of a board, and what reading weights does to it."""
    reading = _reading(rows)

    def ln_power(row: Row) -> float:
        return _ln_power(row) - reading.slope * _weights_per_cycle(row)

    within = [[ln_power(row) for row in group] for _, group in by_setup(rows, *_SETUP)]
    sd, degrees = pool_spreads(*_variances(within))
    boards: dict[tuple[str, str], list[float]] = {}
    for key, group in by_setup(rows, *_SETUP):
        boards.setdefault((key[0], key[1]), []).append(fmean(map(ln_power, group)))
    between, between_degrees = _pooled(list(boards.values()))
    charges = [ln_power(row) - math.log(float(row["clock_mhz"])) for row in rows]
    return Spread(sd, min(_MOST_DEGREES, degrees), between, between_degrees, reading, *_between_boards(rows, charges))


def latency_spread(rows: Sequence[Row]) -> Spread:
    """Return the spread of latency over prediction, within the images of a firmware on a board and between firmwares."""
    within, boards = [], dict[str, list[float]]()
    for (board, _), group in by_setup([{**row, "firmware": row["firmware"].removesuffix(", weights in RAM")} for row in rows], "board", "firmware"):
        within.append([_ln_excess(row) for row in group])
        boards.setdefault(board, []).append(fmean(within[-1]))
    sd, degrees = pool_spreads(*_variances(within))
    between, between_degrees = _pooled(list(boards.values()))
    return Spread(sd, min(_MOST_DEGREES, degrees), between, between_degrees, None, *_between_boards(rows, [_ln_excess(row) for row in rows]))


def _ideal_latency(rows: Sequence[Row]) -> tuple[float, float, float]:
    """Return mean, standard deviation and degrees of freedom of ``ln(measured / predicted)`` where nothing waits for memory."""
    values = [_ln_excess({**row, "predicted_cycles": row["ideal_cycles"]}) for row in rows]
    # The mean is known no better than from the boards it was taken on.
    boards = len({row["board"] for row in rows})
    return fmean(values), stdev(values) * math.sqrt(1 + 1 / boards), float(len(values) - 1)


def _table(name: str, spread: Spread, source: str) -> str:
    return (
        f"[{name}]\nln_sd = {spread.ln_sd:.4g}\ndegrees_of_freedom = {spread.degrees_of_freedom:.1f}\n"
        f"between_firmware_ln_sd = {spread.between_ln_sd:.4g}\nbetween_firmware_degrees_of_freedom = {spread.between_degrees_of_freedom:.1f}\n"
        f"between_boards_ln_sd = {spread.boards_ln_sd:.4g}\nbetween_boards_degrees_of_freedom = {spread.boards_degrees_of_freedom:.1f}\n"
        f'source = "{source}"\n{_reading_table(name, spread.reading)}'
    )


def _reading_table(name: str, reading: WeightReading | None) -> str:
    if reading is None:
        return ""
    figures = {"slope": reading.slope, "slope_sd": reading.slope_sd, "network_sd": reading.network_sd}
    lines = [f"[{name}.weight_reading]", *(f"{key} = {value:.4g}" for key, value in figures.items()), f'source = "{_READING_SOURCE}"']
    return "\n" + "\n".join(lines) + "\n"


def spreads_toml(energy_rows: Sequence[Row], image_rows: Sequence[Row], comparisons: Sequence[Comparison]) -> str:
    """Return the file of spreads."""
    setups = len(list(by_setup(energy_rows, *_SETUP)))
    rounds = "mlperf-tiny v0.5 to v1.2"
    parts = [
        _HEAD,
        _table(
            "latency", latency_spread(image_rows), f"mlperf-tiny v1.1, v1.2: {len(image_rows)} images of 5 boards, measured over predicted latency"
        ),
        _table("energy", energy_spread(energy_rows), f"{rounds}: {len(energy_rows)} runs in {setups} set-ups, energy over measured latency"),
    ]
    for found in nominal_spreads(comparisons):
        source = f"{found.programs} programs in {found.groups} groups (a data set on a board or core) of docs/accuracy.md"
        parts.append(_nominal(FOLLOWED_MEMORY, found.isa, (found.ln_bias, found.ln_sd, found.degrees_of_freedom), source))
    source = f"mlperf-tiny v1.1, v1.2: {len(image_rows)} images of 5 boards with slow flash"
    parts.append(_nominal(IDEAL_MEMORY, Isa.THUMB, _ideal_latency(image_rows), source))
    return "\n".join(parts)


def write_spreads(comparisons: Sequence[Comparison]) -> None:
    """Write ``cost_tables/calibrations/spreads.toml`` from the published runs and the rows of docs/accuracy.md."""
    text = spreads_toml(read_rows(ENERGY_RUNS), read_rows(IMAGE_RUNS), comparisons)
    (cost_tables() / "calibrations" / "spreads.toml").write_text(text, encoding="utf-8")


def _nominal(memory: str, isa: Isa, spread: tuple[float, float, float], source: str) -> str:
    bias, sd, degrees = spread
    return (
        f'[[nominal_latency]]\nmemory = "{memory}"\nisa = "{isa}"\nln_bias = {bias:.4g}\nln_sd = {sd:.4g}\ndegrees_of_freedom = {degrees:.1f}\n'
        f'source = "{source}"\n'
    )
