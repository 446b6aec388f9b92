"""The native hooks' source: what happens at every translation block and at every divide, in machine code.

Nothing is baked in: each hook reaches everything through its user pointer, so one compiled object serves every machine and every process.
Imported only when the object code is not in the cache (`instsim.emulate.native`), because it imports numba.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import cfunc, types

from instsim.dynamics.memory_layout import TraceWord
from instsim.dynamics.memory_simulation import change_phase, simulate_block
from instsim.dynamics.native_words import POINTER, half_words, words, words32
from instsim.emulate.call_hooks import follow_call, riscv_end, thumb_end
from instsim.emulate.extension_hooks import extension_functions, holds_new_site, size_until_exit
from instsim.emulate.kernel_hooks import is_kernel, riscv_calls_register, thumb_calls_register
from instsim.emulate.layout import (
    CALLS_REGISTER,
    NOWHERE,
    SIZE_MASK,
    BlockState,
    BranchRecord,
    CallSide,
    CallState,
    CallWatchState,
    DivideState,
    Record,
)
from instsim.isa import Isa

__all__ = ["compile_block_hook", "compile_extension_hooks", "compile_hooks"]

_U64 = types.uint64
_SIGNATURE = types.void(types.voidptr, _U64, types.uint32, POINTER)

_PREVIOUS_END, _PREVIOUS_RECORD = int(BlockState.PREVIOUS_END), int(BlockState.PREVIOUS_RECORD)
_TICKS, _DEADLINE, _STOPPED = int(BlockState.TICKS), int(BlockState.DEADLINE), int(BlockState.STOPPED)
_WAITING = int(BlockState.INTERRUPT_WAITING)
_STOP, _LEAVE = int(BlockState.STOP_FUNCTION), int(BlockState.LEAVE_FUNCTION)
_PAGES, _LIST, _LIST_LENGTH = int(BlockState.PAGES), int(BlockState.LIST), int(BlockState.LIST_LENGTH)
_COUNT, _FALLTHROUGHS, _COST, _SIZE = int(Record.EXECUTIONS), int(Record.FALLTHROUGHS), int(Record.TICKS), int(Record.SIZE)
_CODE, _BRANCHES, _BRANCHES_LENGTH = int(BlockState.CODE), int(BlockState.BRANCHES), int(BlockState.BRANCHES_LENGTH)
_BUFFERED, _LANDED, _BRANCH_BLOCK = int(BlockState.BUFFERED), int(BlockState.LANDED), int(BranchRecord.BLOCK)
_SITES, _NEW_BLOCK, _NEW_BLOCK_SIZE = int(BlockState.SITES), int(BlockState.NEW_BLOCK), int(BlockState.NEW_BLOCK_SIZE)
_BRANCH_ADDRESS, _HITS, _HITS_BEHIND_JUMP, _EXITS = (
    int(BranchRecord.ADDRESS),
    int(BranchRecord.HITS),
    int(BranchRecord.HITS_BEHIND_JUMP),
    int(BranchRecord.EXITS),
)
_CALLS, _SIDES, _KIND = int(BlockState.CALLS), int(CallState.SIDES), int(CallSide.KIND)
_TRACE = int(BlockState.TRACE)
_PROGRAMS, _RECORDS, _PREPARE, _PHASE, _SAMPLING = (
    int(TraceWord.PROGRAMS),
    int(TraceWord.RECORDS),
    int(TraceWord.PREPARE_FUNCTION),
    int(TraceWord.PHASE),
    int(TraceWord.SAMPLING),
)
_REGISTERS_ADDRESS, _READ_FUNCTION, _REGISTER_NUMBERS, _REGISTERS_LENGTH, _SCRATCH_REGISTERS, _ASK = (
    int(TraceWord.REGISTERS_ADDRESS),
    int(TraceWord.READ_FUNCTION),
    int(TraceWord.REGISTER_NUMBERS),
    int(TraceWord.REGISTERS_LENGTH),
    int(TraceWord.SCRATCH),
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
_READ, _DIVIDEND, _DIVISOR, _SIGNED, _HISTOGRAM, _SCRATCH, _REGISTERS = (
    int(DivideState.READ_FUNCTION),
    int(DivideState.DIVIDEND),
    int(DivideState.DIVISOR),
    int(DivideState.SIGNED),
    int(DivideState.HISTOGRAM),
    int(DivideState.SCRATCH),
    int(DivideState.REGISTERS),
)


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def _call_stop(_context: Any, _function: Any, _engine: Any) -> Any:
    """Call ``uc_emu_stop(engine)`` through its address."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(8).as_pointer()])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.void(_U64, types.voidptr), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def _call_leave(_context: Any, _function: Any, _engine: Any) -> Any:
    """Call ``helper_check_exit_request(engine, 0)`` through its address; it does not return, and there is nothing of ours to clean up."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), ir.IntType(32)])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [arguments[1], ir.Constant(ir.IntType(32), 0)])
        return context.get_dummy_value()

    return types.void(_U64, types.voidptr), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def _call_prepare(_context: Any, _function: Any, _address: Any, _size: Any) -> Any:
    """Call ``prepare(address, size)`` through its address; return what it returns."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(word, [word, word]).as_pointer())
        return builder.call(function, [arguments[1], arguments[2]])

    return types.uint64(_U64, _U64, _U64), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def _call_read(_context: Any, _function: Any, _engine: Any, _register: Any, _result: Any) -> Any:
    """Call ``uc_reg_read(engine, register, &result)`` through its address."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        byte_pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [byte_pointer, ir.IntType(32), byte_pointer])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        register = builder.trunc(arguments[2], ir.IntType(32))
        builder.call(function, [arguments[1], register, builder.bitcast(arguments[3], byte_pointer)])
        return context.get_dummy_value()

    return types.void(_U64, types.voidptr, _U64, POINTER), generate


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def _bit_length(_context: Any, _value: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.sub(ir.Constant(ir.IntType(64), 64), builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0)))

    return _U64(_U64), generate


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _find_branch(address: Any, size: Any, state: Any) -> Any:
    """Return the address of a new branch record if an RV32 block ends in a backward conditional branch, else 0."""
    pages = words(state[_CODE])
    at = address
    last = address
    half = _U64(0)
    upper = _U64(0)
    while at < address + size:
        page = pages[at >> _U64(12)]
        if page == _U64(0):
            return _U64(0)
        half = _U64(half_words(page + (at & _U64(0xFFF)))[0])
        last = at
        if half & _U64(3) == _U64(3):
            page = pages[(at + _U64(2)) >> _U64(12)]
            if page == _U64(0):
                return _U64(0)
            upper = _U64(half_words(page + ((at + _U64(2)) & _U64(0xFFF)))[0])
            at += _U64(4)
        else:
            at += _U64(2)
    # beq ... bgeu with the offset's sign, c.beqz and c.bnez with theirs.
    if half & _U64(3) == _U64(3):
        if half & _U64(0x7F) != _U64(0x63) or upper & _U64(0x8000) == _U64(0):
            return _U64(0)
    elif half & _U64(0xD003) != _U64(0xD001):
        return _U64(0)
    record = state[_BRANCHES] + state[_BRANCHES_LENGTH] * _U64(_BRANCH_BYTES)
    state[_BRANCHES_LENGTH] += _U64(1)
    words(record)[_BRANCH_ADDRESS] = last
    words(record)[_BRANCH_BLOCK] = address
    return record


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _step_target_buffer(record: Any, address: Any, sequential: Any, state: Any) -> None:
    """Step `instsim.dynamics.target_buffer.TargetBuffer` over a backward branch that was followed by the block at `address`."""
    branch = words(record)
    source = branch[_BRANCH_ADDRESS]
    landed = state[_LANDED]
    if state[_BUFFERED] == source and landed >> _U64(2) != source >> _U64(2):
        if sequential:
            branch[_EXITS] += _U64(1)
            state[_BUFFERED] = _U64(_NOWHERE)
            state[_LANDED] = address
        else:
            branch[_HITS] += _U64(1)
            if landed == branch[_BRANCH_BLOCK]:
                branch[_HITS_BEHIND_JUMP] += _U64(1)
            state[_LANDED] = _U64(_NOWHERE)
    elif not sequential:
        state[_BUFFERED] = source
        state[_LANDED] = address


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _trace_memory(engine: Any, address: Any, at: Any, sequential: Any, state: Any) -> None:
    """Let the accesses of the block whose record lies at `at` happen, and add their stalls to the machine's time."""
    trace = words(state[_TRACE])
    place = words(trace[_PROGRAMS] + ((at - trace[_RECORDS]) >> _U64(2)))
    program = place[0]
    if program == _U64(0):
        program = _call_prepare(trace[_PREPARE], address, words(at)[_SIZE] & _U64(_SIZE_MASK))
    if trace[_PHASE] == _U64(0):
        change_phase(state[_TRACE])
    trace[_PHASE] -= _U64(1)
    if program > _U64(1) and trace[_SAMPLING] != _U64(0):
        if trace[_REGISTERS_ADDRESS] == _U64(0):
            numbers, answers = words(trace[_REGISTER_NUMBERS]), words32(trace[_SCRATCH_REGISTERS])
            for index in range(trace[_REGISTERS_LENGTH]):
                words(trace[_ASK])[0] = _U64(0)
                _call_read(trace[_READ_FUNCTION], engine, numbers[index], words(trace[_ASK]))
                answers[index] = types.uint32(words(trace[_ASK])[0])
        state[_TICKS] += simulate_block(program, state[_TRACE], not sequential)


