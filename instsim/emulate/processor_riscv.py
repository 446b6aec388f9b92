"""An RV32 core as the run loop sees it: its traps, its interrupt devices, its sleep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instsim.emulate.branch_to_next import branches_to_next, is_taken
from instsim.emulate.chip import Chip
from instsim.emulate.hazard3_interrupts import Hazard3Interrupts
from instsim.emulate.memory import PAGE
from instsim.emulate.riscv_counters import RiscvCounters
from instsim.emulate.riscv_extensions import RiscvExtensions
from instsim.emulate.riscv_interrupts import Clint, InterruptMatrix, MachineInterrupts
from instsim.emulate.riscv_traps import INTERRUPT_FLAG, RiscvTraps
from instsim.emulate.stops import Stop, StopReason, is_program_end

if TYPE_CHECKING:
    from unicorn import UcError

__all__ = ["RiscvProcessor"]

_SEMIHOSTING = (0x01F01013, 0x00100073, 0x40705013)
_WFI, _MRET = 0x10500073, 0x30200073
_SELF_LOOP, _SHORT_SELF_LOOP = 0x0000006F, 0xA001
_MSTATUS, _MIE, _MIP = 0x300, 0x304, 0x344
_ILLEGAL_TRAP = 2
_FIRST_ECALL, _LAST_ECALL = 8, 11
_NAMES = {0: "misaligned instruction address", 2: "illegal instruction", 3: "breakpoint", 4: "misaligned load", 6: "misaligned store"}
_CAUSES = {3: "software interrupt", 7: "timer interrupt", 11: "external interrupt"}
_SYSTEM = 0x73
_MATRIX_BYTES, _CLINT_BYTES = 0x1000, 0xC000


class RiscvProcessor:
    """Traps, timer and sleep of one RV32 core.

    Parameters
    ----------
    chip : Chip
        Engine, memory, counters, events and devices ready.
    unmask_hook : int
        Address of the native hook for instructions that unmask interrupts.
    """

    def __init__(self, chip: Chip, unmask_hook: int) -> None:
        self._chip = chip
        self._engine = chip.engine
        self._unmask_hook = unmask_hook
        spec = chip.spec.interrupts
        self._blocks: list[tuple[int, int, Clint | InterruptMatrix]] = []
        self.interrupts: MachineInterrupts | InterruptMatrix
        if spec.esp32c3_matrix is not None:
            self.interrupts = InterruptMatrix(self._look_again)
            self._blocks.append((spec.esp32c3_matrix, _MATRIX_BYTES, self.interrupts))
        else:
            self.interrupts = (Hazard3Interrupts if spec.hazard3 else MachineInterrupts)(self._look_again)
            if spec.clint is not None:
                clint = Clint(chip.tell_cycles, chip.events, self.interrupts, spec.clint_divider)
                self._blocks.append((spec.clint, _CLINT_BYTES, clint))
        self.traps = RiscvTraps(chip.engine, chip.counters, self.interrupts, spec.cycles)
        self.log = self.traps.log
        self._counters = RiscvCounters(chip, self.interrupts)
        self.must_sleep = False
        self._trap: int | None = None
        self._break_pending = False
        chip.watch_code_pages(self._on_code_page)
        self.extensions = RiscvExtensions(chip.engine, chip.memory, chip.counters, chip.spec, on_trap=self._on_trap, on_fault=self._on_fault)
        self._engine.on_invalid_instruction(self._on_break)

    def _look_again(self) -> None:
        self._chip.counters.set_deadline(0)

    def _on_code_page(self, page: int) -> None:
        memory = self._chip.memory
        code = memory.read(page, PAGE + 2) or memory.read(page, PAGE) or b""
        self._counters.on_code_page(page, code)
        for offset, encoding in branches_to_next(code):
            self._watch_branch_to_next(page + offset, encoding)
        self.extensions.on_code_page(page)
        halves = np.frombuffer(code[: len(code) // 2 * 2], "<u2").astype(np.int64)
        words = halves[:-1] | halves[1:] << 16
        writes = (words & 0x7F == 0x73) & (words >> 12 & 3 != 0) & np.isin(words >> 20, (_MSTATUS, _MIE))
        returns = words == _MRET
        for index in np.flatnonzero((writes | returns)[: PAGE // 2]).tolist():
            self._engine.add_instruction_hook(self._unmask_hook, self._chip.counters.state_pointer, page + 2 * index)
        for index in np.flatnonzero(returns[: PAGE // 2]).tolist():
            self._engine.on_instruction(page + 2 * index, self.traps.before_return, is_core=True)

    def _watch_branch_to_next(self, address: int, encoding: int) -> None:
        engine = self._engine

        def ask(_address: int) -> None:
            if is_taken(encoding, lambda register: engine.read_register(engine.registers.general[register])):
                self._chip.counters.forget_previous()

        engine.on_instruction(address, ask)

    @staticmethod
    def exception_name(number: int) -> str:
        """Return a trap's readable name, by ``mcause``."""
        cause = number & ~INTERRUPT_FLAG
        if not number & INTERRUPT_FLAG:
            return "ecall" if _FIRST_ECALL <= cause <= _LAST_ECALL else f"exception {cause}"
        return _CAUSES.get(cause, f"interrupt {cause}")

    # -- registers ---------------------------------------------------------------------------------------------------------------

    def read(self, address: int, size: int) -> int | None:
        """Return 1, 2 or 4 bytes of an interrupt device; None where none is."""
        for start, length, block in self._blocks:
            if start <= address < start + length:
                if isinstance(block, Clint):
                    self._chip.devices.timer_reads += 1
                return block.read(address - start, size)
        return None

    def write(self, address: int, size: int, value: int) -> bool:
        """Store 1, 2 or 4 bytes; return False where no interrupt device has that register."""
        return any(start <= address < start + length and block.write(address - start, size, value) for start, length, block in self._blocks)

    def asks_for_exception(self, address: int) -> bool:
        """Whether a store there changes only which exceptions are pending, which the interrupt controller's state tells."""
        return any(isinstance(block, Clint) and address == start + Clint.SOFTWARE for start, _, block in self._blocks)

    # -- traps -------------------------------------------------------------------------------------------------------------------

    def _on_trap(self, number: int) -> None:
        self._chip.disturbances += not _FIRST_ECALL <= number <= _LAST_ECALL
        if number == _ILLEGAL_TRAP and (self._counters.read(self._engine.pc - 4) or self._access_controller(self._engine.pc - 4)):
            return
        self._trap = number
        self._engine.stop()

    def _access_controller(self, address: int) -> bool:
        """Carry out an access to a CSR of Hazard3's interrupt controller; return whether the instruction at `address` is one."""
        word = self._chip.memory.word(address) or 0
        kind = word >> 12 & 3
        if word & 0x7F != _SYSTEM or not kind or not isinstance(self.interrupts, Hazard3Interrupts):
            return False
        engine, source, target = self._engine, word >> 15 & 31, word >> 7 & 31
        operand = source if word >> 14 & 1 else engine.read_register(engine.registers.general[source]) if source else 0
        value = self.interrupts.access(word >> 20, kind, operand)
        if value is not None and target:
            engine.write_register(engine.registers.general[target], value)
        return value is not None

    def _on_fault(self, message: str, address: int) -> None:
        self._chip.stop(self._chip.fault(message, at=address))

    def _on_break(self) -> bool:
        # Unicorn does not take a new program counter from this hook: stop, and go on behind the instruction.
        self._chip.disturbances += 1
        self._break_pending = True
        self._engine.stop()
        return True

    def settle(self, pc: int) -> int:
        """Serve what stopped the core, then take what is pending; return where the core goes on."""
        self.extensions.settle()
        trap, self._trap = self._trap, None
        if self._break_pending:
            self._break_pending = False
            pc = self._after_break()
        elif trap is not None and _FIRST_ECALL <= trap <= _LAST_ECALL:
            call = pc - 4
            pc = self.traps.environment_call(call)
            if pc == call:
                self._chip.stop(self._chip.fault("environment call (ecall) without a trap handler (mtvec is 0)", at=call))
        elif trap is not None:
            self._chip.stop(self._chip.fault(_NAMES.get(trap, f"trap {trap}"), at=pc - 4 if trap == _ILLEGAL_TRAP else pc))
            return pc
        pc = self.traps.deliver(pc)
        self._chip.counters.set_interrupt_waiting(self.interrupts.pending != 0)
        return pc

    def _after_break(self) -> int:
        """Serve an ``ebreak`` while the machine stands still, and go on behind it."""
        chip, engine = self._chip, self._engine
        word = chip.memory.word
        # The program counter is at the instruction or behind it, depending on what ran before.
        at = engine.pc if word(engine.pc) == _SEMIHOSTING[1] else engine.pc - 4
        if tuple(word(at - 4 + 4 * index) for index in range(3)) != _SEMIHOSTING:
            has_ended = is_program_end(chip.image, engine.pc)
            chip.stop(Stop(StopReason.EXIT, engine.pc) if has_ended else chip.fault("breakpoint (ebreak)", at=engine.pc))
            return engine.pc
        general = engine.registers.general
        operation, parameter = engine.read_register(general[10]), engine.read_register(general[11])
        engine.write_register(general[10], chip.semihosting.call(operation, parameter))
        if chip.semihosting.exit_code is not None:
            chip.stop(Stop(StopReason.EXIT, at))
        return at + 4

    def refused(self, error: UcError, pc: int) -> int:
        """Stop for an access or instruction that the emulator refused."""
        text = self._chip.describe_refused() if self._engine.refused is not None else str(error)
        self._chip.stop(self._chip.fault(text, at=pc))
        return pc

    @property
    def has_trap(self) -> bool:
        """Whether something waits for `settle`."""
        return self._trap is not None or self._break_pending

    @property
    def interrupt_waits(self) -> bool:
        """Whether an interrupt waits for its turn."""
        return self.interrupts.pending != 0

    # -- sleep -------------------------------------------------------------------------------------------------------------------

    def has_waited(self, pc: int) -> bool:
        """Whether the instruction before `pc` made the core sleep."""
        return self._chip.memory.word(pc - 4) == _WFI

    def is_hint(self, pc: int) -> bool:
        """Whether the emulator stopped behind an instruction that asks for nothing."""
        return self._chip.memory.word(pc - 4) == _WFI

    def wakes(self) -> bool:
        """Whether the core wakes up."""
        return self.traps.wakes()

    def wake_up(self, pc: int) -> None:
        """Go on behind the instruction that made the core sleep."""
        # Unicorn counts a whole block at its start, and leaves this one in its middle.
        self._chip.counters.resume_inside(pc)

    def stuck_at(self, pc: int) -> str:
        """Return a message if the code at `pc` is a loop that nothing can end."""
        at = self._chip.memory.word(pc) or 0
        if at != _SELF_LOOP and at & 0xFFFF != _SHORT_SELF_LOOP:
            return ""
        if self._chip.events.next_ticks is not None and not self.traps.is_in_handler:
            return ""
        return "an endless loop that does nothing (a branch to itself)"
