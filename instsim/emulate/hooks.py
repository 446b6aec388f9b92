"""The native hooks' source: what happens at every translation block and at every divide, in machine code.

Nothing is baked in: each hook reaches everything through its user pointer, so one compiled object serves every machine and every process.
Compiled when the object code is not in the cache (`instsim.emulate.native`).
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.memory_layout import ProgramWord, TraceWord
from instsim.dynamics.memory_simulation import call_own_code, change_phase, go_on, own_code, settle_all, simulate_block
from instsim.dynamics.native_compiler import EntryPoint
from instsim.dynamics.native_words import ForeignFunction, bit_length, half_words, out_of_line, seldom, words, words32
from instsim.emulate.call_hooks import follow_call, riscv_end, thumb_end
from instsim.emulate.extension_hooks import holds_new_site, size_until_exit
from instsim.emulate.kernel_hooks import is_kernel, riscv_calls_register, thumb_calls_register
from instsim.emulate.last_instruction import last_instruction
from instsim.emulate.layout import (
    CALLS_REGISTER,
    NOT_PREPARED,
    NOTHING_TO_DO,
    NOWHERE,
    SIZE_MASK,
    BlockState,
    BranchRecord,
    CallSide,
    CallState,
    CallWatchState,
    DivideEntry,
    DivideState,
    DivideTable,
    DivideWay,
    Record,
)
from instsim.isa import Isa

__all__ = ["block_hook_entries", "hook_entries"]

_PARAMETERS = (64, 64, 32, 64)
"""Of ``hook(engine, address, size, state)``."""

_PREVIOUS_END, _PREVIOUS_RECORD = int(BlockState.PREVIOUS_END), int(BlockState.PREVIOUS_RECORD)
_TICKS, _DEADLINE, _STOPPED = int(BlockState.TICKS), int(BlockState.DEADLINE), int(BlockState.STOPPED)
_WAITING = int(BlockState.INTERRUPT_WAITING)
_STOP, _LEAVE = int(BlockState.STOP_FUNCTION), int(BlockState.LEAVE_FUNCTION)
_PAGES, _LIST, _LIST_LENGTH = int(BlockState.PAGES), int(BlockState.LIST), int(BlockState.LIST_LENGTH)
_COUNT, _FALLTHROUGHS, _COST, _SIZE = int(Record.EXECUTIONS), int(Record.FALLTHROUGHS), int(Record.TICKS), int(Record.SIZE)
_CODE, _BRANCHES, _BRANCHES_LENGTH = int(BlockState.CODE), int(BlockState.BRANCHES), int(BlockState.BRANCHES_LENGTH)
_BUFFERED, _LANDED, _BRANCH_BLOCK = int(BlockState.BUFFERED), int(BlockState.LANDED), int(BranchRecord.BLOCK)
_BUFFERED_RECORD = int(BlockState.BUFFERED_RECORD)
_SITES, _NEW_BLOCK, _NEW_BLOCK_SIZE = int(BlockState.SITES), int(BlockState.NEW_BLOCK), int(BlockState.NEW_BLOCK_SIZE)
_BRANCH_ADDRESS, _HITS, _HITS_BEHIND_JUMP, _EXITS = (
    int(BranchRecord.ADDRESS),
    int(BranchRecord.HITS),
    int(BranchRecord.HITS_BEHIND_JUMP),
    int(BranchRecord.EXITS),
)
_CALLS, _SIDES, _KIND = int(BlockState.CALLS), int(CallState.SIDES), int(CallSide.KIND)
_TRACE = int(BlockState.TRACE)
_TRACED_FROM = int(BlockState.TRACED_FROM)
_PROGRAMS, _COPIES = int(BlockState.PROGRAMS), int(BlockState.COPIES)
_NOT_PREPARED, _NOTHING_TO_DO = NOT_PREPARED, NOTHING_TO_DO
_START, _END, _PROGRAM_TICKS, _CODE_BYTES = int(ProgramWord.START), int(ProgramWord.END), int(ProgramWord.TICKS), int(ProgramWord.CODE_BYTES)
_PREPARE, _PHASE_END, _ASKS = int(TraceWord.PREPARE_FUNCTION), int(TraceWord.PHASE_END), int(TraceWord.ASKS)
_REGISTERS_ADDRESS, _READ_FUNCTION, _REGISTER_NUMBERS, _REGISTERS_LENGTH, _ASK = (
    int(TraceWord.REGISTERS),
    int(TraceWord.READ_FUNCTION),
    int(TraceWord.REGISTER_NUMBERS),
    int(TraceWord.REGISTERS_LENGTH),
    int(TraceWord.ASK),
)
_BRANCH_BYTES = 8 * int(BranchRecord.WORDS)
_NOWHERE, _SIZE_MASK, _CALLS_REGISTER = NOWHERE, SIZE_MASK, CALLS_REGISTER
_AWAITED, _HELD_BLOCK, _HELD_BLOCK_SIZE = int(BlockState.AWAITED), int(BlockState.HELD_BLOCK), int(BlockState.HELD_BLOCK_SIZE)
_CALL_WATCH, _ENTERED, _STOPPED_AT_CALL = int(BlockState.CALL_WATCH), int(CallWatchState.ENTERED), int(CallWatchState.STOPPED)
_HOST_PAGES, _READ_NODE, _NODE_REGISTER, _NODE_SCRATCH, _TARGET_BITS = (
    int(CallWatchState.PAGES),
    int(CallWatchState.READ_FUNCTION),
    int(CallWatchState.NODE_REGISTER),
    int(CallWatchState.SCRATCH),
    int(CallWatchState.TARGET_BITS),
)
_READ, _DIVIDEND, _DIVISOR, _SIGNED, _HISTOGRAM, _SCRATCH, _REGISTERS, _TOUCHED, _WAY = (
    int(DivideState.READ_FUNCTION),
    int(DivideState.DIVIDEND),
    int(DivideState.DIVISOR),
    int(DivideState.SIGNED),
    int(DivideState.HISTOGRAM),
    int(DivideState.SCRATCH),
    int(DivideState.REGISTERS),
    int(DivideState.TOUCHED),
    int(DivideState.WAY),
)
_HOOK, _DIRECT = int(DivideWay.HOOK), int(DivideWay.DIRECT)
_ENTRIES, _CURRENT_ENGINE, _CURRENT_SITES, _HOOKS_FUNCTION, _FIRST_ENTRY = (
    int(DivideTable.COUNT),
    int(DivideTable.CURRENT_ENGINE),
    int(DivideTable.CURRENT_SITES),
    int(DivideTable.HOOKS_FUNCTION),
    int(DivideTable.WORDS),
)
_ENTRY_ENGINE, _ENTRY_SITES, _ENTRY_WORDS = int(DivideEntry.ENGINE), int(DivideEntry.SITES), int(DivideEntry.WORDS)
_CODE_HOOK, _INDEX_MASK = 2, 0x3F
"""Unicorn's index of hooks on instructions, and what of the helper's argument is the index: on Thumb a flag lies above it inside IT blocks."""


_call_stop = ForeignFunction(32, (64,))
"""``uc_emu_stop(engine)``."""
_call_leave = ForeignFunction(0, (64, 32))
"""``helper_check_exit_request(engine, 0)``: it does not return, and there is nothing of ours to clean up."""
_call_prepare = ForeignFunction(64, (64, 64))
"""``prepare(address, size)``, which returns the block's program."""
_call_read = ForeignFunction(32, (64, 32, 64))
"""``uc_reg_read(engine, register, &result)``."""
_call_hooks = ForeignFunction(0, (32, 32, 64, 64))
"""``helper_uc_tracecode(size, index, engine, address)``."""


