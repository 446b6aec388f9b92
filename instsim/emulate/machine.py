"""A microcontroller that runs a firmware image and counts its blocks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.call_watch import CallWatch
from instsim.emulate.chip import Chip
from instsim.emulate.direct_entry import start_at
from instsim.emulate.interrupts import InterruptController
from instsim.emulate.rom_flash import install_rom_flash
from instsim.emulate.spec import BlockCycles, MachineSpec, MemoryKind, MemoryTiming
from instsim.emulate.stops import Stop, StopReason
from instsim.errors import ImageError
from instsim.image import FirmwareImage
from instsim.isa import Isa

if TYPE_CHECKING:
    from instsim.emulate.processor_arm import ArmProcessor
    from instsim.emulate.processor_riscv import RiscvProcessor
    from instsim.emulate.spinning import SpinWatch

__all__ = ["Machine", "Stop", "StopReason"]

_SLICE_TICKS = 1 << 30
"""Longest stretch without a look at Ctrl-C and the progress bar: 16 million cycles."""

_MASKED_TICKS = 1 << 22
"""Longest stretch without a look at an interrupt that waits to be unmasked, should the unmasking not have been seen: 65536 cycles."""

_START_BLOCKS = 64


class Machine(Chip):
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
        super().__init__(
            image,
            spec,
            block_cycles=block_cycles,
            register_resets=register_resets,
            call_stacks=call_stacks,
            memory_timing=memory_timing,
            count_only=count_only,
        )
        install_rom_flash(self)
        self._call_watch: CallWatch | None = None
        self._call_watcher: Callable[[int], None] = lambda _target: None
        self.spin: SpinWatch | None = None
        for start, size in spec.device_windows:
            self._map_devices(start, size)
        self.processor = _processor(self, self.native_hooks.unmask)
        self.interrupts: InterruptController = self.processor.interrupts
        if self.calls is not None:
            self.processor.log.watchers.append(self.calls)
        self.devices.around.interrupts = self.interrupts
        if entry is None:
            self._reset()
        else:
            start_at(self, entry)

    # -- set-up ------------------------------------------------------------------------------------------------------------------

    def _map_devices(self, start: int, size: int) -> None:
        devices, engine = self.devices, self.engine

        def read(uc: Any, offset: int, width: int, _data: Any) -> int:
            engine.clear_it_state(uc)
            engine.is_accessing = engine.is_running
            self._count_access()
            value = self.processor.read(start + offset, width)
            if value is None:
                value = devices.read(start + offset, width)
            engine.is_accessing = False
            if self.accesses is not None:
                self.accesses.append((start + offset, value, False))
            self.reads_left -= 1
            if not self.reads_left and self.spin is not None:
                self.spin.look_soon()
            return value

        def write(uc: Any, offset: int, width: int, value: int, _data: Any) -> None:
            engine.clear_it_state(uc)
            engine.is_accessing = engine.is_running
            self._count_access()
            is_the_cores = self.processor.write(start + offset, width, value)
            if not is_the_cores:
                devices.write(start + offset, width, value)
            engine.is_accessing = False
            if is_the_cores:
                self.disturbances += not self.processor.asks_for_exception(start + offset)
                devices.tell_watcher(start + offset, width, value)
                return
            if self.accesses is not None:
                self.accesses.append((start + offset, value, True))
            if devices.reset_reason:
                self.stop(Stop(StopReason.FAULT, engine.pc, f"the firmware asked for a reset of the chip ({devices.reset_reason})"))

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

    @property
    def next_pc(self) -> int:
        """Where `run` goes on, Thumb bit removed."""
        return self._pc

    def go_to(self, address: int) -> None:
        """Go on at an address, as if something had jumped there; the machine must stand still."""
        self._pc = address
        self._stop = None
        self.counters.forget_previous()

    def watch_kernels(self, watcher: Callable[[int], None]) -> None:
        """Call `watcher`, and nobody else, with the address of a kernel that an indirect call enters, between two blocks."""
        self._call_watcher = watcher
        if self._call_watch is None:
            self._call_watch = CallWatch(self.engine, self.memory, self.counters)

    # -- running -----------------------------------------------------------------------------------------------------------------

    def run(self, budget_cycles: int, on_slice: Callable[[int], None] | None = None, most_accesses: int | None = None) -> Stop:
        """Run until something stops the machine.

        Parameters
        ----------
        budget_cycles : int
            Most cycles of virtual time, under the machine's prices.
        on_slice : callable, optional
            Called every few million cycles with the cycles so far.
        most_accesses : int, optional
            Most reads and writes of registers, which take far longer than other code; any number if it is not given.

        Returns
        -------
        Stop
            Why and where it ended. A machine that stopped for `REGION_DONE` or `BUDGET` can be run on.
        """
        counters, events, processor = self.counters, self.events, self.processor
        limit = budget_cycles * TICKS_PER_CYCLE
        self.accesses_left = -1 if most_accesses is None else most_accesses
        self._stop = None
        slice_end = counters.ticks + _SLICE_TICKS
        while True:
            if events.next_ticks is not None:
                self.now_cycles()
                self.disturbances += events.fire_due(counters.ticks)
            settled = processor.settle(self._pc)
            self.detours += settled != self._pc
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
            if self.stores_changed:
                self.stores_changed = False
                self.engine.forget_permissions()
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
            if most_accesses is not None and self.accesses_left <= 0:
                return Stop(StopReason.BUDGET, self._pc, f"{most_accesses:,} accesses to devices", self.backtrace())
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

    def _count_access(self) -> None:
        self.accesses_left -= 1
        if not self.accesses_left:
            self.counters.set_deadline(0)

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


def _processor(machine: Machine, unmask_hook: int) -> ArmProcessor | RiscvProcessor:
    # Each takes as long to import as a small firmware to run.
    if machine.isa is Isa.THUMB:
        from instsim.emulate.processor_arm import ArmProcessor  # noqa: PLC0415

        return ArmProcessor(machine, unmask_hook)
    from instsim.emulate.processor_riscv import RiscvProcessor  # noqa: PLC0415

    return RiscvProcessor(machine, unmask_hook)
