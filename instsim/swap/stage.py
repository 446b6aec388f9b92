"""The machine that models run on: put back to its reset before each, led to the model, and stopped when the interpreter is set up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from instsim.emulate.checkpoint import Checkpoint
from instsim.emulate.instruction_hooks import InstructionHooks
from instsim.emulate.kernels import KernelFinder
from instsim.emulate.machine import Machine
from instsim.emulate.stack import StackPaint
from instsim.emulate.stops import Stop, StopReason
from instsim.isa import IndirectCall
from instsim.model import FoundModel, ModelDescription
from instsim.swap.arena_move import is_arena_ready, move_arena
from instsim.swap.checks import ARENA_ROOM_BYTES
from instsim.swap.error_text import ErrorText
from instsim.swap.facts import Drive, RunnerFacts
from instsim.swap.guest import Guest
from instsim.swap.redirect import blank_model, redirected_model
from instsim.swap.spare import CONGRUENCE_BYTES, Spare

__all__ = ["SetUp", "Stage"]

_LONG_BOOT_CYCLES = 100_000
"""A longer boot is run once, and models start behind it."""
_MARGIN_CYCLES = 1_000
"""More than the block takes that reads the model first."""


@dataclass
class SetUp:
    """How the set-up of one model ended.

    Attributes
    ----------
    stop : Stop or None
        Why the machine stopped.
    status : int or None
        What ``AllocateTensors`` returned; None where nobody saw it return.
    is_done : bool
        Whether an inference can be started. Where the application came to its own end, this is only known once its tensors are looked at.
    operators_prepared : int
        How many operators' calls of `prepare` were seen.
    """

    stop: Stop | None = None
    status: int | None = None
    is_done: bool = False
    operators_prepared: int = 0


class Stage:
    """One machine for many models.

    Parameters
    ----------
    machine : Machine
        New, with spare memories.
    facts : RunnerFacts
        The runner.
    spare : Spare
        The spare memories.
    """

    def __init__(self, machine: Machine, facts: RunnerFacts, spare: Spare) -> None:
        self.machine, self._facts, self._spare = machine, facts, spare
        self.hooks = InstructionHooks(machine.engine)
        self.guest = Guest(machine, self.hooks, spare.landing)
        self.text = ErrorText(machine, self.hooks)
        self.model_address = spare.model.address + facts.model_address % CONGRUENCE_BYTES
        self._model = b""
        self._redirected = b""
        self._registers: list[int] | None = None
        if not facts.is_in_ram:
            machine.memory.write(facts.model_address, blank_model(facts))
        top = machine.stack_top()
        # Part of the checkpoint: every set-up begins with it.
        self._paint = None if top is None else StackPaint(machine.memory, machine.image, top)
        if facts.boot_cycles > _LONG_BOOT_CYCLES:
            machine.run(facts.boot_cycles - _MARGIN_CYCLES)
        self._checkpoint = Checkpoint(machine)

    def place(self, model: bytes) -> None:
        """Put a model into the spare memory and lead the firmware to it; what is there stays for every `set_up` to come."""
        memory = self.machine.memory
        self._redirected = redirected_model(self._facts, model, self.model_address)
        if len(model) < len(self._model):
            memory.write(self.model_address, bytes(len(self._model)))
        memory.write(self.model_address, model)
        self._model = model
        if not self._facts.is_in_ram:
            memory.write(self._facts.model_address, self._redirected)

    def set_up(self, description: ModelDescription, budget_cycles: int, arena_bytes: int | None = None) -> SetUp:
        """Run the firmware from reset until its interpreter is set up for the model, or fails.

        Parameters
        ----------
        description : ModelDescription
            The model that was placed.
        budget_cycles : int
            Most cycles.
        arena_bytes : int, optional
            Size of the tensor arena; by default as much as there is.
        """
        self._checkpoint.restore()
        self.hooks.clear()
        if self._facts.is_in_ram:
            self.machine.memory.write(self.model_address, self._model)
        self.text.listen()
        outcome = SetUp()
        self._watch_arena(arena_bytes)
        self._watch_model()
        self._watch_end(outcome, self.finder(description))
        outcome.stop = self.machine.run(budget_cycles)
        if self._registers is not None:
            self.guest.set_registers(self._registers)
        if self._facts.set_up is None and outcome.stop.reason in (StopReason.EXIT, StopReason.DEADLOCK):
            # The application has come to its own end, maybe because it refuses the model's input.
            outcome.is_done = True
        self.hooks.clear()
        return outcome

    @property
    def stack_high_water_bytes(self) -> int | None:
        """How deep the stack went since the last `set_up` began; None if that does not show."""
        return None if self._paint is None else self._paint.high_water_bytes

    def finder(self, description: ModelDescription) -> KernelFinder:
        """Return what tells the model's operators when they run."""
        return KernelFinder(self.machine.memory, (FoundModel(self.model_address, description),))

    @property
    def stack_pointer(self) -> int:
        """Where the stack of an inference may begin: below everything that the set-up keeps on it."""
        sp, this = self.machine.engine.sp, self._facts.this
        if self._facts.drive is Drive.INTERPRETER:
            return sp
        # The application may have left the function whose variables the interpreter is one of.
        found, stack = self.machine.memory.find(this), self.machine.memory.find(sp - 4)
        return min(sp, this) if found is not None and stack is not None and found[0] is stack[0] and this > sp - (1 << 16) else sp

    def _watch_arena(self, arena_bytes: int | None) -> None:
        memory, arena, spare = self.machine.memory, self._facts.arena, self._spare.arena
        moved: list[bool] = []

        def at_mover(_address: int) -> None:
            if not moved and is_arena_ready(memory, arena):
                move_arena(memory, arena, spare.address, ARENA_ROOM_BYTES, arena_bytes)
                moved.append(True)

        for address in self._facts.arena_movers:
            self.hooks.add(address, at_mover)

    def _watch_model(self) -> None:
        if not self._facts.is_in_ram:
            return
        written: list[bool] = []

        def at_reader(_address: int) -> None:
            if not written:
                written.append(True)
                self.machine.memory.write(self._facts.model_address, blank_model(self._facts))
                self.machine.memory.write(self._facts.model_address, self._redirected)

        for address in self._facts.offset_readers:
            self.hooks.add(address, at_reader)

    def _watch_end(self, outcome: SetUp, finder: KernelFinder) -> None:
        machine, engine, facts = self.machine, self.machine.engine, self._facts
        self._registers = None
        has_begun: list[bool] = []

        def end() -> None:
            self._registers = self.guest.registers()
            machine.stop(Stop(StopReason.REGION_DONE, engine.pc))

        def at_entry(_address: int) -> None:
            if engine.read_register(engine.registers.arguments[0]) == facts.this:
                has_begun.append(True)

        def at_return(_address: int) -> None:
            if has_begun and outcome.status is None and facts.set_up is not None and engine.sp == facts.set_up.sp:
                # The status is an enumeration: one byte of the register counts where the compiler says so, and is all that is ever set.
                outcome.status = engine.read_register(engine.registers.arguments[0]) & 0xFF
                outcome.is_done = outcome.status == 0
                end()

        def at_site(site: IndirectCall, _address: int) -> None:
            target = engine.read_register(engine.registers.general[site.register]) + site.offset & 0xFFFFFFFF
            call = finder.classify(target, engine.read_register(engine.registers.arguments[1]))
            if call is None or engine.read_register(engine.registers.arguments[0]) != facts.context:
                return
            if call.is_prepare:
                outcome.operators_prepared += 1
            elif facts.set_up is None and not outcome.is_done:
                outcome.is_done = True
                end()

        if facts.set_up is not None:
            self.hooks.add(facts.set_up.entry, at_entry)
            self.hooks.add(facts.set_up.return_address, at_return)
        for site in facts.sites:
            self.hooks.add(site.address, partial(at_site, site))
