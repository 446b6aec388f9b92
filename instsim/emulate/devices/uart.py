"""What every serial port does: send at once, hold received bytes until the firmware takes them, drive its interrupt line."""

from __future__ import annotations

from collections import deque

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.spec import DeviceSpec

__all__ = ["Uart"]


class Uart(Device):
    """A serial port whose transmitter is never busy.

    Subclasses map their registers to `transmit`, `take` and `waiting`, and say in `update` when their interrupt line is high.
    """

    fifo_bytes = 1
    """Received bytes that the port holds before the wire has to wait."""

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self.received: deque[int] = deque()
        super().__init__(spec, around)
        around.wire.add(self)

    @property
    def name(self) -> str:
        """The device's name in the board file."""
        return self.spec.name

    @property
    def is_listening(self) -> bool:
        """Whether the firmware has switched the receiver on."""
        return True

    @property
    def can_receive(self) -> bool:
        """Whether another byte would not be lost."""
        return len(self.received) < self.fifo_bytes

    def reset(self) -> None:
        """Give all registers their reset values and forget what was received."""
        super().reset()
        self.received.clear()

    def receive(self, byte: int) -> None:
        """Deliver one byte from the wire."""
        self.received.append(byte & 0xFF)
        self.around.request_dma()
        self.update()

    def transmit(self, byte: int) -> None:
        """Send one byte."""
        self.around.wire.send(self, byte)

    def take(self) -> int:
        """Return the oldest received byte and forget it; 0 if there is none."""
        if not self.received:
            return 0
        byte = self.received.popleft()
        self.update()
        self.around.wire.taken(self)
        return byte

    @property
    def waiting(self) -> bool:
        """Whether a received byte waits."""
        return bool(self.received)

    def dma_register(self, *, sends: bool) -> int | None:
        """Return the offset of the data register if the firmware has the port ask a DMA controller for data to send, or offer what came."""
        del sends
        return None

    def update(self) -> None:
        """Bring the interrupt line in step with the registers."""
