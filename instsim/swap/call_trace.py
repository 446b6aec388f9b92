"""Which functions are open while an interpreter sets up and runs: a shadow stack that keeps first arguments."""

from __future__ import annotations

from dataclasses import dataclass

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.machine import Machine

__all__ = ["CallTrace", "OpenCall"]

_FRAMES_SEARCHED = 4


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that has not returned.

    Attributes
    ----------
    entry, return_address : int
        Of the function, and behind the call.
    sp : int
        Stack pointer at the entry.
    argument : int
        First argument.
    serial : int
        Tells calls apart.
    at_cycles : int
        Virtual time of the call.
    """

    entry: int
    return_address: int
    sp: int
    argument: int
    serial: int
    at_cycles: int


class CallTrace:
    """Follows calls from block to block: a block whose link register points behind the block before it was called.

    Parameters
    ----------
    machine : Machine
        Standing still; its blocks are translated anew, with a slow hook on each.
    """

    def __init__(self, machine: Machine) -> None:
        self._engine = machine.engine
        self._counters = machine.counters
        self._frames: list[OpenCall] = []
        self._end = 0
        self._serial = 0
        machine.engine.forget_all_code()
        machine.engine.on_block(self._on_block)

    def _on_block(self, address: int, size: int) -> None:
        engine, frames = self._engine, self._frames
        sp = engine.sp
        while frames and frames[-1].sp < sp:
            frames.pop()
        for place in range(len(frames) - 1, max(-1, len(frames) - 1 - _FRAMES_SEARCHED), -1):
            if frames[place].return_address == address and sp >= frames[place].sp:
                del frames[place:]
                break
        link = engine.read_register(engine.registers.link) & ~1
        if link == self._end and address != self._end:
            self._serial += 1
            now = self._counters.ticks // TICKS_PER_CYCLE
            frames.append(OpenCall(address, link, sp, engine.read_register(engine.registers.arguments[0]), self._serial, now))
        self._end = address + size

    def frames(self) -> tuple[OpenCall, ...]:
        """Return the open calls, outermost first."""
        return tuple(self._frames)