def _find_branch(address: Any, size: Any, state: Any) -> Any:
    """Return the address of a new branch record if an RV32 block ends in a backward conditional branch, else 0."""
    last = last_instruction(address, size, state[_CODE], True)
    half, upper = last & 0xFFFF, last >> 16 & 0xFFFF
    # beq ... bgeu with the offset's sign, c.beqz and c.bnez with theirs.
    if half & 3 == 3:
        if half & 0x7F != 0x63 or upper & 0x8000 == 0:
            return 0
    elif half & 0xD003 != 0xD001:
        return 0
    record = state[_BRANCHES] + state[_BRANCHES_LENGTH] * _BRANCH_BYTES
    state[_BRANCHES_LENGTH] += 1
    words(record)[_BRANCH_ADDRESS] = address + (last >> 32)
    words(record)[_BRANCH_BLOCK] = address
    return record


def _step_target_buffer(record: Any, address: Any, sequential: Any, state: Any) -> None:
    """Step `instsim.dynamics.target_buffer.TargetBuffer` over a backward branch that was followed by the block at `address`."""
    branch = words(record)
    landed = state[_LANDED]
    if sequential:
        source = branch[_BRANCH_ADDRESS]
        if state[_BUFFERED] == source and landed >> 2 != source >> 2:
            branch[_EXITS] += 1
            state[_BUFFERED] = _NOWHERE
            state[_BUFFERED_RECORD] = 0
            state[_LANDED] = address
    elif record == state[_BUFFERED_RECORD] and landed == _NOWHERE:
        # What most branches of a loop do: predicted again, and nothing to note but that.
        branch[_HITS] += 1
    else:
        source = branch[_BRANCH_ADDRESS]
        state[_BUFFERED_RECORD] = record
        if state[_BUFFERED] == source and landed >> 2 != source >> 2:
            branch[_HITS] += 1
            if landed == branch[_BRANCH_BLOCK]:
                branch[_HITS_BEHIND_JUMP] += 1
            state[_LANDED] = _NOWHERE
        else:
            state[_BUFFERED] = source
            state[_LANDED] = address


