"""A host at the other end of the USB cable: makes the device ready, opens its serial port, and carries what goes either way.

It acts when the controller has something for it, at known times, and never asks in vain: an idle bus takes no time of the run's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from instsim.emulate.devices.usb_cable import STALL
from instsim.emulate.usb_descriptors import DescriptorError
from instsim.emulate.usb_enumeration import Conversation, Pause, RefusedError, Transaction, open_serial_port

if TYPE_CHECKING:
    from instsim.emulate.devices import Surroundings
    from instsim.emulate.devices.usb_cable import UsbController
    from instsim.emulate.events import ScheduledEvent
    from instsim.emulate.usb_descriptors import SerialFunction

__all__ = ["UsbHost", "UsbSerialPort"]

_BYTES_PER_US = 12e6 / 8 / 1e6
_OVERHEAD_BYTES = 13
"""Of a transaction at full speed: Universal Serial Bus Specification 2.0, table 5-8."""
_SETUP_BYTES = 8
_GATHER_US = 50.0
"""Bytes that are sent closer together share a packet."""
_PATIENCE_US = 5e6
"""For a whole control transfer: Universal Serial Bus Specification 2.0, chapter 9.2.6.1."""
_USUAL_ANSWER_S = 0.5
"""For one packet of it: chapter 9.2.6.4."""
_TRIES = 3


class UsbSerialPort:
    """The device's serial port as a program on the host has it open.

    Attributes
    ----------
    name : str
        The controller's name in the board file.
    is_listening : bool
        Whether the port is open.
    queue : deque of int
        Bytes on their way to the device.
    """

    def __init__(self, host: UsbHost, name: str) -> None:
        self._host = host
        self.name = name
        self.is_listening = False
        self.queue: deque[int] = deque()

    @property
    def can_receive(self) -> bool:
        """Whether fewer bytes wait than a packet holds."""
        return self.is_listening and len(self.queue) < self._host.packet_bytes

    def receive(self, byte: int) -> None:
        """Send one byte to the device."""
        self.queue.append(byte & 0xFF)
        self._host.gather()


class UsbHost:
    """The host; every wait is an event of the machine's clock.

    Parameters
    ----------
    around : Surroundings
        The machine.

    Attributes
    ----------
    problem : str
        What made the host give up; empty if nothing did.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._is_attached = False
        self._tries = 0
        self._asked_at = 0
        self._conversation: Conversation | None = None
        self._wanted: Transaction | None = None
        self._function: SerialFunction | None = None
        self._port: UsbSerialPort | None = None
        self._may_send = False
        self._last_endpoint = 0
        self._bus_event: ScheduledEvent | None = None
        self._gather_event: ScheduledEvent | None = None
        self._patience_event: ScheduledEvent | None = None
        self.problem = ""
        around.usb.listener = self
        self.changed()

    @property
    def packet_bytes(self) -> int:
        """Most bytes of a packet to the device's serial port."""
        return 0 if self._function is None else self._function.out_bytes

    @property
    def trouble(self) -> str:
        """Why the firmware's serial port is not open, for a report; empty if it is, or if nobody could expect it to be."""
        if self.problem:
            return f"USB: {self.problem}; its serial port was not opened"
        waited_s = (self._around.now_cycles() - self._asked_at) / self._around.clock_hz
        if self._wanted is not None and waited_s > _USUAL_ANSWER_S:
            return f"USB: when the run ended, the device had not answered {self._wanted.purpose} for {waited_s:.1f} s of its time"
        return ""

    def _after(self, microseconds: float, callback: Callable[[], None]) -> ScheduledEvent:
        return self._around.after(max(1.0, microseconds * 1e-6 * self._around.clock_hz), callback)

    # -- what the controller does ------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Hear that the controller was attached, detached, or armed."""
        controller = self._around.usb.controller
        if controller is None:
            return
        if controller.is_attached != self._is_attached:
            self._is_attached = controller.is_attached
            self._tries = 0
            self._hang_up()
            if self._is_attached:
                self._begin(controller)
        else:
            self._plan()

    def _hang_up(self) -> None:
        for event in (self._bus_event, self._gather_event, self._patience_event):
            self._around.events.cancel(event)
        self._bus_event = self._gather_event = self._patience_event = None
        self._conversation = self._wanted = self._function = None
        self._may_send = False
        if self._port is not None:
            self._port.is_listening = False
            self._port.queue.clear()

    # -- making the device ready -------------------------------------------------------------------------------------------------

    def _begin(self, controller: UsbController) -> None:
        self._tries += 1
        self._conversation = open_serial_port(controller.reset_bus)
        self._go_on(None)

    def _go_on(self, answer: bytes | None) -> None:
        """Tell the conversation what came, and do what it says next."""
        assert self._conversation is not None
        self._wanted = None
        try:
            step = self._conversation.send(answer)
        except StopIteration as end:
            self._conversation = None
            self._around.events.cancel(self._patience_event)
            self._open(end.value)
        except RefusedError as refusal:
            self._give_up(f"the device does not support {refusal}, as every device must")
        except DescriptorError as error:
            self._give_up(str(error))
        else:
            if isinstance(step, Pause):
                self._bus_event = self._after(step.microseconds, self._pause_over)
                return
            if step.is_setup:
                self._asked_at = self._around.now_cycles()
                self._around.events.cancel(self._patience_event)
                self._patience_event = self._after(_PATIENCE_US, self._lose_patience)
            self._wanted = step

    def _pause_over(self) -> None:
        self._bus_event = None
        self._go_on(None)
        self._plan()

    def _lose_patience(self) -> None:
        purpose, controller = "" if self._wanted is None else self._wanted.purpose, self._around.usb.controller
        self._hang_up()
        if self._tries < _TRIES and controller is not None:
            self._begin(controller)
        else:
            self._give_up(f"the device did not answer {purpose} within {_PATIENCE_US / 1e6:.0f} s of its time, {self._tries} times")

    def _give_up(self, why: str) -> None:
        self._hang_up()
        self.problem = why

    def _open(self, function: SerialFunction | None) -> None:
        controller = self._around.usb.controller
        self._function = function
        if function is None or controller is None:
            return
        if self._port is None:
            self._port = UsbSerialPort(self, controller.name)
            self._around.wire.add(self._port)
        self._port.is_listening = True

    # -- the bus: one transaction after the other --------------------------------------------------------------------------------

    def gather(self) -> None:
        """Send what waits for the device: at once if it fills a packet, else a little later, should more come."""
        self._around.events.cancel(self._gather_event)
        is_full = self._port is not None and len(self._port.queue) >= self.packet_bytes
        self._gather_event = self._after(0.0 if is_full else _GATHER_US, self._gathered)

    def _gathered(self) -> None:
        self._gather_event = None
        self._may_send = True
        self._plan()

    def _transactions(self) -> list[Transaction]:
        """Return what could be next, the endpoint that was served last behind the others."""
        found = [self._wanted] if self._wanted is not None else []
        function, port = self._function, self._port
        if function is not None and port is not None:
            found.append(Transaction(function.data_in))
            if self._may_send and port.queue:
                found.append(Transaction(function.data_out, bytes(port.queue)[: function.out_bytes]))
            if function.notices is not None:
                found.append(Transaction(function.notices))
        return sorted(found, key=lambda transaction: transaction.endpoint == self._last_endpoint)

    def _plan(self) -> None:
        """Have the next transaction at its time, if the device is ready for one."""
        controller = self._around.usb.controller
        if self._bus_event is not None or controller is None:
            return
        for transaction in self._transactions():
            size = _SETUP_BYTES if transaction.is_setup else controller.armed(transaction.endpoint)
            if size is not None:
                carried = len(transaction.data) or max(size, 0)
                self._bus_event = self._after((_OVERHEAD_BYTES + carried) / _BYTES_PER_US, partial(self._carry_out, transaction))
                return

    def _carry_out(self, transaction: Transaction) -> None:
        self._bus_event = None
        controller = self._around.usb.controller
        assert controller is not None
        endpoint = transaction.endpoint
        self._last_endpoint = endpoint
        if transaction.is_setup:
            controller.take_setup(transaction.data)
            self._go_on(b"")
        else:
            size = controller.armed(endpoint)
            if size == STALL:
                self._stalled(transaction)
            elif size is not None and endpoint & 0x80:
                self._came(transaction, controller.give_in(endpoint))
            elif size is not None:
                controller.take_out(endpoint, transaction.data)
                self._went(transaction)
        self._plan()

    def _came(self, transaction: Transaction, data: bytes) -> None:
        if transaction is self._wanted:
            self._go_on(data)
        elif self._function is not None and self._port is not None and transaction.endpoint == self._function.data_in:
            for byte in data:
                self._around.wire.send(self._port, byte)

    def _went(self, transaction: Transaction) -> None:
        if transaction is self._wanted:
            self._go_on(b"")
        elif self._port is not None:
            for _ in transaction.data:
                self._port.queue.popleft()
            self._may_send = self._may_send and bool(self._port.queue)
            self._around.wire.taken(self._port)

    def _stalled(self, transaction: Transaction) -> None:
        if transaction is self._wanted:
            self._go_on(None)
        else:
            self._give_up(f"the device halted endpoint {transaction.endpoint:#04x} of its serial port")
