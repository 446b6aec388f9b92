"""Boards that were validated once: kept as JSON, so that a warm start needs neither pydantic nor a TOML parser."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from instsim import __version__, artifacts
from instsim.cost.board import Board, Boot, Clock, DeviceWindow, DirectBoot, EnergyPrior, MemoryRegion, Supply, WaitStates
from instsim.cost.board_devices import BoardDevice

__all__ = ["remembered_board"]

_KIND = "boards"


def remembered_board(path: Path, context: bytes, read: Callable[[Path], Board]) -> Board:
    """Return the board of a file, validating it only if these very bytes have not been before.

    Parameters
    ----------
    path : Path
        The board file.
    context : bytes
        All else that its validity depends on.
    read : callable
        Reads and validates the file; whatever it raises is raised here.
    """
    try:
        contents = path.read_bytes()
    except OSError:
        return read(path)
    facts = b"\0".join([contents, str(path).encode(), context, __version__.encode(), artifacts.code_stamp("cost").encode()])
    key = hashlib.sha256(facts).hexdigest()
    stored = artifacts.load(_KIND, key)
    if stored is not None:
        return _board(json.loads(stored))
    board = read(path)
    artifacts.store(_KIND, key, json.dumps(asdict(board)).encode())
    return board


def _board(facts: dict[str, Any]) -> Board:
    memories = (
        MemoryRegion(**memory | {"aliases": tuple(memory["aliases"]), "wait_states": memory["wait_states"] and WaitStates(**memory["wait_states"])})
        for memory in facts["memories"]
    )
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    return Board(
        **plain
        | {
            "clock": Clock(**facts["clock"]),
            "supply": Supply(**facts["supply"]),
            "boot": _boot(facts["boot"]),
            "memories": tuple(memories),
            "models": tuple(_device(device) for device in facts["models"]),
            "devices": tuple(DeviceWindow(**device) for device in facts["devices"]),
            "energy": tuple(EnergyPrior(**prior) for prior in facts["energy"]),
        }
    )


def _boot(facts: dict[str, Any]) -> Boot:
    direct = facts["direct"] and DirectBoot(**facts["direct"] | {"words": tuple(facts["direct"]["words"])})
    return Boot(**facts | {"vector_tables": tuple(facts["vector_tables"]), "direct": direct})


def _device(facts: dict[str, Any]) -> BoardDevice:
    parameters = tuple((name, _tuples(value)) for name, value in facts["parameters"])
    return BoardDevice(**facts | {"irqs": tuple(facts["irqs"]), "parameters": parameters})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