@numba.njit  # type: ignore[untyped-decorator]
def _holds_awaited(start: Any, end: Any, pages: Any) -> Any:
    """Whether a block holds a half-word before whose first run the machine is to stop."""
    at = start
    while at < end:
        bits = words(pages)[at >> _U64(12) & _U64(0xFFFFF)]
        if bits != _U64(0) and words(bits)[(at & _U64(0xFFF)) >> _U64(7)] >> (at >> _U64(1) & _U64(63)) & _U64(1) != _U64(0):
            return True
        at += _U64(2)
    return False


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _enters_kernel(engine: Any, address: Any, state: Any) -> Any:
    """Whether the block at `address`, behind one that may have ended in a call through a register, is a kernel's first and nobody was told."""
    if state[_CALL_WATCH] == _U64(0) or state[_PREVIOUS_END] == _U64(_NOWHERE):
        return False
    watch = words(state[_CALL_WATCH])
    if watch[_ENTERED] == address:
        watch[_ENTERED] = _U64(_NOWHERE)
        return False
    scratch = words(watch[_NODE_SCRATCH])
    scratch[0] = _U64(0)
    _call_read(watch[_READ_NODE], engine, watch[_NODE_REGISTER], scratch)
    if not is_kernel(address | watch[_TARGET_BITS], scratch[0] & _U64(0xFFFFFFFF), watch[_HOST_PAGES]):
        return False
    watch[_ENTERED] = address
    watch[_STOPPED_AT_CALL] = _U64(1)
    return True


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _stop(engine: Any, state: Any) -> None:
    """Stop the machine before a block is counted: it has not run, and is met again on resuming."""
    state[_STOPPED] = _U64(1)
    _call_stop(state[_STOP], engine)
    if state[_LEAVE] != _U64(0):
        _call_leave(state[_LEAVE], engine)


