"""Firmware that waits in a loop: told from firmware that computes by its state, which comes back the same.

A loop after whose passes all registers, all memory and the devices it reads are as they were, and that asks no clock, does the same until
something else happens: an event that is due at a known time. Until then its passes can be left out, or, if nothing is due, all of them.
A loop that computes changes a register or a word of memory with every pass, so it is never taken for one that waits. Exceptions that the loop
asks for itself belong to it (threads that hand the processor to each other), if the interrupt controller is as it was, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.chip import Chip, DeviceAccess
from instsim.emulate.devices.chip_control import Watchdog
from instsim.emulate.spec import MemoryKind
from instsim.emulate.stops import Stop, StopReason

__all__ = ["SpinWatch"]

_FIRST_LOOK_TICKS = 1 << 26
"""Without a look at what runs: a million cycles; twice as long behind every look that finds nothing."""
_LONG_LOOK_TICKS = 1 << 30
"""Time behind which a look follows as many blocks as any: 16 million cycles. Earlier ones follow fewer, so that programs that end soon pay little."""
_LONGEST_TICKS = 1 << 32
_FIRST_READS, _MOST_READS = 1 << 13, 1 << 20
"""Reads of devices after which a look is due, however little time has passed: they take the host a hundred times as long as other code."""
_BEHIND_EVENT_TICKS = 1 << 15
"""Room for the handler of an event before the loop is looked for again: 512 cycles."""
_FEWEST_BLOCKS, _MOST_BLOCKS = 16, 256
"""Followed in one look: loops of up to a third of them are found."""
_MORE_FOR_THREADS = 8
"""So many times as many blocks are followed where threads change."""
_MOST_NAMED = 3
_FRAME_BYTES = 256
"""Above the stack pointer: variables of the waiting function itself, and of its callers."""

_Pass = tuple[int, list[DeviceAccess], list[dict[str, Any]]]
"""Of a loop: ticks that it took, what it read from devices, and the state of these behind it."""


@dataclass
class _Anchor:
    """A moment that the firmware may come back to."""

    pc: int
    registers: list[int]
    memory: list[npt.NDArray[np.uint8]]
    interrupts: dict[str, Any]
    ticks: int
    accesses: list[DeviceAccess] = field(default_factory=list)
    passes: list[_Pass] = field(default_factory=list)


class SpinWatch:
    """Finds the loops that a machine waits in, and lets the time until the next event pass at once.

    Where the region is open, no pass is left out: the time that a region waits is part of what it takes. What waits is only noted then.

    Parameters
    ----------
    chip : Chip
        Asked at block borders, at times of the watch's own choosing (`due_ticks`).
    is_counted : callable
        Whether what runs now is being measured.

    Attributes
    ----------
    due_ticks : int
        When `look` wants to be called.
    spun_ticks : int
        Time spent waiting that was measured, and therefore not left out.
    waited_at : dict of int to int
        How often the firmware was found waiting, by an address of the loop.
    """

    def __init__(self, chip: Chip, is_counted: Callable[[], bool]) -> None:
        self._chip = chip
        self._is_counted = is_counted
        registers = chip.engine.registers
        special = (number for name, number in registers.special.items() if not name.startswith("set_"))
        self._registers = chip.engine.batch((*registers.general, *special, *registers.floats))
        self._delay = _FIRST_LOOK_TICKS
        self._reads = chip.reads_left = _FIRST_READS
        self.due_ticks = chip.counters.ticks + self._delay
        self.spun_ticks = 0
        self.waited_at: dict[int, int] = {}
        self._anchor: _Anchor | None = None
        self._blocks = self._next_anchor = self._most_blocks = 0
        self._path: list[int] = []
        self._loop: list[int] = []
        self._detours = 0
        self._known_pass: _Pass | None = None
        self._undisturbed: tuple[int, ...] = ()

    def look_soon(self) -> None:
        """Ask for a look before the next block."""
        if self._anchor is None:
            self._delay = max(self._delay, _LONG_LOOK_TICKS)
            self.due_ticks = 0
            self._chip.counters.lower_deadline(0)

    def look(self, pc: int, limit_ticks: int) -> None:
        """Look at the state between two blocks.

        Parameters
        ----------
        pc : int
            Where the machine goes on.
        limit_ticks : int
            No time may pass beyond it.
        """
        chip = self._chip
        if self._anchor is None:
            self._begin(pc)
            return
        self._blocks += 1
        self._path.append(pc)
        most = self._most_blocks if chip.detours == self._detours else _MORE_FOR_THREADS * self._most_blocks
        if self._undisturbed != self._disturbances() or self._has_effects(self._anchor) or self._blocks > most:
            self._give_up()
        elif self._is_back(self._anchor, pc):
            # Pricing what has run takes time, and few looks come this far. The first pass may hold what it corrects: it is not like the next.
            chip.now_cycles()
            if self._repeats(self._anchor):
                self._wait(self._anchor, limit_ticks)
            else:
                self.due_ticks = chip.counters.ticks + 1
        elif self._blocks >= self._next_anchor and not self._anchor.passes:
            self._next_anchor *= 2
            self._drop_anchor(pc)
        else:
            self.due_ticks = chip.counters.ticks + 1

    # -- one look ----------------------------------------------------------------------------------------------------------------

    def _begin(self, pc: int) -> None:
        is_known = pc in self._loop
        if self._loop and not is_known and self._delay < _FIRST_LOOK_TICKS:
            # Most likely still in the handler of the event that ended the wait.
            self._give_up()
            return
        self._undisturbed, self._detours = self._disturbances(), self._chip.detours
        self._blocks, self._next_anchor = 0, 3 * len(self._loop) if is_known else 1
        timely = min(_MOST_BLOCKS, _MOST_BLOCKS * self._delay // _LONG_LOOK_TICKS)
        self._most_blocks = max(_FEWEST_BLOCKS, timely, 6 * len(self._loop))
        self._drop_anchor(pc)

    def _drop_anchor(self, pc: int) -> None:
        chip = self._chip
        accesses = chip.accesses = []
        self._path.clear()
        self._anchor = _Anchor(pc, self._registers.read(), [part.copy() for part in self._ram()], self._interrupts(), chip.counters.ticks, accesses)
        self.due_ticks = chip.counters.ticks + 1

    def _give_up(self) -> None:
        self._anchor, self._chip.accesses = None, None
        self._delay = min(2 * self._delay, _LONGEST_TICKS)
        self._reads = min(2 * self._reads, _MOST_READS)
        self._chip.reads_left = self._reads
        self.due_ticks = self._chip.counters.ticks + self._delay

    def _ram(self) -> list[npt.NDArray[np.uint8]]:
        memory = self._chip.memory
        banks = [bank for bank in memory.banks if bank.spec.kind is MemoryKind.RAM]
        return [bank.bytes[offset : offset + size] for bank in banks for offset, size in memory.used_spans(bank)]

    def _interrupts(self) -> dict[str, Any]:
        return _state(self._chip.devices.around.interrupts)

    def _disturbances(self) -> tuple[int, ...]:
        """Return counts of what no loop that only waits does: events, sleep, calls of the host, code that somebody follows, clocks."""
        chip = self._chip
        return chip.disturbances, chip.engine.callbacks, chip.clock_asks

    def _has_effects(self, anchor: _Anchor) -> bool:
        """Whether a device was written that may do something about it; registers that nobody models, and watchdogs, do not."""
        return any(is_write and not self._keeps_quiet(address) for address, _, is_write in anchor.accesses)

    def _keeps_quiet(self, address: int) -> bool:
        found = self._chip.devices.locate(address)
        return found is None or isinstance(found[0], Watchdog)

    def _is_back(self, anchor: _Anchor, pc: int) -> bool:
        if pc != anchor.pc or self._registers.read() != anchor.registers or self._interrupts() != anchor.interrupts:
            return False
        now = self._ram()
        return len(now) == len(anchor.memory) and all(np.array_equal(part, before) for part, before in zip(now, anchor.memory, strict=True))

    def _repeats(self, anchor: _Anchor) -> bool:
        """Note one more pass; return whether it took the same time as the one before it, or as the last one known, and read the same."""
        devices, accesses, ticks = self._chip.devices, anchor.accesses[:], self._chip.counters.ticks
        read = {id(found[0]): found[0] for address, _, _ in accesses if (found := devices.locate(address)) is not None}
        anchor.passes.append((ticks - anchor.ticks, accesses, [_state(device) for device in read.values()]))
        anchor.ticks = ticks
        anchor.accesses.clear()
        if any(devices.unmodelled.is_trying(address & ~3) for address, _, _ in accesses):
            return False
        return anchor.passes[-1] == (anchor.passes[-2] if len(anchor.passes) > 1 else self._known_pass)

    def _wait(self, anchor: _Anchor, limit_ticks: int) -> None:
        chip = self._chip
        self._known_pass = anchor.passes[-1]
        period = self._known_pass[0]
        self.waited_at[anchor.pc] = self.waited_at.get(anchor.pc, 0) + 1
        self._loop = self._path[-len(self._path) // len(anchor.passes) :]
        self._anchor, chip.accesses = None, None
        now, event = chip.counters.ticks, chip.events.next_ticks
        if event is None:
            self.due_ticks = limit_ticks + 1
            chip.stop(Stop(StopReason.WAITING, anchor.pc, self._describe(anchor.pc), chip.backtrace()))
            return
        left = max(0, min(event, limit_ticks) - now)
        if self._is_counted():
            self.spun_ticks += left
        else:
            # Whole passes: where in the loop the event finds the firmware is as it would have been.
            left = max(0, left - 1) // period * period
            chip.counters.advance(left)
            chip.idle_ticks += left
        self._delay = _BEHIND_EVENT_TICKS
        self._reads = chip.reads_left = _FIRST_READS
        self.due_ticks = max(event, chip.counters.ticks) + self._delay
        chip.on_wake(left)

    # -- in words ----------------------------------------------------------------------------------------------------------------

    def _describe(self, pc: int) -> str:
        """Return what the loop that begins at `pc` waits for; one with exceptions cannot be run once more to see what it reads of memory."""
        period, accesses, _ = self._known_pass or (0, [], [])
        reads = dict.fromkeys((address, value) for address, value, is_write in accesses if not is_write)
        parts = [f"{self._device_name(address)} as {value:#x}" for address, value in reads]
        has_detours = self._chip.detours != self._detours
        parts += [self._variable_name(address) for address in ([] if has_detours else self._memory_read(pc))]
        more = f" and {len(parts) - _MOST_NAMED} more" if len(parts) > _MOST_NAMED else ""
        what = f"reads {', '.join(parts[:_MOST_NAMED])}{more}" if parts else "gives way by exceptions" if has_detours else "reads nothing"
        return f"a loop of {max(1, period // TICKS_PER_CYCLE):,} cycles {what}, changes nothing, and no event is due that could end it"

    def _device_name(self, address: int) -> str:
        found = self._chip.devices.locate(address)
        return f"{address:#010x}" if found is None else f"{address:#010x} ({found[0].spec.name}+{found[1]:#x})"

    def _variable_name(self, address: int) -> str:
        image = self._chip.boot_rom.named_image
        symbol = next((s for s in image.symbols if s.kind == "object" and s.address <= address < s.address + max(s.size, 1)), None)
        return f"{address:#010x}" if symbol is None else f"{symbol.name} ({address:#010x})"

    def _memory_read(self, pc: int) -> list[int]:
        """Run one more pass from `pc`, and return the words of RAM that it reads below the stack in use."""
        chip, engine, found = self._chip, self._chip.engine, dict[int, None]()
        engine.forget_all_code()
        handles = [
            engine.on_read(start, start + bank.spec.size, lambda address, _pc: found.setdefault(address))
            for start, bank in chip.memory.windows
            if bank.spec.kind is MemoryKind.RAM
        ]
        for _ in self._loop:
            chip.counters.set_deadline(chip.counters.ticks + 1)
            engine.run(pc)
            pc = engine.pc
            chip.counters.take_stopped()
        for handle in handles:
            engine.remove(handle)
        engine.forget_all_code()
        return [address for address in found if not 0 <= address - engine.sp < _FRAME_BYTES]


def _state(device: object) -> dict[str, Any]:
    """Return what a device or an interrupt controller holds: a queue that shrinks with every read ends a loop that seems to read the same."""
    return {name: copy(value) if isinstance(value, dict | list | set | bytearray | deque) else value for name, value in vars(device).items()}
