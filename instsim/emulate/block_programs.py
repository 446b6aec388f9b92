"""The programs of blocks in the form that the native memory simulation runs (`instsim.dynamics.memory_layout`)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instsim.dynamics.address_operations import Operation
from instsim.dynamics.memory_layout import RANGE_GRAIN_BYTES, StepKind
from instsim.dynamics.memory_programs import Operations, program_words
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access
from instsim.emulate.access_table import SITE_BIT, AccessTable
from instsim.emulate.block_accesses import NO_SITE, AccessFinder, BlockAccesses, BlockKey
from instsim.emulate.memory import PAGE
from instsim.emulate.spec import BlockSchedule
from instsim.errors import RunError
from instsim.isa import Isa
from instsim.isa.it_state import it_state_behind

__all__ = ["MOST_SITES", "NOTHING_TO_DO", "BlockPrograms", "KnownBlock"]

MOST_SITES = 1 << 17
"""Places that access memory."""

NOTHING_TO_DO = 1
"""In place of a program's address: the block does nothing to memory."""

_CHUNK_WORDS = 1 << 16
_ACCESS_KINDS = (Operation.READ, Operation.WRITE, StepKind.FETCH)


class KnownBlock(NamedTuple):
    """A block of an earlier run: its start, its bytes, and its program's address."""

    address: int
    code: bytes
    program: int


