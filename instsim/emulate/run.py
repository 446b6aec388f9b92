"""Run one region of an image and give its profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from instsim.emulate.machine import Machine, Stop, StopReason
from instsim.emulate.missing_code import MissingCode
from instsim.emulate.observed import observed_profile
from instsim.emulate.observer import Observer
from instsim.emulate.printed import await_output, printed_text
from instsim.emulate.quiet import QuietWatch
from instsim.emulate.region import KernelWatch, RegionRequest, RegionRule
from instsim.emulate.region_access import Peek, Poke, RegionAccess
from instsim.emulate.serial import RegionMark, SerialHost, SerialScript
from instsim.emulate.spec import BlockCycles, MachineSpec, MemoryTiming
from instsim.emulate.spinning import SpinWatch
from instsim.emulate.stack import StackPaint
from instsim.emulate.usb_host import UsbHost
from instsim.errors import RunError
from instsim.image import FirmwareImage
from instsim.isa import Instruction, decode
from instsim.isa.classes import UNKNOWN, UNSUPPORTED
from instsim.profile import BlockProfile, RunFacts, functions_of

__all__ = ["RunOptions", "profile_image"]

_HINTS_BY_ACCESS = {
    "execute": "a function pointer that was never set, a stack that was overwritten, or code in a ROM that the image does not hold (--stub)",
    "write to flash": "the chip refuses this, too, unless its flash controller was unlocked and told to program: a pointer that went astray, or a "
    "controller that is not modelled; --stub leaves a function out",
    "unaligned": "this core loads and stores only at multiples of the access's size: look for casts of byte pointers",
}
_ACCESS_CYCLES = 3000
"""What an access to a device counts in a budget: cycles of other code that are emulated while one is followed."""

_STACK_HINT = "give the firmware more stack, in its linker script or in the set-up of its threads"
_FOREIGN_INSTRUCTION = "this instruction belongs to an extension that is not emulated (MVE, for one): build for a core that is, see 'instsim cores'"
_ROM_HINT = "--stub leaves out a function of the image that leads there, if symbols name one; --entry starts at another function"


@dataclass(frozen=True)
class RunOptions:
    """How to run.

    Attributes
    ----------
    region : RegionRequest
        What to measure.
    watch : KernelWatch
        Kernels to find by name.
    budget_cycles : int
        Most cycles of virtual time.
    block_cycles : callable or None
        Prices for the timers that firmware reads.
    memory_timing : MemoryTiming or None
        What the chip's memories cost; None: nothing.
    on_progress : callable or None
        ``on_progress(cycles, machine)`` every few million cycles.
    serial : SerialScript or None
        A host at the other end of the serial wire.
    usb_host : bool
        Whether a host is at the other end of the USB cable.
    expect : tuple of str
        Regular expressions that what the firmware prints must hold.
    entry : int or None
        Function to start at instead of at reset.
    stubs : mapping of str to int
        Functions that return a value instead of running, by symbol.
    pokes : tuple of Poke
        Bytes to write before the region.
    peeks : tuple of Peek
        Memory to read behind the region.
    on_peek : callable or None
        ``on_peek(peek, data)`` for each of them.
    register_resets : mapping of int to int
        Reset values by address, for registers that no device models.
    call_stacks : bool
        Keep the call tree, too.
    """

    region: RegionRequest
    watch: KernelWatch = field(default_factory=KernelWatch)
    budget_cycles: int = 20_000_000_000
    block_cycles: BlockCycles | None = None
    memory_timing: MemoryTiming | None = None
    on_progress: Callable[[int], None] | None = None
    serial: SerialScript | None = None
    usb_host: bool = True
    expect: tuple[str, ...] = ()
    entry: int | None = None
    stubs: Mapping[str, int] = field(default_factory=dict)
    pokes: tuple[Poke, ...] = ()
    peeks: tuple[Peek, ...] = ()
    on_peek: Callable[[Peek, bytes], None] | None = None
    register_resets: Mapping[int, int] = field(default_factory=dict)
    call_stacks: bool = False


def profile_image(image: FirmwareImage, spec: MachineSpec, options: RunOptions) -> BlockProfile:
    """Run an image until its region is done.

    Parameters
    ----------
    image : FirmwareImage
        What to run.
    spec : MachineSpec
        The chip.
    options : RunOptions
        What to measure and how long at the most.

    Returns
    -------
    BlockProfile
        Of the region; of the whole run if the request allows it and nothing else was found.

    Raises
    ------
    ImageError
        If the image does not fit the chip.
    RunError
        If the region was never reached or did not end.
    """
    machine = Machine(
        image,
        spec,
        block_cycles=options.block_cycles,
        memory_timing=options.memory_timing,
        entry=options.entry,
        register_resets=options.register_resets,
        call_stacks=options.call_stacks,
    )
    with closing(machine):
        return _profile(machine, options)


def _profile(machine: Machine, options: RunOptions) -> BlockProfile:
    image = machine.image
    missing = MissingCode(machine, options.stubs)
    observer = Observer(machine, options.region, options.watch)
    access = RegionAccess(machine, options.pokes, options.peeks)
    observer.on_open, observer.on_close = access.before, access.after
    if observer.rule is not None:
        access.before()
    top = machine.stack_top()
    paint = None if top is None else StackPaint(machine.memory, image, top)
    host = None
    usb = UsbHost(machine.devices.around) if options.usb_host else None
    machine.spin = spin = SpinWatch(machine, lambda: observer.region_is_open)
    if options.serial is not None:
        host = _connect(machine, observer, options.serial, ends=options.region.rule is RegionRule.SERIAL)
    QuietWatch(machine, spin, lambda: host is None or host.is_done)
    stop = machine.run(options.budget_cycles, options.on_progress, options.budget_cycles // _ACCESS_CYCLES + 1)
    overflow = "" if paint is None else paint.overflow
    if machine.memory_trace is not None:
        machine.memory_trace.keep()
    ledger = observer.finish()
    access.after()
    trouble = [usb.trouble] if usb is not None and usb.trouble else []
    if host is not None and stop.reason is StopReason.EXIT:
        host.firmware_ended()
    if host is not None and host.problem and not observer.is_done:
        details = (*host.details, *trouble)
        raise RunError(f"{image.name}: {host.problem}", hint="is this the right --board, and the dialogue the firmware's?", details=details)
    _check(machine, observer, options, replace(stop, message=missing.explain(stop)), overflow=overflow, trouble=trouble)
    await_output(machine, options.expect, stop)
    if options.on_peek is not None:
        for peek, data in access.found.items():
            options.on_peek(peek, data)
    warnings = [overflow, *trouble] if overflow else trouble
    if stop.reason is StopReason.WAITING:
        warnings.append(f"the run ended where the firmware waits for something that never comes, at {_place(machine, stop)}: {stop.message}")
    if stop.reason is StopReason.BUDGET and not observer.is_done:
        warnings.append(
            f"the firmware did not end: measured is what ran from reset until the {_used_budget(options, stop)}, at {_place(machine, stop)}; "
            "--region, or --from and --to, measure a part of it, --budget says how much is run"
        )
    stand_ins = sorted({*missing.used(), *machine.boot_rom.used(frozenset(machine.counters.addresses.tolist()))})
    if stand_ins:
        names = ", ".join(stand_ins)
        warnings.append(f"functions that the image does not hold ran as instsim's own, their cost is assumed: {names}")
    if options.stubs:
        warnings.append(f"functions that returned a value instead of running: {', '.join(sorted(options.stubs))}")
    return observed_profile(
        machine,
        observer,
        ledger,
        RunFacts(
            region=_describe(options.region, observer.rule or RegionRule.WHOLE_RUN),
            region_rule=str(observer.rule),
            stop_reason=str(stop.reason),
            stack_high_water_bytes=None if paint is None else paint.high_water_bytes,
            warnings=tuple(warnings),
        ),
    )


def _connect(machine: Machine, observer: Observer, script: SerialScript, *, ends: bool) -> SerialHost:
    """Put a host on the serial wire; a failed dialogue, or one that `ends` the run, stops the machine."""

    def end() -> None:
        if ends or host.problem:
            machine.stop(Stop(StopReason.REGION_DONE, machine.engine.pc))

    host = SerialHost(script, machine.devices.around, lambda mark: observer.mark(opens=mark is RegionMark.START) if ends else None, end)
    return host


def _describe(request: RegionRequest, rule: RegionRule) -> str:
    match rule:
        case RegionRule.WHOLE_RUN:
            return "the whole run, from reset to the stop"
        case RegionRule.KERNELS:
            return f"inference {request.call}, from its first operator to its last"
        case RegionRule.SERIAL:
            return f"between the marks of the serial dialogue {request.name}"
        case RegionRule.ADDRESSES:
            return f"pass {request.call} from {request.entry:#x} to {request.end:#x}"
        case _:
            return f"call {request.call} of {request.name}"


def _place(machine: Machine, stop: Stop) -> str:
    return _names(machine.boot_rom.named_image, (stop.pc,))[0]


def _used_budget(options: RunOptions, stop: Stop) -> str:
    note = f" ({stop.message} count as {_ACCESS_CYCLES:,} each)" if stop.message else ""
    return f"budget of {options.budget_cycles:,} cycles was used up{note}"


def _ends_with_budget(observer: Observer, options: RunOptions) -> bool:
    """Tell whether firmware that never ends is measured until its budget is used up: not where a region, kernels or a model promise an inference."""
    request = options.region
    if request.rule is RegionRule.WHOLE_RUN:
        return True
    is_open = request.rule is RegionRule.KERNELS and request.fall_back and options.watch == KernelWatch()
    return is_open and not observer.region_started and not observer.has_model()


def _check(machine: Machine, observer: Observer, options: RunOptions, stop: Stop, *, overflow: str, trouble: list[str]) -> None:
    """Refuse to answer for a region that was not measured from its start to its end."""
    request = options.region
    if observer.is_done:
        return
    wanted = observer.region_started
    complete = stop.reason in (StopReason.EXIT, StopReason.IDLE, StopReason.WAITING) or (
        stop.reason is StopReason.DEADLOCK and not stop.message.startswith("the emulator")
    )
    if not wanted and request.fall_back and complete:
        return
    if wanted and observer.rule in (RegionRule.WHOLE_RUN, RegionRule.KERNELS) and complete:
        return
    if stop.reason is StopReason.BUDGET and _ends_with_budget(observer, options):
        return
    where = "before it was done" if wanted else "before it began"
    what = {
        StopReason.EXIT: f"the firmware ended (exit code {machine.semihosting.exit_code})",
        StopReason.BUDGET: f"the {_used_budget(options, stop)}",
        StopReason.DEADLOCK: f"the firmware is stuck: {stop.message}",
        StopReason.IDLE: f"the firmware waits: {stop.message}",
        StopReason.WAITING: f"the firmware waits for something that never comes: {stop.message}",
        StopReason.FAULT: f"the firmware failed: {stop.message}",
        StopReason.REGION_DONE: "the run ended",
    }[stop.reason]
    if overflow:
        what += f"; {overflow}"
    names = _names(machine.boot_rom.named_image, stop.backtrace or (stop.pc,))
    region = _describe(request, observer.rule if wanted and observer.rule is not None else request.rule)
    output = printed_text(machine).strip()
    details = [f"at {line}" for line in names]
    is_lacking = stop.reason is StopReason.FAULT and machine.boot_rom.lacks(stop.pc)
    instruction = _instruction(machine, stop.pc) if stop.reason is StopReason.FAULT and not is_lacking else None
    if instruction is not None:
        details[0] += f": {instruction.mnemonic} {instruction.operands}".rstrip()
    if output:
        details.append(f"it printed: {output[-200:]!r}")
    details += trouble
    hint = (
        _STACK_HINT
        if overflow
        else _ROM_HINT
        if is_lacking
        else _FOREIGN_INSTRUCTION
        if instruction is not None and instruction.instruction_class in (UNKNOWN, UNSUPPORTED)
        else _HINTS_BY_ACCESS[machine.refused_kind]
        if stop.reason is StopReason.FAULT and machine.refused_kind in _HINTS_BY_ACCESS
        else {
            StopReason.BUDGET: "raise --budget, or choose a shorter region with --region",
            StopReason.WAITING: "a device that is not modelled, or a host (--serial), would have to answer; --stub leaves a function out, --region "
            "or --entry picks another region",
            StopReason.IDLE: "it may wait for a host (--serial) or for a device that is not modelled; --region picks another region",
            StopReason.EXIT: "choose another region with --region or --call",
        }.get(stop.reason, "is this the right --board? A device that is not modelled can lead a firmware astray; --region picks another region")
    )
    raise RunError(f"{machine.image.name}: {what}, {where}: {region}", hint=hint, details=tuple(details))


def _instruction(machine: Machine, pc: int) -> Instruction | None:
    code = machine.memory.read(pc, 4) or machine.memory.read(pc, 2)
    return decode(machine.isa, code, pc)[0] if code else None


def _names(image: FirmwareImage, addresses: tuple[int, ...]) -> list[str]:
    spans = functions_of(image, np.array(addresses, np.int64))
    lines = []
    for address in addresses:
        span = next((s for s in spans if s.address <= address < s.address + max(s.size, 2)), None)
        lines.append(f"{address:#010x} in {span.name}+{address - span.address:#x}" if span else f"{address:#010x}")
    return lines
