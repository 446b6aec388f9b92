"""Paths of a kernel, told from the sets of blocks that ran and not from names, with the conditions that lead to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from instsim.predict.gates import Gate, find_gate
from instsim.predict.quantities import Quantities

__all__ = ["assign_paths", "find_paths", "path_holds"]

_FEWEST_SAMPLES = 14
_LEAST_SHARE = 0.08
_MOST_SPLITS = 4

Flags = npt.NDArray[np.bool_]
Path = tuple[Gate, ...]


def find_paths(
    ran: Flags, sizes: npt.NDArray[np.int64], conditions: Flags, names: Sequence[str], separations: Mapping[str, Flags] | None = None
) -> tuple[Path, ...]:
    """Find the paths that samples of one operator took.

    Blocks that run in the same samples belong together. The largest such group that runs in some samples and not in others, and whose running is
    told by conditions, separates two paths; and so on in each of them.

    Parameters
    ----------
    ran : ndarray of bool, shape (samples, blocks)
        Which blocks ran.
    sizes : ndarray of int64, shape (blocks,)
        Their lengths in bytes.
    conditions : ndarray of bool, shape (samples, conditions)
        Which conditions held, the likeliest first.
    names : sequence of str
        Of the conditions.
    separations : mapping of str to ndarray of bool, shape (samples,), optional
        Conditions that separate paths at any rate, with whether they held.

    Returns
    -------
    tuple of tuple of Gate
        For each path the gates that must all be open; together they cover every layer, and no layer twice.
    """
    parts: list[tuple[Flags, Path]] = [(np.ones(ran.shape[0], np.bool_), ())]
    for name, holds in (separations or {}).items():
        gate = Gate((name,))
        parts = [part for rows, path in parts for part in _separated(rows, path, holds, gate)]
    return tuple(path for rows, start in parts for path in _divided(ran[rows], sizes, conditions[rows], names, start))


def _separated(rows: Flags, path: Path, holds: Flags, gate: Gate) -> list[tuple[Flags, Path]]:
    inside, outside = rows & holds, rows & ~holds
    if min(inside.sum(), outside.sum()) < _FEWEST_SAMPLES:
        return [(rows, path)]
    return [(inside, (*path, gate)), (outside, (*path, gate.opposite()))]


def _divided(ran: Flags, sizes: npt.NDArray[np.int64], conditions: Flags, names: Sequence[str], path: Path) -> list[Path]:
    if len(path) == _MOST_SPLITS or ran.shape[0] < 2 * _FEWEST_SAMPLES:
        return [path]
    varies = np.flatnonzero(ran.any(axis=0) & ~ran.all(axis=0))
    groups: dict[bytes, int] = {}
    for block in varies.tolist():
        key = ran[:, block].tobytes()
        groups[key] = groups.get(key, 0) + int(sizes[block])
    least = _LEAST_SHARE * float(sizes[ran.any(axis=0)].sum())
    for key, size in sorted(groups.items(), key=lambda item: (-item[1], item[0])):
        inside = np.frombuffer(key, np.bool_)
        if size < least:
            break
        if min(inside.sum(), (~inside).sum()) < _FEWEST_SAMPLES:
            continue
        gate = find_gate(inside, conditions, names)
        if gate is None:
            continue
        opposite = gate.opposite()
        return [
            *_divided(ran[inside], sizes, conditions[inside], names, (*path, gate)),
            *_divided(ran[~inside], sizes, conditions[~inside], names, (*path, opposite)),
        ]
    return [path]


def path_holds(path: Path, quantities: Quantities) -> Flags:
    """Return whether layers take a path, shape (layers,)."""
    holds = np.ones(quantities.count, bool)
    for gate in path:
        open_ = quantities.gate(gate.literals)
        holds &= ~open_ if gate.is_negated else open_
    return holds


def assign_paths(paths: Sequence[Path], quantities: Quantities) -> npt.NDArray[np.int64]:
    """Return the path of each layer, shape (layers,)."""
    chosen = np.zeros(quantities.count, np.int64)
    for number, path in enumerate(paths[1:], 1):
        chosen[path_holds(path, quantities)] = number
    return chosen