@seldom
def _seldom_prepare(address: Any, place: Any, length: Any, trace: Any) -> Any:
    """Prepare a block for the simulation of memories; return its program."""
    place[0] = _call_prepare(trace[_PREPARE], address, length)
    _check_program(place, length)
    return place[0]


def _check_program(place: Any, length: Any) -> None:
    """Forget a program that is known from an earlier run in which the block had another length; note that an empty one does nothing."""
    if place[0] > _NOTHING_TO_DO:
        head = words(place[0])
        if head[_CODE_BYTES] != length:
            place[0] = _NOT_PREPARED
        elif head[_START] == head[_END] and head[_PROGRAM_TICKS] == 0:
            place[0] = _NOTHING_TO_DO


@seldom
def _seldom_change_phase(state: Any) -> Any:
    """Go on between windows of the simulation and the gaps between them; return whether blocks are simulated now."""
    state[_TRACED_FROM] = change_phase(state[_TRACE], state[_TICKS])
    return state[_TICKS] >= state[_TRACED_FROM]


@seldom
def _seldom_ask(engine: Any, trace: Any) -> None:
    """Ask the emulator for the registers."""
    numbers, answers = words(trace[_REGISTER_NUMBERS]), words32(trace[_REGISTERS_ADDRESS])
    for index in range(trace[_REGISTERS_LENGTH]):
        words(trace[_ASK])[0] = 0
        _call_read(trace[_READ_FUNCTION], engine, numbers[index], words(trace[_ASK]))
        answers[index] = words(trace[_ASK])[0]


@out_of_line
def _trace_memory(engine: Any, address: Any, at: Any, sequential: Any, state: Any) -> None:
    """Let the accesses of the block whose record lies at `at` happen, by its own code if it has some: a way without a frame on the stack."""
    program = words(state[_PROGRAMS] + (at >> 2))[0]
    if program > _NOTHING_TO_DO and state[_TICKS] < words(state[_TRACE])[_PHASE_END]:
        code = own_code(program)
        if code != 0:
            call_own_code(code, state + 8 * _TICKS, sequential)
            return
    _trace_anything(engine, address, at, sequential, state)


