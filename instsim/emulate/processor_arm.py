"""A Cortex-M as the run loop sees it: its traps, its system control space, its sleep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instsim.emulate.chip import Chip
from instsim.emulate.devices.gpio import RpSio
from instsim.emulate.exceptions_arm import ArmExceptions, ArmFaultError
from instsim.emulate.faults_arm import ACCESS_FAULTS, TRAP_FAULTS, ArmFault
from instsim.emulate.memory import PAGE
from instsim.emulate.nvic import SYSTICK, Nvic
from instsim.emulate.rp2350_coprocessors import Rp2350Coprocessors
from instsim.emulate.stops import Stop, StopReason, is_program_end
from instsim.emulate.systick import SysTick

if TYPE_CHECKING:
    from unicorn import UcError


__all__ = ["ArmProcessor"]

_CONTROL_SPACE, _CONTROL_SPACE_BYTES = 0xE000E000, 0x1000
_ICSR = 0xE000ED04
_SEMIHOSTING = 0xBEAB
_WFI, _WFE, _YIELD, _SEV, _SELF_LOOP = 0xBF30, 0xBF20, 0xBF10, 0xBF40, 0xE7FE
_DATA_ABORT_TRAP, _UNALIGNED_TRAP = 4, 22
_SVC_TRAP, _BREAKPOINT_TRAP, _RETURN_TRAP, _COPROCESSOR_TRAP = 2, 7, 8, 17
_NAMES = {2: "NMI", 3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault", 11: "SVCall", 12: "DebugMonitor", 14: "PendSV", 15: "SysTick"}
_SYSTICK_FIRST, _SYSTICK_LAST = 0x10, 0x1F
_SEVONPEND_SCR, _SEVONPEND = 0xD10, 1 << 4


class ArmProcessor:
    """Exceptions, SysTick, sleep and debug traps of one Cortex-M.

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
        spec = chip.spec
        is_v6 = spec.cpu == "cortex-m0"
        lines = 32 if is_v6 else 480 if spec.cpu == "cortex-m33" else 240
        bits = spec.interrupts.priority_bits or (2 if is_v6 else 4)
        self.nvic = Nvic(lines, bits, chip.image.vector_table or 0, self._look_again)
        self.interrupts = self.nvic
        self._systick = SysTick(chip.tell_cycles, chip.events, lambda: self.nvic.pend(SYSTICK), spec.interrupts.systick_divider)
        self.exceptions = ArmExceptions(chip, self.nvic)
        self.log = self.exceptions.log
        self.must_sleep = False
        self.interrupt_waits = False
        self._trap: int | None = None
        pins = next((device for device in chip.devices.around.devices.values() if isinstance(device, RpSio) and device.has_coprocessors), None)
        self._coprocessors = None if pins is None else Rp2350Coprocessors(chip, pins)
        chip.watch_code_pages(self._on_code_page)
        self._engine.on_trap(self._on_trap)

    def _look_again(self) -> None:
        self._chip.counters.set_deadline(0)

    def _on_code_page(self, page: int) -> None:
        memory = self._chip.memory
        code = memory.read(page, PAGE + 2) or memory.read(page, PAGE) or b""
        halves = np.frombuffer(code[: len(code) // 2 * 2], "<u2")
        enables = halves & 0xFFF8 == 0xB660  # cpsie
        special = np.zeros(halves.size, bool)
        special[:-1] = (halves[:-1] & 0xFFF0 == 0xF380) & (halves[1:] & 0xFFFC == 0x8810)  # msr primask, basepri, basepri_max, faultmask
        for index in np.flatnonzero((enables | special)[: PAGE // 2]).tolist():
            self._engine.add_instruction_hook(self._unmask_hook, self._chip.counters.state_pointer, page + 2 * index)
        for index in np.flatnonzero(halves[: PAGE // 2] == _SEV).tolist():
            self._engine.on_instruction(page + 2 * index, self._on_send_event)

    def _on_send_event(self, _address: int) -> None:
        self.nvic.event_register = True

    @staticmethod
    def exception_name(number: int) -> str:
        """Return an exception's readable name."""
        return _NAMES.get(number, f"interrupt {number - 16}")

    # -- registers ---------------------------------------------------------------------------------------------------------------

    def read(self, address: int, size: int) -> int | None:
        """Return 1, 2 or 4 bytes of the system control space; None where it is not the processor that answers."""
        offset = address - _CONTROL_SPACE
        if not 0 <= offset < _CONTROL_SPACE_BYTES:
            return None
        if _SYSTICK_FIRST <= offset <= _SYSTICK_LAST:
            value = self._systick.read(offset & ~3)
            if offset & ~3 in (_SYSTICK_FIRST, 0x18):
                self._chip.devices.timer_reads += 1
            return None if value is None else value >> 8 * (offset & 3) & ((1 << 8 * size) - 1)
        return self.nvic.read(offset, size)

    def write(self, address: int, size: int, value: int) -> bool:
        """Store 1, 2 or 4 bytes; return False where the other devices are to see them."""
        offset = address - _CONTROL_SPACE
        if not 0 <= offset < _CONTROL_SPACE_BYTES:
            return False
        if _SYSTICK_FIRST <= offset <= _SYSTICK_LAST:
            return self._systick.write(offset & ~3, value)
        return self.nvic.write(offset, size, value)

    @staticmethod
    def asks_for_exception(address: int) -> bool:
        """Whether a store there changes only which exceptions are pending, which the interrupt controller's state tells."""
        return address & ~3 == _ICSR

    # -- traps -------------------------------------------------------------------------------------------------------------------

    def _on_trap(self, number: int) -> None:
        chip, engine = self._chip, self._engine
        if number == _BREAKPOINT_TRAP:
            chip.disturbances += 1
            pc = engine.pc
            instruction = int.from_bytes(chip.memory.read(pc, 2) or b"", "little")
            if instruction == _SEMIHOSTING:
                operation, parameter = (engine.read_register(r) for r in engine.registers.arguments[:2])
                engine.write_register(engine.registers.arguments[0], chip.semihosting.call(operation, parameter))
                engine.write_register(engine.registers.pc, pc + 2 | 1)
                if chip.semihosting.exit_code is not None:
                    chip.halt(Stop(StopReason.EXIT, pc))
            elif is_program_end(chip.image, pc):
                chip.halt(Stop(StopReason.EXIT, pc))
            else:
                chip.halt(chip.fault(f"breakpoint (bkpt {instruction & 0xFF:#x})", at=pc))
            return
        if number == _COPROCESSOR_TRAP and self._coprocessors is not None and self._coprocessors.execute(engine.pc):
            chip.disturbances += 1
            engine.write_register(engine.registers.pc, engine.pc + 4 | 1)
            return
        self._trap = number
        engine.stop()

    def settle(self, pc: int) -> int:
        """Serve what stopped the core, then take what is pending; return where the core goes on."""
        trap, self._trap = self._trap, None
        try:
            if trap == _SVC_TRAP:
                pc = self.exceptions.supervisor_call(pc)
            elif trap == _RETURN_TRAP:
                pc = self.exceptions.leave(pc)
                self.must_sleep = self.nvic.sleeps_on_exit and not self.nvic.active
            elif trap is not None:
                return self._fault(self._trap_fault(trap), None, "", pc)
            pc = self.exceptions.deliver(pc)
        except ArmFaultError as error:
            self._chip.stop(self._describe(error.fault, error.address, error.what, pc))
        # One that an active exception holds back waits for its end, which stops the machine anyway.
        self.interrupt_waits = self.nvic.waits_for_mask
        self._chip.counters.set_interrupt_waiting(self.interrupt_waits)
        return pc

    def _trap_fault(self, trap: int) -> ArmFault:
        if trap == _DATA_ABORT_TRAP and self._engine.refused is None:
            # Every address that nobody answers at is told by the address translation: what is left is the alignment.
            trap = _UNALIGNED_TRAP
            self._chip.refused_kind = "unaligned"
        return TRAP_FAULTS.get(trap, ArmFault(6, 0, "", f"exception {trap}"))

    def refused(self, error: UcError, pc: int) -> int:
        """Serve an access or instruction that the emulator refused; return where the core goes on."""
        refused = self._engine.refused
        if refused is None:
            return self._fault(TRAP_FAULTS[1] if "INSN_INVALID" in str(error) else ArmFault(6, 0, "", str(error)), None, "", pc)
        text = self._chip.describe_refused()
        fault = ACCESS_FAULTS[refused.kind]
        return self._fault(fault, refused.address if fault.bits >> 15 & 1 else None, text, pc)

    def _fault(self, fault: ArmFault, address: int | None, what: str, pc: int) -> int:
        handler = self.exceptions.take_fault(fault, address, pc)
        if handler is not None:
            self._chip.refused_kind = ""
            return handler
        self._chip.stop(self._describe(fault, address, what, pc))
        return pc

    def _describe(self, fault: ArmFault, address: int | None, what: str, pc: int) -> Stop:
        running = self.exceptions.running
        text = fault.describe(what, address, has_own_exceptions=not self.exceptions.is_v6, active=running)
        return Stop(StopReason.FAULT, pc, text, self._chip.backtrace(pc))

    @property
    def has_trap(self) -> bool:
        """Whether something waits for `settle`."""
        return self._trap is not None

    # -- sleep -------------------------------------------------------------------------------------------------------------------

    def has_waited(self, pc: int) -> bool:
        """Whether the instruction before `pc` made the core sleep; one that only hints at it does not."""
        hint = int.from_bytes(self._chip.memory.read(pc - 2, 2) or b"", "little")
        if hint == _WFE and self.exceptions.take_event():
            return False
        return hint in (_WFI, _WFE)

    def is_hint(self, pc: int) -> bool:
        """Whether the emulator stopped behind an instruction that asks for nothing; Unicorn calls ``wfe`` and ``yield`` invalid, behind them."""
        return self._engine.refused is None and int.from_bytes(self._chip.memory.read(pc - 2, 2) or b"", "little") in (_WFI, _WFE, _YIELD)

    def wakes(self) -> bool:
        """Whether the core wakes up."""
        pends = bool(self.nvic.stored.get(_SEVONPEND_SCR, 0) & _SEVONPEND) and self.nvic.has_pending
        return pends or self.exceptions.wakes()

    def wake_up(self, _pc: int) -> None:
        """Go on behind the instruction that made the core sleep."""
        self.must_sleep = False

    def stuck_at(self, pc: int) -> str:
        """Return a message if the code at `pc` is a loop that nothing enabled can end."""
        if self._chip.memory.halfword(pc) != _SELF_LOOP:
            return ""
        if self._chip.events.next_ticks is not None and self.exceptions.could_be_interrupted(ticking=self._systick.raises_interrupts):
            return ""
        running = self.exceptions.running
        where = f" in the handler of exception {running[-1]}" if running else ""
        return f"an endless loop that does nothing (a branch to itself){where}"
