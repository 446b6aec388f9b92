"""Learning a runner: two runs of its own model, up to its first operator.

The first tells which model, interpreter and arena are at work. The second watches the model being read and the calls that lead to the first
operator: what sets the interpreter up, and what runs it. Nothing depends on symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.arena import Arena, find_arenas
from instsim.emulate.kernels import KernelCall, KernelFinder
from instsim.emulate.machine import Machine
from instsim.emulate.memory import PAGE
from instsim.emulate.printed import printed_text
from instsim.emulate.quiet import QuietWatch
from instsim.emulate.spec import MemoryKind
from instsim.emulate.spinning import SpinWatch
from instsim.emulate.stops import Stop, StopReason
from instsim.errors import SwapError
from instsim.image import FirmwareImage
from instsim.isa import IndirectCall, indirect_call_sites
from instsim.model import FoundModel
from instsim.swap.arena_move import is_arena_ready
from instsim.swap.call_trace import CallTrace, OpenCall
from instsim.swap.facts import Drive, RunnerFacts, SetUpCall
from instsim.swap.registrations import registered_operators

__all__ = ["learn_runner"]

_CODE_OVERLAP = 2
_TRACED_CYCLES = 3_000_000
"""Calls are followed, slowly, so long before the first operator is prepared: more than the interpreter takes to come there."""
_MOST_MOVERS = 16
_INTERPRETER_MODEL, _GRAPH_MODEL = (0, 4), (8,)
"""Where an interpreter and a graph object keep their model."""
_SHOWN_CHARACTERS = 200


@dataclass
class _FirstRun:
    """What runs an operator, and what was seen before."""

    call: KernelCall
    context: int
    model: FoundModel
    own_model: bytes
    arena: Arena
    sites: dict[int, IndirectCall]
    operators: frozenset[str]
    prepared_at_cycles: int


def learn_runner(image: FirmwareImage, make_machine: Callable[[], Machine], budget_cycles: int) -> tuple[RunnerFacts, ...]:
    """Learn how to exchange a firmware's model.

    Parameters
    ----------
    image : FirmwareImage
        The firmware.
    make_machine : callable
        Gives a new machine with the firmware each time, reset.
    budget_cycles : int
        Most cycles until the first operator.

    Returns
    -------
    tuple of RunnerFacts
        What is known, once for each way in which an inference might be started, the likeliest first.

    Raises
    ------
    SwapError
        If the firmware runs no operator of a model of its own, or nothing was found that starts an inference.
    """
    with closing(make_machine()) as machine:
        first = _first_run(image, machine, budget_cycles)
    with closing(make_machine()) as machine:
        return _second_run(image, machine, first, budget_cycles)


class _SiteWatch:
    """Calls back at every call that prepares or runs an operator."""

    def __init__(self, machine: Machine, finder: KernelFinder, on_call: Callable[[KernelCall, IndirectCall], None]) -> None:
        self._machine, self._finder, self._on_call = machine, finder, on_call
        self._sites: dict[int, IndirectCall] = {}
        machine.watch_code_pages(self._on_code_page)

    def _on_code_page(self, page: int) -> None:
        memory = self._machine.memory
        code = memory.read(page, PAGE + _CODE_OVERLAP) or memory.read(page, PAGE) or b""
        for address, site in indirect_call_sites(self._machine.isa, code, page).items():
            if address < page + PAGE and address not in self._sites:
                self._sites[address] = site
                self._machine.engine.on_instruction(address, self._at_call)

    def _at_call(self, address: int) -> None:
        engine, site = self._machine.engine, self._sites[address]
        target = engine.read_register(engine.registers.general[site.register]) + site.offset & 0xFFFFFFFF
        call = self._finder.classify(target, engine.read_register(engine.registers.arguments[1]))
        if call is not None:
            self._on_call(call, site)


def _first_run(image: FirmwareImage, machine: Machine, budget_cycles: int) -> _FirstRun:
    finder = KernelFinder(machine.memory)
    sites: dict[int, IndirectCall] = {}
    registrations: set[int] = set()
    times: list[int] = []
    found: list[_FirstRun] = []

    def on_call(call: KernelCall, site: IndirectCall) -> None:
        if found:
            return
        sites[site.address] = site
        registrations.add(call.registration)
        times.append(_cycles(machine))
        if call.is_prepare:
            return
        context = machine.engine.read_register(machine.engine.registers.arguments[0])
        operators = registered_operators(machine.memory, machine.isa, registrations)
        if call.model < 0:
            raise SwapError(
                "runner",
                f"{image.name}: the operators that it runs belong to no TensorFlow Lite model in its memory",
                hint="a runner must hold its model as a .tflite file, in flash or in RAM",
            )
        model = finder.models[call.model]
        own = machine.memory.read(model.address, model.description.size) or b""
        found.append(_FirstRun(call, context, model, own, _arena_of(image, machine, call.node), sites, operators, times[0]))
        machine.stop(Stop(StopReason.REGION_DONE, machine.engine.pc))

    _SiteWatch(machine, finder, on_call)
    machine.spin = spin = SpinWatch(machine, lambda: False)
    QuietWatch(machine, spin)
    stop = machine.run(budget_cycles)
    if not found:
        raise _no_operator(image, machine, stop)
    return found[0]


def _no_operator(image: FirmwareImage, machine: Machine, stop: Stop) -> SwapError:
    why = {
        StopReason.EXIT: "it ended",
        StopReason.BUDGET: "its budget of cycles was used up",
        StopReason.DEADLOCK: stop.message,
        StopReason.IDLE: f"it waits: {stop.message}",
        StopReason.WAITING: f"it waits for something that never comes: {stop.message}",
        StopReason.FAULT: stop.message,
    }.get(stop.reason, "it stopped")
    text = printed_text(machine).strip()
    return SwapError(
        "runner",
        f"{image.name} ran no operator of a TensorFlow Lite Micro interpreter with its own model: {why}",
        hint="a runner is a firmware that runs inferences by itself with TensorFlow Lite Micro's interpreter; compiled models have none",
        details=(f"it printed: {text[-_SHOWN_CHARACTERS:]!r}",) if text else (),
    )


def _arena_of(image: FirmwareImage, machine: Machine, node: int) -> Arena:
    arenas = find_arenas(machine.memory)
    holding = [arena for arena in arenas if arena.address <= node < arena.address + arena.size_bytes]
    if len(holding) != 1:
        raise SwapError(
            "runner",
            f"{image.name}: the interpreter's tensor arena was not found" + (f" ({len(holding)} candidates)" if holding else ""),
            hint="interpreters with separate persistent arenas cannot be used as runners",
        )
    return holding[0]


class _SecondRun:
    """What is seen while the firmware runs again, now that its model is known: who reads the model, and who sets up and runs an inference.

    Attributes
    ----------
    offset_readers, movers : dict
        Program counters that read the model's first word, and those that read it while the arena is ready; in order, without repeats.
    first_read_cycles : int or None
        When the model was read first.
    preparing, running : tuple of OpenCall or None
        Calls that were open when an operator was prepared first, and run; None if none was.
    """

    def __init__(self, machine: Machine, first: _FirstRun, budget_cycles: int) -> None:
        self._machine, self._first = machine, first
        self._start = first.model.address
        self._trace: CallTrace | None = None
        self.offset_readers: dict[int, None] = {}
        self.movers: dict[int, None] = {}
        self.first_read_cycles: int | None = None
        self.preparing: tuple[OpenCall, ...] | None = None
        self.running: tuple[OpenCall, ...] | None = None
        machine.engine.on_read(self._start, self._start + first.model.description.size, self._on_read)
        _SiteWatch(machine, KernelFinder(machine.memory, (first.model,)), self._on_call)
        untraced_cycles = first.prepared_at_cycles - _TRACED_CYCLES
        if untraced_cycles > 0:
            machine.run(untraced_cycles)
        self._trace = CallTrace(machine)
        machine.run(budget_cycles)

    def _on_read(self, address: int, pc: int) -> None:
        if self.first_read_cycles is None:
            self.first_read_cycles = _cycles(self._machine)
        if address < self._start + 4:
            self.offset_readers.setdefault(pc)
        if len(self.movers) < _MOST_MOVERS and is_arena_ready(self._machine.memory, self._first.arena):
            self.movers.setdefault(pc)

    def _on_call(self, call: KernelCall, _site: IndirectCall) -> None:
        engine = self._machine.engine
        if engine.read_register(engine.registers.arguments[0]) != self._first.context or self.running is not None or self._trace is None:
            return
        if not call.is_prepare:
            self.running = self._trace.frames()
            self._machine.stop(Stop(StopReason.REGION_DONE, engine.pc))
        elif self.preparing is None:
            self.preparing = self._trace.frames()


def _second_run(image: FirmwareImage, machine: Machine, first: _FirstRun, budget_cycles: int) -> tuple[RunnerFacts, ...]:
    memory, start = machine.memory, first.model.address
    root_offset = memory.word(start) or 0
    bank = memory.find(start)
    is_in_ram = bank is not None and bank[0].spec.kind is MemoryKind.RAM
    seen = _SecondRun(machine, first, budget_cycles)
    if seen.running is None:
        raise SwapError("runner", f"{image.name} did not come to its first operator again", hint="does it depend on something outside the chip?")
    root = memory.word(start)
    models = (start, start + (root if root is not None else root_offset))
    drivers = list(dict.fromkeys(_drivers(machine, seen.preparing or (), seen.running, models)))
    if not drivers:
        raise SwapError(
            "runner",
            f"{image.name}: no function was found that runs an inference: the compiler has inlined Invoke into its caller",
            hint="build the runner without link-time optimization, or declare the function that calls Invoke noinline",
        )
    common = RunnerFacts(
        image_sha256=image.sha256,
        model_address=start,
        own_model=first.own_model,
        own_model_sha256=first.model.description.sha256,
        root_offset=models[1] - start,
        is_folded=not seen.offset_readers,
        is_in_ram=is_in_ram,
        offset_readers=tuple(seen.offset_readers),
        arena=first.arena,
        arena_movers=tuple(seen.movers),
        context=first.context,
        sites=tuple(first.sites.values()),
        operators=first.operators,
        drive=Drive.INTERPRETER,
        entry=0,
        this=0,
        set_up=None,
        boot_cycles=seen.first_read_cycles or 0,
    )
    return tuple(
        replace(
            common,
            drive=drive,
            entry=call.entry,
            this=call.argument,
            set_up=set_up,
            boot_cycles=common.boot_cycles if set_up is None else min(common.boot_cycles, set_up.at_cycles),
        )
        for drive, call, set_up in drivers
    )


def _drivers(
    machine: Machine, preparing: tuple[OpenCall, ...], running: tuple[OpenCall, ...], models: tuple[int, int]
) -> Iterator[tuple[Drive, OpenCall, SetUpCall | None]]:
    """Tell what may start an inference: methods of one object that holds a pointer to the model."""
    word = machine.memory.word

    def holds_model(argument: int, offsets: tuple[int, ...]) -> bool:
        return _is_ram(machine, argument) and any(word(argument + offset) in models for offset in offsets)

    for set_up in preparing:
        for run in running:
            if set_up.argument == run.argument and set_up.serial != run.serial and holds_model(run.argument, _INTERPRETER_MODEL):
                yield Drive.INTERPRETER, run, SetUpCall(set_up.entry, set_up.return_address, set_up.sp, set_up.at_cycles)
    before = {call.serial for call in preparing}
    only_running = [call for call in running if call.serial not in before]
    for drive, offsets in ((Drive.SUBGRAPH, _GRAPH_MODEL), (Drive.INVOKE, _INTERPRETER_MODEL)):
        yield from ((drive, call, None) for call in only_running if holds_model(call.argument, offsets))
    # The first Invoke may have set the interpreter up itself: it was open all the time, as were its callers.
    yield from ((Drive.INVOKE, call, None) for call in reversed(running) if holds_model(call.argument, _INTERPRETER_MODEL))


def _cycles(machine: Machine) -> int:
    return machine.counters.ticks // TICKS_PER_CYCLE


def _is_ram(machine: Machine, address: int) -> bool:
    found = machine.memory.find(address)
    return found is not None and found[0].spec.kind is MemoryKind.RAM and address % 4 == 0