def _make_block_hook(*, follow: bool, stacks: bool = False, memory: bool = False) -> Any:
    """Return the block hook; it is decided at compile time whether it follows the backward branches of RV32 code, and calls."""

    def on_block(engine: Any, address: Any, size: Any, state: Any) -> None:
        if state[_TICKS] >= state[_DEADLINE]:
            _stop(engine, state)
            return
        pages = words(state[_PAGES])
        at = pages[address >> _U64(12)] + ((address & _U64(0xFFF)) << _U64(4))
        record = words(at)
        if record[_SIZE] == _U64(0):
            if follow and state[_SITES] != _U64(0) and holds_new_site(address, _U64(size), state):
                state[_NEW_BLOCK] = address
                state[_NEW_BLOCK_SIZE] = _U64(size)
                _stop(engine, state)
                return
            if state[_AWAITED] != _U64(0) and _holds_awaited(address, address + _U64(size), state[_AWAITED]):
                state[_HELD_BLOCK] = address
                state[_HELD_BLOCK_SIZE] = _U64(size)
                _stop(engine, state)
                return
        previous = words(state[_PREVIOUS_RECORD])
        sequential = address == state[_PREVIOUS_END]
        if sequential:
            previous[_FALLTHROUGHS] += _U64(1)
        elif previous[_SIZE] & _U64(_CALLS_REGISTER) != _U64(0) and _enters_kernel(engine, address, state):
            _stop(engine, state)
            return
        if follow:
            branch = previous[_SIZE] >> _U64(16)
            if branch != _U64(0):
                _step_target_buffer(branch, address, sequential, state)
            elif not sequential:
                state[_LANDED] = address
        if stacks:
            follow_call(address, at, sequential, state[_PREVIOUS_RECORD], state[_PREVIOUS_END], words(state[_CALLS]))
        state[_PREVIOUS_END] = address + _U64(size)
        state[_PREVIOUS_RECORD] = at
        count = record[_COUNT]
        record[_COUNT] = count + _U64(1)
        if count == _U64(0) and record[_SIZE] == _U64(0):
            length = _U64(size)
            if follow and state[_SITES] != _U64(0):
                length = size_until_exit(address, length, state)
            record[_COST] = length << _U64(5)
            record[_SIZE] = length
            if follow:
                record[_SIZE] |= _find_branch(address, length, state) << _U64(16)
            if follow:
                record[_SIZE] |= riscv_calls_register(address + length, state[_CODE]) * _U64(_CALLS_REGISTER)
            else:
                record[_SIZE] |= thumb_calls_register(address + length, state[_CODE]) * _U64(_CALLS_REGISTER)
            if stacks:
                side = words(at + words(state[_CALLS])[_SIDES])
                side[_KIND] = riscv_end(address, length, state[_CODE]) if follow else thumb_end(address, length, state[_CODE])
            blocks = words(state[_LIST])
            blocks[state[_LIST_LENGTH]] = address
            state[_LIST_LENGTH] += _U64(1)
        if follow and record[_SIZE] != _U64(0):
            state[_PREVIOUS_END] = address + (record[_SIZE] & _U64(_SIZE_MASK))
        state[_TICKS] += record[_COST]
        if memory:
            _trace_memory(engine, address, at, sequential, state)

    return on_block


