"""Calling one function of a firmware that stands still, and coming back."""

from __future__ import annotations

from instsim.emulate.instruction_hooks import InstructionHooks
from instsim.emulate.machine import Machine
from instsim.emulate.memory import PAGE
from instsim.emulate.stops import Stop, StopReason
from instsim.errors import SwapError
from instsim.isa import Isa

__all__ = ["STACK_GAP_BYTES", "Guest"]

_ENDLESS_LOOPS = {Isa.THUMB: bytes.fromhex("fee7fee7"), Isa.RV32: bytes.fromhex("6f000000")}
STACK_GAP_BYTES = 256
"""Left free below what the firmware has on its stack."""

_STACK_ALIGNMENT = 16
_CALL_BUDGET_CYCLES = 10_000_000


class Guest:
    """Where calls made from outside come back to.

    Parameters
    ----------
    machine : Machine
        Not yet run.
    hooks : InstructionHooks
        Cleared before each run.
    landing : int
        A spare page of code.
    """

    def __init__(self, machine: Machine, hooks: InstructionHooks, landing: int) -> None:
        self._machine, self._hooks = machine, hooks
        self.landing = landing
        machine.memory.write(landing, _ENDLESS_LOOPS[machine.isa] * (PAGE // 4))
        registers = machine.engine.registers
        self._kept = machine.engine.batch(tuple(number for number in registers.general if number != registers.pc))

    def registers(self) -> list[int]:
        """Return the general registers, for `set_registers`."""
        return self._kept.read()

    def set_registers(self, values: list[int]) -> None:
        """Put the general registers back."""
        self._kept.write(values)

    def prepare(self, entry: int, arguments: tuple[int, ...], sp: int | None = None) -> None:
        """Let the machine go on at a function, which returns to the landing."""
        machine, engine = self._machine, self._machine.engine
        stack = (engine.sp if sp is None else sp) - STACK_GAP_BYTES
        engine.write_register(engine.registers.sp, stack // _STACK_ALIGNMENT * _STACK_ALIGNMENT)
        engine.write_register(engine.registers.link, self.landing | (machine.isa is Isa.THUMB))
        for register, value in zip(engine.registers.arguments, arguments, strict=False):
            engine.write_register(register, value)
        machine.go_to(entry & ~1)

    def call(self, function: int, *arguments: int) -> int:
        """Run a function to its end and return its result; registers are as before.

        Raises
        ------
        SwapError
            If it does not return.
        """
        machine, engine = self._machine, self._machine.engine
        before, place = self.registers(), machine.next_pc
        results: list[int] = []

        def landed(_address: int) -> None:
            results.append(engine.read_register(engine.registers.arguments[0]))
            machine.stop(Stop(StopReason.REGION_DONE, engine.pc))

        self._hooks.add(self.landing, landed)
        self.prepare(function, arguments)
        stop = machine.run(machine.now_cycles() + _CALL_BUDGET_CYCLES)
        self._hooks.remove(self.landing, landed)
        self.set_registers(before)
        machine.go_to(place)
        if not results:
            raise SwapError("runner", f"a function of the firmware at {function:#x} did not return: {stop.message or stop.reason}")
        return results[0]
