"""Accesses of an image's blocks on some memory systems, kept on disk: an image that runs again need not be looked through again."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim import artifacts
from instsim.emulate.block_accesses import BlockAccesses, BlockKey, OperationColumn

__all__ = ["AccessTable", "Gathered"]

_KIND = "accesses"
_MOST_OPERATIONS_KEPT = 1 << 16


class Gathered(NamedTuple):
    """Accesses of several blocks, one behind the other.

    Attributes
    ----------
    operations, paths : ndarray
        As those of `BlockAccesses`.
    counts : ndarray of int64, shape (blocks,)
        Operations of each block.
    ticks : ndarray of int64, shape (blocks,)
        Price of each.
    """

    operations: npt.NDArray[np.uint64]
    paths: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    ticks: npt.NDArray[np.int64]


class AccessTable:
    """What is known of the blocks of one image, core and set of memory systems.

    Parameters
    ----------
    key : str
        Digest of all that the accesses follow from beside the blocks themselves; '': nothing is read from disk, or kept there.
    systems : int
        How many systems there are.

    Attributes
    ----------
    blocks : list of BlockKey
        All blocks, in the order in which they were added.
    """

    def __init__(self, key: str, systems: int) -> None:
        self._key = key
        stored = artifacts.load(_KIND, key) if key else None
        self.blocks: list[BlockKey]
        self.blocks, gathered = _from_bytes(stored) if stored is not None else ([], _nothing(systems))
        self._parts = [gathered]
        self._kept = len(self.blocks)

    def add(self, block: BlockKey, accesses: BlockAccesses) -> Gathered:
        """Remember the accesses of one block; return them in the form of several."""
        self.blocks.append(block)
        self._parts.append(_gathered(accesses))
        return self._parts[-1]

    def gathered(self) -> Gathered:
        """Return the accesses of all `blocks`."""
        if len(self._parts) > 1:
            self._parts = [Gathered(*(np.concatenate(column) for column in zip(*self._parts, strict=True)))]
        return self._parts[0]

    def keep(self) -> None:
        """Keep what was added for the next run of the image."""
        gathered = self.gathered()
        if self._key and len(self.blocks) > self._kept and len(gathered.operations) <= _MOST_OPERATIONS_KEPT:
            artifacts.store(_KIND, self._key, _to_bytes(self.blocks, gathered))
            self._kept = len(self.blocks)


def _nothing(systems: int) -> Gathered:
    nothing = np.zeros(0, np.int64)
    return Gathered(np.zeros((0, len(OperationColumn)), np.uint64), np.zeros((0, systems), np.uint8), nothing, nothing)


def _gathered(accesses: BlockAccesses) -> Gathered:
    count = np.array([len(accesses.operations)], np.int64)
    return Gathered(accesses.operations, accesses.paths, count, np.array([accesses.ticks], np.int64))


def _to_bytes(blocks: list[BlockKey], gathered: Gathered) -> bytes:
    stream = io.BytesIO()
    numbers = np.array([(block.address, len(block.code), block.it_state, block.stack_paths) for block in blocks], np.int64)
    code = np.frombuffer(b"".join(block.code for block in blocks), np.uint8)
    for array in (numbers, code, *gathered):
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _from_bytes(stored: bytes) -> tuple[list[BlockKey], Gathered]:
    stream = io.BytesIO(stored)
    numbers, code, *gathered = (np.load(stream, allow_pickle=False) for _ in range(2 + len(Gathered._fields)))
    text, start = code.tobytes(), 0
    blocks = []
    for address, size, it_state, stack_paths in numbers.tolist():
        blocks.append(BlockKey(address, text[start : start + size], it_state, stack_paths))
        start += size
    return blocks, Gathered(*gathered)