@out_of_line
def _trace_anything(engine: Any, address: Any, at: Any, sequential: Any, state: Any) -> None:
    """Let the accesses of the block whose record lies at `at` happen, and add their stalls to the machine's time."""
    trace = words(state[_TRACE])
    place = words(state[_PROGRAMS] + (at >> 2))
    program = place[0]
    if program == _NOT_PREPARED:
        program = _seldom_prepare(address, place, words(at)[_SIZE] & _SIZE_MASK, trace)
    if state[_TICKS] < state[_TRACED_FROM] or (state[_TICKS] >= trace[_PHASE_END] and not _seldom_change_phase(state)):
        return
    if program > _NOTHING_TO_DO:
        if trace[_ASKS] != 0:
            _seldom_ask(engine, trace)
        state[_TICKS] += simulate_block(program, state[_TRACE], not sequential)


def _keep_code(start: Any, size: Any, state: Any) -> None:
    """Copy the bytes of a block that is about to run for the first time: code in RAM may be gone when it is priced."""
    sources, records = words(state[_CODE]), words(state[_PAGES])
    at = start
    while at < start + size:
        source, record = sources[at >> 12], records[at >> 12]
        if source != 0 and record != 0:
            half_words(state[_COPIES] + (record >> 4) + (at & 0xFFF))[0] = half_words(source + (at & 0xFFF))[0]
        at += 2


def _holds_awaited(start: Any, end: Any, pages: Any) -> Any:
    """Whether a block holds a half-word before whose first run the machine is to stop."""
    at = start
    while at < end:
        bits = words(pages)[at >> 12 & 0xFFFFF]
        if bits != 0 and words(bits)[(at & 0xFFF) >> 7] >> (at >> 1 & 63) & 1 != 0:
            return True
        at += 2
    return False


@seldom
def _seldom_enters_kernel(engine: Any, address: Any, state: Any) -> Any:
    """Whether the block at `address`, behind one that may have ended in a call through a register, is a kernel's first and nobody was told."""
    if state[_CALL_WATCH] == 0 or state[_PREVIOUS_END] == _NOWHERE:
        return False
    watch = words(state[_CALL_WATCH])
    if watch[_ENTERED] == address:
        watch[_ENTERED] = _NOWHERE
        return False
    scratch = words(watch[_NODE_SCRATCH])
    scratch[0] = 0
    _call_read(watch[_READ_NODE], engine, watch[_NODE_REGISTER], scratch)
    if not is_kernel(address | watch[_TARGET_BITS], scratch[0] & 0xFFFFFFFF, watch[_HOST_PAGES]):
        return False
    watch[_ENTERED] = address
    watch[_STOPPED_AT_CALL] = 1
    return True


@seldom
def _seldom_stop(engine: Any, state: Any) -> None:
    """Stop the machine before a block is counted: it has not run, and is met again on resuming."""
    state[_STOPPED] = 1
    _call_stop(state[_STOP], engine)
    if state[_LEAVE] != 0:
        _call_leave(state[_LEAVE], engine, 0)


