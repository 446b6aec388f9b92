"""RISC-V machine-mode traps: ``ecall`` and interrupts, vectored or not. Unicorn runs ``mret`` itself; entry is done here.

The RISC-V Instruction Set Manual, volume II, 3.1.6 (``mstatus``), 3.1.7 (``mtvec``), 3.1.14 (``mepc``), 3.3.3 (``wfi``). The firmware runs in
machine mode throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.exception_log import ExceptionLog
from instsim.emulate.riscv_interrupts import InterruptMatrix, MachineInterrupts
from instsim.emulate.spec import ExceptionCycles

if TYPE_CHECKING:
    from instsim.emulate.counters import BlockCounters
    from instsim.emulate.engine import Engine

__all__ = ["INTERRUPT_FLAG", "RiscvTraps"]

INTERRUPT_FLAG = 1 << 31
"""Bit of ``mcause`` that tells interrupts from exceptions."""

_ECALL_FROM_MACHINE = 11
_MIE, _MPIE, _MPP = 1 << 3, 1 << 7, 3 << 11


class RiscvTraps:
    """The trap machinery of one RV32 core.

    Parameters
    ----------
    engine : Engine
        The emulator.
    counters : BlockCounters
        The clock and the flow of control.
    interrupts : MachineInterrupts or InterruptMatrix
        What is pending.
    cycles : ExceptionCycles
        How long taking an interrupt takes.
    """

    def __init__(self, engine: Engine, counters: BlockCounters, interrupts: MachineInterrupts | InterruptMatrix, cycles: ExceptionCycles) -> None:
        self._engine = engine
        self._registers = engine.registers
        self._counters = counters
        self._interrupts = interrupts
        self._cycles = cycles
        self._flows: dict[int, tuple[int, int]] = {}
        self.log = ExceptionLog()

    def _read(self, name: str) -> int:
        return self._engine.read_register(self._registers.special[name]) & 0xFFFFFFFF

    @property
    def is_in_handler(self) -> bool:
        """Whether interrupts are off, as they are in handlers."""
        return not self._read("mstatus") & _MIE

    def deliver(self, pc: int) -> int:
        """Take the first pending interrupt if they are on; return where the core goes on."""
        if self._interrupts.pending and self._read("mstatus") & _MIE:
            number = self._interrupts.first(self._read("mie"))
            if number is not None:
                self._interrupts.taken(number)
                return self._enter(INTERRUPT_FLAG | number, pc)
        return pc

    def environment_call(self, pc: int) -> int:
        """Serve an ``ecall`` at `pc`; return where the core goes on, `pc` itself if there is no handler."""
        return self._enter(_ECALL_FROM_MACHINE, pc) if self._read("mtvec") else pc

    def _enter(self, cause: int, pc: int) -> int:
        write, special = self._engine.write_register, self._registers.special
        status = self._read("mstatus")
        status = status & ~(_MIE | _MPIE) | (_MPIE if status & _MIE else 0) | _MPP
        write(special["mepc"], pc)
        write(special["mcause"], cause)
        write(special["mtval"], 0)
        write(special["mstatus"], status)
        vector = self._read("mtvec")
        handler = vector & ~3
        if vector & 1 and cause & INTERRUPT_FLAG:
            handler += 4 * (cause & ~INTERRUPT_FLAG)
        context = self._engine.sp
        self._flows[context] = self._counters.take_flow()
        if cause & INTERRUPT_FLAG:
            self._counters.advance(round(self._cycles.entry * TICKS_PER_CYCLE))
        self.log.of(cause, handler).entries += 1
        self.log.entered(context)
        return handler

    def before_return(self, _address: int) -> None:
        """Note an ``mret`` that is about to run: what was interrupted follows it."""
        context = self._engine.sp
        flow = self._flows.pop(context, None)
        if flow is not None:
            self._counters.restore_flow(flow)
        self.log.returned(context)
        self._interrupts.returned()

    @property
    def has_pending(self) -> bool:
        """Whether any enabled interrupt waits."""
        return bool(self._interrupts.pending) and self._interrupts.first(self._read("mie")) is not None

    def wakes(self) -> bool:
        """Whether ``wfi`` ends: by an enabled interrupt, also while interrupts are off."""
        return self.has_pending
