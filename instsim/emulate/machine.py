"""A microcontroller that runs a firmware image and counts its blocks."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from instsim.dynamics.divider import OPERAND_CLASSES
from instsim.emulate.accelerator import relax_exit_check
from instsim.emulate.branch_to_next import branches_to_next, is_taken
from instsim.emulate.counters import BlockCounters
from instsim.emulate.devices import Devices
from instsim.emulate.engine import Engine
from instsim.emulate.events import EventQueue
from instsim.emulate.interrupts import InterruptController, NoInterrupts
from instsim.emulate.layout import TICKS_PER_CYCLE, DivideState
from instsim.emulate.memory import PAGE, Memory
from instsim.emulate.native import load_hooks
from instsim.emulate.semihosting import Semihosting
from instsim.emulate.spec import BlockCycles, MachineSpec, MemoryKind
from instsim.errors import ImageError
from instsim.image import FirmwareImage
from instsim.isa import Isa, divide_sites

__all__ = ["Machine", "Stop", "StopReason"]

_SLICE_TICKS = 1 << 30
"""Longest stretch without a look at Ctrl-C and the progress bar: 16 million cycles."""

_CODE_OVERLAP = 2

_BKPT_SEMIHOSTING = 0xBEAB
_RISCV_SEMIHOSTING = (0x01F01013, 0x00100073, 0x40705013)
_THUMB_WAITS = (0xBF20, 0xBF30)
_RISCV_WAIT = 0x10500073
_THUMB_SELF_LOOP, _RISCV_SELF_LOOPS = 0xE7FE, (0x0000006F, 0xA001)
_MOST_IDLE_WAITS = 1000
_START_BLOCKS = 64

_COUNTER_CSRS = {0xB00: 0, 0xB80: 32, 0xC00: 0, 0xC80: 32, 0xC01: 0, 0xC81: 32, 0xB02: 0, 0xB82: 32, 0xC02: 0, 0xC82: 32, 0x7E2: 0}
"""RISC-V counters (cycle, time, instret and their machine-mode twins; ESP32-C3's ``mpccr``) and the bit they start at."""


class StopReason(StrEnum):
    """Why a run ended."""

    REGION_DONE = "region-done"
    EXIT = "exit"
    BUDGET = "budget"
    DEADLOCK = "deadlock"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Stop:
    """How a run ended.

    Attributes
    ----------
    reason : StopReason
        Why.
    pc : int
        Where.
    message : str
        What happened, for a fault or deadlock.
    backtrace : tuple of int
        Addresses of the calls that led there, innermost first: the program counter, then return addresses found on the stack.
    """

    reason: StopReason
    pc: int
    message: str = ""
    backtrace: tuple[int, ...] = ()


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
    ) -> None:
        self.image = image
        self.spec = spec
        self.isa = spec.isa
        self.memory = Memory(spec.memories)
        self.memory.load(image, spec.name)
        self._native = load_hooks()
        self.engine = Engine(spec, self.memory, self._start_code_page)
        self.counters = BlockCounters(Engine.function_address("uc_emu_stop"), relax_exit_check(spec.isa).helper, follow_branches=spec.isa is Isa.RV32)
        self.engine.add_block_hook(self._native.block, self.counters.state_pointer)
        self.events = EventQueue(self.counters.lower_deadline)
        self.interrupts: InterruptController = NoInterrupts()
        self.divides: dict[int, np.ndarray[Any, np.dtype[np.uint64]]] = {}
        self._divide_states: list[Any] = []
        self._block_cycles = block_cycles
        self._code_page_watchers: list[Callable[[int], None]] = []
        self._stop: Stop | None = None
        self._idle_waits = 0
        self._break_pending = False
        self._counter_read_at: int | None = None
        self.csr_reads = 0
        vector_table = image.vector_table if image.vector_table is not None else 0
        self.devices = Devices(spec.isa, spec.cpu, vector_table, self.now_cycles)
        self.semihosting = Semihosting(self.memory, self.now_cycles, spec.clock_hz)
        for start, size in spec.device_windows:
            self._map_devices(start, size)
        self._add_trap_hooks()
        self._reset()

    # -- set-up ------------------------------------------------------------------------------------------------------------------

    def _map_devices(self, start: int, size: int) -> None:
        uc, devices, engine = self.engine.uc, self.devices, self.engine

        def read(_uc: Any, offset: int, width: int, _data: Any) -> int:
            engine.clear_it_state(uc)
            return devices.read(start + offset, width)

        def write(_uc: Any, offset: int, width: int, value: int, _data: Any) -> None:
            engine.clear_it_state(uc)
            devices.write(start + offset, width, value)
            if devices.reset_requested:
                self.stop(Stop(StopReason.FAULT, engine.pc, "the firmware asked for a reset of the chip (AIRCR.SYSRESETREQ)"))

        uc.mmio_map(start, size, read, None, write, None)

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
            self.initial_sp: int | None = sp
            self.engine.write_register(self.engine.registers.sp, sp)
            self.start = reset & ~1
        else:
            if self.image.entry is None:
                raise ImageError(f"{self.image.name}: no entry point", hint="give an ELF file")
            self.initial_sp = None
            self.start = self.image.entry
        self._pc = self.start

    def _start_code_page(self, page: int) -> None:
        """Prepare a page before its first instruction: room for counts, hooks on divides and counter reads."""
        found = self.memory.find(page)
        self.counters.add_page(page, 0 if found is None else found[0].host_address + found[1])
        code = self.memory.read(page, PAGE + _CODE_OVERLAP) or self.memory.read(page, PAGE) or b""
        for address, site in divide_sites(self.isa, code, page).items():
            if address < page + PAGE:
                self._watch_divide(address, site.dividend_register, site.divisor_register, signed=site.signed)
        if self.isa is Isa.RV32:
            self._watch_counters(code, page)
            for offset, encoding in branches_to_next(code):
                self._watch_branch_to_next(page + offset, encoding)
        for watcher in self._code_page_watchers:
            watcher(page)

    def watch_code_pages(self, watcher: Callable[[int], None]) -> None:
        """Call `watcher` with a page's address before its first instruction runs; it may add hooks."""
        self._code_page_watchers.append(watcher)

    def _watch_divide(self, address: int, dividend: int, divisor: int, *, signed: bool) -> None:
        if address in self.divides:
            return
        histogram = np.zeros(OPERAND_CLASSES + 1, np.uint64)
        state = np.zeros(DivideState.WORDS, np.uint64)
        general = self.engine.registers.general
        state[DivideState.READ_FUNCTION] = Engine.function_address("uc_reg_read")
        state[DivideState.DIVIDEND], state[DivideState.DIVISOR] = general[dividend], general[divisor]
        state[DivideState.SIGNED] = int(signed)
        state[DivideState.HISTOGRAM] = histogram.ctypes.data
        state[DivideState.SCRATCH] = histogram.ctypes.data + OPERAND_CLASSES * 8
        self.divides[address] = histogram[:OPERAND_CLASSES]
        self._divide_states.append(state)
        self.engine.add_instruction_hook(self._native.divide, _pointer(state), address)

    def _watch_counters(self, code: bytes, page: int) -> None:
        for offset in range(0, min(len(code) - 3, PAGE), 2):
            if code[offset] & 0x7F == 0x73 and code[offset + 1] & 0x70:
                word = int.from_bytes(code[offset : offset + 4], "little")
                if word >> 20 in _COUNTER_CSRS:
                    self.engine.on_instruction(page + offset, self._before_counter)
                    self.engine.on_instruction(page + offset + 4, self._after_counter)

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
            self._read_counter(address - 4)
        self._counter_read_at = None

    def _read_counter(self, address: int) -> bool:
        word = self.memory.word(address) or 0
        shift = _COUNTER_CSRS.get(word >> 20)
        if word & 0x7F != 0x73 or not word & 0x7000 or shift is None:
            return False
        self.csr_reads += 1
        target = word >> 7 & 31
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
        counters = self.counters
        limit = budget_cycles * TICKS_PER_CYCLE
        self._stop = None
        while True:
            if self.events.next_ticks is not None:
                self.now_cycles()
                self.events.fire_due(counters.ticks)
            next_event = self.events.next_ticks
            counters.set_deadline(min(limit, counters.ticks + _SLICE_TICKS, limit if next_event is None else next_event))
            before = counters.ticks
            error = self.engine.run(self._pc)
            self._pc = self.engine.pc
            hook_stopped = counters.take_stopped()
            if self._break_pending:
                self._after_break()
                if self._asked_stop() is None:
                    continue
            asked = self._asked_stop()
            if asked is not None:
                return asked
            if error is not None:
                return self._fault(str(error))
            if counters.ticks >= limit:
                return Stop(StopReason.BUDGET, self._pc, backtrace=self.backtrace())
            stuck = self._deadlock(hook_stopped=hook_stopped, progressed=counters.ticks - before > TICKS_PER_CYCLE * 100)
            if stuck:
                return Stop(StopReason.DEADLOCK, self._pc, stuck, self.backtrace())
            if on_slice is not None and hook_stopped:
                on_slice(counters.ticks // TICKS_PER_CYCLE)

    def _asked_stop(self) -> Stop | None:
        return self._stop

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

    def _deadlock(self, *, hook_stopped: bool, progressed: bool) -> str:
        """Tell an endless wait from work; called between two stretches."""
        if hook_stopped:
            at = self.memory.word(self._pc) or 0
            if (at & 0xFFFF == _THUMB_SELF_LOOP) if self.isa is Isa.THUMB else (at in _RISCV_SELF_LOOPS or at & 0xFFFF in _RISCV_SELF_LOOPS):
                return "an endless loop that does nothing (a branch to itself)"
            return ""
        if self.isa is Isa.THUMB:
            waited = int.from_bytes(self.memory.read(self._pc - 2, 2) or b"", "little") in _THUMB_WAITS
        else:
            waited = self.memory.word(self._pc - 4) == _RISCV_WAIT
        if not waited:
            return "the emulator stopped without a reason"
        self._idle_waits = 0 if progressed else self._idle_waits + 1
        if self._idle_waits > _MOST_IDLE_WAITS:
            return "the firmware waits for an interrupt that never comes (interrupts are not delivered)"
        return ""

    # -- traps -------------------------------------------------------------------------------------------------------------------

    def _add_trap_hooks(self) -> None:
        import unicorn  # noqa: PLC0415 -- constants only

        uc = self.engine.uc
        if self.isa is Isa.THUMB:
            uc.hook_add(unicorn.UC_HOOK_INTR, lambda _uc, number, _data: self._thumb_trap(number))
        else:
            uc.hook_add(unicorn.UC_HOOK_INTR, lambda _uc, number, _data: self._riscv_trap(number))
            uc.hook_add(unicorn.UC_HOOK_INSN_INVALID, lambda _uc, _data: self._riscv_break())

    def _halt(self, stop: Stop) -> None:
        self._stop = stop
        self.engine.stop()

    def _thumb_trap(self, number: int) -> None:
        engine, registers = self.engine, self.engine.registers
        pc = engine.pc
        instruction = int.from_bytes(self.memory.read(pc, 2) or b"", "little")
        if number == 7 and instruction == _BKPT_SEMIHOSTING:
            operation, parameter = (engine.read_register(r) for r in registers.arguments[:2])
            engine.write_register(registers.arguments[0], self.semihosting.call(operation, parameter))
            engine.write_register(registers.pc, pc + 2 | 1)
            if self.semihosting.exit_code is not None:
                self._halt(Stop(StopReason.EXIT, pc))
            return
        names = {
            1: "undefined instruction",
            2: "supervisor call (svc), which needs exceptions that are not emulated",
            3: "instruction fetch refused",
            4: "data access refused",
            7: f"breakpoint (bkpt {instruction & 0xFF:#x})",
            8: "exception return without an exception",
            17: "floating-point or coprocessor instruction without such a unit",
            18: "branch to Arm state (an address without the Thumb bit)",
            22: "stack limit violated",
            23: "unaligned access",
        }
        self._halt(self._fault(names.get(number, f"exception {number}"), at=pc))

    def _riscv_trap(self, number: int) -> None:
        pc = self.engine.pc
        names = {0: "misaligned instruction address", 2: "illegal instruction", 3: "breakpoint", 4: "misaligned load", 6: "misaligned store"}
        if 8 <= number <= 11:
            self._halt(self._fault("environment call (ecall), which needs traps that are not emulated", at=pc))
            return
        if number == 2 and self._read_counter(pc - 4):
            return
        self._halt(self._fault(names.get(number, f"trap {number}"), at=pc - 4 if number == 2 else pc))

    def _riscv_break(self) -> bool:
        # Unicorn does not take a new program counter from this hook: stop, and go on behind the instruction.
        self._break_pending = True
        self.engine.stop()
        return True

    def _after_break(self) -> None:
        """Serve an ``ebreak`` while the machine stands still, and go on behind it."""
        self._break_pending = False
        engine = self.engine
        # The program counter is at the instruction or behind it, depending on what ran before.
        at = engine.pc if self.memory.word(engine.pc) == _RISCV_SEMIHOSTING[1] else engine.pc - 4
        if tuple(self.memory.word(at - 4 + 4 * index) for index in range(3)) != _RISCV_SEMIHOSTING:
            self._stop = self._fault("breakpoint (ebreak)", at=engine.pc)
            return
        general = engine.registers.general
        operation, parameter = engine.read_register(general[10]), engine.read_register(general[11])
        engine.write_register(general[10], self.semihosting.call(operation, parameter))
        self._pc = at + 4
        if self.semihosting.exit_code is not None:
            self._stop = Stop(StopReason.EXIT, at)

    def _fault(self, what: str, at: int | None = None) -> Stop:
        pc = self.engine.pc if at is None else at
        refused = self.engine.refused
        if refused is not None:
            where = f"{refused.address:#010x}"
            self.engine.refused = None
            what = {
                "execute": f"jump to {where}, where there is no code",
                "read": f"read of {where}, where there is no memory and no device",
                "write": f"write to {where}, where there is no memory and no device",
                "write to flash": f"write to {where} in flash",
            }[refused.kind]
        return Stop(StopReason.FAULT, pc, what, self.backtrace(pc))

    # -- where it is -------------------------------------------------------------------------------------------------------------

    def backtrace(self, pc: int | None = None, depth: int = 12) -> tuple[int, ...]:
        """Return the program counter and the return addresses that lie on the stack, innermost first.

        Every stacked word that points behind a call instruction counts, so a stale one may be among them.
        """
        engine = self.engine
        found = [engine.pc if pc is None else pc]
        candidates = [engine.read_register(engine.registers.link)]
        stack = self.memory.read(engine.sp, 1024) or self.memory.read(engine.sp, 64) or b""
        candidates += struct.unpack(f"<{len(stack) // 4}I", stack[: len(stack) // 4 * 4])
        for value in candidates:
            if len(found) >= depth:
                break
            if self._is_return_address(value):
                address = value & ~1
                if address != found[-1]:
                    found.append(address)
        return tuple(found)

    def _is_return_address(self, value: int) -> bool:
        address = value & ~1
        bank = self.memory.find(address)
        if bank is None or bank[0].spec.kind is not MemoryKind.FLASH:
            return False
        before = self.memory.read(address - 4, 4)
        if before is None:
            return False
        first, second = struct.unpack("<HH", before)
        if self.isa is Isa.THUMB:
            return bool(value & 1) and ((first & 0xF800 == 0xF000 and second & 0xD000 == 0xD000) or second & 0xFF87 == 0x4780)
        word = first | second << 16
        return word & 0xFFF in (0x0EF, 0x0E7) or second & 0xF07F == 0x9002 or second & 0xE003 == 0x2001


def _pointer(array: Any) -> Any:
    import ctypes  # noqa: PLC0415 -- one use

    return ctypes.c_void_p(array.ctypes.data)
