"""Direct memory access between memory and serial ports: what the controllers of all chips have in common.

A port is told from other devices by its address: the request lines between devices and channels are not modelled, because the address of the data
register says as much. Transfers to and from other devices never get a request. Memory takes no time, as with the transmitters of the ports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.uart import Uart
from instsim.emulate.spec import DeviceSpec

__all__ = ["Direction", "DmaController", "Transfer"]

_LAP_BAUD = 115_200
_BITS_PER_BYTE = 10


class Direction(Enum):
    """Where a channel moves data."""

    TO_PORT = auto()
    FROM_PORT = auto()
    IN_MEMORY = auto()


@dataclass(slots=True)
class Transfer:
    """What a channel was told to do, and how far it is.

    Attributes
    ----------
    direction : Direction
        Who asks for data.
    source, target : int
        Addresses at the start.
    source_step, target_step : int
        Bytes from one unit to the next, 0 for a data register.
    unit_bytes : int
        Bytes of a unit in memory.
    units : int
        Units altogether.
    left : int
        Units that have not been moved yet.
    is_circular : bool
        Whether the channel starts again at its end.
    """

    direction: Direction
    source: int
    target: int
    source_step: int
    target_step: int
    unit_bytes: int
    units: int
    left: int
    is_circular: bool = False

    @property
    def source_now(self) -> int:
        """Address of the next unit to read."""
        return self.source + (self.units - self.left) * self.source_step

    @property
    def target_now(self) -> int:
        """Address of the next unit to write."""
        return self.target + (self.units - self.left) * self.target_step


class DmaController(Device):
    """A controller whose subclass knows the registers: it starts and halts channels and is told how they fare."""

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._running: dict[int, Transfer] = {}
        self._is_serving = False
        super().__init__(spec, around)
        around.dma.append(self.serve)

    def reset(self) -> None:
        """Give all registers their reset values and halt all channels."""
        super().reset()
        self._running.clear()

    def running(self, channel: int) -> Transfer | None:
        """Return what a channel is doing; None if it stands still."""
        return self._running.get(channel)

    def start(self, channel: int, transfer: Transfer) -> None:
        """Have a channel wait for requests; one between memories is done at once."""
        if transfer.units:
            self._running[channel] = transfer

    def halt(self, channel: int) -> None:
        """Have a channel take no more requests."""
        self._running.pop(channel, None)

    def half_done(self, channel: int) -> None:
        """Note that a channel has moved half of its units."""

    def done(self, channel: int, transfer: Transfer) -> None:
        """Note that a channel has moved all its units; it has been halted, unless it is circular."""

    def failed(self, channel: int) -> None:
        """Note that a channel met an address without memory; it has been halted."""

    def update(self) -> None:
        """Bring the interrupt lines in step with the registers."""

    def serve(self) -> None:
        """Move what ports ask for, or offer."""
        # Ports ask with every byte, whether a channel runs or not.
        if self._is_serving or not self._running:
            return
        self._is_serving = True
        for channel in list(self._running):
            transfer = self._running.get(channel)
            if transfer is not None:
                self._serve(channel, transfer)
        self._is_serving = False
        self.update()

    def _serve(self, channel: int, transfer: Transfer) -> None:
        if transfer.direction is Direction.IN_MEMORY:
            self._move(channel, transfer, None)
            return
        sends = transfer.direction is Direction.TO_PORT
        found = self.around.locate(transfer.target if sends else transfer.source)
        if found is None or not isinstance(found[0], Uart) or found[0].dma_register(sends=sends) != found[1]:
            return
        if not sends:
            while transfer.left and found[0].waiting:
                self._move(channel, transfer, found[0])
        elif transfer.left == transfer.units:
            self._move(channel, transfer, found[0])

    def _move(self, channel: int, transfer: Transfer, port: Uart | None) -> None:
        """Move one unit from a port, or all units to one or between memories."""
        units = 1 if transfer.direction is Direction.FROM_PORT else transfer.left
        for _ in range(units):
            data: bytes | None
            if transfer.direction is Direction.FROM_PORT and port is not None:
                data = bytes([port.take()]).ljust(transfer.unit_bytes, b"\0")
            else:
                data = self.around.read_memory(transfer.source_now, transfer.unit_bytes)
            if data is not None and transfer.direction is Direction.TO_PORT and port is not None:
                port.transmit(data[0])
            elif data is None or not self.around.write_memory(transfer.target_now, data):
                self.halt(channel)
                self.failed(channel)
                return
            transfer.left -= 1
            if transfer.left == transfer.units // 2:
                self.half_done(channel)
        if not transfer.left:
            self._end(channel, transfer)

    def _end(self, channel: int, transfer: Transfer) -> None:
        if not transfer.is_circular:
            self.halt(channel)
        elif transfer.direction is not Direction.TO_PORT:
            transfer.left = transfer.units
        else:
            self.after_lap(transfer, lambda: self._next_lap(channel, transfer))
        self.done(channel, transfer)

    def after_lap(self, transfer: Transfer, callback: Callable[[], None]) -> None:
        """Call back when a port could have sent that much: nothing else would keep a channel that sends for ever from doing so at once."""
        self.around.after(transfer.units * _BITS_PER_BYTE / _LAP_BAUD * self.around.clock_hz, callback)

    def _next_lap(self, channel: int, transfer: Transfer) -> None:
        if self._running.get(channel) is transfer:
            transfer.left = transfer.units
            self.serve()
