"""The counts that the native block hook keeps, and reading them while the machine stands still."""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE, TraceWord
from instsim.dynamics.target_buffer import Outcome
from instsim.emulate.layout import NOWHERE, SIZE_MASK, BlockState, BranchRecord, Record
from instsim.emulate.memory import PAGE
from instsim.emulate.sparse import sparse_zeros
from instsim.emulate.spec import BlockCycles
from instsim.errors import RunError

__all__ = ["BlockCounters"]

_SLOTS = PAGE // 2
_MOST_PAGES = 8192
_RECORD_BYTES = Record.WORDS * 8
_RECORD_BYTES_OF_CODE_BYTE = 16
_MOST_BLOCKS = 1 << 22
_BRANCH_SHIFT = 16
_CLOCK_AND_FLOW = (
    BlockState.PREVIOUS_END,
    BlockState.PREVIOUS_RECORD,
    BlockState.TICKS,
    BlockState.DEADLINE,
    BlockState.STOPPED,
    BlockState.BUFFERED,
    BlockState.BUFFERED_RECORD,
    BlockState.LANDED,
    BlockState.INTERRUPT_WAITING,
    BlockState.NEW_BLOCK_SIZE,
    BlockState.HELD_BLOCK_SIZE,
    BlockState.TRACED_FROM,
)
"""What `restore` puts back of the state: the rest is what has been learned of the code."""