def _make_block_hook(*, rv32: bool, branches: bool, stacks: bool, memory: bool) -> Any:
    """Return the block hook; it is decided at compile time which code it is for, and whether it follows backward branches, calls and memories."""

    @seldom
    def seldom_wait(engine: Any, address: Any, size: Any, state: Any) -> Any:
        """Stop the machine before a new block that somebody wants to see first; return whether it was stopped."""
        if rv32 and state[_SITES] != 0 and holds_new_site(address, size, state):
            state[_NEW_BLOCK] = address
            state[_NEW_BLOCK_SIZE] = size
            _seldom_stop(engine, state)
            return True
        if state[_AWAITED] != 0 and _holds_awaited(address, address + size, state[_AWAITED]):
            state[_HELD_BLOCK] = address
            state[_HELD_BLOCK_SIZE] = size
            _seldom_stop(engine, state)
            return True
        return False

    @seldom
    def seldom_learn(address: Any, size: Any, at: Any, state: Any) -> None:
        """Fill the record of a new block."""
        record = words(at)
        length = size
        if rv32 and state[_SITES] != 0:
            length = size_until_exit(address, length, state)
        record[_COST] = length << 5
        record[_SIZE] = length
        if branches:
            record[_SIZE] |= _find_branch(address, length, state) << 16
        if rv32:
            record[_SIZE] |= riscv_calls_register(address + length, state[_CODE]) * _CALLS_REGISTER
        else:
            record[_SIZE] |= thumb_calls_register(address + length, state[_CODE]) * _CALLS_REGISTER
        if stacks:
            side = words(at + words(state[_CALLS])[_SIDES])
            side[_KIND] = riscv_end(address, length, state[_CODE]) if rv32 else thumb_end(address, length, state[_CODE])
        if memory:
            _check_program(words(state[_PROGRAMS] + (at >> 2)), length)
        _keep_code(address, length, state)
        blocks = words(state[_LIST])
        blocks[state[_LIST_LENGTH]] = address
        state[_LIST_LENGTH] += 1

    def on_block(engine: Any, address: Any, size: Any, state_address: Any) -> None:
        state = words(state_address)
        if state[_TICKS] >= state[_DEADLINE]:
            _seldom_stop(engine, state)
            return
        pages = words(state[_PAGES])
        at = pages[address >> 12] + ((address & 0xFFF) << 4)
        record = words(at)
        is_new = record[_SIZE] == 0
        if is_new and seldom_wait(engine, address, size, state):
            return
        previous = words(state[_PREVIOUS_RECORD])
        sequential = address == state[_PREVIOUS_END]
        if sequential:
            previous[_FALLTHROUGHS] += 1
        elif previous[_SIZE] & _CALLS_REGISTER != 0 and _seldom_enters_kernel(engine, address, state):
            _seldom_stop(engine, state)
            return
        if branches:
            branch = previous[_SIZE] >> 16
            if branch != 0:
                _step_target_buffer(branch, address, sequential, state)
            elif not sequential:
                state[_LANDED] = address
        if stacks:
            follow_call(address, at, sequential, state[_PREVIOUS_RECORD], state[_PREVIOUS_END], words(state[_CALLS]))
        state[_PREVIOUS_RECORD] = at
        count = record[_COUNT]
        record[_COUNT] = count + 1
        if is_new and count == 0:
            seldom_learn(address, size, at, state)
        state[_PREVIOUS_END] = address + size
        if rv32 and record[_SIZE] != 0:
            state[_PREVIOUS_END] = address + (record[_SIZE] & _SIZE_MASK)
        state[_TICKS] += record[_COST]
        if memory:
            if state[_TICKS] >= state[_TRACED_FROM]:
                _trace_memory(engine, address, at, sequential, state)
            elif count == 0:
                _trace_anything(engine, address, at, sequential, state)

    return on_block


def _on_unmask(_engine: Any, _address: Any, _size: Any, state_address: Any) -> None:
    """Stop before the block behind an instruction that may unmask a waiting interrupt; emulated cores end a block there."""
    state = words(state_address)
    if state[_WAITING] != 0:
        state[_DEADLINE] = 0


