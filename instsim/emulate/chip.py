"""A chip with a firmware image in its flash: memory, emulator, counts, devices and time, and how they are stopped.

What its core does about exceptions, and when it runs, is the machine's (`instsim.emulate.machine`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.accelerator import relax_exit_check
from instsim.emulate.backtrace import return_addresses
from instsim.emulate.boot_rom import BootRom
from instsim.emulate.counters import BlockCounters
from instsim.emulate.devices import Devices, Surroundings
from instsim.emulate.divides import Divides
from instsim.emulate.engine import Engine
from instsim.emulate.events import EventQueue
from instsim.emulate.first_runs import FirstRuns
from instsim.emulate.flash_programming import FlashProgramming
from instsim.emulate.memory import PAGE, Memory
from instsim.emulate.native import BlockHook, load_block_hook, load_hooks
from instsim.emulate.semihosting import Semihosting
from instsim.emulate.spec import BlockCycles, MachineSpec, MemoryKind, MemoryTiming
from instsim.emulate.stops import Stop, StopReason
from instsim.image import ExternalFlash, FirmwareImage
from instsim.image.esp_flash import flash_of_segments
from instsim.isa import Isa

if TYPE_CHECKING:
    from instsim.emulate.call_stacks import CallStacks
    from instsim.emulate.memory_trace import MemoryTrace

__all__ = ["Chip", "DeviceAccess"]

_CODE_OVERLAP = 2

DeviceAccess = tuple[int, int, bool]
"""Address of an access to a device, value read or written, whether it was a write."""


class Chip:
    """A chip with one image in its flash; see `instsim.emulate.machine.Machine` for the parameters.

    Attributes
    ----------
    idle_ticks : int
        Time that passed while the core slept or waited.
    initial_sp : int or None
        Top of the stack where the firmware starts, once it is known.
    refused_kind : str
        What the last access or jump was that the memory map has no answer to; see `instsim.emulate.engine`.
    accesses : list of DeviceAccess or None
        Accesses to devices, while somebody keeps a list of them.
    reads_left : int
        Reads of devices until somebody looks whether the firmware waits.
    disturbances : int
        How often something else than the firmware's own code changed what it can see: events, sleep, calls of the host.
    detours : int
        How often the core left its path for an exception, or came back from one. Without a disturbance the firmware itself asked for it.
    clock_asks : int
        How often the time was asked for.
    accesses_left : int
        How many registers the firmware may read or write before the machine stops; below 0: any number.
    stores_changed : bool
        Whether the emulator is to ask anew which pages may be written, once it stands still.
    """

    def __init__(
        self,
        image: FirmwareImage,
        spec: MachineSpec,
        *,
        block_cycles: BlockCycles | None,
        register_resets: Mapping[int, int] | None,
        call_stacks: bool,
        memory_timing: MemoryTiming | None,
        count_only: bool,
    ) -> None:
        self.image = image
        self.spec = spec
        self.isa = spec.isa
        self.memory = Memory(spec.memories)
        self.memory.load(image, spec.name)
        self.boot_rom = BootRom(self.memory, image)
        self.native_hooks = load_hooks()
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
        self._watched_divides = None if count_only else Divides(self.engine, self._first_runs, self.native_hooks)
        self._block_cycles = block_cycles
        self._ahead: dict[tuple[int, int], int] = {}
        self.engine.forget_watchers.append(self._ahead.clear)
        self._code_page_watchers: list[Callable[[int], None]] = []
        self._stop: Stop | None = None
        self._pc = self.start = 0
        self.initial_sp: int | None = None
        self.refused_kind = ""
        self.idle_ticks = 0
        self.on_wake: Callable[[int], None] = lambda _slept_ticks: None
        self.accesses: list[DeviceAccess] | None = None
        self.reads_left = 0
        self.disturbances = self.detours = 0
        self.clock_asks = 0
        self.accesses_left = -1
        self.stores_changed = False
        vector_table = image.vector_table if image.vector_table is not None else 0
        around = Surroundings(self.tell_cycles, self.events, spec.clock_hz)
        around.note_cycles = self.now_cycles
        self.flash = FlashProgramming(self.memory, self._refuse_stores)
        self.engine.admit_store = self.flash.admit
        around.flash, around.pass_time = self.flash, self.pass_time
        around.external_flash, around.show_memory = self._external_flash, self._show_memory
        around.read_memory, around.write_memory = self.memory.read, self.memory.write_ram
        timing_resets = {} if memory_timing is None else dict(memory_timing.registers)
        self.devices = Devices(spec, vector_table, around, {**timing_resets, **(register_resets or {})})
        self.memory_trace = None if memory_timing is None else _memory_trace(self, memory_timing, block_hook)
        if self.memory_trace is not None:
            self.devices.watched, self.devices.on_watched = self.memory_trace.watched, self.memory_trace.register_written
        self.semihosting = Semihosting(self.memory, self.now_cycles, spec.clock_hz)

    def close(self) -> None:
        """Free all that the machine holds; it is of no use afterwards.

        Its parts point at each other, and most of what they hold is memory that Python's garbage collector does not see, so that it comes late.
        """
        self.engine.close()
        for part in (self.counters, self.memory, self.memory_trace, self.calls, self):
            if part is not None:
                vars(part).clear()

    def _start_code_page(self, page: int) -> None:
        """Prepare a page before its first instruction: room for counts, hooks on divides, and what others have asked for."""
        found = self.memory.find(page)
        self.counters.add_page(page, 0 if found is None else found[0].host_address + found[1])
        if self.calls is not None:
            self.calls.add_page(page)
        code = self.memory.read(page, PAGE + _CODE_OVERLAP) or self.memory.read(page, PAGE) or b""
        if self._watched_divides is not None:
            self._watched_divides.add_page(self.isa, page, code)
        for watcher in self._code_page_watchers:
            watcher(page)

    def watch_code_pages(self, watcher: Callable[[int], None]) -> None:
        """Call `watcher` with a page's address before its first instruction runs; it may add hooks."""
        self._code_page_watchers.append(watcher)

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

    def code(self, address: int, size: int) -> bytes:
        """Return code as it was when it first ran; empty where no memory is. Only RAM can hold something else by now."""
        found = self.memory.find(address)
        code = self.memory.read(address, size) or b""
        is_writable = found is not None and found[0].spec.kind is MemoryKind.RAM
        return self.counters.code_as_run(address, code) if is_writable or self.flash.operations else code

    # -- time --------------------------------------------------------------------------------------------------------------------

    def now_cycles(self) -> int:
        """Core cycles since reset, under the prices the machine was given."""
        if self._block_cycles is not None:
            fresh = self.counters.unpriced()
            if fresh:
                code = {address: self.code(address, size) for address, size in fresh}
                self.counters.refine(self._block_cycles, code)
        return self.counters.ticks // TICKS_PER_CYCLE

    def tell_cycles(self, at: int | None = None) -> int:
        """Return core cycles since reset to a device that the firmware may be asking for the time: up to the instruction that asks.

        Parameters
        ----------
        at : int, optional
            The instruction, if it is no access to a device. Where the host does not tell which one makes an access, the whole block counts, as for
            devices that something else than a load or store reaches (functions of a ROM, coprocessors).
        """
        self.clock_asks += 1
        now = self.now_cycles()
        if at is None and not self.engine.is_accessing:
            return now
        return (self.counters.ticks - self._ticks_ahead(at)) // TICKS_PER_CYCLE

    def _ticks_ahead(self, at: int | None) -> int:
        """Return the price of the running block from an instruction on, which `counters.ticks` holds already; all its stalls count as passed."""
        place = self.engine.access_place.place if at is None else at
        ahead = self._ahead.get((place, self.counters.running_record))
        if ahead is None:
            start, end, ticks = self.counters.running_block()
            if at is None:
                at = self.engine.accessing_pc(start, end)
            ahead = 0 if at is None or not start <= at < end else max(0, ticks - self._ticks_to(start, at))
            if place:
                self._ahead[place, self.counters.running_record] = ahead
        return ahead

    def _ticks_to(self, start: int, at: int) -> int:
        """Return the price of a block's beginning."""
        if self._block_cycles is None:
            return (at - start) * TICKS_PER_CYCLE // 2
        return round(self._block_cycles(start, self.code(start, at - start)) * TICKS_PER_CYCLE)

    def pass_time(self, cycles: int) -> None:
        """Let the core stand still, while flash is programmed."""
        self.disturbances += 1
        self.counters.advance(cycles * TICKS_PER_CYCLE)
        self.idle_ticks += cycles * TICKS_PER_CYCLE

    def _external_flash(self) -> ExternalFlash:
        return self.image.external_flash or flash_of_segments(self.image.segments)

    def _show_memory(self, address: int, data: bytes) -> None:
        """Let a memory that is mapped show something else, code that has run included."""
        for page in self.memory.show(address, data):
            self.flash.operations += self.engine.forget_page(page)

    def _refuse_stores(self) -> None:
        self.stores_changed = True
        self.counters.set_deadline(0)

    # -- stopping ----------------------------------------------------------------------------------------------------------------

    def stop(self, stop: Stop) -> None:
        """Stop the machine from a hook, before its next block."""
        self._stop = stop
        self.counters.set_deadline(0)

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

    def backtrace(self, pc: int | None = None, depth: int = 12) -> tuple[int, ...]:
        """Return the program counter and the return addresses that lie on the stack, innermost first.

        Every stacked word that points behind a call instruction counts, so a stale one may be among them.
        """
        return return_addresses(self.engine, self.memory, self.engine.pc if pc is None else pc, depth)


def _call_stacks(counters: BlockCounters, image: FirmwareImage) -> CallStacks:
    from instsim.emulate.call_stacks import CallStacks  # noqa: PLC0415 -- on request only

    return CallStacks(counters, image)


def _memory_trace(chip: Chip, timing: MemoryTiming, hook: BlockHook) -> MemoryTrace:
    from instsim.emulate.memory_trace import MemoryTrace  # noqa: PLC0415 -- on request only

    trace = MemoryTrace(chip.engine, chip.memory, chip.counters, timing, chip.image.sha256, hook)
    chip.watch_code_pages(trace.start_page)
    return trace
