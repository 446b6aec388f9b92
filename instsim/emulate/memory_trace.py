"""What the firmware's accesses to memory cost, block by block while it runs, and who is charged for it."""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from instsim import artifacts
from instsim.dynamics.address_operations import NO_REGISTER
from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, SiteWord, Tally, TraceWord
from instsim.dynamics.memory_state import SystemState
from instsim.dynamics.memory_system import MemorySystem
from instsim.emulate.block_programs import MOST_SITES, BlockPrograms
from instsim.emulate.counters import BlockCounters
from instsim.emulate.engine import Engine
from instsim.emulate.layout import NOT_PREPARED, NOTHING_TO_DO
from instsim.emulate.memory import PAGE, Memory
from instsim.emulate.memory_accounts import Account, MemoryAccounts
from instsim.emulate.native import BlockHook
from instsim.emulate.sampled_programs import SampledPrograms
from instsim.emulate.sparse import code_room, sparse_zeros
from instsim.emulate.spec import MemoryTiming, Sampling
from instsim.profile.block_profile import CrossingUse
from instsim.profile.memory_use import MemoryUse, PathUse

__all__ = ["MemoryTrace"]

_PREPARE = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
_SETTLE = ctypes.CFUNCTYPE(None, ctypes.c_uint64)
_FIRST_OVER = ctypes.CFUNCTYPE(None)
_ROOM_WORDS = 1 << 21
"""For records of blocks that repeat, some 80,000 of them; blocks behind that are followed access by access."""
_CODE_BYTES = 1 << 22
"""For code of the more frequent ones ..."""
_LOOKS_BEFORE_CODE = 64
"""... of these blocks: writing it takes as long as it saves in so many executions, more or less."""

Counts = npt.NDArray[np.int64]

_REGION_ROW = 0
_NO_COUNTS = np.zeros(0, np.int64)