def _count_operands(engine: Any, state_address: Any) -> None:
    """Histogram the operands as `instsim.dynamics.divider.pack_operands` packs them."""
    state = words(state_address)
    if state[_REGISTERS] != 0:
        dividend = words32(state[_REGISTERS])[state[_DIVIDEND]]
        divisor = words32(state[_REGISTERS])[state[_DIVISOR]]
    else:
        scratch = words(state_address + 8 * _SCRATCH)
        scratch[0] = 0
        _call_read(state[_READ], engine, state[_DIVIDEND], scratch)
        dividend = scratch[0] & 0xFFFFFFFF
        scratch[0] = 0
        _call_read(state[_READ], engine, state[_DIVISOR], scratch)
        divisor = scratch[0] & 0xFFFFFFFF
    dividend_negative = state[_SIGNED] & (dividend >> 31)
    divisor_negative = state[_SIGNED] & (divisor >> 31)
    key = dividend_negative | (divisor_negative << 14)
    if dividend_negative != 0:
        dividend = (0x100000000 - dividend) & 0xFFFFFFFF
    if divisor_negative != 0:
        divisor = (0x100000000 - divisor) & 0xFFFFFFFF
    if divisor != 0 and divisor & (divisor - 1) == 0:
        key |= 1 << 13
    key += bit_length(divisor) << 1
    key += bit_length(dividend) << 7
    histogram = words(state[_HISTOGRAM])
    histogram[key] += 1
    state[_TOUCHED] |= 1 << (key >> 9)


def _on_divide(engine: Any, _address: Any, _size: Any, state_address: Any) -> None:
    """Before a divide, through the list of hooks."""
    if words(state_address)[_WAY] == _HOOK:
        _count_operands(engine, state_address)


def _divide_at(address: Any, sites: Any) -> Any:
    """Return the `DivideState` of the divide at an address, 0 if there is none."""
    page = words(sites)[address >> 12 & 0xFFFFF]
    return 0 if page == 0 else words(page + (address & 0xFFE) * 4)[0]


@seldom
def _seldom_divide(size: Any, index: Any, engine: Any, address: Any, table: Any) -> None:
    """Before a hooked instruction that is no divide of the machine that ran last, or a divide that someone else watches, too."""
    if table[_CURRENT_ENGINE] != engine and index & _INDEX_MASK == _CODE_HOOK:
        at = _FIRST_ENTRY
        end = at + table[_ENTRIES] * _ENTRY_WORDS
        while at < end:
            if table[at + _ENTRY_ENGINE] == engine:
                table[_CURRENT_ENGINE] = engine
                table[_CURRENT_SITES] = table[at + _ENTRY_SITES]
                state_address = _divide_at(address, table[_CURRENT_SITES])
                if state_address != 0:
                    _count_operands(engine, state_address)
            at += _ENTRY_WORDS
    _call_hooks(table[_HOOKS_FUNCTION], size, index, engine, address)


def _on_hooked(size: Any, index: Any, engine: Any, address: Any, table_address: Any) -> None:
    """In place of ``helper_uc_tracecode``: before any hooked instruction, of which divides need not walk the list of all hooks."""
    table = words(table_address)
    if table[_CURRENT_ENGINE] == engine and index & _INDEX_MASK == _CODE_HOOK:
        state_address = _divide_at(address, table[_CURRENT_SITES])
        if state_address != 0:
            _count_operands(engine, state_address)
            if words(state_address)[_WAY] == _DIRECT:
                return
    _seldom_divide(size, index, engine, address, table)


def hook_entries() -> dict[str, EntryPoint]:
    """Return the hooks on single instructions, by name."""
    return {
        "divide": EntryPoint(_on_divide, _PARAMETERS),
        "hooked": EntryPoint(_on_hooked, (32, 32, 64, 64, 64)),
        "unmask": EntryPoint(_on_unmask, _PARAMETERS),
    }


def block_hook_entries(isa: Isa, *, branches: bool, stacks: bool, memory: bool) -> dict[str, EntryPoint]:
    """Return the hook on blocks; see `instsim.emulate.native.load_block_hook`."""
    rv32 = isa is Isa.RV32
    hook = _make_block_hook(rv32=rv32, branches=branches and rv32, stacks=stacks, memory=memory)
    return {"block": EntryPoint(hook, _PARAMETERS), "settle": EntryPoint(settle_all, (64,)), "go_on": EntryPoint(go_on, (64, 64, 64, 64))}
