"""Published runs of MLPerf Tiny as observations: the development part only (no visual wake words, no round kept for validation)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from instsim.calibrate.observation import Observation, Point
from instsim.session.facade import estimate
from instsim.session.request import Request

__all__ = ["ENERGY_RUNS", "IMAGE_RUNS", "WEIGHT_BYTES", "by_setup", "energy_runs", "image_runs", "maker", "predict_images", "read_rows"]

_FOLDER = Path(__file__).resolve().parent.parent / "published_runs"
ENERGY_RUNS = _FOLDER / "mlperf_tiny_energy.csv"
"""Latency and energy; cycles are latency times clock."""

IMAGE_RUNS = _FOLDER / "mlperf_tiny_images.csv"
"""Latency of images whose bytes are public, with the cycles that instsim predicts for them."""

WEIGHT_BYTES = {"ad": 270_880, "kws": 24_368, "ic": 78_744}
"""Weights (8 bits) and biases (32 bits) of the benchmark's networks, from the dimensions of their layers (mlcommons/tiny, benchmark/training)."""

_MAKERS = {"nucleo": "STMicroelectronics", "disco": "STMicroelectronics", "ek": "Renesas", "rx65n": "Renesas", "xg24": "Silicon Labs"}

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """Read one of the files."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def maker(row: Row) -> str:
    """Return who makes the chip of a row's board."""
    return _MAKERS[row["board"].partition("-")[0]]


def energy_runs(rows: Sequence[Row]) -> list[Observation]:
    """Return rows of `ENERGY_RUNS` as observations; a set-up's name is its firmware. ``weights = unknown`` in a row hides the network's."""
    runs = []
    for row in rows:
        latency_s = float(row["latency_ms"]) * 1e-3
        point = Point(
            float(row["cycles"]),
            float(row["clock_mhz"]) * 1e6,
            latency_s,
            float(row["supply_v"]),
            firmware=row["firmware"],
            weight_bytes=None if row.get("weights") == "unknown" else WEIGHT_BYTES[row["benchmark"]],
        )
        name = f"{row['benchmark']} {row['laboratory']} {row['round']}"
        runs.append(Observation(name, point, latency_s, float(row["energy_uj"]) * 1e-6))
    return runs


def image_runs(rows: Sequence[Row]) -> list[Observation]:
    """Return rows of `IMAGE_RUNS` as observations with predicted cycles."""
    runs = []
    for row in rows:
        latency_s, clock_hz = float(row["latency_ms"]) * 1e-3, float(row["clock_mhz"]) * 1e6
        point = Point(float(row["predicted_cycles"]), clock_hz, latency_s, firmware=row["firmware"].removesuffix(", weights in RAM"))
        runs.append(Observation(f"{row['benchmark']} {row['firmware']}", point, latency_s))
    return runs


def by_setup(rows: Sequence[Row], *keys: str) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    """Group rows by the values of some columns, in the file's order."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    yield from groups.items()


def predict_images(folder: Path) -> None:
    """Predict the cycles of every image again, with its board's memories and with ideal ones, and write them into `IMAGE_RUNS`.

    Parameters
    ----------
    folder : Path
        Holds, for each round, the images of its result repository under the path they have there (``v1.1/closed/...``).
    """
    rows = read_rows(IMAGE_RUNS)
    for row in rows:
        request = Request(board=row["board"], serial="eembc", clock_hz=float(row["clock_mhz"]) * 1e6, calibration="none")
        found = estimate(folder / row["round"] / row["file"], request)
        stalls = found.memory.stall_cycles if found.memory is not None else 0.0
        row["predicted_cycles"], row["ideal_cycles"] = f"{found.cycles:.9g}", f"{found.cycles - stalls:.9g}"
        row["memory"] = found.provenance.memory
        print(
            f"{row['board']} {row['firmware']} {row['benchmark']}: {found.latency.value / float(row['latency_ms']) * 1e3:.3f} of measured", flush=True
        )
    with IMAGE_RUNS.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