class BlockCounters:
    """Records of all translation blocks, in arrays that the native hook writes.

    Memory is reserved for 32 MB of code and used only for pages that run.

    Parameters
    ----------
    stop_function, leave_function : int
        Addresses of ``uc_emu_stop`` and of the exit check (0 if the emulator looks by itself).
    follow_branches : bool
        Step the branch target buffer of `instsim.dynamics.target_buffer` over the backward branches of RV32 code.
    """

    def __init__(self, stop_function: int, leave_function: int = 0, *, follow_branches: bool = False) -> None:
        self._records = sparse_zeros(_MOST_PAGES * _SLOTS, Record.WORDS)
        self._records_start = self._records.ctypes.data
        # Numpy takes a microsecond to find either, and every read of a clock asks.
        self._record_words = memoryview(self._records.reshape(-1))  # type: ignore[arg-type, unused-ignore] # as below
        self._pages = sparse_zeros(1 << 20)
        self._list = sparse_zeros(_MOST_BLOCKS)
        self._state = np.zeros(BlockState.WORDS, np.uint64)
        self._state[BlockState.PREVIOUS_END] = NOWHERE
        self._state[BlockState.PREVIOUS_RECORD] = self._records.ctypes.data
        self._state[BlockState.LIST] = self._list.ctypes.data
        self._state[BlockState.PAGES] = self._pages.ctypes.data
        self._state[BlockState.STOP_FUNCTION] = stop_function
        self._state[BlockState.LEAVE_FUNCTION] = leave_function
        self.follows_branches = follow_branches
        self._code = sparse_zeros(1 << 20)
        self._state[BlockState.CODE] = self._code.ctypes.data
        self._copies = sparse_zeros(_MOST_PAGES * PAGE // 8)
        self._state[BlockState.COPIES] = (self._copies.ctypes.data - self._records.ctypes.data // _RECORD_BYTES_OF_CODE_BYTE) % (1 << 64)
        if follow_branches:
            self._branches = sparse_zeros(_MOST_BLOCKS, BranchRecord.WORDS)
            self._state[BlockState.BRANCHES] = self._branches.ctypes.data
            self._state[BlockState.BUFFERED] = NOWHERE
            self._state[BlockState.LANDED] = NOWHERE
        self._words = memoryview(self._state)  # type: ignore[arg-type, unused-ignore] # needless from Python 3.12 on
        self._page_index: dict[int, int] = {}
        self._page_list: list[int] = []
        self._slots = np.zeros(0, np.int64)
        self._addresses = np.zeros(0, np.int64)
        self._priced = 0
        self._trace: memoryview | None = None

    @property
    def state_pointer(self) -> ctypes.c_void_p:
        """The hook's user pointer."""
        return ctypes.c_void_p(self._state.ctypes.data)

    @property
    def code_table(self) -> int:
        """Where the pointers to the bytes of each page of code lie."""
        return int(self._state[BlockState.CODE])

    @property
    def leave_function(self) -> int:
        """Address of the exit check, 0 if the emulator looks by itself."""
        return int(self._state[BlockState.LEAVE_FUNCTION])

    @property
    def records_address(self) -> int:
        """Where the first record lies."""
        return self._records.ctypes.data

    @property
    def records_length(self) -> int:
        """Records there is room for."""
        return len(self._records)

    def slots_of_page(self, page: int) -> slice:
        """Return the records of a page that has been added: one for each two bytes."""
        start = self._page_index[page] * _SLOTS
        return slice(start, start + _SLOTS)

    def addresses_of(self, slots: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the addresses that records belong to."""
        pages = np.array(self._page_list, np.int64)
        return pages[slots // _SLOTS] + slots % _SLOTS * 2

    def code_as_run(self, address: int, code: bytes) -> bytes:
        """Return the code at an address as it was when it first ran.

        Parameters
        ----------
        address : int
            Even.
        code : bytes
            What lies there now, for bytes that have not run.
        """
        run = bytearray(code)
        copies = self._copies.view(np.uint8)
        for page in range(address // PAGE * PAGE, address + len(code), PAGE):
            index = self._page_index.get(page)
            if index is None:
                continue
            start, stop = max(address, page), min(address + len(code), page + PAGE)
            first = copies[index * PAGE + start - page : index * PAGE + stop - page].tobytes()
            for place in range(0, len(first) - 1, 2):
                if first[place : place + 2] != bytes(2):
                    run[start - address + place : start - address + place + 2] = first[place : place + 2]
        return bytes(run)

    def sizes_at(self, slots: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the lengths in bytes of the blocks that records belong to."""
        sizes: npt.NDArray[np.int64] = self._records[slots, Record.SIZE].astype(np.int64) & SIZE_MASK
        return sizes

    def executions_at(self, slots: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the executions of the blocks that records belong to."""
        executions: npt.NDArray[np.int64] = self._records[slots, Record.EXECUTIONS].astype(np.int64)
        return executions

    def follow_calls(self, state: int) -> None:
        """Give the hook that follows calls the address of its `CallState`."""
        self._state[BlockState.CALLS] = state

    def trace_memory(self, state: npt.NDArray[np.uint64], programs: int) -> None:
        """Give the hook that simulates memories its `instsim.dynamics.memory_layout.TraceWord` state, and the address of a word for each record."""
        self._state[BlockState.TRACE] = state.ctypes.data
        self._trace = memoryview(state)  # type: ignore[arg-type, unused-ignore] # as above
        self._words[BlockState.PROGRAMS] = (programs - self._records.ctypes.data // 4) % (1 << 64)

    def trace_at_once(self) -> None:
        """End the gap between two samples of the simulation of memories."""
        self._words[BlockState.TRACED_FROM] = 0

    def watch_calls(self, state: int) -> None:
        """Give the hook the address of its `CallWatchState`."""
        self._state[BlockState.CALL_WATCH] = state

    def slot_of(self, address: int) -> int:
        """Return the record of the block at an address; its page has been added."""
        return self._page_index[address // PAGE * PAGE] * _SLOTS + address % PAGE // 2

    def find_sites(self, table: int) -> None:
        """Stop before blocks that hold 16-bit instructions which the emulator would pass over; `table` is the address of their flags by page."""
        self._state[BlockState.SITES] = table

    def hold_at(self, table: int) -> None:
        """Stop before new blocks that hold certain half-words; `table` is the address of their bits by page."""
        self._state[BlockState.AWAITED] = table

    def take_held_block(self) -> tuple[int, int] | None:
        """Return start and size of the block before which the machine stopped for that reason, once."""
        size = self._words[BlockState.HELD_BLOCK_SIZE]
        self._words[BlockState.HELD_BLOCK_SIZE] = 0
        return (self._words[BlockState.HELD_BLOCK], size) if size else None

    def take_new_block(self) -> tuple[int, int] | None:
        """Return start and size of the block before which the machine stopped for that reason, once."""
        size = self._words[BlockState.NEW_BLOCK_SIZE]
        self._words[BlockState.NEW_BLOCK_SIZE] = 0
        return (self._words[BlockState.NEW_BLOCK], size) if size else None

    def add_page(self, page: int, host_address: int = 0) -> bool:
        """Make room for the blocks of a page (address of its first byte, and where the host keeps its bytes); return whether it was new.

        Raises
        ------
        RunError
            If the firmware runs code on more pages than there is room for.
        """
        if page in self._page_index:
            return False
        index = len(self._page_index)
        if index >= _MOST_PAGES:
            raise RunError("the firmware runs code on more than 32 MB of addresses")
        self._page_index[page] = index
        self._page_list.append(page)
        self._code[page // PAGE] = host_address
        self._pages[page // PAGE] = self._records.ctypes.data + index * _SLOTS * Record.WORDS * 8
        return True

    def has_page(self, page: int) -> bool:
        """Whether code of that page has been let run."""
        return page in self._page_index

    # -- the clock ---------------------------------------------------------------------------------------------------------------

    @property
    def ticks(self) -> int:
        """Time passed, in ticks; see `refine`."""
        return self._words[BlockState.TICKS]

    def advance(self, ticks: int) -> None:
        """Let time pass without code running."""
        self._jump(ticks)

    def _jump(self, ticks: int) -> None:
        """Let time pass, or pass less, that no block took: samples of the simulation of memories are as long as without it."""
        if self._words[BlockState.TRACED_FROM] > self._words[BlockState.TICKS]:
            self._words[BlockState.TRACED_FROM] += ticks
        self._words[BlockState.TICKS] += ticks
        if self._trace is not None:
            self._trace[TraceWord.STALLED] = (self._trace[TraceWord.STALLED] + ticks) % (1 << 64)

    def set_deadline(self, ticks: int) -> None:
        """Stop the machine before the first block that starts at or after that time."""
        self._words[BlockState.DEADLINE] = max(0, ticks)

    def lower_deadline(self, ticks: int) -> None:
        """Stop the machine no later than before the first block that starts at or after that time."""
        self._words[BlockState.DEADLINE] = min(self._words[BlockState.DEADLINE], max(0, ticks))

    def take_stopped(self) -> bool:
        """Whether the deadline stopped the machine since the last call."""
        stopped = bool(self._words[BlockState.STOPPED])
        self._words[BlockState.STOPPED] = 0
        return stopped

    def refine(self, read_code: BlockCycles, code: dict[int, bytes]) -> None:
        """Give new blocks their price, and correct the clock for what they have run already.

        Parameters
        ----------
        read_code : callable
            Mean cycles of a block by address and code.
        code : dict
            Code of blocks by address, filled by the caller for the new blocks of `unpriced`.
        """
        addresses, slots = self._known()
        for index in range(self._priced, addresses.size):
            record = self._records[slots[index]]
            address = int(addresses[index])
            ticks = round(read_code(address, code[address]) * TICKS_PER_CYCLE)
            gained = (ticks - int(record[Record.TICKS])) * int(record[Record.EXECUTIONS])
            record[Record.TICKS] = ticks
            self._jump(gained)
        self._priced = int(addresses.size)

    def unpriced(self) -> list[tuple[int, int]]:
        """Return address and size of the blocks that `refine` has not seen."""
        if self._words[BlockState.LIST_LENGTH] == self._priced:
            return []
        addresses, slots = self._known()
        return [(int(addresses[i]), int(self._records[slots[i], Record.SIZE]) & SIZE_MASK) for i in range(self._priced, addresses.size)]

    # -- the counts --------------------------------------------------------------------------------------------------------------

    def _known(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        length = self._words[BlockState.LIST_LENGTH]
        if length > _MOST_BLOCKS - 4096:
            raise RunError("the firmware runs more distinct blocks than there is room for")
        have = self._addresses.size
        if length != have:
            fresh = self._list[have:length].astype(np.int64)
            pages = np.array([self._page_index[int(page) * PAGE] for page in fresh // PAGE], np.int64)
            self._addresses = np.concatenate([self._addresses, fresh])
            self._slots = np.concatenate([self._slots, pages * _SLOTS + fresh % PAGE // 2])
        return self._addresses, self._slots

    @property
    def addresses(self) -> npt.NDArray[np.int64]:
        """Start addresses of all blocks seen, in order of first execution."""
        return self._known()[0]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Lengths in bytes, as `addresses`."""
        sizes: npt.NDArray[np.int64] = self._records[self._known()[1], Record.SIZE].astype(np.int64) & SIZE_MASK
        return sizes

    def counts(self) -> npt.NDArray[np.int64]:
        """Return executions and fall-throughs of all blocks seen, shape (2, blocks).

        Where branches are followed, rows for each `instsim.dynamics.target_buffer.Outcome` come behind them.
        """
        records = self._records[self._known()[1]]
        counts = records[:, [Record.EXECUTIONS, Record.FALLTHROUGHS]].T.astype(np.int64)
        if not self.follows_branches:
            return counts
        pointers = (records[:, Record.SIZE] >> np.uint64(_BRANCH_SHIFT)).astype(np.int64)
        has_branch = np.flatnonzero(pointers)
        places = (pointers[has_branch] - self._branches.ctypes.data) // (BranchRecord.WORDS * 8)
        outcomes = np.zeros((len(Outcome), pointers.size), np.int64)
        columns = [BranchRecord.HITS, BranchRecord.HITS_BEHIND_JUMP, BranchRecord.EXITS]
        outcomes[:, has_branch] = self._branches[places][:, columns].T.astype(np.int64)
        return np.concatenate([counts, outcomes])

    def save(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """Return clock and counts, for `restore`. Outcomes of branches are not among them: they start anew."""
        return self._state.copy(), self.counts()[:2]

    def restore(self, saved: tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]) -> None:
        """Put clock and counts back; blocks that are known by now stay known, with the counts they had, or none."""
        state, counts = saved
        slots = self._known()[1]
        known = counts.shape[1]
        self._records[slots, Record.EXECUTIONS] = 0
        self._records[slots, Record.FALLTHROUGHS] = 0
        self._records[slots[:known], Record.EXECUTIONS] = counts[0]
        self._records[slots[:known], Record.FALLTHROUGHS] = counts[1]
        if self.follows_branches:
            used = int(self._state[BlockState.BRANCHES_LENGTH])
            self._branches[:used, [BranchRecord.HITS, BranchRecord.HITS_BEHIND_JUMP, BranchRecord.EXITS]] = 0
        for word in _CLOCK_AND_FLOW:
            self._state[word] = state[word]

    @property
    def running_record(self) -> int:
        """Address of the record of the block that is running."""
        return self._words[BlockState.PREVIOUS_RECORD]

    def _running_slot(self) -> int:
        return (self.running_record - self._records_start) // _RECORD_BYTES

    def running_block(self) -> tuple[int, int, int]:
        """Return start, end and price in ticks of the block that is running; its whole price is part of `ticks` already."""
        slot = self._running_slot()
        start = self._page_list[slot // _SLOTS] + slot % _SLOTS * 2
        words = Record.WORDS * slot
        return start, start + (self._record_words[words + Record.SIZE] & SIZE_MASK), self._record_words[words + Record.TICKS]

    def current_block(self) -> tuple[int, int, int]:
        """Return the block that is running, counted already: its place in `addresses`, its start and its end."""
        end = self._words[BlockState.PREVIOUS_END]
        addresses, slots = self._known()
        places = np.flatnonzero(slots == self._running_slot())
        if not places.size:
            return -1, end, end
        place = int(places[-1])
        return place, int(addresses[place]), end

    def take_flow(self) -> tuple[int, int]:
        """Return what the hook knows of the block before, for `restore_flow` when interrupted code goes on; the next block counts as jumped to."""
        flow = (self._words[BlockState.PREVIOUS_END], self._words[BlockState.PREVIOUS_RECORD])
        self.forget_previous()
        return flow

    def restore_flow(self, flow: tuple[int, int] | None) -> None:
        """Let the next block follow the one that was interrupted; None if that is not known."""
        if flow is None:
            self.forget_previous()
        else:
            self._words[BlockState.PREVIOUS_END], self._words[BlockState.PREVIOUS_RECORD] = flow

    def resume_inside(self, address: int) -> None:
        """Say that the next block, at `address`, is the rest of one that has been counted in full: it is not to count again."""
        record = self._pages[address // PAGE]
        if not record:
            return
        index = (int(record) - self._records.ctypes.data) // (Record.WORDS * 8) + address % PAGE // 2
        executions = int(self._records[index, Record.EXECUTIONS])
        self._records[index, Record.EXECUTIONS] = (executions - 1) % (1 << 64)
        self._words[BlockState.TICKS] -= int(self._records[index, Record.TICKS])

    def set_interrupt_waiting(self, waiting: bool) -> None:
        """Say whether an interrupt waits for the firmware to unmask it: the hook on unmasking instructions then stops the machine."""
        self._words[BlockState.INTERRUPT_WAITING] = int(waiting)

    def forget_previous(self) -> None:
        """Make the next block count as jumped to (an exception was entered, or the host moved the program counter)."""
        self._words[BlockState.PREVIOUS_END] = NOWHERE
