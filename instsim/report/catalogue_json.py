"""Lists of boards and cores as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from instsim.cost.board import Board
from instsim.cost.core_table import CoreTable
from instsim.units import round_figure

__all__ = ["SCHEMA_VERSION", "boards_document", "cores_document"]

SCHEMA_VERSION = "1.1"
"""Of both lists, major.minor: the minor number rises when keys are added, the major one when a key goes or changes its meaning."""


def boards_document(boards: Sequence[Board]) -> dict[str, Any]:
    """Return the list of boards, by name."""
    rows = []
    for board in sorted(boards, key=lambda item: item.name):
        prior = board.energy_prior()
        rows.append(
            {
                "name": board.name,
                "title": board.title,
                "soc": board.soc,
                "core": board.core,
                "memory_system": board.memory_system or None,
                "generic": board.generic,
                "clock_hz": board.clock_hz,
                "maximum_clock_hz": board.clock.maximum_hz,
                "supply_v": board.supply.voltage_v,
                "flash_bytes": board.memory_bytes("flash", "external-flash"),
                "ram_bytes": board.memory_bytes("ram", "tcm"),
                "energy_j_per_cycle": round_figure(prior.joules_per_cycle),
                "energy_basis": prior.basis,
                "sha256": board.digest,
            }
        )
    return {"schema_version": SCHEMA_VERSION, "boards": rows}


def cores_document(cores: Sequence[CoreTable]) -> dict[str, Any]:
    """Return the list of cores, by name."""
    rows = [
        {
            "name": core.name,
            "title": core.title,
            "isa": core.isa.value,
            "extensions": sorted(core.extensions),
            "fpu": core.fpu,
            "pipeline": core.pipeline,
            "emulated_cpu": core.emulated_cpu,
            "figures_by_basis": dict(sorted(_bases(core).items())),
            "sha256": core.digest,
        }
        for core in sorted(cores, key=lambda item: item.name)
    ]
    return {"schema_version": SCHEMA_VERSION, "cores": rows}


def _bases(core: CoreTable) -> Counter[str]:
    counts = Counter(row.basis for rows in (core.classes, core.events, core.parameters) for row in rows.values())
    if core.divider is not None:
        counts[core.divider.basis] += 1
    return counts
