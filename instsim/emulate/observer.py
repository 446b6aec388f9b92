"""Follows the calls that matter while the firmware runs: the region's, and every kernel's in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.exception_log import ExceptionCounts
from instsim.emulate.instruction_hooks import InstructionHooks
from instsim.emulate.kernels import KernelCall, KernelFinder
from instsim.emulate.ledger import Ledger
from instsim.emulate.machine import Machine, Stop, StopReason
from instsim.emulate.memory import PAGE
from instsim.emulate.region import KernelWatch, RegionRequest, RegionRule
from instsim.isa import IndirectCall, Isa, indirect_call_sites
from instsim.profile.block_profile import KernelRecord, TensorShape

__all__ = ["Observer"]

DISPATCH = 0
_INTERRUPTS, _OTHER_THREADS = "(interrupts)", "(other threads)"
_CODE_OVERLAP = 2


@dataclass
class _Frame:
    """An open call: where it returns to, and whom its caller was charged to."""

    return_address: int
    sp: int
    row: int
    caller_row: int | None
    is_region: bool = False
    closes_region: bool = False


@dataclass
class _Kernel:
    record: KernelRecord
    executions: int = 0
    parents: list[int] = field(default_factory=list)


class Observer:
    """Opens and closes the region, and splits what runs in it by kernel.

    Parameters
    ----------
    machine : Machine
        Not yet running; the observer hooks its code pages as they come.
    request : RegionRequest
        What to measure.
    watch : KernelWatch
        Kernels to be found by name.
    finder : KernelFinder, optional
        Tells kernels from other calls.
    hooks : InstructionHooks, optional
        Where to hook, on a machine that is observed again and again.
    sites : iterable of IndirectCall, optional
        The calls that may run kernels, where they are known: hooks on them, which many observers of a machine can have at the same time. Else
        the block hook looks at every indirect call.
    """

    def __init__(
        self,
        machine: Machine,
        request: RegionRequest,
        watch: KernelWatch,
        *,
        finder: KernelFinder | None = None,
        hooks: InstructionHooks | None = None,
        sites: Iterable[IndirectCall] | None = None,
    ) -> None:
        self._machine = machine
        self._engine = machine.engine
        self._request = request
        self._watch = watch
        self._names = dict(watch.names) | dict(watch.functions)
        self._finder = finder or KernelFinder(machine.memory)
        self._hook = self._hook_once if hooks is None else hooks.add
        self._ledger = Ledger(machine.counters, machine.memory_trace)
        self._frames: list[_Frame] = []
        self._kernels: list[_Kernel] = []
        self._rows: dict[tuple[int, ...], int] = {}
        self._sites: dict[int, IndirectCall] = {}
        self._returns: set[int] = set()
        self._left: dict[int, tuple[list[_Frame], int | None]] = {}
        self._special_rows: dict[str, int] = {}
        self._calls = 0
        self._first_node: int | None = None
        self._prepared_inside = False
        self._divides_before: dict[int, Counter[int]] = {}
        self._divides_after: dict[int, Counter[int]] | None = None
        self._timer_reads_before = 0
        self._idle_before = 0
        self._polling_before = 0
        self.polling_cycles = 0
        self._ticks_before = 0
        self.cycles = 0
        self._exceptions_before: dict[tuple[int, int], ExceptionCounts] = {}
        self.idle_ticks = 0
        self.exceptions: dict[tuple[int, int], ExceptionCounts] = {}
        self.rule: RegionRule | None = None
        self.on_open: Callable[[], None] = lambda: None
        self.on_close: Callable[[], None] = lambda: None
        self.is_done = False
        self.timer_reads = 0
        self.sp_at_start: int | None = None
        self.notes: list[str] = []
        machine.processor.log.watchers.append(self)
        self._asks_at_blocks = sites is None
        if sites is None:
            machine.watch_kernels(self._at_kernel)
        if watch.dispatchers:
            machine.watch_code_pages(self._on_code_page)
        for site in sites or ():
            self._sites[site.address] = site
            self._hook(site.address, self._at_indirect_call)
        if request.entry is not None:
            self._hook(request.entry, self._at_entry)
        if request.end is not None:
            self._hook(request.end, self._at_end)
        for address, _ in watch.functions:
            self._hook(address, self._at_kernel_function)
        if request.rule is RegionRule.WHOLE_RUN:
            self._open_region(RegionRule.WHOLE_RUN, None)

    # -- hooks on code -----------------------------------------------------------------------------------------------------------

    def _on_code_page(self, page: int) -> None:
        memory = self._machine.memory
        code = memory.read(page, PAGE + _CODE_OVERLAP) or memory.read(page, PAGE) or b""
        for address, call in indirect_call_sites(self._machine.isa, code, page).items():
            if address < page + PAGE and address not in self._sites and self._is_in_dispatcher(address):
                self._sites[address] = call
                self._engine.on_instruction(address, self._at_indirect_call)

    def _is_in_dispatcher(self, address: int) -> bool:
        return any(start <= address < stop for start, stop in self._watch.dispatchers)

    def _hook_once(self, address: int, callback: Callable[[int], None]) -> None:
        self._engine.forget_code(address)
        self._engine.on_instruction(address, callback)

    def _watch_return(self, address: int) -> None:
        if address not in self._returns:
            self._returns.add(address)
            self._hook(address, self._at_return)

    # -- the region --------------------------------------------------------------------------------------------------------------

    def _at_entry(self, address: int) -> None:
        if self.is_done or self._ledger.is_open:
            return
        self._calls += 1
        if self._calls != self._request.call:
            return
        self._open_region(self._request.rule, address)
        if self._request.rule is not RegionRule.ADDRESSES:
            return_address = self._engine.read_register(self._engine.registers.link) & ~1
            self._frames.append(_Frame(return_address, self._engine.sp, DISPATCH, None, is_region=True))
            self._watch_return(return_address)

    def _at_end(self, address: int) -> None:
        if self._ledger.is_open and self.rule is RegionRule.ADDRESSES:
            self._close_region(address)

    def _open_region(self, rule: RegionRule, at: int | None) -> None:
        self.rule = rule
        self.on_open()
        self.sp_at_start = self._engine.sp
        self._divides_before = self._machine.divides
        self._start_counting()
        self._ledger.charge(DISPATCH, at)

    def _restart_region(self, at: int | None) -> None:
        self._kernels.clear()
        self._rows.clear()
        self._special_rows.clear()
        self._left = {context: (frames, None if row is None else DISPATCH) for context, (frames, row) in self._left.items()}
        self._divides_before = self._machine.divides
        self._start_counting()
        self._ledger.restart(DISPATCH, at)

    def mark(self, *, opens: bool) -> None:
        """Open or close the region from outside, between two blocks; the machine runs on."""
        if opens and self.rule is None:
            self._open_region(RegionRule.SERIAL, None)
        elif not opens and self.rule is RegionRule.SERIAL and not self.is_done:
            self._end_region(None)

    def _end_region(self, at: int | None) -> None:
        self._ledger.charge(None, at)
        self._divides_after = self._machine.divides
        self._stop_counting()
        self._frames.clear()
        self.is_done = True
        self.on_close()

    def _close_region(self, at: int | None) -> None:
        self._end_region(at)
        self._machine.stop(Stop(StopReason.REGION_DONE, self._engine.pc))

    def _start_counting(self) -> None:
        self._timer_reads_before = self._clock_reads()
        self._idle_before = self._machine.idle_ticks
        self._polling_before = self._machine.devices.unmodelled.polling_cycles
        self._ticks_before = self._machine.counters.ticks
        self._exceptions_before = self._machine.processor.log.snapshot()
        if self._machine.calls is not None:
            self._machine.calls.restart()

    def _stop_counting(self) -> None:
        if self._machine.calls is not None:
            self._machine.calls.take()
        self.timer_reads = self._clock_reads() - self._timer_reads_before
        self.idle_ticks = self._machine.idle_ticks - self._idle_before
        self.polling_cycles = self._machine.devices.unmodelled.polling_cycles - self._polling_before
        # Where nothing was polled nobody asks, and blocks need no price for it.
        self.cycles = (self._machine.counters.ticks - self._ticks_before) // TICKS_PER_CYCLE
        self.exceptions = self._machine.processor.log.since(self._exceptions_before)

    # -- interrupts and threads --------------------------------------------------------------------------------------------------

    def on_exception_entry(self, context: int) -> None:
        """Charge a handler to a row of its own; calls in it are followed apart from those of the code that it interrupts."""
        row = self._ledger.row
        self._left[context] = self._frames, row
        self._frames = []
        if row is not None:
            self._ledger.charge(self._special_row(_INTERRUPTS), None)

    def on_exception_return(self, context: int) -> None:
        """Go on where the code was left, or with a thread in which no call is followed."""
        self._frames, row = self._left.pop(context, ([], None))
        if self._ledger.is_open:
            self._ledger.charge(self._special_row(_OTHER_THREADS) if row is None else row, None)

    def _special_row(self, name: str) -> int:
        if name not in self._special_rows:
            self._kernels.append(_Kernel(KernelRecord(name)))
            self._special_rows[name] = len(self._kernels)
        row = self._special_rows[name]
        self._kernels[row - 1].executions += 1
        return row

    def has_model(self) -> bool:
        """Tell whether the memory holds a model that could run."""
        return self._finder.has_model()

    @property
    def _has_kernels(self) -> bool:
        return len(self._kernels) > len(self._special_rows)

    def _clock_reads(self) -> int:
        machine = self._machine
        return machine.devices.timer_reads + machine.semihosting.clock_reads

    # -- kernels -----------------------------------------------------------------------------------------------------------------

    def _at_indirect_call(self, address: int) -> None:
        if self.is_done:
            return
        site = self._sites[address]
        engine = self._engine
        target = engine.read_register(engine.registers.general[site.register]) + site.offset & 0xFFFFFFFF
        call = self._finder.classify(target, engine.read_register(engine.registers.arguments[1]))
        if call is None and self._is_in_dispatcher(address):
            self._at_call(KernelCall(target & ~1, 0, is_prepare=False), address + site.size)
        elif call is not None and not self._asks_at_blocks:
            self._at_call(call, address + site.size)

    def _at_kernel(self, address: int) -> None:
        """Follow a kernel that an indirect call has just entered."""
        if self.is_done:
            return
        registers = self._engine.registers
        target = address | 1 if self._machine.isa is Isa.THUMB else address
        call = self._finder.classify(target, self._engine.read_register(registers.arguments[1]))
        if call is not None:
            self._at_call(call, self._engine.read_register(registers.link) & ~1)

    def _at_call(self, call: KernelCall, return_address: int) -> None:
        if call.is_prepare:
            self._prepared_inside = self._ledger.is_open and self.rule is RegionRule.INVOKE and not self._has_kernels
        else:
            self._start_kernel(call, return_address, None)

    def _at_kernel_function(self, address: int) -> None:
        if self.is_done:
            return
        return_address = self._engine.read_register(self._engine.registers.link) & ~1
        self._start_kernel(KernelCall(address, 0, is_prepare=False), return_address, address)

    def _start_kernel(self, call: KernelCall, return_address: int, at: int | None) -> None:
        if not self._ledger.is_open and not self._opens_by_kernel(call, at):
            return
        anonymous = self.rule is RegionRule.KERNELS and call.operator is None
        if anonymous and not self._frames and self._has_kernels and self._first_node == (call.node or call.target):
            self._close_region(at)
            return
        if self._prepared_inside:
            # The interpreter allocates its tensors in the first Invoke if nobody did before: set-up, not inference.
            self._prepared_inside = False
            self.notes.append("Invoke set the interpreter up first; the region starts at the first operator")
            self._restart_region(at)
        row = self._row_of(call)
        is_last = self._is_last(call)
        caller = self._ledger.row
        closes = self.rule is RegionRule.KERNELS and is_last and not self._frames
        self._frames.append(_Frame(return_address, self._engine.sp, row, caller, closes_region=closes))
        self._watch_return(return_address)
        self._ledger.charge(row, at)

    def _opens_by_kernel(self, call: KernelCall, at: int | None) -> bool:
        request = self._request
        # A kernel before any call of Invoke: the compiler has inlined the calls, and the symbol is of a copy that nobody uses.
        inlined = request.rule is RegionRule.INVOKE and request.fall_back and self._calls == 0
        if self._frames or not (request.rule is RegionRule.KERNELS or inlined):
            return False
        if call.operator is not None:
            starts = call.operator.subgraph == 0 and call.operator.index == 0
        else:
            starts = self._first_node in (None, call.node or call.target)
            self._first_node = call.node or call.target
        self._calls += starts
        if not starts or self._calls != request.call:
            return False
        self._first_node = call.node or call.target
        self._open_region(RegionRule.KERNELS, at)
        return True

    def _is_last(self, call: KernelCall) -> bool:
        return call.operator is not None and call.operator.subgraph == 0 and call.operator.index == self._finder.operators_of(call) - 1

    def _row_of(self, call: KernelCall) -> int:
        operator = call.operator
        key = (call.model, operator.subgraph, operator.index) if operator else (-1, call.node, call.target)
        parent = (self._ledger.row or 0) - 1
        if key not in self._rows:
            if operator:
                record = KernelRecord(
                    operator.kind,
                    call.model,
                    operator.subgraph,
                    operator.index,
                    parent=parent,
                    inputs=tuple(None if t is None else TensorShape(t.shape, t.dtype) for t in operator.inputs),
                    outputs=tuple(TensorShape(t.shape, t.dtype) for t in operator.outputs),
                    macs=operator.macs,
                    elements=operator.elements,
                    kernel_address=call.target,
                )
            else:
                record = KernelRecord(self._names.get(call.target, f"kernel at {call.target:#x}"), parent=parent, kernel_address=call.target)
            self._rows[key] = len(self._kernels) + 1
            self._kernels.append(_Kernel(record))
        row = self._rows[key]
        self._kernels[row - 1].executions += 1
        return row

    def _at_return(self, address: int) -> None:
        if not self._frames or self.is_done:
            return
        sp = self._engine.sp
        while self._frames:
            frame = self._frames[-1]
            if frame.return_address == address and frame.sp == sp:
                self._frames.pop()
                if frame.is_region or frame.closes_region:
                    self._close_region(address)
                else:
                    self._ledger.charge(frame.caller_row, address)
                return
            if frame.sp > sp or frame.is_region:
                return
            # The stack has been unwound past this call without its return (longjmp).
            if frame.sp == sp:
                return
            self._frames.pop()
            self._ledger.charge(frame.caller_row, address)

    # -- results -----------------------------------------------------------------------------------------------------------------

    def finish(self) -> Ledger:
        """Close a region that the run ended in, or take the whole run if none was opened; return the counts by row."""
        if not self.is_done:
            if self.rule is None:
                self.rule = RegionRule.WHOLE_RUN
                whole = Ledger(self._machine.counters, self._machine.memory_trace)
                whole.take_everything(DISPATCH)
                self._ledger = whole
                self._divides_before = {}
                self._timer_reads_before = self._idle_before = self._polling_before = 0
                self._exceptions_before = {}
                self._stop_counting()
                self._divides_after = self._machine.divides
            else:
                self._ledger.charge(None, None)
                self._divides_after = self._machine.divides
                self._stop_counting()
        return self._ledger

    @property
    def kernels(self) -> tuple[KernelRecord, ...]:
        """Kernels of the region in order of first execution."""
        return tuple(replace(kernel.record, executions=kernel.executions) for kernel in self._kernels)

    @property
    def divides(self) -> dict[int, Counter[int]]:
        """Executions in the region by operand class, by address of the divide."""
        before = self._divides_before
        deltas = {address: after - before.get(address, Counter()) for address, after in (self._divides_after or {}).items()}
        return {address: delta for address, delta in deltas.items() if delta}

    @property
    def region_is_open(self) -> bool:
        """Whether what runs now is part of the region."""
        return self.rule is not None and not self.is_done

    @property
    def region_started(self) -> bool:
        """Whether the requested region ever opened."""
        return self.rule is not None and self.rule is not RegionRule.WHOLE_RUN