class MemoryTrace:
    """Prepares blocks for the native simulation, and reads what it counted.

    Parameters
    ----------
    engine, memory, counters : Engine, Memory, BlockCounters
        The machine's.
    timing : MemoryTiming
        What to simulate.
    image_digest : str
        Of the image, for what is kept of its blocks between runs.
    hook : BlockHook
        The machine's hook on blocks, and what goes with it.
    """

    def __init__(  # noqa: PLR0917 -- one caller
        self, engine: Engine, memory: Memory, counters: BlockCounters, timing: MemoryTiming, image_digest: str, hook: BlockHook
    ) -> None:
        self._engine, self._memory, self._counters = engine, memory, counters
        self._timing = timing
        self._values: dict[int, int] = {}
        self._programs = sparse_zeros(counters.records_length)
        stamp = f"{timing.stamp}\n{image_digest}\n{artifacts.code_stamp('dynamics', 'emulate', 'isa')}" if timing.stamp else ""
        self._blocks = BlockPrograms(engine.isa, timing.schedule, stamp)
        self._prepared: list[int] = []
        self._code_pages: list[int] = []
        self._sampled: SampledPrograms | None = None if timing.sampling is None else SampledPrograms(counters.executions_at)
        self._failure: Exception | None = None
        self._accounts = MemoryAccounts(self._sampled)
        self._callback = _PREPARE(self._prepare)
        self._settle = _SETTLE(hook.settle)
        self._first_over_callback = _FIRST_OVER(self._first_over)
        self._room = np.zeros(0, np.uint64)
        self._code = code_room(_CODE_BYTES)
        self._scratch = np.zeros(NO_REGISTER + 1, np.uint32)
        self._ask = np.zeros(1, np.uint64)
        self._numbers = np.array(engine.registers.general, np.uint64)
        self._pages = memory.host_pages
        self._state = state = np.zeros(TraceWord.WORDS, np.uint64)
        state[TraceWord.PREPARE_FUNCTION] = ctypes.cast(self._callback, ctypes.c_void_p).value or 0
        state[TraceWord.FIRST_OVER_FUNCTION] = ctypes.cast(self._first_over_callback, ctypes.c_void_p).value or 0
        state[TraceWord.SCRATCH], state[TraceWord.PAGES] = self._scratch.ctypes.data, self._pages.ctypes.data
        state[TraceWord.READ_FUNCTION] = Engine.function_address("uc_reg_read")
        state[TraceWord.REGISTER_NUMBERS], state[TraceWord.REGISTERS_LENGTH] = self._numbers.ctypes.data, len(self._numbers)
        state[TraceWord.ASK] = self._ask.ctypes.data
        state[TraceWord.REGISTERS] = engine.registers_address or self._scratch.ctypes.data
        state[TraceWord.ASKS] = engine.registers_address == 0
        state[TraceWord.PHASE_END], state[TraceWord.RANDOM] = (1 << 64) - 1, 1
        state[TraceWord.GO_ON_FUNCTION] = hook.go_on
        self._systems: list[SystemState] = []
        self._sized: tuple[MemorySystem | None, bool, bool] | None = None
        self._configure()
        if timing.sampling is not None:
            self._begin_windows(timing.sampling, is_whole=False)
        counters.trace_memory(state, self._programs.ctypes.data)

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
        self._settle(self._state.ctypes.data)
        fresh = [SystemState(system, MOST_SITES) for system in systems]
        for state, old in zip(fresh, self._systems, strict=False):
            # Paths keep their order whatever the settings are; what was counted stays.
            state.sites[: len(self._blocks.sites)] = old.sites[: len(self._blocks.sites)]
            state.tallies[: len(old.tallies)] = old.tallies[: len(state.tallies)]
        if self._sampled is not None and self._systems:
            self._sampled.freeze(*self._blocks.site_places())
        self._systems = fresh
        self._addresses = np.array([state.address for state in fresh], np.uint64)
        self._state[TraceWord.SYSTEM] = fresh[0].address if fresh else 0
        self._state[TraceWord.SYSTEMS], self._state[TraceWord.SYSTEMS_LENGTH] = self._addresses.ctypes.data, len(fresh)
        self._blocks.configure(fresh)
        self._room = sparse_zeros(_ROOM_WORDS)
        self._state[TraceWord.ROOM], self._state[TraceWord.ROOM_END] = self._room.ctypes.data, self._room.ctypes.data + self._room.nbytes
        if self._code.size:
            self._state[TraceWord.CODE], self._state[TraceWord.CODE_END] = self._code.ctypes.data, self._code.ctypes.data + self._code.size
            is_plain = len(fresh) == 1 and not self._state[TraceWord.ASKS]
            self._state[TraceWord.LOOKS] = _LOOKS_BEFORE_CODE if is_plain else 0
        self._programs[self._prepared] = NOT_PREPARED
        self._prepared.clear()
        for page in self._code_pages:
            self._take_known(page)

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

    def start_page(self, page: int) -> None:
        """Take what is known from earlier runs of the blocks of a page of code, before they run; the address is that of its first byte."""
        self._code_pages.append(page)
        self._take_known(page)

    def _take_known(self, page: int) -> None:
        known = self._blocks.known_blocks(page, self._memory.read(page, 2 * PAGE) or self._memory.read(page, PAGE) or b"")
        slots = self._counters.slot_of(page) + (known.addresses - page) // 2
        sizes = self._counters.sizes_at(slots)
        # A block that has run before the memories were set up is checked here, any other one when it runs.
        fits = (sizes == 0) | (sizes == known.sizes)
        slots, programs = slots[fits], known.programs[fits]
        self._programs[slots] = programs
        self._prepared += slots.tolist()
        if self._sampled is not None:
            self._sampled.add(programs.tolist(), slots.tolist())

    def _prepare(self, address: int, size: int) -> int:
        # An exception must not reach ctypes, which would print and drop it.
        try:
            word = self._blocks.program(address, self._memory.read(address, size) or b"", self._engine.sp)
        except Exception as error:  # noqa: BLE001 -- raised again by `check`
            self._failure = error
            self._counters.set_deadline(0)
            word = NOTHING_TO_DO
        slot = self._counters.slot_of(address)
        self._prepared.append(slot)
        if self._sampled is not None and word != NOTHING_TO_DO:
            self._sampled.add([word], [slot])
        return word

    # -- who is charged ----------------------------------------------------------------------------------------------------------

    def charge(self, row: int | None) -> None:
        """Charge what was counted since the last call to the row in force, and what follows to `row` (None: to nobody)."""
        self._accounts.charge(row, *self._counted())
        if self._timing.sampling is not None:
            self._begin_windows(self._timing.sampling, is_whole=row == _REGION_ROW)

    def _begin_windows(self, sampling: Sampling, *, is_whole: bool) -> None:
        """Let a row begin with a stretch that is followed exactly: many operators are over before the first sample."""
        is_small, is_dear = self._sizes(sampling)
        windows = (sampling.region if is_whole else sampling.operators) if is_small else sampling.large_caches
        for system_state in self._systems:
            system_state.count()
        state = self._state
        state[TraceWord.WARM_UP] = windows.warm_up_cycles * TICKS_PER_CYCLE
        state[TraceWord.WINDOW] = windows.window_cycles * TICKS_PER_CYCLE
        state[TraceWord.GAP] = 0 if is_dear else windows.gap_cycles * TICKS_PER_CYCLE
        state[TraceWord.IN_GAP], state[TraceWord.WARMING], state[TraceWord.IS_FIRST] = 0, 0, 1
        state[TraceWord.PHASE_END] = self._counters.ticks + windows.first_cycles * TICKS_PER_CYCLE
        state[TraceWord.OVER_AT] = (int(state[TraceWord.PHASE_END]) - int(state[TraceWord.STALLED])) % (1 << 64)
        self._counters.trace_at_once()

    def _sizes(self, sampling: Sampling) -> tuple[bool, bool]:
        """Tell whether caches are small and whether misses are dear, of the first system; asked for at each operator, and looked for once."""
        system = self._systems[0].system if self._systems else None
        if self._sized is None or self._sized[0] is not system:
            is_small = sum(cache.size_bytes for cache in (system.caches if system else ())) <= sampling.small_bytes
            is_dear = any(path.miss_cycles > sampling.dear_miss_cycles for path in (system.paths if system else ()))
            self._sized = system, is_small, is_dear
        return self._sized[1:]

    def _first_over(self) -> None:
        """Keep what a row began with apart from the samples behind it."""
        self._accounts.go_on(*self._counted())

    def restart(self, row: int) -> None:
        """Forget everything charged so far and charge `row` from here on."""
        self.charge(None)
        self._accounts.forget()
        self.charge(row)

    def charge_everything(self, row: int) -> None:
        """Charge a row with all that was counted since reset."""
        self._accounts.charge_everything(row, *self._counted())

    def _counted(self) -> tuple[list[SystemState], int]:
        """Return the systems with everything in place that was counted so far, and how many sites are in use."""
        self._settle(self._state.ctypes.data)
        return self._systems, len(self._blocks.sites)

    def account(self, number: int, rows: int) -> Account:
        """Return what was charged to rows 0 to ``rows - 1`` on one system; nobody must be charged."""
        places = (_NO_COUNTS, _NO_COUNTS) if self._sampled is None else self._blocks.site_places()
        return self._accounts.account(number, rows, len(self._blocks.sites), places)

    def uses(self, rows: int) -> tuple[tuple[MemoryUse, ...], tuple[CrossingUse, ...]]:
        """Return what each system made of rows 0 to ``rows - 1``, and their accesses whose bytes lay in two words; nobody must be charged.

        The latter as far as they were looked at.
        """
        accounts = [self.account(number, rows) for number in range(len(self._systems))]
        uses = tuple(self._use(state, account) for state, account in zip(self._systems, accounts, strict=True))
        return uses, self._crossings(accounts[0]) if accounts else ()

    def _use(self, state: SystemState, account: Account) -> MemoryUse:
        whole = np.rint(account.tallies).astype(np.int64)
        order, sites = self._in_order(account, np.flatnonzero(account.counts[[SiteWord.STALL, SiteWord.MISSES]].any(axis=(0, 1))))
        return MemoryUse(
            system=state.system.name,
            addresses=sites >> 2,
            accesses=sites & 3,
            stall_cycles=account.counts[SiteWord.STALL][:, order] / TICKS_PER_CYCLE,
            misses=np.rint(account.counts[SiteWord.MISSES][:, order]).astype(np.int64),
            sampled=self._sampled is not None,
            paths=tuple(
                PathUse(
                    path.memory,
                    path.access.name.lower(),
                    path.cache or "",
                    whole[:, i, Tally.ACCESSES],
                    whole[:, i, Tally.MISSES],
                    whole[:, i, Tally.READ_AHEAD],
                    account.tallies[:, i, Tally.STALL] / TICKS_PER_CYCLE,
                )
                for i, path in enumerate(state.system.paths)
            ),
        )

    def _crossings(self, account: Account) -> tuple[CrossingUse, ...]:
        counts = np.rint(account.counts[SiteWord.SPLIT]).astype(np.int64)
        order, sites = self._in_order(account, np.flatnonzero(counts.any(axis=0)))
        return tuple(CrossingUse(int(site) >> 2, counts[:, place].copy()) for place, site in zip(order, sites, strict=True))

    def _in_order(self, account: Account, places: Counts) -> tuple[Counts, Counts]:
        """Return the places of some sites of an account by address, and the sites: their numbers depend on what is known from earlier runs."""
        sites = np.array([self._blocks.sites[number] for number in account.sites[places]], np.int64)
        order = np.argsort(sites)
        return places[order], sites[order]

    def keep(self) -> None:
        """Keep what was found of the blocks for the next run of the image."""
        self._blocks.keep()
