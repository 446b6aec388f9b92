"""A host at the other end of the serial wire: plays a script of what to wait for and what to send."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instsim.emulate.devices import Edge, SerialPort, Surroundings
    from instsim.emulate.events import ScheduledEvent

__all__ = ["RegionMark", "SerialHost", "SerialScript", "SerialStep"]

_KEPT_BYTES = 1 << 14
_SHOWN_BYTES = 200


class RegionMark(StrEnum):
    """What a step does to the measured region."""

    START = "start"
    """The region begins as soon as the step's text has come."""
    STOP = "stop"
    """The region ends as soon as the step's text has come."""


@dataclass(frozen=True, slots=True)
class SerialStep:
    """One turn of the dialogue: wait for text, then send.

    Attributes
    ----------
    expect : str
        Regular expression that the text received since the last step must hold; empty: nothing is waited for.
    send : bytes
        What is sent then.
    pace_us : float
        Least time between two bytes, in microseconds of virtual time. A byte also waits until the firmware has taken the one before.
    delay_us : float
        Time between the text and the first byte sent.
    timeout_ms : float
        Virtual time after which the dialogue fails if the text has not come.
    mark : RegionMark or None
        Whether the region begins or ends here.
    pulse : bool
        Take a pulse on an output pin (two edges of one pin) for the text as well: firmware built for energy measurements marks its region so.
    """

    expect: str = ""
    send: bytes = b""
    pace_us: float = 10.0
    delay_us: float = 200.0
    timeout_ms: float = 10_000.0
    mark: RegionMark | None = None
    pulse: bool = False


@dataclass(frozen=True, slots=True)
class SerialScript:
    """A dialogue.

    Attributes
    ----------
    name : str
        For messages.
    steps : tuple of SerialStep
        In order.
    port : str
        Name of the serial port; empty: the one that the firmware prints on.
    """

    name: str
    steps: tuple[SerialStep, ...]
    port: str = ""

    @property
    def marks_region(self) -> bool:
        """Whether the script says where the region begins and ends."""
        return any(step.mark is not None for step in self.steps)