def _on_unmask(_engine: Any, _address: Any, _size: Any, state: Any) -> None:
    """Stop before the block behind an instruction that may unmask a waiting interrupt; emulated cores end a block there."""
    if state[_WAITING] != _U64(0):
        state[_DEADLINE] = _U64(0)


def _on_divide(engine: Any, _address: Any, _size: Any, state: Any) -> None:
    """Histogram the operands as `instsim.dynamics.divider.pack_operands` packs them."""
    if state[_REGISTERS] != _U64(0):
        dividend = _U64(words32(state[_REGISTERS])[state[_DIVIDEND]])
        divisor = _U64(words32(state[_REGISTERS])[state[_DIVISOR]])
    else:
        scratch = words(state[_SCRATCH])
        scratch[0] = _U64(0)
        _call_read(state[_READ], engine, state[_DIVIDEND], scratch)
        dividend = scratch[0] & _U64(0xFFFFFFFF)
        scratch[0] = _U64(0)
        _call_read(state[_READ], engine, state[_DIVISOR], scratch)
        divisor = scratch[0] & _U64(0xFFFFFFFF)
    dividend_negative = state[_SIGNED] & (dividend >> _U64(31))
    divisor_negative = state[_SIGNED] & (divisor >> _U64(31))
    key = dividend_negative | (divisor_negative << _U64(14))
    if dividend_negative != _U64(0):
        dividend = (_U64(0x100000000) - dividend) & _U64(0xFFFFFFFF)
    if divisor_negative != _U64(0):
        divisor = (_U64(0x100000000) - divisor) & _U64(0xFFFFFFFF)
    if divisor != _U64(0) and divisor & (divisor - _U64(1)) == _U64(0):
        key |= _U64(1 << 13)
    key += _bit_length(divisor) << _U64(1)
    key += _bit_length(dividend) << _U64(7)
    histogram = words(state[_HISTOGRAM])
    histogram[key] += _U64(1)


def _emit(function: Any, machine: Any, signature: Any = _SIGNATURE) -> tuple[str, bytes]:
    compiled = cfunc(signature, nopython=True, error_model="numpy", boundscheck=False)(function)
    entry: str = compiled._wrapper_name  # noqa: SLF001 -- numba has no public access to a cfunc's object code
    text = str(compiled._library._final_module).replace("noinline", "nounwind")  # noqa: SLF001
    module = llvm.parse_assembly(text)
    for defined in module.functions:
        if not defined.is_declaration and defined.name != entry:
            defined.linkage = "internal"
    # numba's C entry calls the function proper and checks a status: inlined, a block costs about twenty instructions.
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    return entry, machine.emit_object(module)


def compile_hooks(machine: Any) -> dict[str, tuple[str, bytes]]:
    """Compile the hooks on single instructions, for the host.

    Parameters
    ----------
    machine : llvmlite.binding.TargetMachine
        The host's.

    Returns
    -------
    dict
        Hook's name to the name of its entry point and its object code.
    """
    return {
        "divide": _emit(_on_divide, machine),
        "unmask": _emit(_on_unmask, machine),
    }


def compile_extension_hooks(machine: Any) -> dict[str, tuple[str, bytes]]:
    """Compile the functions for RISC-V extensions, as `compile_hooks` does the others."""
    return {name: _emit(function, machine, signature) for name, (function, signature) in extension_functions().items()}


def compile_block_hook(machine: Any, isa: Isa, *, stacks: bool, memory: bool) -> dict[str, tuple[str, bytes]]:
    """Compile the hook on blocks, as `compile_hooks` does the others; with `stacks` it follows calls, with `memory` it simulates memories."""
    return {"block": _emit(_make_block_hook(follow=isa is Isa.RV32, stacks=stacks, memory=memory), machine)}
