"""A microcontroller that runs a firmware image and counts its blocks."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.accelerator import relax_exit_check
from instsim.emulate.backtrace import return_addresses
from instsim.emulate.boot_rom import BootRom
from instsim.emulate.branch_to_next import branches_to_next, is_taken
from instsim.emulate.call_watch import CallWatch
from instsim.emulate.counters import BlockCounters
from instsim.emulate.devices import Devices, Surroundings
from instsim.emulate.direct_entry import start_at
from instsim.emulate.divides import Divides
from instsim.emulate.engine import Engine
from instsim.emulate.events import EventQueue
from instsim.emulate.first_runs import FirstRuns
from instsim.emulate.interrupts import InterruptController
from instsim.emulate.memory import PAGE, Memory
from instsim.emulate.native import load_block_hook, load_hooks
from instsim.emulate.semihosting import Semihosting
from instsim.emulate.spec import BlockCycles, MachineSpec, MemoryKind, MemoryTiming
from instsim.emulate.stops import Stop, StopReason
from instsim.errors import ImageError
from instsim.image import FirmwareImage
from instsim.isa import Isa

if TYPE_CHECKING:
    from instsim.emulate.call_stacks import CallStacks
    from instsim.emulate.memory_trace import MemoryTrace
    from instsim.emulate.processor_arm import ArmProcessor
    from instsim.emulate.processor_riscv import RiscvProcessor
    from instsim.emulate.spinning import DeviceAccess, SpinWatch

__all__ = ["Machine", "Stop", "StopReason"]

_SLICE_TICKS = 1 << 30
"""Longest stretch without a look at Ctrl-C and the progress bar: 16 million cycles."""

_CODE_OVERLAP = 2

_MASKED_TICKS = 1 << 22
"""Longest stretch without a look at an interrupt that waits to be unmasked, should the unmasking not have been seen: 65536 cycles."""

_START_BLOCKS = 64

_COUNTER_CSRS = {0xB00: 0, 0xB80: 32, 0xC00: 0, 0xC80: 32, 0xC01: 0, 0xC81: 32, 0xB02: 0, 0xB82: 32, 0xC02: 0, 0xC82: 32, 0x7E2: 0}
"""RISC-V counters (cycle, time, instret and their machine-mode twins; ESP32-C3's ``mpccr``) and the bit they start at."""

_MIP = 0x344
"""Unicorn holds no machine-level interrupt pending."""


class Machine:
    """One chip with one image in its flash, reset and ready to run.

    Parameters
    ----------
    image : FirmwareImage
        What to run.
    spec : MachineSpec
        The chip.
    block_cycles : callable, optional
        Mean cycles of a block, so that the timers the firmware reads tell the time that is being estimated. Without it a block costs a cycle
        for every two bytes.
    entry : int, optional
        Function to start at instead of at reset; see `instsim.emulate.direct_entry`.
    register_resets : mapping of int to int, optional
        Reset values by address, for registers that no device models.
    call_stacks : bool
        Keep a shadow stack, in `calls`.
    memory_timing : MemoryTiming, optional
        What the chip's memories cost, counted in `memory_trace`; without it they are ideal.
    count_only : bool
        Count blocks and nothing else: no branch prediction, no operands of divides. What those cost is measured against it.

    Raises
    ------
    ImageError
        If the image does not fit the chip.
    """

    def __init__(
        self,
        image: FirmwareImage,
        spec: MachineSpec,
        *,
        block_cycles: BlockCycles | None = None,
        entry: int | None = None,
        register_resets: Mapping[int, int] | None = None,
        call_stacks: bool = False,
        memory_timing: MemoryTiming | None = None,
        count_only: bool = False,
    ) -> None:
        self.image = image
        self.spec = spec
        self.isa = spec.isa
        self.memory = Memory(spec.memories)
        self.memory.load(image, spec.name)
        self.boot_rom = BootRom(self.memory, image)
        self._native = load_hooks()
        self.engine = Engine(spec, self.memory, self._start_code_page)
        self.counters = BlockCounters(
            Engine.function_address("uc_emu_stop"),
            relax_exit_check(spec.isa).helper,
            follow_branches=spec.isa is Isa.RV32 and not count_only,
        )
        block_hook = load_block_hook(spec.isa, branches=not count_only, stacks=call_stacks, memory=memory_timing is not None)
        self.calls = _call_stacks(self.counters, image) if call_stacks else None
        self.engine.add_block_hook(block_hook.block, self.counters.state_pointer)
        self.events = EventQueue(self.counters.lower_deadline)
        self._first_runs = FirstRuns(self.engine, self.counters)
        self._watched_divides = None if count_only else Divides(self.engine, self._first_runs, self._native)
        self._block_cycles = block_cycles
        self._code_page_watchers: list[Callable[[int], None]] = []
        self._call_watch: CallWatch | None = None
        self._call_watcher: Callable[[int], None] = lambda _target: None
        self._stop: Stop | None = None
        self._pc = self.start = 0
        self.initial_sp: int | None = None
        self.refused_kind = ""
        self.idle_ticks = 0
        self.on_wake: Callable[[int], None] = lambda _slept_ticks: None
        self.spin: SpinWatch | None = None
        self.accesses: list[DeviceAccess] | None = None
        self.reads_left = 0
        self.disturbances = 0
        self.clock_asks = 0
        self._counter_read_at: int | None = None
        self.csr_reads = 0
        vector_table = image.vector_table if image.vector_table is not None else 0
        around = Surroundings(self.tell_cycles, self.events, spec.clock_hz)
        around.note_cycles = self.now_cycles
        around.read_memory, around.write_memory = self.memory.read, self.memory.write_ram
        timing_resets = {} if memory_timing is None else dict(memory_timing.registers)
        self.devices = Devices(spec, vector_table, around, {**timing_resets, **(register_resets or {})})
        self.memory_trace = None if memory_timing is None else _memory_trace(self, memory_timing, block_hook.settle)
        if self.memory_trace is not None:
            self.devices.watched, self.devices.on_watched = self.memory_trace.watched, self.memory_trace.register_written
        self.semihosting = Semihosting(self.memory, self.now_cycles, spec.clock_hz)
        for start, size in spec.device_windows:
            self._map_devices(start, size)
        self.processor = _processor(self, self._native.unmask)
        self.interrupts: InterruptController = self.processor.interrupts
        if self.calls is not None:
            self.processor.log.watchers.append(self.calls)
        around.interrupts = self.interrupts
        if entry is None:
            self._reset()
        else:
            start_at(self, entry)

    def close(self) -> None:
        """Free all that the machine holds; it is of no use afterwards.

        Its parts point at each other, and most of what they hold is memory that Python's garbage collector does not see, so that it comes late.
        """
        self.engine.close()
        for part in (self.counters, self.memory, self.memory_trace, self.calls, self):
            if part is not None:
                vars(part).clear()

    # -- set-up ------------------------------------------------------------------------------------------------------------------

    def _map_devices(self, start: int, size: int) -> None:
        devices, engine = self.devices, self.engine

        def read(uc: Any, offset: int, width: int, _data: Any) -> int:
            engine.clear_it_state(uc)
            value = self.processor.read(start + offset, width)
            if value is None:
                value = devices.read(start + offset, width)
            if self.accesses is not None:
                self.accesses.append((start + offset, value, False))
            self.reads_left -= 1
            if not self.reads_left and self.spin is not None:
                self.spin.look_soon()
            return value

        def write(uc: Any, offset: int, width: int, value: int, _data: Any) -> None:
            engine.clear_it_state(uc)
            if self.processor.write(start + offset, width, value):
                self.disturbances += 1
                devices.tell_watcher(start + offset, width, value)
                return
            if self.accesses is not None:
                self.accesses.append((start + offset, value, True))
            devices.write(start + offset, width, value)
            if devices.reset_requested:
                self.stop(Stop(StopReason.FAULT, engine.pc, "the firmware asked for a reset of the chip (AIRCR.SYSRESETREQ)"))

        engine.uc.mmio_map(start, size, read, None, write, None)

    def _reset(self) -> None:
        if self.isa is Isa.THUMB:
            table = self.image.vector_table
            vectors = self.memory.read(table, 8) if table is not None else None
            if vectors is None:
                raise ImageError(f"{self.image.name}: no vector table", hint="give the address of a raw binary with --base")
            sp, reset = struct.unpack("<II", vectors)
            if not reset & 1 or self.memory.find(reset) is None:
                raise ImageError(
                    f"{self.image.name}: the reset vector {reset:#010x} at {table:#010x} is not Thumb code in the memory of {self.spec.name}",
                    hint="is this the image's load address? see --base and --board",
                )
            self.engine.write_register(self.engine.registers.sp, sp)
            self.start_from(reset & ~1, sp)
        else:
            if self.image.entry is None:
                raise ImageError(f"{self.image.name}: no entry point", hint="give an ELF file")
            if self.spec.stack_pointer is not None:
                self.engine.write_register(self.engine.registers.sp, self.spec.stack_pointer)
            self.start_from(self.image.entry, None)

    def start_from(self, address: int, initial_sp: int | None) -> None:
        """Run from an address on; `initial_sp` is the top of the stack there."""
        self.initial_sp = initial_sp
        self._pc = self.start = address

    @property
    def divides(self) -> dict[int, Counter[int]]:
        """Executions so far of each divide by the class of its operands (`instsim.dynamics.divider`), by its address."""
        return {} if self._watched_divides is None else self._watched_divides.counts()

    def restore_divides(self, counts: Mapping[int, Mapping[int, int]]) -> None:
        """Put `divides` back to what it was."""
        if self._watched_divides is not None:
            self._watched_divides.restore(counts)

    @property
    def next_pc(self) -> int:
        """Where `run` goes on, Thumb bit removed."""
        return self._pc

    def go_to(self, address: int) -> None:
        """Go on at an address, as if something had jumped there; the machine must stand still."""
        self._pc = address
        self._stop = None
        self.counters.forget_previous()

    def _start_code_page(self, page: int) -> None:
        """Prepare a page before its first instruction: room for counts, hooks on divides and counter reads."""
        found = self.memory.find(page)
        self.counters.add_page(page, 0 if found is None else found[0].host_address + found[1])
        if self.calls is not None:
            self.calls.add_page(page)
        code = self.memory.read(page, PAGE + _CODE_OVERLAP) or self.memory.read(page, PAGE) or b""
        if self._watched_divides is not None:
            self._watched_divides.add_page(self.isa, page, code)
        if self.isa is Isa.RV32:
            self._watch_counters(code, page)
            for offset, encoding in branches_to_next(code):
                self._watch_branch_to_next(page + offset, encoding)
        for watcher in self._code_page_watchers:
            watcher(page)

    def watch_code_pages(self, watcher: Callable[[int], None]) -> None:
        """Call `watcher` with a page's address before its first instruction runs; it may add hooks."""
        self._code_page_watchers.append(watcher)

    def watch_kernels(self, watcher: Callable[[int], None]) -> None:
        """Call `watcher`, and nobody else, with the address of a kernel that an indirect call enters, between two blocks."""
        self._call_watcher = watcher
        if self._call_watch is None:
            self._call_watch = CallWatch(self.engine, self.memory, self.counters)

    def _watch_counters(self, code: bytes, page: int) -> None:
        halves = np.frombuffer(code[: len(code) // 2 * 2], "<u2")
        is_system = (halves & 0x7F == 0x73) & (halves & 0x7000 != 0)
        for index in np.flatnonzero(is_system[: PAGE // 2]).tolist():
            at = page + 2 * index
            number = int.from_bytes(code[2 * index + 2 : 2 * index + 4], "little") >> 4
            if number in _COUNTER_CSRS or number == _MIP:
                self.engine.on_instruction(at, self._before_counter)
                self.engine.on_instruction(at + 4, self._after_counter)

    def _watch_branch_to_next(self, address: int, encoding: int) -> None:
        engine = self.engine

        def ask(_address: int) -> None:
            if is_taken(encoding, lambda register: engine.read_register(engine.registers.general[register])):
                self.counters.forget_previous()

        engine.on_instruction(address, ask)

    def _before_counter(self, address: int) -> None:
        self._counter_read_at = address

    def _after_counter(self, address: int) -> None:
        """Replace what Unicorn read (the host's clock) by the machine's time, before the next instruction sees it."""
        if self._counter_read_at == address - 4:
            self.read_counter(address - 4)
        self._counter_read_at = None

    def read_counter(self, address: int) -> bool:
        """Carry out a read of a RISC-V counter; return whether the instruction at `address` is one."""
        word = self.memory.word(address) or 0
        target = word >> 7 & 31
        if word >> 20 == _MIP and target:
            pending = cast("RiscvProcessor", self.processor).interrupts.pending
            self.engine.write_register(self.engine.registers.general[target], pending & 0xFFFFFFFF)
        shift = _COUNTER_CSRS.get(word >> 20)
        if word & 0x7F != 0x73 or not word & 0x7000 or shift is None:
            return False
        self.csr_reads += 1
        if target:
            self.engine.write_register(self.engine.registers.general[target], self.now_cycles() >> shift & 0xFFFFFFFF)
        return True

    # -- time --------------------------------------------------------------------------------------------------------------------

    def now_cycles(self) -> int:
        """Core cycles since reset, under the prices the machine was given."""
        if self._block_cycles is not None:
            fresh = self.counters.unpriced()
            if fresh:
                code = {address: self.memory.read(address, size) or b"" for address, size in fresh}
                self.counters.refine(self._block_cycles, code)
        return self.counters.ticks // TICKS_PER_CYCLE

    def tell_cycles(self) -> int:
        """Return `now_cycles` to a device that the firmware may be asking for the time."""
        self.clock_asks += 1
        return self.now_cycles()

    # -- running -----------------------------------------------------------------------------------------------------------------

    def stop(self, stop: Stop) -> None:
        """Stop the machine from a hook, before its next block."""
        self._stop = stop
        self.counters.set_deadline(0)

    def run(self, budget_cycles: int, on_slice: Callable[[int], None] | None = None) -> Stop:
        """Run until something stops the machine.

        Parameters
        ----------
        budget_cycles : int
            Most cycles of virtual time, under the machine's prices.
        on_slice : callable, optional
            Called every few million cycles with the cycles so far.

        Returns
        -------
        Stop
            Why and where it ended. A machine that stopped for `REGION_DONE` or `BUDGET` can be run on.
        """
        counters, events, processor = self.counters, self.events, self.processor
        limit = budget_cycles * TICKS_PER_CYCLE
        self._stop = None
        slice_end = counters.ticks + _SLICE_TICKS
        while True:
            if events.next_ticks is not None:
                self.now_cycles()
                self.disturbances += events.fire_due(counters.ticks)
            settled = processor.settle(self._pc)
            self.disturbances += settled != self._pc
            self._pc = settled
            if processor.must_sleep and self._asked_stop() is None:
                self._sleep(limit)
            asked = self._asked_stop()
            if asked is not None:
                return asked
            next_event = events.next_ticks
            deadline = min(limit, slice_end, limit if next_event is None else next_event, limit if self.spin is None else self.spin.due_ticks)
            counters.set_deadline(min(deadline, counters.ticks + _MASKED_TICKS) if processor.interrupt_waits else deadline)
            error = self.engine.run(self._pc)
            self._pc = self.engine.pc
            if self.memory_trace is not None:
                self.memory_trace.check()
            hook_stopped = counters.take_stopped()
            self._first_runs.settle()
            if self._call_watch is not None and self._call_watch.take():
                self.disturbances += 1
                self._call_watcher(self._pc)
            asked = self._asked_stop()
            if asked is not None:
                return asked
            if error is not None and not (processor.has_trap or processor.is_hint(self._pc)):
                self._pc = processor.refused(error, self._pc)
                continue
            if counters.ticks >= limit:
                return Stop(StopReason.BUDGET, self._pc, backtrace=self.backtrace())
            if processor.has_trap:
                continue
            if hook_stopped:
                stuck = processor.stuck_at(self._pc)
                if stuck:
                    return Stop(StopReason.DEADLOCK, self._pc, stuck, self.backtrace())
                if self.spin is not None and counters.ticks >= self.spin.due_ticks:
                    self.spin.look(self._pc, limit)
            elif processor.has_waited(self._pc):
                self._sleep(limit)
            elif not processor.is_hint(self._pc):
                return Stop(StopReason.DEADLOCK, self._pc, "the emulator stopped without a reason", self.backtrace())
            if counters.ticks >= slice_end:
                slice_end = counters.ticks + _SLICE_TICKS
                if on_slice is not None:
                    on_slice(counters.ticks // TICKS_PER_CYCLE)

    def _asked_stop(self) -> Stop | None:
        return self._stop

    def _sleep(self, limit: int) -> None:
        """Let time pass from event to event until the core wakes up, or nothing can wake it."""
        counters, events, idle_before = self.counters, self.events, self.idle_ticks
        self.disturbances += 1
        self.now_cycles()
        while not self.processor.wakes():
            at = events.next_ticks
            if at is None:
                message = "the firmware waits for an interrupt that never comes"
                self._stop = Stop(StopReason.DEADLOCK, self._pc, message, self.backtrace())
                return
            idle = min(at, limit) - counters.ticks
            if idle > 0:
                counters.advance(idle)
                self.idle_ticks += idle
            if at > limit:
                self._stop = Stop(StopReason.BUDGET, self._pc, backtrace=self.backtrace())
                self.on_wake(self.idle_ticks - idle_before)
                return
            events.fire_due(counters.ticks)
        self.processor.wake_up(self._pc)
        self.on_wake(self.idle_ticks - idle_before)

    def stack_top(self) -> int | None:
        """Return the initial stack pointer, running start-up code block by block until it has set one; None if it does not soon."""
        for _ in range(_START_BLOCKS):
            if self.initial_sp is not None:
                break
            if self.run(self.counters.ticks // TICKS_PER_CYCLE + 1).reason is not StopReason.BUDGET:
                break
            found = self.memory.find(self.engine.sp - 4)
            if found is not None and found[0].spec.kind is MemoryKind.RAM:
                self.initial_sp = self.engine.sp
        return self.initial_sp

    # -- trouble -----------------------------------------------------------------------------------------------------------------

    def halt(self, stop: Stop) -> None:
        """Stop the machine from a trap, at once."""
        self._stop = stop
        self.engine.stop()

    def describe_refused(self) -> str:
        """Return what the firmware did where the memory map has no answer, and forget it; empty if nothing was refused."""
        refused, self.engine.refused = self.engine.refused, None
        if refused is None:
            return ""
        self.refused_kind = refused.kind
        where = f"{refused.address:#010x}"
        return {
            "execute": f"jump to {where}, where there is no code",
            "read": f"read of {where}, where there is no memory and no device",
            "write": f"write to {where}, where there is no memory and no device",
            "write to flash": f"write to {where} in flash",
        }[refused.kind]

    def fault(self, what: str, at: int | None = None) -> Stop:
        """Return the stop for a fault at an address, with the calls that led there."""
        pc = self.engine.pc if at is None else at
        return Stop(StopReason.FAULT, pc, self.describe_refused() or what, self.backtrace(pc))

    # -- where it is -------------------------------------------------------------------------------------------------------------

    def backtrace(self, pc: int | None = None, depth: int = 12) -> tuple[int, ...]:
        """Return the program counter and the return addresses that lie on the stack, innermost first.

        Every stacked word that points behind a call instruction counts, so a stale one may be among them.
        """
        return return_addresses(self.engine, self.memory, self.engine.pc if pc is None else pc, depth)


def _processor(machine: Machine, unmask_hook: int) -> ArmProcessor | RiscvProcessor:
    # Each takes as long to import as a small firmware to run.
    if machine.isa is Isa.THUMB:
        from instsim.emulate.processor_arm import ArmProcessor  # noqa: PLC0415

        return ArmProcessor(machine, unmask_hook)
    from instsim.emulate.processor_riscv import RiscvProcessor  # noqa: PLC0415

    return RiscvProcessor(machine, unmask_hook)


def _call_stacks(counters: BlockCounters, image: FirmwareImage) -> CallStacks:
    from instsim.emulate.call_stacks import CallStacks  # noqa: PLC0415 -- on request only

    return CallStacks(counters, image)


def _memory_trace(machine: Machine, timing: MemoryTiming, settle: int) -> MemoryTrace:
    from instsim.emulate.memory_trace import MemoryTrace  # noqa: PLC0415 -- on request only

    trace = MemoryTrace(machine.engine, machine.memory, machine.counters, timing, machine.image.sha256, settle)
    machine.watch_code_pages(trace.start_page)
    return trace
