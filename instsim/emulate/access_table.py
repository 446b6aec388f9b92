"""Programs of an image's blocks for some memory systems, kept on disk: an image that runs again need not be looked through again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim import artifacts
from instsim.dynamics.memory_layout import OPERATION_WORDS, ProgramWord
from instsim.emulate.block_accesses import BlockKey

__all__ = ["SITE_BIT", "AccessTable", "Places"]

SITE_BIT = 32
"""Where the number of a site begins in an operation's second word."""

Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

_KIND = "accesses"
_MOST_WORDS_KEPT = 1 << 21
_ARRAYS = 5
_MASK = (1 << SITE_BIT) - 1


class Places(NamedTuple):
    """Where the operations of all programs are.

    Attributes
    ----------
    seconds : ndarray of int64, shape (n,)
        Place of each operation's second word.
    programs : ndarray of int64, shape (n,)
        The program it belongs to, by its place in the table.
    """

    seconds: Counts
    programs: Counts


class AccessTable:
    """What is known of the blocks of one image, core and set of memory systems.

    Parameters
    ----------
    key : str
        Digest of all that the programs follow from beside the blocks themselves; '': nothing is read from disk, or kept there.

    Attributes
    ----------
    starts : dict of BlockKey to int
        Where each program starts in `words`.
    words : ndarray of uint64
        The programs of all blocks but those added since `gather`, as they are before they run.
    sites : list of int
        Sites by the numbers that the programs of a kept table call them (`instsim.emulate.block_accesses.OperationColumn.SITE`).
    open_it_blocks : set of int
        Addresses behind blocks that end inside an IT block.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        stored = artifacts.load(_KIND, key) if key else None
        self.starts: dict[BlockKey, int] = {}
        self.words: Words = np.zeros(0, np.uint64)
        self.sites: list[int] = []
        self.open_it_blocks: set[int] = set()
        if stored is not None:
            self._read(stored)
        self._kept = len(self.starts)
        self._added: list[int] = []

    def _read(self, stored: bytes) -> None:
        stream = io.BytesIO(stored)
        numbers, code_bytes, self.words, sites, open_it_blocks = (np.load(stream, allow_pickle=False) for _ in range(_ARRAYS))
        code = code_bytes.tobytes()
        place = 0
        for address, size, it_state, stack_paths, start in numbers.tolist():
            self.starts[BlockKey(address, code[place : place + size], it_state, stack_paths)] = start
            place += size
        self.sites = sites.tolist()
        self.open_it_blocks = set(open_it_blocks.tolist())

    def renumber(self, numbers: Sequence[int]) -> None:
        """Call the sites of a kept table by other numbers."""
        if list(numbers) != list(range(len(numbers))):
            seconds = self.places().seconds
            old = self.words[seconds]
            self.words[seconds] = old & np.uint64(_MASK) | np.array(numbers, np.uint64)[old >> np.uint64(SITE_BIT)] << np.uint64(SITE_BIT)

    def add(self, block: BlockKey, program: Sequence[int]) -> None:
        """Add a block."""
        self.starts[block] = self.words.size + len(self._added)
        self._added += program

    def gather(self) -> None:
        """Bring what was added into `words`."""
        if self._added:
            self.words = np.concatenate([self.words, np.array(self._added, np.uint64)])
            self._added.clear()

    def places(self) -> Places:
        """Return where the operations are; `gather` comes first."""
        starts = np.fromiter(self.starts.values(), np.int64, len(self.starts))
        first = starts + self.words[starts + ProgramWord.START].astype(np.int64) // 8
        counts = (starts + self.words[starts + ProgramWord.END].astype(np.int64) // 8 - first) // OPERATION_WORDS
        programs = np.repeat(np.arange(starts.size), counts)
        before = np.cumsum(counts) - counts
        return Places(np.repeat(first, counts) + (np.arange(programs.size) - before[programs]) * OPERATION_WORDS + 1, programs)

    def keep(self, sites: Sequence[int]) -> None:
        """Keep what was added for the next run of the image; `sites` by their numbers."""
        self.gather()
        if not self._key or len(self.starts) == self._kept:
            return
        self._kept = len(self.starts)
        if self.words.size > _MOST_WORDS_KEPT:
            return
        stream = io.BytesIO()
        for array in (
            np.array([(key.address, len(key.code), key.it_state, key.stack_paths, start) for key, start in self.starts.items()], np.int64),
            np.frombuffer(b"".join(key.code for key in self.starts), np.uint8),
            self.words,
            np.array(sites, np.uint64),
            np.array(sorted(self.open_it_blocks), np.int64),
        ):
            np.save(stream, array, allow_pickle=False)
        artifacts.store(_KIND, self._key, stream.getvalue())
