"""A firmware that runs any model of the operators it knows, instead of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from instsim.emulate.machine import Machine
from instsim.emulate.missing_code import MissingCode
from instsim.emulate.observed import IssuedInstructions, firmware_facts, observed_profile
from instsim.emulate.observer import Observer
from instsim.emulate.region import KernelWatch, RegionRequest, RegionRule
from instsim.emulate.spec import BlockCycles, MachineSpec, MemoryTiming
from instsim.emulate.stops import Stop, StopReason
from instsim.errors import SwapError
from instsim.image import FirmwareImage, short_name
from instsim.model import ModelDescription, Tensor
from instsim.profile import BlockProfile, RunFacts, SwapFacts
from instsim.swap.arena_move import used_bytes
from instsim.swap.checks import check_model, tensor_bytes
from instsim.swap.facts import Drive, RunnerFacts
from instsim.swap.guest import STACK_GAP_BYTES
from instsim.swap.learning import learn_runner
from instsim.swap.result import SwapResult
from instsim.swap.spare import Spare, add_spare
from instsim.swap.stage import SetUp, Stage
from instsim.swap.tensors import DEFAULT_SEED, InputData, find_eval_tensor_function, input_bytes, seeded_inputs, tensor_data

__all__ = ["DEFAULT_BUDGET_CYCLES", "ModelRunner"]

DEFAULT_BUDGET_CYCLES = 20_000_000_000
_ARENA_GRAIN_BYTES = 16
_SHOWN_CHARACTERS = 300


class ModelRunner:
    """One runner, learned once, and one machine that runs model after model in it.

    It can be pickled: what it was made of and what was learned travel, the machine is built where it arrives.

    Parameters
    ----------
    image : FirmwareImage
        The runner: a firmware that runs inferences with TensorFlow Lite Micro's interpreter.
    spec : MachineSpec
        The chip.
    facts : RunnerFacts, optional
        What was learned of this very image before.
    block_cycles : callable, optional
        Prices for the timers that the firmware reads.
    register_resets : mapping of int to int, optional
        Reset values by address, for registers that no device models.
    budget_cycles : int
        Most cycles of one set-up, and of one inference.
    memory_timing : callable, optional
        ``memory_timing(spare)`` gives what the chip's memories cost, spare ones included, which keep the timing of those they stand for. Each model
        then has a new machine, with cold caches, and the arena just the size it needs; without it memories are ideal.

    on_progress : callable, optional
        ``on_progress(cycles)`` every few million cycles of an inference. It does not travel with a pickled runner.

    Attributes
    ----------
    facts : RunnerFacts
        What is known of the runner.
    spec : MachineSpec
        The chip, without the spare memories.

    Raises
    ------
    SwapError
        If the firmware cannot be a runner (`SwapError.reason` is ``runner``).
    """

    def __init__(
        self,
        image: FirmwareImage,
        spec: MachineSpec,
        *,
        facts: RunnerFacts | None = None,
        block_cycles: BlockCycles | None = None,
        register_resets: Mapping[int, int] | None = None,
        budget_cycles: int = DEFAULT_BUDGET_CYCLES,
        memory_timing: Callable[[Spare], MemoryTiming] | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self._image, self.spec, self._budget_cycles = image, spec, budget_cycles
        self._block_cycles, self._register_resets = block_cycles, register_resets
        self._memory_timing: Callable[[Spare], MemoryTiming] | None = None
        self._on_progress = on_progress
        self._eval_tensor: int | None = None
        self._open = ExitStack()
        if facts is not None and facts.image_sha256 == image.sha256:
            self._build(facts)
        else:
            self._learn()
        self._memory_timing = memory_timing

    def _learn(self) -> None:
        """Learn the runner; of several ways to start an inference the first is taken that does with the firmware's own model."""
        failure: SwapError | None = None
        for facts in learn_runner(self._image, lambda: self._make_machine(self.spec), self._budget_cycles):
            self._build(facts)
            try:
                found = self.run(facts.own_model, allow_float=True)
            except SwapError as error:
                failure = failure or error
                continue
            ran = {kernel.index for kernel in found.profile.kernels if kernel.subgraph == 0}
            if ran == {operator.index for operator in found.model.operators if operator.subgraph == 0}:
                return
        raise SwapError(
            "runner",
            f"{self._image.name}: no function was found that starts an inference and ends with it; the compiler may have inlined Invoke",
            hint="build the runner without link-time optimization, or declare the function that calls Invoke noinline",
            details=() if failure is None else (failure.message, *failure.details),
        )

    def _build(self, facts: RunnerFacts, *, timed: bool = False) -> None:
        self.facts = facts
        full_spec, spare = add_spare(self.spec, facts)
        timing = self._memory_timing(spare) if timed and self._memory_timing is not None else None
        self._open.close()
        self._machine = self._open.enter_context(closing(self._make_machine(full_spec, timing)))
        self._stage = Stage(self._machine, facts, spare)
        self._issued = IssuedInstructions(self._machine)
        self._firmware = firmware_facts(self._image)

    def __reduce__(self) -> tuple[Any, ...]:
        options = {
            "facts": self.facts,
            "block_cycles": self._block_cycles,
            "register_resets": self._register_resets,
            "budget_cycles": self._budget_cycles,
            "memory_timing": self._memory_timing,
        }
        return partial(ModelRunner, **options), (self._image, self.spec)  # type: ignore[arg-type]

    def _make_machine(self, spec: MachineSpec, timing: MemoryTiming | None = None) -> Machine:
        machine = Machine(self._image, spec, block_cycles=self._block_cycles, register_resets=self._register_resets, memory_timing=timing)
        MissingCode(machine, {})
        return machine

    def check(self, model: bytes, *, allow_float: bool = False) -> ModelDescription:
        """Read a model and refuse what the runner is known not to run; see `run`. Nothing runs."""
        return check_model(model, self.facts.operators, self._image.name, allow_float=allow_float)

    def run(
        self,
        model: bytes,
        inputs: Sequence[InputData] | None = None,
        *,
        seed: int = DEFAULT_SEED,
        name: str = "model",
        allow_float: bool = False,
        find_arena_need: bool = False,
    ) -> SwapResult:
        """Set a model up and run one inference.

        Parameters
        ----------
        model : bytes
            A ``.tflite`` file.
        inputs : sequence of bytes or ndarray, optional
            One for each input of the model.
        seed : int
            Of the random inputs that are used if none are given; see `instsim.swap.tensors.seeded_inputs`.
        name : str
            Of the model, for the profile.
        allow_float : bool
            Let operators compute with floating-point numbers.
        find_arena_need : bool
            Find the smallest arena as well, by a dozen more set-ups, and how deep the stack went.

        Raises
        ------
        ModelError
            If it is not a model.
        SwapError
            If the model cannot run in this firmware; the message has the firmware's own text.
        """
        description = self.check(model, allow_float=allow_float)
        given = None if inputs is None else input_bytes(description.inputs, inputs)
        timed = self._memory_timing is not None
        if timed:
            self._build(self.facts)
        self._stage.place(model)
        need = self._arena_need(description) if find_arena_need or timed else None
        if timed:
            self._build(self.facts, timed=True)
            self._stage.place(model)
        memory = self._machine.memory
        set_up = self._stage.set_up(description, self._budget_cycles, need if timed else None)
        set_up_instructions = self._issued.total()
        self._refuse_failure(set_up, description)
        set_up_stack = self._stage.stack_high_water_bytes if find_arena_need else None
        data = seeded_inputs(description.inputs, seed) if given is None else given
        for tensor, contents in zip(description.inputs, data, strict=True):
            memory.write(self._data_of(tensor), contents)
        profile = self._infer(description, set_up_instructions)
        outputs = tuple(memory.read(self._data_of(tensor), tensor_bytes(tensor)) or b"" for tensor in description.outputs)
        text = self._stage.text.said()
        swap = SwapFacts(
            model=name,
            model_sha256=description.sha256,
            model_bytes=len(model),
            own_model_sha256=self.facts.own_model_sha256,
            own_model_bytes=len(self.facts.own_model),
            arena_need_bytes=need,
            set_up_instructions=set_up_instructions,
            inputs="given" if given is not None else f"random, seed {seed}",
            outputs_sha256=tuple(sha256(output).hexdigest() for output in outputs),
        )
        inference_stack = None if set_up_stack is None else self._stage.stack_high_water_bytes
        # A build with that model has no such gap above its inference.
        stack = None if set_up_stack is None or inference_stack is None else max(set_up_stack, inference_stack - STACK_GAP_BYTES)
        profile = replace(profile, run=replace(profile.run, swap=swap, stack_high_water_bytes=stack))
        return SwapResult(profile, description, data, outputs, need, set_up_instructions, text)

    # -- the inference -----------------------------------------------------------------------------------------------------------

    def _infer(self, description: ModelDescription, set_up_instructions: int) -> BlockProfile:
        machine, stage, facts = self._machine, self._stage, self.facts
        name = self._image_name(facts.entry)
        request = RegionRequest(RegionRule.INVOKE, facts.entry, name=name, fall_back=False)
        observer = Observer(machine, request, KernelWatch(), finder=stage.finder(description), hooks=stage.hooks, sites=facts.sites)
        statuses: list[int] = []
        register = machine.engine.registers.arguments[0]
        stage.hooks.add(stage.guest.landing, lambda _address: statuses.append(machine.engine.read_register(register) & 0xFF))
        arguments = (facts.this, 0) if facts.drive is Drive.SUBGRAPH else (facts.this,)
        stage.guest.prepare(facts.entry, arguments, stage.stack_pointer)
        before = self._issued.total()
        stop = machine.run(machine.now_cycles() + self._budget_cycles, self._on_progress)
        ledger = observer.finish()
        if machine.memory_trace is not None:
            machine.memory_trace.keep()
        stage.hooks.clear()
        if not observer.is_done:
            raise self._failure("run", f"the inference of the model did not end: {_why(stop)}", stop)
        if any(statuses):
            raise self._failure("run", f"Invoke returned status {statuses[0]}", None)
        return observed_profile(
            machine,
            observer,
            ledger,
            RunFacts(
                region=f"one call of {name or hex(facts.entry)}",
                region_rule=str(RegionRule.INVOKE),
                stop_reason=str(StopReason.REGION_DONE),
                total_instructions=set_up_instructions + self._issued.total() - before,
                arena_used_bytes=used_bytes(machine.memory, facts.arena),
                arena_size_bytes=facts.arena.size_bytes,
            ),
            self._firmware,
        )

    def _image_name(self, address: int) -> str:
        symbol = next((symbol for symbol in self._image.functions if symbol.address == address), None)
        return "" if symbol is None else short_name(symbol.name)

    def _data_of(self, tensor: Tensor) -> int:
        stage, memory = self._stage, self._machine.memory
        if self._eval_tensor is None:
            self._eval_tensor = find_eval_tensor_function(memory, stage.guest, self.facts.context, tensor)
        return tensor_data(memory, stage.guest, self._eval_tensor, self.facts.context, tensor)

    # -- trouble -----------------------------------------------------------------------------------------------------------------

    def _refuse_failure(self, set_up: SetUp, description: ModelDescription) -> None:
        if self._has_succeeded(set_up, description):
            return
        if set_up.status is not None:
            raise self._failure("set-up", f"AllocateTensors returned status {set_up.status}", None)
        assert set_up.stop is not None
        raise self._failure("set-up", f"the firmware did not set the model up: {_why(set_up.stop)}", set_up.stop)

    def _has_succeeded(self, set_up: SetUp, description: ModelDescription) -> bool:
        """Return whether an inference can be started; behind an application's own end, whether inputs and outputs have got their memory."""
        if not set_up.is_done or set_up.stop is None or set_up.stop.reason is StopReason.REGION_DONE:
            return set_up.is_done
        try:
            for tensor in (*description.inputs, *description.outputs):
                self._data_of(tensor)
        except SwapError:
            return False
        return True

    def _failure(self, reason: str, what: str, stop: Stop | None) -> SwapError:
        said = self._stage.text.said()
        details = [f"the firmware said: {said[-_SHOWN_CHARACTERS:]!r}"] if said else []
        if stop is not None:
            details.append(f"at {stop.pc:#010x}")
        hint = (
            "an operator's type or version may be one that this firmware's kernels do not have: build it with a newer TensorFlow Lite Micro"
            if reason == "set-up"
            else "does the inference need something that this firmware does not have?"
        )
        return SwapError(reason, f"{self._image.name}: {what}", hint=hint, details=tuple(details))

    # -- the arena ---------------------------------------------------------------------------------------------------------------

    def _arena_need(self, description: ModelDescription) -> int:
        """Return the smallest arena in which the set-up succeeds."""
        self._refuse_failure(self._stage.set_up(description, self._budget_cycles), description)
        used = used_bytes(self._machine.memory, self.facts.arena)

        def passes(units: int) -> bool:
            outcome = self._stage.set_up(description, self._budget_cycles, units * _ARENA_GRAIN_BYTES)
            return self._has_succeeded(outcome, description)

        low = high = -(-used // _ARENA_GRAIN_BYTES)
        while not passes(high):
            low, high = high, high + max(16, high // 4)
        if low == high:
            return high * _ARENA_GRAIN_BYTES
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if passes(middle) else (middle, high)
        return high * _ARENA_GRAIN_BYTES


def _why(stop: Stop) -> str:
    return {
        StopReason.EXIT: "the firmware ended",
        StopReason.BUDGET: "its budget of cycles was used up",
    }.get(stop.reason, stop.message or str(stop.reason))
