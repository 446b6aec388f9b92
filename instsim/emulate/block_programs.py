"""The programs of blocks in the form that the native memory simulation runs (`instsim.dynamics.memory_layout`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_programs import Operations, program_words
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access
from instsim.emulate.access_table import AccessTable
from instsim.emulate.block_accesses import NO_SITE, AccessFinder, BlockAccesses, BlockKey, OperationColumn
from instsim.emulate.spec import BlockSchedule
from instsim.errors import RunError
from instsim.isa import Isa
from instsim.isa.it_state import it_state_behind

__all__ = ["MOST_SITES", "NOTHING_TO_DO", "BlockPrograms"]

MOST_SITES = 1 << 17
"""Places that access memory."""

NOTHING_TO_DO = 1
"""In place of a program's address: the block does nothing to memory."""

_CHUNK_WORDS = 1 << 18
_STACK_GRAIN_BITS = 5
"""Paths change at multiples of 32 bytes."""

_SITE_BIT = 32


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
    remember_sites : bool
        Whether `sites_of` is going to be asked.

    Attributes
    ----------
    sites : list of (int, Access)
        The places that access memory: address of the instruction and kind of access. Their index is their number in the programs.
    """

    def __init__(self, isa: Isa, schedule: BlockSchedule, stamp: str, *, remember_sites: bool) -> None:
        self._isa, self._schedule, self._stamp = isa, schedule, stamp
        self.sites: list[tuple[int, Access]] = []
        self._number_of: dict[int, int] = {NO_SITE: 0}
        self._tables: dict[str, AccessTable] = {}
        self._chunks = [np.zeros(_CHUNK_WORDS, np.uint64)]
        self._used = 0
        self._open_it_blocks: dict[int, int] = {}
        self._remember_sites = remember_sites
        self._sites_of: dict[int, list[int]] = {}

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
        self._table = table
        self._programs: dict[BlockKey, int] = {}
        self._lay_out(table.blocks)
        self._stack_paths: dict[int, int] = {}

    def keep(self) -> None:
        """Keep the programs for the next run of the image."""
        for table in self._tables.values():
            table.keep()

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
            accesses = self._table.blocks[block] = self._finder.find(block)
            self._lay_out({block: accesses})
            word = self._programs[block]
        return word

    def _paths_of_stack(self, sp: int) -> int:
        """Return `BlockKey.stack_paths`."""
        grain = sp >> _STACK_GRAIN_BITS
        found = self._stack_paths.get(grain)
        if found is None:
            accesses = (Access.READ, Access.WRITE)
            found = sum(1 << access for access in accesses if any(state.data_path(sp, access) for state in self._states))
            self._stack_paths[grain] = found
        return found

    def _lay_out(self, blocks: Mapping[BlockKey, BlockAccesses]) -> None:
        """Write the programs of blocks to memory."""
        words: list[int] = []
        starts = []
        for accesses in blocks.values():
            starts.append(len(words))
            operations = [(first, constant | self._number(site) << _SITE_BIT, when) for first, constant, when, site in accesses.operations]
            words += program_words(Operations(operations, accesses.paths, accesses.ticks), len(self._states))
        memory = self._room(len(words))
        memory[:] = words
        first_address = int(memory.ctypes.data)
        for (block, accesses), start in zip(blocks.items(), starts, strict=True):
            self._programs[block] = first_address + 8 * start if accesses.operations or self._is_timed else NOTHING_TO_DO
            if self._remember_sites:
                sites = [operation[OperationColumn.SITE] for operation in accesses.operations]
                self._sites_of[self._programs[block]] = [self._number_of[site] for site in sites if site != NO_SITE]

    def _number(self, site: int) -> int:
        """Return the number of a site (`OperationColumn.SITE`), which may be a new one; 0 for none."""
        number = self._number_of.get(site)
        if number is None:
            number = self._number_of[site] = len(self.sites)
            self.sites.append((site >> 2, Access(site & 3)))
            if number >= MOST_SITES:
                raise RunError("the firmware has more loads and stores than the memory simulation has room for", hint="use --memory ideal")
        return number

    def _room(self, length: int) -> npt.NDArray[np.uint64]:
        """Return words that stay where they are."""
        if self._used + length > _CHUNK_WORDS:
            self._chunks.append(np.zeros(max(_CHUNK_WORDS, length), np.uint64))
            self._used = 0
        words = self._chunks[-1][self._used : self._used + length]
        self._used += length
        return words

    def sites_of(self, program: int) -> list[int]:
        """Return the numbers of the sites of a program; only where they are remembered."""
        return self._sites_of[program]