class BlockPrograms:
    """Makes programs of blocks, for the memory systems in force.

    Parameters
    ----------
    isa : Isa
        Instruction set.
    schedule : callable
        When each instruction of a block starts.
    stamp : str
        Digest of image, schedules and code, for programs that are kept on disk between runs; '': they are not.

    Attributes
    ----------
    sites : list of int
        The places that access memory (`instsim.emulate.block_accesses.OperationColumn.SITE`); their index is their number in the programs.
    """

    def __init__(self, isa: Isa, schedule: BlockSchedule, stamp: str) -> None:
        self._isa, self._schedule, self._stamp = isa, schedule, stamp
        self.sites: list[int] = []
        self._number_of: dict[int, int] = {NO_SITE: 0}
        self._tables: dict[str, AccessTable] = {}
        self._chunks = [np.zeros(_CHUNK_WORDS, np.uint64)]
        self._used = 0
        self._open_it_blocks: dict[int, int] = {}

    def configure(self, states: Sequence[SystemState]) -> None:
        """Make programs for these systems from here on."""
        self._states = states
        self._finder = AccessFinder(self._isa, self._schedule, states)
        self._is_timed = any(state.system.is_timed for state in states)
        systems = repr([state.system for state in states])
        table = self._tables.get(systems)
        if table is None:
            key = hashlib.sha256(f"{self._stamp}\n{systems}".encode()).hexdigest() if self._stamp else ""
            table = self._tables[systems] = AccessTable(key)
            table.renumber([self._number(site) for site in table.sites])
        table.gather()
        self._table = table
        memory = self._room(table.words.size)
        memory[:] = table.words
        first = int(memory.ctypes.data)
        self._programs = {block: first + 8 * start for block, start in table.starts.items()}
        self._stack_paths: dict[int, int] = {}
        self._known: dict[int, list[KnownBlock]] | None = None

    def keep(self) -> None:
        """Keep the programs for the next run of the image."""
        for table in self._tables.values():
            table.keep(self.sites)

    def program(self, address: int, code: bytes, sp: int) -> int:
        """Return the address of a block's program (`ProgramWord`), or `NOTHING_TO_DO`.

        Parameters
        ----------
        address : int
            The block's start.
        code : bytes
            Its bytes.
        sp : int
            The stack pointer: accesses relative to it count as going to the memory that it points to.

        Raises
        ------
        RunError
            If there is no room for more code.
        """
        it_state = self._open_it_blocks.get(address, 0)
        behind = it_state_behind(self._isa, code, it_state)
        if behind:
            self._open_it_blocks[address + len(code)] = behind
        block = BlockKey(address, code, it_state, self._paths_of_stack(sp))
        word = self._programs.get(block)
        if word is None:
            word = self._programs[block] = self._make(block, self._finder.find(block))
            if behind:
                self._table.open_it_blocks.add(address + len(code))
        return word

    def _make(self, block: BlockKey, accesses: BlockAccesses) -> int:
        operations = [(first, constant | self._number(site) << SITE_BIT, when) for first, constant, when, site in accesses.operations]
        words = program_words(Operations(operations, accesses.paths, accesses.ticks), len(self._states), len(block.code))
        self._table.add(block, words)
        memory = self._room(len(words))
        memory[:] = words
        return int(memory.ctypes.data) if operations or self._is_timed else NOTHING_TO_DO

    def known_blocks(self, page: int, read: Callable[[int, int], bytes | None]) -> list[KnownBlock]:
        """Return blocks of earlier runs that start in a page of code, if memory holds them.

        Only those that nobody can mistake: one block at an address, outside IT blocks, the stack always in the same memory.

        Parameters
        ----------
        page : int
            Address of its first byte.
        read : callable
            Bytes of memory by address and length, None where there is none.
        """
        if self._known is None:
            self._known = self._unmistakable()
        blocks = self._known.pop(page, ())
        code = read(page, PAGE) or b""
        return [block for block in blocks if _is_held(block, page, code, read)]

    def _unmistakable(self) -> dict[int, list[KnownBlock]]:
        if len({block.stack_paths for block in self._programs}) != 1:
            return {}
        times = Counter(block.address for block in self._programs)
        pages: dict[int, list[KnownBlock]] = {}
        for block, program in self._programs.items():
            if times[block.address] == 1 and not block.it_state and block.address + len(block.code) not in self._table.open_it_blocks:
                pages.setdefault(block.address // PAGE * PAGE, []).append(KnownBlock(block.address, block.code, program))
        return pages

    def _paths_of_stack(self, sp: int) -> int:
        """Return `BlockKey.stack_paths`."""
        grain = sp // RANGE_GRAIN_BYTES
        found = self._stack_paths.get(grain)
        if found is None:
            accesses = (Access.READ, Access.WRITE)
            found = sum(1 << access for access in accesses if any(state.data_path(sp, access) for state in self._states))
            self._stack_paths[grain] = found
        return found

    def _number(self, site: int) -> int:
        """Return the number of a site (`OperationColumn.SITE`), which may be a new one; 0 for none."""
        number = self._number_of.get(site)
        if number is None:
            number = self._number_of[site] = len(self.sites)
            self.sites.append(site)
            if number >= MOST_SITES:
                raise RunError("the firmware has more loads and stores than the memory simulation has room for", hint="use --memory ideal")
        return number

    def _room(self, length: int) -> npt.NDArray[np.uint64]:
        """Return words that stay where they are."""
        if self._used + length > self._chunks[-1].size:
            self._chunks.append(np.zeros(max(_CHUNK_WORDS, length), np.uint64))
            self._used = 0
        words = self._chunks[-1][self._used : self._used + length]
        self._used += length
        return words

    def site_places(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return all pairs of a program of the systems in force, by its address, and the number of a site that it has."""
        table = self._table
        table.gather()
        places = table.places()
        is_access = np.isin(table.words[places.seconds - 1] & np.uint64(0xFF), _ACCESS_KINDS)
        addresses = np.fromiter(self._programs.values(), np.int64, len(self._programs))
        return addresses[places.programs[is_access]], (table.words[places.seconds[is_access]] >> np.uint64(SITE_BIT)).astype(np.int64)


def _is_held(block: KnownBlock, page: int, code: bytes, read: Callable[[int, int], bytes | None]) -> bool:
    """Return whether memory holds a block, given the bytes of the page that it starts in."""
    start, stop = block.address - page, block.address - page + len(block.code)
    return (code[start:stop] if stop <= PAGE else read(block.address, len(block.code))) == block.code
