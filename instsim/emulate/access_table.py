"""Programs of an image's blocks for some memory systems, kept on disk: an image that runs again need not be looked through again."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from enum import IntEnum
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


class _Column(IntEnum):
    """Of what is kept of each block; `CODE` is a place in the bytes of all."""

    ADDRESS = 0
    SIZE = 1
    IT_STATE = 2
    STACK_PATHS = 3
    START = 4
    CODE = 5


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
        self._kept = np.zeros((0, len(_Column)), np.int64)
        self._code = b""
        self.words: Words = np.zeros(0, np.uint64)
        self.sites: list[int] = []
        self.open_it_blocks: set[int] = set()
        if stored is not None:
            stream = io.BytesIO(stored)
            self._kept, code, self.words, sites, open_it_blocks = (np.load(stream, allow_pickle=False) for _ in range(_ARRAYS))
            self._code, self.sites, self.open_it_blocks = code.tobytes(), sites.tolist(), set(open_it_blocks.tolist())
        self._added: list[int] = []

    @functools.cached_property
    def starts(self) -> dict[BlockKey, int]:
        """Where each program starts in `words`."""
        code = self._code_of
        return {
            BlockKey(address, code(place, size), it_state, stack_paths): start
            for address, size, it_state, stack_paths, start, place in self._kept.tolist()
        }

    def _code_of(self, place: int, size: int) -> bytes:
        return self._code[place : place + size]

    @functools.cached_property
    def _unmistakable(self) -> Counts:
        """Rows of kept blocks by address: one block at an address, outside IT blocks, the stack always in the same memory."""
        kept = self._kept
        if np.unique(kept[:, _Column.STACK_PATHS]).size != 1:
            return kept[:0]
        addresses, rows, times = np.unique(kept[:, _Column.ADDRESS], return_index=True, return_counts=True)
        single = kept[rows]
        is_open = np.isin(addresses + single[:, _Column.SIZE], list(self.open_it_blocks))
        chosen: Counts = single[(times == 1) & (single[:, _Column.IT_STATE] == 0) & ~is_open]
        return chosen

    def known_blocks(self, start: int, stop: int, held: bytes) -> tuple[Counts, Counts, Counts]:
        """Return start, length and place in `words` of the kept blocks that start in a stretch of memory, as it holds them.

        Only those that nobody can mistake: blocks outside IT blocks, one at an address, of images whose stack always lies in the same memory.

        Parameters
        ----------
        start, stop : int
            The stretch.
        held : bytes
            What memory holds from `start` on.
        """
        rows = self._unmistakable
        rows = rows[slice(*np.searchsorted(rows[:, _Column.ADDRESS], [start, stop]))]
        rows = rows[rows[:, _Column.ADDRESS] + rows[:, _Column.SIZE] - start <= len(held)]
        addresses, sizes = rows[:, _Column.ADDRESS], rows[:, _Column.SIZE]
        # All their bytes in a row, each block's behind those of the one before.
        owners = np.repeat(np.arange(len(rows)), sizes)
        inside = np.arange(owners.size) - (np.cumsum(sizes) - sizes)[owners]
        code, memory = np.frombuffer(self._code, np.uint8), np.frombuffer(held, np.uint8)
        differs = code[rows[owners, _Column.CODE] + inside] != memory[addresses[owners] - start + inside]
        rows = rows[np.bincount(owners[differs], minlength=len(rows)) == 0]
        return rows[:, _Column.ADDRESS], rows[:, _Column.SIZE], rows[:, _Column.START]

    def renumber(self, numbers: Sequence[int]) -> None:
        """Call the sites of a kept table by other numbers."""
        seconds = self.places().seconds
        old = self.words[seconds]
        self.words[seconds] = old & np.uint64(_MASK) | np.array(numbers, np.uint64)[old >> np.uint64(SITE_BIT)] << np.uint64(SITE_BIT)

    def add(self, block: BlockKey, program: Sequence[int]) -> int:
        """Add a block; return where its program starts."""
        start = self.starts[block] = self.words.size + len(self._added)
        self._added += program
        return start

    def gather(self) -> None:
        """Bring what was added into `words`."""
        if self._added:
            self.words = np.concatenate([self.words, np.array(self._added, np.uint64)])
            self._added.clear()

    def program_starts(self) -> Counts:
        """Return where programs start in `words`, in the order of the table."""
        if "starts" not in vars(self):
            kept: Counts = self._kept[:, _Column.START]
            return kept
        return np.fromiter(self.starts.values(), np.int64, len(self.starts))

    def places(self) -> Places:
        """Return where the operations are; `gather` comes first."""
        starts = self.program_starts()
        first = starts + self.words[starts + ProgramWord.START].astype(np.int64) // 8
        counts = (starts + self.words[starts + ProgramWord.END].astype(np.int64) // 8 - first) // OPERATION_WORDS
        programs = np.repeat(np.arange(starts.size), counts)
        before = np.cumsum(counts) - counts
        return Places(np.repeat(first, counts) + (np.arange(programs.size) - before[programs]) * OPERATION_WORDS + 1, programs)

    def keep(self, sites: Sequence[int]) -> None:
        """Keep what was added for the next run of the image; `sites` by their numbers."""
        self.gather()
        if not self._key or "starts" not in vars(self) or len(self.starts) == len(self._kept) or self.words.size > _MOST_WORDS_KEPT:
            return
        sizes = np.array([len(key.code) for key in self.starts], np.int64)
        columns = [(key.address, len(key.code), key.it_state, key.stack_paths, start) for key, start in self.starts.items()]
        self._kept = np.column_stack([np.array(columns, np.int64), np.cumsum(sizes) - sizes])
        self._code = b"".join(key.code for key in self.starts)
        stream = io.BytesIO()
        for array in (
            self._kept,
            np.frombuffer(self._code, np.uint8),
            self.words,
            np.array(sites, np.uint64),
            np.array(sorted(self.open_it_blocks), np.int64),
        ):
            np.save(stream, array, allow_pickle=False)
        artifacts.store(_KIND, self._key, stream.getvalue())
