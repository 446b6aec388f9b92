"""From what an observer counted to a profile."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, replace

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.arena import find_arena
from instsim.emulate.ledger import Ledger
from instsim.emulate.machine import Machine
from instsim.emulate.observer import Observer
from instsim.emulate.printed import printed_text
from instsim.image import FirmwareImage
from instsim.isa import Isa
from instsim.isa.transfers import instruction_offsets
from instsim.profile import (
    BlockProfile,
    DividerUse,
    ExceptionUse,
    FirmwareFacts,
    FunctionSpan,
    RunFacts,
    code_behind,
    functions_of,
    symbol_sizes,
    to_basic_blocks,
)

__all__ = ["IssuedInstructions", "firmware_facts", "issued_instructions", "observed_profile"]

_MOST_NAMED = 3
"""Functions named in a warning."""


def observed_profile(machine: Machine, observer: Observer, ledger: Ledger, run: RunFacts, firmware: FirmwareFacts | None = None) -> BlockProfile:
    """Return the profile of an observed region.

    Parameters
    ----------
    machine : Machine
        Where it stopped.
    observer : Observer
        Finished.
    ledger : Ledger
        Its counts.
    run : RunFacts
        What the caller knows of the run: region, why it ended, stack; arena and instructions (found here if unknown); warnings, which come behind
        the observer's.
    firmware : FirmwareFacts, optional
        About the image, for a caller who has asked `firmware_facts` before.
    """
    image = machine.image
    kernels = observer.kernels

    blocks = to_basic_blocks(machine.isa, ledger.blocks(1 + len(kernels)), machine.code)
    calls = None if machine.calls is None else machine.calls.tree(blocks.addresses)
    called = [*(kernel.kernel_address for kernel in kernels), *([] if calls is None else calls.functions[1:].tolist())]
    arena = find_arena(machine.memory) if run.arena_size_bytes is None else None
    memory, crossings = ((), ()) if machine.memory_trace is None else machine.memory_trace.uses(1 + len(kernels))
    return BlockProfile(
        isa=machine.isa,
        addresses=blocks.addresses,
        sizes=blocks.sizes,
        code=b"".join(machine.code(a, s) or bytes(s) for a, s in zip(blocks.addresses.tolist(), blocks.sizes.tolist(), strict=True)),
        code_behind=code_behind(blocks, machine.code) if machine.isa is Isa.RV32 else b"",
        executions=blocks.executions,
        fallthroughs=blocks.fallthroughs,
        buffer_outcomes=blocks.buffer_outcomes,
        calls=calls,
        kernels=kernels,
        memory=memory,
        crossings=crossings,
        functions=_functions(machine.boot_rom.named_image, blocks.addresses, called),
        dividers=tuple(DividerUse.of(address, counts) for address, counts in sorted(observer.divides.items())),
        firmware=firmware or firmware_facts(image),
        run=replace(
            run,
            exit_code=machine.semihosting.exit_code,
            total_instructions=run.total_instructions or issued_instructions(machine),
            executed_on=machine.spec.cpu,
            memory_map=machine.spec.name,
            arena_used_bytes=run.arena_used_bytes if arena is None else arena.used_bytes,
            arena_size_bytes=run.arena_size_bytes if arena is None else arena.size_bytes,
            timer_reads=observer.timer_reads,
            polled=tuple(sorted(machine.devices.polled.items())),
            output=printed_text(machine),
            warnings=(*_warnings(machine, observer), *run.warnings),
            idle_cycles=observer.idle_ticks // TICKS_PER_CYCLE,
            exceptions=tuple(
                ExceptionUse(machine.processor.exception_name(number), number, handler, *astuple(counts))
                for (number, handler), counts in observer.exceptions.items()
            ),
        ),
    )


def firmware_facts(image: FirmwareImage) -> FirmwareFacts:
    """Return what a profile says of its image."""
    return FirmwareFacts(
        image.name,
        image.format,
        image.sha256,
        image.compilers,
        dict(image.attributes),
        image.flash_bytes,
        image.static_ram_bytes,
        *symbol_sizes(image),
    )


def _warnings(machine: Machine, observer: Observer) -> list[str]:
    warnings = list(observer.notes)
    if observer.idle_ticks:
        idle = observer.idle_ticks // TICKS_PER_CYCLE
        loops = _waiting_functions(machine)
        stood = ", flash being programmed" if machine.flash.operations else ""
        how, where = ("slept or waited in loops", f", in {loops}{stood}") if loops else ("slept", f" (wfi, wfe{stood})")
        warnings.append(f"the core {how} through {idle:,} cycles of the region{where}; they are in no instruction's count")
    if machine.spin is not None and machine.spin.spun_ticks:
        spun = machine.spin.spun_ticks // TICKS_PER_CYCLE
        warnings.append(f"the region waits in loops for at least {spun:,} of its cycles, in {_waiting_functions(machine)}; they are counted")
    if machine.semihosting.refused:
        operations = ", ".join(f"{number:#x}" for number in sorted(machine.semihosting.refused))
        warnings.append(f"semihosting operations that reach for the host were refused: {operations}")
    if machine.devices.polled:
        registers = ", ".join(f"{address:#010x}" for address in sorted(machine.devices.polled)[:5])
        share = 100.0 * observer.polling_cycles / max(1, observer.cycles)
        spent = f", {share:.1f} % of the region's time" if observer.polling_cycles else ", but not in the region"
        warnings.append(f"the firmware polled device registers that are not modelled: {registers}{spent}")
    return warnings


def _waiting_functions(machine: Machine) -> str:
    """Return the names of the functions whose loops the firmware was found waiting in, most often first; empty if there are none."""
    places = {} if machine.spin is None else machine.spin.waited_at
    spans = functions_of(machine.boot_rom.named_image, np.array(sorted(places), np.int64))
    names: Counter[str] = Counter()
    for address, times in places.items():
        names[next((span.name for span in spans if span.address <= address < span.address + max(span.size, 2)), f"{address:#010x}")] += times
    return ", ".join(name for name, _ in names.most_common(_MOST_NAMED))


class IssuedInstructions:
    """Counts instructions since reset, from the lengths of the encodings in the blocks that ran.

    Parameters
    ----------
    machine : Machine
        Each block is decoded once, when it has run.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lengths = np.zeros(0, np.int64)

    def total(self) -> int:
        """Return how many were issued."""
        counters = self._machine.counters
        addresses, sizes = counters.addresses, counters.sizes
        have = self._lengths.size
        fresh = [self._length(address, size) for address, size in zip(addresses[have:].tolist(), sizes[have:].tolist(), strict=True)]
        self._lengths = np.concatenate([self._lengths, np.array(fresh, np.int64)])
        return int(counters.counts()[0] @ self._lengths)

    def _length(self, address: int, size: int) -> int:
        return len(instruction_offsets(self._machine.isa, self._machine.code(address, size)))


def issued_instructions(machine: Machine) -> int:
    """Instructions since reset, counted from the lengths of the encodings."""
    return IssuedInstructions(machine).total()


def _functions(image: FirmwareImage, addresses: npt.NDArray[np.int64], extra: list[int]) -> tuple[FunctionSpan, ...]:
    return functions_of(image, np.concatenate([addresses, np.array(extra, np.int64)]))