class SerialHost:
    """Plays a script against the machine's ports.

    Parameters
    ----------
    script : SerialScript
        The dialogue.
    around : Surroundings
        The machine's wires, events and clock.
    on_mark : callable
        ``on_mark(mark)`` between two blocks, when a step with a mark is done.
    on_end : callable
        Called between two blocks when all steps are done, or the dialogue has failed.

    Attributes
    ----------
    problem : str
        What went wrong; empty so far.
    details : tuple of str
        What was received instead.
    is_done : bool
        Whether all steps are done.
    """

    def __init__(self, script: SerialScript, around: Surroundings, on_mark: Callable[[RegionMark], None], on_end: Callable[[], None]) -> None:
        self._script = script
        self._around = around
        self._on_mark = on_mark
        self._on_end = on_end
        self._place = -1
        self._pattern: re.Pattern[bytes] | None = None
        self._received = bytearray()
        self._to_send: deque[int] = deque()
        self._is_sending = False
        self._port: SerialPort | None = None
        self._delivery: ScheduledEvent | None = None
        self._timeout: ScheduledEvent | None = None
        self._first_edge: Edge | None = None
        self.problem = ""
        self.details: tuple[str, ...] = ()
        self.is_done = False
        around.wire.on_sent = self._on_sent
        around.wire.on_taken = self._on_taken
        around.edges.watcher = self._on_edge
        self._next_step()

    @property
    def _step(self) -> SerialStep:
        return self._script.steps[self._place]

    def _cycles(self, microseconds: float) -> float:
        return microseconds * 1e-6 * self._around.clock_hz

    # -- waiting -----------------------------------------------------------------------------------------------------------------

    def _next_step(self) -> None:
        self._place += 1
        self._around.events.cancel(self._timeout)
        if self._place >= len(self._script.steps):
            self.is_done = True
            self._around.after(0, self._on_end)
            return
        step = self._step
        self._first_edge = None
        self._pattern = re.compile(step.expect.encode(), re.DOTALL) if step.expect else None
        self._timeout = self._around.after(self._cycles(step.timeout_ms * 1e3), self._on_timeout)
        if self._pattern is None and not step.pulse:
            self._matched()
        else:
            self._look()

    def _look(self) -> None:
        """Go on if what came since the last step, while it was sending as well, holds what this one waits for."""
        if self._pattern is not None and self._pattern.search(self._received):
            self._matched()

    def _on_sent(self, port: SerialPort, byte: int) -> None:
        if self.is_done or self.problem or (self._script.port and port.name != self._script.port):
            return
        self._port = port
        self._received.append(byte)
        del self._received[:-_KEPT_BYTES]
        if not self._is_sending:
            self._look()

    def _on_edge(self, edge: Edge) -> None:
        if self.is_done or self.problem or not self._step.pulse:
            return
        if self._step.mark is RegionMark.STOP:
            self._matched()
        elif self._first_edge is None:
            self._first_edge = edge
        elif (edge.port, edge.pin) == (self._first_edge.port, self._first_edge.pin):
            self._matched()

    def _matched(self) -> None:
        step = self._step
        self._received.clear()
        if step.mark is not None:
            mark = step.mark
            self._around.after(0, lambda: self._on_mark(mark))
        if step.send:
            self._to_send.extend(step.send)
            self._is_sending = True
            self._plan_delivery(step.delay_us)
        else:
            self._next_step()

    # -- sending -----------------------------------------------------------------------------------------------------------------

    def _plan_delivery(self, microseconds: float) -> None:
        self._around.events.cancel(self._delivery)
        self._delivery = self._around.after(max(1.0, self._cycles(microseconds)), self._deliver)

    def _deliver(self) -> None:
        port = self._target()
        if port is None or not port.is_listening:
            self._plan_delivery(self._step.delay_us or 1.0)
            return
        if not port.can_receive:
            return  # goes on when the firmware has taken the byte before
        byte = self._to_send.popleft()
        if self._to_send:
            self._plan_delivery(self._step.pace_us)
        port.receive(byte)
        if not self._to_send:
            self._is_sending = False
            self._next_step()

    def _target(self) -> SerialPort | None:
        wire = self._around.wire
        if self._script.port:
            return wire.ports.get(self._script.port)
        return self._port or wire.last_sender or next((port for port in wire.ports.values() if port.is_listening), None)

    def _on_taken(self, port: SerialPort) -> None:
        if self._to_send and port is self._target():
            self._plan_delivery(self._step.pace_us)

    # -- trouble -----------------------------------------------------------------------------------------------------------------

    def _on_timeout(self) -> None:
        self._fail(f"within {self._step.timeout_ms:g} ms of virtual time")
        self._on_end()

    def firmware_ended(self) -> None:
        """Say that nothing more will come."""
        if not self.is_done and not self.problem:
            self._fail("before the firmware ended")

    def _fail(self, when: str) -> None:
        step, left = self._step, len(self._to_send)
        wanted = f"the firmware did not take {left:,} of {len(step.send):,} bytes" if left else f"{step.expect!r} did not come"
        self.problem = f"serial dialogue {self._script.name}, step {self._place + 1}: {wanted} {when}"
        self.details = self.received_text()
        # Else a core that sleeps meanwhile would be kept from ending by the next try to send.
        self._around.events.cancel(self._delivery)

    def received_text(self) -> tuple[str, ...]:
        """Return, for messages, what every port has sent, its end if it is long."""
        wire = self._around.wire
        if not wire.sent:
            return (f"nothing was received; serial ports: {', '.join(wire.ports) or 'none are modelled on this board'}",)
        return tuple(f"{name} sent {bytes(data[-_SHOWN_BYTES:]).decode('utf-8', 'backslashreplace')!r}" for name, data in wire.sent.items())
