"""Firmware that has come to rest: it sleeps or waits in a loop, wakes up for its clock tick, and waits again, for ever."""

from __future__ import annotations

from collections.abc import Callable

from instsim.dynamics.memory_layout import TICKS_PER_CYCLE
from instsim.emulate.machine import Machine
from instsim.emulate.spinning import SpinWatch
from instsim.emulate.stops import Stop, StopReason

__all__ = ["QuietWatch"]

_STRETCH_S = 1.0
_STRETCHES = 10
_LEAST_IDLE = 0.5


class QuietWatch:
    """Stops a machine on which nothing new has happened for ten seconds of its time.

    In each of these seconds the core slept or waited in a loop for half of the time or more, ran no code that had not run before, and printed
    nothing: an RTOS with all threads waiting, a sketch that waits for its host. A program that computes for long does not wait, and one that
    pauses goes on sooner.

    Parameters
    ----------
    machine : Machine
        Watched whenever its core wakes up, or an event ends the time that it waits in a loop.
    spin : SpinWatch
        What is known of its loops.
    may_rest : callable
        Whether nobody at the other end of a wire has anything left to say.
    """

    def __init__(self, machine: Machine, spin: SpinWatch, may_rest: Callable[[], bool] = lambda: True) -> None:
        self._machine = machine
        self._spin = spin
        self._may_rest = may_rest
        self._stretch_ticks = round(_STRETCH_S * machine.spec.clock_hz * TICKS_PER_CYCLE)
        self._quiet = 0
        self._last = self._state()
        machine.on_wake = self._look

    def _state(self) -> tuple[int, int, int, int]:
        machine = self._machine
        printed = len(machine.semihosting.text) + sum(map(len, machine.devices.around.wire.sent.values()))
        return machine.counters.ticks, machine.idle_ticks + self._spin.spun_ticks, len(machine.counters.addresses), printed

    def _look(self, slept_ticks: int) -> None:
        machine = self._machine
        started, idle_then, *then = self._last
        passed = machine.counters.ticks - started
        if passed < self._stretch_ticks:
            return
        self._last = _, idle_now, *now = self._state()
        is_quiet = self._may_rest() and then == now and idle_now - idle_then >= _LEAST_IDLE * passed
        # A single long sleep counts for as many stretches as it holds.
        slept = slept_ticks // self._stretch_ticks if self._may_rest() else 0
        self._quiet = self._quiet + passed // self._stretch_ticks if is_quiet else slept
        if self._quiet >= _STRETCHES:
            waits = "slept or waited in loops" if self._spin.waited_at else "slept"
            message = f"for {_STRETCHES * _STRETCH_S:.0f} s of its time it has {waits}, run no new code between, and printed nothing"
            machine.stop(Stop(StopReason.IDLE, machine.next_pc, message, machine.backtrace()))
