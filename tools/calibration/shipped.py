"""Fits the calibrations that ship from the published runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from calibration.published import ENERGY_RUNS, Row, by_setup, energy_runs
from instsim.calibrate.calibration import Calibration
from instsim.calibrate.fit_board import Setup, fit_board
from instsim.calibrate.spread import Spread

__all__ = ["shipped_calibrations"]

_NOTES = (
    "Energy over measured latency, gross, at the device's supply. Cycles are official: latency times clock; the error of predicted ones comes on top."
)
_REFIT = "python tools/calibration_study.py"


def _cite(rows: Sequence[Row]) -> str:
    rounds = sorted({row["round"] for row in rows})
    families = len({row["firmware"] for row in rows})
    return f"MLPerf Tiny {', '.join(rounds)}, {families} firmware{'s' if families > 1 else ''}"


def _notes(rows: Sequence[Row]) -> str:
    sources = sorted({f"{row['source'].partition(' ')[0]} ({row['laboratory']})" for row in rows})
    return f"{_NOTES} Results: {', '.join(sources)}; files in tools/published_runs/mlperf_tiny_energy.csv."


def shipped_calibrations(rows: Sequence[Row], spread: Spread) -> list[tuple[str, Calibration]]:
    """Return name and calibration of every board, clock and supply with published energies.

    Parameters
    ----------
    rows : sequence of dict
        Of `ENERGY_RUNS`.
    spread : Spread
        Of energy on known boards.
    """
    digest = hashlib.sha256(Path(ENERGY_RUNS).read_bytes()).hexdigest()
    found = []
    for (board, clock_mhz, supply_v, regulator), group in by_setup(rows, "board", "clock_mhz", "supply_v", "regulator"):
        name = f"{board}@{float(clock_mhz):g}MHz-{float(supply_v):g}V"
        setup = Setup(
            name,
            board,
            regulator,
            source=_cite(group),
            data_digest=digest,
            refit=_REFIT,
            notes=_notes(group),
        )
        fitted = fit_board(energy_runs(group), setup, {"energy": spread, "latency": Spread(0.02, 1.0, 0.02, 1.0)}).calibration
        found.append((name, _without_latency(fitted)))
    return found


def _without_latency(calibration: Calibration) -> Calibration:
    """Leave latency out: on cycles that are latency times clock it would say nothing."""
    return replace(calibration, latency=None, latency_quality=None)
