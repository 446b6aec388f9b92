"""Accesses of an image's blocks on some memory systems, kept on disk: an image that runs again need not be looked through again."""

from __future__ import annotations

import io

import numpy as np

from instsim import artifacts
from instsim.emulate.block_accesses import BlockAccesses, BlockKey, OperationColumn

__all__ = ["AccessTable"]

_KIND = "accesses"
_MOST_OPERATIONS_KEPT = 1 << 16
_ARRAYS = 4


class AccessTable:
    """What is known of the blocks of one image, core and set of memory systems.

    Parameters
    ----------
    key : str
        Digest of all that the accesses follow from beside the blocks themselves; '': nothing is read from disk, or kept there.

    Attributes
    ----------
    blocks : dict of BlockKey to BlockAccesses
        What is known; whoever finds more adds it.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        stored = artifacts.load(_KIND, key) if key else None
        self.blocks: dict[BlockKey, BlockAccesses] = {} if stored is None else _from_bytes(stored)
        self._kept = len(self.blocks)

    def keep(self) -> None:
        """Keep what was added for the next run of the image."""
        if not self._key or len(self.blocks) == self._kept:
            return
        if sum(len(accesses.operations) for accesses in self.blocks.values()) <= _MOST_OPERATIONS_KEPT:
            artifacts.store(_KIND, self._key, _to_bytes(self.blocks))
        self._kept = len(self.blocks)


def _to_bytes(blocks: dict[BlockKey, BlockAccesses]) -> bytes:
    numbers = [
        (key.address, len(key.code), key.it_state, key.stack_paths, len(accesses.operations), accesses.ticks) for key, accesses in blocks.items()
    ]
    operations = [operation for accesses in blocks.values() for operation in accesses.operations]
    paths = [path for accesses in blocks.values() for path in accesses.paths]
    stream = io.BytesIO()
    for array in (
        np.array(numbers, np.int64),
        np.frombuffer(b"".join(key.code for key in blocks), np.uint8),
        np.array(operations, np.uint64).reshape(len(operations), len(OperationColumn)),
        np.array(paths, np.uint8).reshape(len(paths), len(paths[0]) if paths else 0),
    ):
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _from_bytes(stored: bytes) -> dict[BlockKey, BlockAccesses]:
    stream = io.BytesIO(stored)
    numbers, code_bytes, operation_rows, path_rows = (np.load(stream, allow_pickle=False) for _ in range(_ARRAYS))
    code, operations, paths = code_bytes.tobytes(), operation_rows.tolist(), path_rows.tolist()
    blocks = {}
    place = row = 0
    for address, size, it_state, stack_paths, count, ticks in numbers.tolist():
        key = BlockKey(address, code[place : place + size], it_state, stack_paths)
        blocks[key] = BlockAccesses(operations[row : row + count], paths[row : row + count], ticks)
        place, row = place + size, row + count
    return blocks
