"""The programs of blocks in the form that the native memory simulation runs (`instsim.dynamics.memory_layout`)."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
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

__all__ = ["MOST_SITES", "BlockPrograms", "KnownBlocks"]

MOST_SITES = 1 << 17
"""Places that access memory."""

_CHUNK_WORDS = 1 << 16
_ACCESS_KINDS = (Operation.READ, Operation.WRITE, StepKind.FETCH)


class KnownBlocks(NamedTuple):
    """Blocks of an earlier run: their starts, their lengths in bytes, and the addresses of their programs."""

    addresses: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    programs: npt.NDArray[np.int64]


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
        self._tables: dict[str, AccessTable] = {}
        self._chunks = [np.zeros(_CHUNK_WORDS, np.uint64)]
        self._used = 0
        self._open_it_blocks: dict[int, int] = {}

    def configure(self, states: Sequence[SystemState]) -> None:
        """Make programs for these systems from here on."""
        self._states = states
        self._finder = AccessFinder(self._isa, self._schedule, states)
        systems = repr([state.system for state in states])
        table = self._tables.get(systems)
        if table is None:
            key = hashlib.sha256(f"{self._stamp}\n{systems}".encode()).hexdigest() if self._stamp else ""
            table = self._tables[systems] = AccessTable(key)
            if self.sites:
                table.renumber([self._number(site) for site in table.sites])
            else:
                self.sites = list(table.sites)
        table.gather()
        self._table = table
        memory = self._room(table.words.size)
        memory[:] = table.words
        self._first_address, self._laid_out = int(memory.ctypes.data), table.words.size
        self._made: dict[int, int] = {}
        self._stack_paths: dict[int, int] = {}

    def keep(self) -> None:
        """Keep the programs for the next run of the image."""
        for table in self._tables.values():
            table.keep(self.sites)

    def program(self, address: int, code: bytes, sp: int) -> int:
        """Return the address of a block's program (`ProgramWord`).

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
        start = self._table.starts.get(block)
        if start is None:
            start = self._make(block, self._finder.find(block))
            if behind:
                self._table.open_it_blocks.add(address + len(code))
        return self._address_of(start)

    def _address_of(self, start: int) -> int:
        """Return the address of a program, by its place in the table."""
        return self._first_address + 8 * start if start < self._laid_out else self._made[start]

    def _make(self, block: BlockKey, accesses: BlockAccesses) -> int:
        operations = [(first, constant | self._number(site) << SITE_BIT, when) for first, constant, when, site in accesses.operations]
        words = program_words(Operations(operations, accesses.paths, accesses.ticks), len(self._states), len(block.code))
        start = self._table.add(block, words)
        memory = self._room(len(words))
        memory[:] = words
        self._made[start] = int(memory.ctypes.data)
        return start

    def known_blocks(self, page: int, held: bytes) -> KnownBlocks:
        """Return blocks of earlier runs that start in a page of code, if memory holds them and nobody can mistake them.

        Parameters
        ----------
        page : int
            Address of its first byte.
        held : bytes
            What memory holds there and behind.
        """
        addresses, sizes, starts = self._table.known_blocks(page, page + PAGE, held)
        return KnownBlocks(addresses, sizes, self._first_address + 8 * starts)

    def _paths_of_stack(self, sp: int) -> int:
        """Return `BlockKey.stack_paths`."""
        grain = sp // RANGE_GRAIN_BYTES
        found = self._stack_paths.get(grain)
        if found is None:
            accesses = (Access.READ, Access.WRITE)
            found = sum(1 << access for access in accesses if any(state.data_path(sp, access) for state in self._states))
            self._stack_paths[grain] = found
        return found

    @functools.cached_property
    def _number_of(self) -> dict[int, int]:
        """Numbers of the sites; made when it is needed, because a run that only meets known blocks has no use for it."""
        return {site: number for number, site in enumerate(self.sites)}

    def _number(self, site: int) -> int:
        """Return the number of a site (`OperationColumn.SITE`), which may be a new one; 0 for none."""
        if site == NO_SITE:
            return 0
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
        starts = table.program_starts()
        addresses = self._first_address + 8 * starts
        is_made = starts >= self._laid_out
        addresses[is_made] = [self._made[start] for start in starts[is_made].tolist()]
        return addresses[places.programs[is_access]], (table.words[places.seconds[is_access]] >> np.uint64(SITE_BIT)).astype(np.int64)
