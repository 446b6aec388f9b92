"""What the firmware's accesses to memory cost, block by block while it runs, and who is charged for it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, FetchWord, ProgramWord, SiteWord, StepKind, Tally, TraceWord
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import Access
from instsim.emulate.counters import BlockCounters
from instsim.emulate.engine import Engine
from instsim.emulate.layout import Record
from instsim.emulate.memory import Memory
from instsim.emulate.sampled_programs import SampledPrograms
from instsim.emulate.spec import MemoryTiming
from instsim.errors import RunError
from instsim.isa import Isa
from instsim.isa.address_steps import NO_REGISTER, REGISTER_FILE_WORDS, AddressStep, Operation, address_steps
from instsim.isa.transfers import instruction_offsets
from instsim.profile.block_profile import CrossingUse
from instsim.profile.memory_use import MemoryUse, PathUse

__all__ = ["MemoryTrace"]

_MOST_SITES = 1 << 17
_CHUNK_WORDS = 1 << 18
_NOTHING_TO_DO = 1
_PREPARE = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
_STACK_POINTERS = {Isa.THUMB: 13, Isa.RV32: 2}
_ACCESSES = (Operation.READ, Operation.WRITE)
_MASK = 0xFFFFFFFF
_NO_SLOT = (0,) * FetchWord.WORDS
_FETCH_BYTES = 4

Counts = npt.NDArray[np.int64]
Stalls = npt.NDArray[np.float64]


@dataclass
class _Row:
    """Stalls charged to one row, for each system: by site, and by path. Where blocks are sampled, also how often each program ran and was counted."""

    sites: list[Counts]
    tallies: list[Counts]
    runs: Counts


class MemoryTrace:
    """Prepares blocks for the native simulation, and reads what it counted.

    Parameters
    ----------
    engine, memory, counters : Engine, Memory, BlockCounters
        The machine's.
    timing : MemoryTiming
        What to simulate.
    """

    def __init__(self, engine: Engine, memory: Memory, counters: BlockCounters, timing: MemoryTiming) -> None:
        self._engine, self._memory, self._counters = engine, memory, counters
        self._timing = timing
        self._values: dict[int, int] = {}
        self._site_of: dict[tuple[int, Access], int] = {}
        self._sites: list[tuple[int, Access]] = []
        self._programs = np.zeros(counters.records_length, np.uint64)
        self._chunks: list[npt.NDArray[np.uint64]] = []
        self._used = _CHUNK_WORDS
        self._prepared: list[int] = []
        self._sampled: SampledPrograms | None = None if timing.sampling is None else SampledPrograms()
        self._failure: Exception | None = None
        self._stack_bank: Any = None
        self._rows: dict[int, _Row] = {}
        self._row: int | None = None
        self._since_reset: _Row | None = None
        self._callback = _PREPARE(self._prepare)
        self._scratch = np.zeros(REGISTER_FILE_WORDS, np.uint32)
        self._ask = np.zeros(1, np.uint64)
        self._numbers = np.array(engine.registers.general, np.uint64)
        self._pages = memory.host_pages
        self._state = state = np.zeros(TraceWord.WORDS, np.uint64)
        state[TraceWord.PROGRAMS], state[TraceWord.RECORDS] = self._programs.ctypes.data, counters.records_address
        state[TraceWord.PREPARE_FUNCTION] = ctypes.cast(self._callback, ctypes.c_void_p).value or 0
        state[TraceWord.SCRATCH], state[TraceWord.PAGES] = self._scratch.ctypes.data, self._pages.ctypes.data
        state[TraceWord.READ_FUNCTION] = Engine.function_address("uc_reg_read")
        state[TraceWord.REGISTER_NUMBERS], state[TraceWord.REGISTERS_LENGTH] = self._numbers.ctypes.data, len(self._numbers)
        state[TraceWord.ASK] = self._ask.ctypes.data
        state[TraceWord.REGISTERS_ADDRESS] = engine.registers_address
        sampling = timing.sampling
        state[TraceWord.SAMPLING] = 1
        state[TraceWord.PHASE] = (1 << 64) - 1
        if sampling is not None:
            state[TraceWord.WINDOW], state[TraceWord.GAP], state[TraceWord.WARM_UP] = (
                sampling.window_blocks,
                sampling.gap_blocks,
                sampling.warm_up_blocks,
            )
        self._systems: list[SystemState] = []
        self._configure()
        counters.trace_memory(state.ctypes.data)

    # -- what the firmware sets --------------------------------------------------------------------------------------------------

    @property
    def watched(self) -> frozenset[int]:
        """Addresses of registers that change the memories' timing."""
        return frozenset(self._timing.registers)

    def register_written(self, address: int, value: int) -> None:
        """Follow the firmware's settings."""
        if self._values.get(address) != value:
            self._values[address] = value
            self._configure()

    def _configure(self) -> None:
        systems = self._timing.resolve(self._values)
        if [state.system for state in self._systems] == list(systems):
            return
        fresh = [SystemState(system, _MOST_SITES) for system in systems]
        for state, old in zip(fresh, self._systems, strict=False):
            # Paths keep their order whatever the settings are; what was counted stays.
            state.sites[:] = old.sites
            state.tallies[: len(old.tallies)] = old.tallies[: len(state.tallies)]
        self._systems = fresh
        self._addresses = np.array([state.address for state in fresh], np.uint64)
        self._state[TraceWord.SYSTEMS], self._state[TraceWord.SYSTEMS_LENGTH] = self._addresses.ctypes.data, len(fresh)
        self._state[TraceWord.SLOT_BYTES] = 8 * FetchWord.WORDS * len(fresh)
        self._writes_matter = any(path.access is Access.WRITE for system in systems for path in system.paths)
        self._crossings_matter = any(system.crossing_cycles for system in systems)
        self._ahead_matters = any(system.fetch_ahead for system in systems)
        for slot in self._prepared:
            self._programs[slot] = 0
        self._prepared.clear()
        if self._sampled is not None:
            self._sampled.freeze()

    # -- preparing blocks --------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise what went wrong while a block was prepared.

        Raises
        ------
        RunError
            If there is no room for more code.
        """
        if self._failure is not None:
            raise self._failure

    def _prepare(self, address: int, size: int) -> int:
        # An exception must not reach ctypes, which would print and drop it.
        try:
            word = self._program(address, size)
        except Exception as error:  # noqa: BLE001 -- raised again by `check`
            self._failure = error
            self._counters.set_deadline(0)
            word = _NOTHING_TO_DO
        slot = self._counters.slot_of(address)
        if self._sampled is not None:
            self._sampled.end(word, self._counters.records_address + slot * Record.WORDS * 8)
        self._programs[slot] = word
        self._prepared.append(slot)
        return word

    def _program(self, address: int, size: int) -> int:
        code = self._memory.read(address, size) or b""
        starts, total = self._timing.schedule(address, code)
        places = [address + offset for offset in instruction_offsets(self._engine.isa, code)]
        starts = [*starts, *[total] * (len(places) - len(starts))]
        ends = [*places[1:], address + size]
        steps = self._relevant(address_steps(self._engine.isa, code, address))
        words: list[int] = []
        operations = 0
        by_place: dict[int, list[AddressStep]] = {}
        for step in steps:
            by_place.setdefault(step.place, []).append(step)
        last_read = -2
        fetched: list[int] = []
        # A fetch that comes ahead of a data access is on the bus a cycle before it.
        data_phase = TICKS_PER_CYCLE if self._ahead_matters else 0
        for place, at in enumerate(places):
            ticks = round(starts[place] * TICKS_PER_CYCLE)
            for target in self._fetched_words(at, ends[place]):
                fetch = self._fetch(at, target, fetched)
                if fetch is not None:
                    words += [*fetch[:2], ticks, *fetch[2:]]
                    operations += 1
            for step in by_place.get(place, ()):
                pairs = step.operation is Operation.READ and last_read == place - 1
                words += self._operation(step, at, ticks + data_phase, pairs=pairs)
                operations += 1
                if step.operation is Operation.READ:
                    last_read = place
        if not operations:
            words = []
        copies = int(any(step.operation not in _ACCESSES for step in steps))
        return self._store([operations, round(total * TICKS_PER_CYCLE), copies, 0, *words])

    def _fetched_words(self, at: int, end: int) -> tuple[int, ...]:
        """Return the addresses that are fetched at an instruction: its own, and the one behind it where that is fetched ahead."""
        return (at, end) if end % _FETCH_BYTES == 0 and self._ahead_matters else (at,)

    def _fetch(self, at: int, target: int, fetched: list[int]) -> list[int] | None:
        """Return the operation for a fetch while the instruction at `at` is executed, if some system needs a new word or line for it.

        `fetched` remembers the last one of each.
        """
        if not fetched:
            fetched += [-1] * len(self._systems)
        paths = []
        for index, state in enumerate(self._systems):
            found = state.fetch_path(target) if target == at or state.system.fetch_ahead else 0
            if found:
                path = state.system.paths[found - 1]
                granule = path.word_bytes if path.further_word_cycles or path.cache is None else state.line_bytes(path.cache)
                if target // granule == fetched[index]:
                    found = 0
                else:
                    fetched[index] = target // granule
            paths.append(found)
        if not any(paths):
            return None
        slots = [word for found, state in zip(paths, self._systems, strict=True) for word in (state.fetch_slot(target) if found else _NO_SLOT)]
        return [int(StepKind.FETCH), target & _MASK | self._site(at, Access.FETCH) << 32, *slots]

    def _operation(self, step: AddressStep, at: int, ticks: int, *, pairs: bool) -> list[int]:
        site = 0
        if step.operation in _ACCESSES:
            site = self._site(at, Access.READ if step.operation is Operation.READ else Access.WRITE)
        fields = (int(step.operation), step.target, step.base, step.index, step.shift, step.size, step.words, int(step.signed))
        first = int.from_bytes(bytes(fields), "little")
        return [first, (step.offset & _MASK) | site << 32, ticks | int(pairs) << 32]

    def _relevant(self, steps: Sequence[AddressStep]) -> list[AddressStep]:
        """Return the steps of accesses that can cost something, and what their addresses need."""
        kept: list[AddressStep] = []
        live: set[int] = set()
        for step in reversed(steps):
            if step.operation in _ACCESSES:
                if not step.known or not self._can_matter(step):
                    continue
            elif step.operation is Operation.FORGET or step.target not in live:
                continue
            else:
                live.discard(step.target)
            live |= {step.base, step.index} - {NO_REGISTER}
            kept.append(step)
        return kept[::-1]

    def _can_matter(self, step: AddressStep) -> bool:
        access = Access.READ if step.operation is Operation.READ else Access.WRITE
        if access is Access.WRITE and not self._writes_matter:
            return False
        if access is Access.READ and self._crossings_matter:
            return True
        if step.base == NO_REGISTER and step.index == NO_REGISTER:
            return any(state.data_path(step.offset & _MASK, access) for state in self._systems)
        if step.base == _STACK_POINTERS[self._engine.isa] and step.index == NO_REGISTER:
            sp = self._engine.sp
            return any(state.data_path(sp, access) for state in self._systems)
        return True

    def _site(self, address: int, access: Access) -> int:
        key = (address, access)
        site = self._site_of.get(key)
        if site is not None and self._sampled is not None:
            self._sampled.add(site)
        if site is None:
            site = self._site_of[key] = len(self._sites)
            self._sites.append(key)
            if site >= _MOST_SITES:
                raise RunError("the firmware has more loads and stores than the memory simulation has room for", hint="use --memory ideal")
            if self._sampled is not None:
                self._sampled.add(site)
        return site

    def _store(self, words: list[int]) -> int:
        if len(words) == ProgramWord.WORDS and not self._needs_time:
            return _NOTHING_TO_DO
        if self._used + len(words) > _CHUNK_WORDS:
            self._chunks.append(np.zeros(max(_CHUNK_WORDS, len(words)), np.uint64))
            self._used = 0
        chunk = self._chunks[-1]
        chunk[self._used : self._used + len(words)] = words
        address = int(chunk.ctypes.data) + 8 * self._used
        self._used += len(words)
        return address

    @property
    def _needs_time(self) -> bool:
        return any(path.port is not None for state in self._systems for path in state.system.paths)

    # -- who is charged ----------------------------------------------------------------------------------------------------------

    def charge(self, row: int | None) -> None:
        """Charge what was counted since the last call to the row in force, and what follows to `row` (None: to nobody)."""
        used = len(self._sites)
        runs = np.zeros((2, 0), np.int64) if self._sampled is None else self._sampled.take()
        counted = _Row([state.sites[:used].copy() for state in self._systems], [state.tallies.copy() for state in self._systems], runs)
        self._since_reset = _sum(self._since_reset, counted)
        if self._row is not None:
            self._rows[self._row] = _sum(self._rows.get(self._row), counted)
        for state in self._systems:
            state.sites[:used] = 0
            state.tallies[:] = 0
        if self._timing.sampling is not None:
            # A row begins with a stretch that is followed exactly: many operators are over before the first sample.
            for state in self._systems:
                state.count(on=True)
            self._state[TraceWord.SAMPLING], self._state[TraceWord.WARMING] = 1, 0
            self._state[TraceWord.PHASE] = self._timing.sampling.first_blocks
        self._row = row

    def restart(self, row: int) -> None:
        """Forget everything charged so far and charge `row` from here on."""
        self.charge(None)
        self._rows.clear()
        self._row = row

    def charge_everything(self, row: int) -> None:
        """Charge a row with all that was counted since reset."""
        self.charge(None)
        if self._since_reset is not None:
            self._rows = {row: self._since_reset}

    def _charged(self, number: int, rows: int) -> tuple[Stalls, Stalls]:
        """Return what was charged on one system, of the whole run: shapes (words of a site, rows, sites) and (rows, paths, kinds)."""
        state = self._systems[number]
        sites = np.zeros((SiteWord.WORDS, rows, len(self._sites)))
        tallies = np.zeros((rows, *state.tallies.shape))
        chosen = {row: charged for row, charged in self._rows.items() if row < rows}
        for row, charged in chosen.items():
            sites[:, row, : len(charged.sites[number])] = charged.sites[number].T
            tallies[row] = charged.tallies[number]
        if self._sampled is None:
            return sites, tallies
        runs = np.zeros((rows, 2, self._sampled.programs), np.int64)
        for row, charged in chosen.items():
            runs[row, :, : charged.runs.shape[1]] = charged.runs
        return self._sampled.project(sites, tallies, runs)

    def uses(self, rows: int) -> tuple[MemoryUse, ...]:
        """Return what each system made of rows 0 to ``rows - 1``; nobody must be charged."""
        found = []
        for number, state in enumerate(self._systems):
            sites, tallies = self._charged(number, rows)
            whole = np.rint(tallies).astype(np.int64)
            met = np.flatnonzero(sites[[SiteWord.STALL, SiteWord.MISSES]].any(axis=(0, 1)))
            found.append(
                MemoryUse(
                    system=state.system.name,
                    addresses=np.array([self._sites[i][0] for i in met], np.int64),
                    accesses=np.array([int(self._sites[i][1]) for i in met], np.int64),
                    stall_cycles=sites[SiteWord.STALL][:, met] / TICKS_PER_CYCLE,
                    misses=np.rint(sites[SiteWord.MISSES][:, met]).astype(np.int64),
                    sampled=self._sampled is not None,
                    paths=tuple(
                        PathUse(
                            path.memory,
                            path.access.name.lower(),
                            path.cache or "",
                            whole[:, i, Tally.ACCESSES],
                            whole[:, i, Tally.MISSES],
                            whole[:, i, Tally.READ_AHEAD],
                            tallies[:, i, Tally.STALL] / TICKS_PER_CYCLE,
                        )
                        for i, path in enumerate(state.system.paths)
                    ),
                )
            )
        return tuple(found)

    def crossings(self, rows: int) -> tuple[CrossingUse, ...]:
        """Return the accesses of rows 0 to ``rows - 1`` whose bytes lay in two words, as far as they were looked at; nobody must be charged."""
        if not self._systems:
            return ()
        counts = np.rint(self._charged(0, rows)[0][SiteWord.SPLIT]).astype(np.int64)
        return tuple(CrossingUse(self._sites[site][0], counts[:, site].copy()) for site in np.flatnonzero(counts.any(axis=0)).tolist())


def _sum(before: _Row | None, after: _Row) -> _Row:
    """Return the sum of two accounts; the later one knows all sites of the earlier one, and more."""
    if before is None:
        return after
    sites = [new.copy() for new in after.sites]
    for new, old in zip(sites, before.sites, strict=True):
        new[: len(old)] += old
    runs = after.runs.copy()
    runs[:, : before.runs.shape[1]] += before.runs
    return _Row(sites, [new + old for new, old in zip(after.tallies, before.tallies, strict=True)], runs)
