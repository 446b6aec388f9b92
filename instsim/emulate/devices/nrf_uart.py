"""Nordic's serial ports: UART with single bytes, and UARTE with direct memory access. Both answer at one address and share most registers.

Nordic nRF52840 PS v1.7, chapters 6.33 (UART) and 6.34 (UARTE).
"""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Surroundings
from instsim.emulate.devices.nrf_ppi import signal
from instsim.emulate.devices.uart import Uart
from instsim.emulate.spec import DeviceSpec

__all__ = ["NrfUarte"]

_STARTRX, _STOPRX, _STARTTX, _STOPTX, _FLUSHRX = 0x000, 0x004, 0x008, 0x00C, 0x02C
_RXDRDY, _ENDRX, _TXDRDY, _ENDTX, _RXTO, _RXSTARTED, _TXSTARTED, _TXSTOPPED = 0x108, 0x110, 0x11C, 0x120, 0x144, 0x14C, 0x150, 0x158
_SHORTS, _INTEN, _INTENSET, _INTENCLR, _ENABLE = 0x200, 0x300, 0x304, 0x308, 0x500
_RXD, _TXD, _RX_PTR, _RX_MAXCNT, _RX_AMOUNT, _TX_PTR, _TX_MAXCNT, _TX_AMOUNT = 0x518, 0x51C, 0x534, 0x538, 0x53C, 0x544, 0x548, 0x54C
_EVENTS = (_RXDRDY, _ENDRX, _TXDRDY, _ENDTX, _RXTO, _RXSTARTED, _TXSTARTED, _TXSTOPPED)
_FIRST_EVENT, _EVENTS_END = 0x100, 0x180
_ENDRX_STARTRX, _ENDRX_STOPRX = 1 << 5, 1 << 6
_UARTE_ENABLED = 8


class NrfUarte(Uart):
    """Both faces of the port; ``ENABLE`` says which one is used."""

    default_size: ClassVar[int] = 0x1000
    resets: ClassVar[dict[int, int]] = {_TX_MAXCNT: 0, _RX_MAXCNT: 0}

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._receiving = False
        self._amount = 0
        super().__init__(spec, around)

    @property
    def is_listening(self) -> bool:
        """Whether the firmware has started the receiver."""
        return self._receiving

    @property
    def can_receive(self) -> bool:
        """Whether another byte would not be lost: room in the buffer of UARTE, the last byte taken from UART."""
        return self._receiving and not self.received

    def read(self, offset: int) -> int | None:
        """Return an event, a mask, or received data."""
        if offset == _RXD:
            return self.take()
        if offset in (_INTENSET, _INTENCLR, _INTEN):
            return self.registers.get(_INTEN, 0)
        if offset == _RX_AMOUNT:
            return self.registers.get(_RX_AMOUNT, 0)
        if offset in _EVENTS or offset == _TX_AMOUNT:
            return self.registers.get(offset, 0)
        return None

    def write(self, offset: int, value: int) -> None:
        """Start a task, clear an event, or set a mask."""
        if offset == _TXD:
            self.transmit(value)
            signal(self, _TXDRDY)
        elif offset == _STARTTX:
            if value:
                self._start_sending()
        elif offset == _STOPTX:
            signal(self, _TXSTOPPED)
        elif offset == _STARTRX:
            self._start_receiving()
        elif offset == _STOPRX:
            self._receiving = False
            self.registers[_RX_AMOUNT] = self._amount
            signal(self, _ENDRX)
            signal(self, _RXTO)
        elif offset == _FLUSHRX:
            self.received.clear()
        elif offset == _INTENSET:
            self.registers[_INTEN] = self.registers.get(_INTEN, 0) | value
        elif offset == _INTENCLR:
            self.registers[_INTEN] = self.registers.get(_INTEN, 0) & ~value
        else:
            super().write(offset, value)
        self.update()

    @property
    def _is_uarte(self) -> bool:
        return self.registers.get(_ENABLE, 0) & 15 == _UARTE_ENABLED

    def _start_sending(self) -> None:
        signal(self, _TXSTARTED)
        if not self._is_uarte:
            return
        count = self.registers.get(_TX_MAXCNT, 0) & 0xFFFF
        for byte in self.around.read_memory(self.registers.get(_TX_PTR, 0), count) or bytes(count):
            self.transmit(byte)
        self.registers[_TX_AMOUNT] = count
        signal(self, _TXDRDY)
        signal(self, _ENDTX)

    def _start_receiving(self) -> None:
        self._receiving = True
        self._amount = 0
        signal(self, _RXSTARTED)

    def receive(self, byte: int) -> None:
        """Deliver one byte: into memory for UARTE, else to be read."""
        signal(self, _RXDRDY)
        if not self._is_uarte:
            super().receive(byte)
            return
        room = self.registers.get(_RX_MAXCNT, 0) & 0xFFFF
        if self._amount < room:
            self.around.write_memory(self.registers.get(_RX_PTR, 0) + self._amount, bytes([byte]))
            self._amount += 1
        if self._amount >= room:
            self.registers[_RX_AMOUNT] = self._amount
            self._receiving = False
            signal(self, _ENDRX)
            if self.registers.get(_SHORTS, 0) & _ENDRX_STARTRX:
                self._start_receiving()
            elif self.registers.get(_SHORTS, 0) & _ENDRX_STOPRX:
                signal(self, _RXTO)
        self.update()
        self.around.wire.taken(self)

    def update(self) -> None:
        """Bring the interrupt line in step with events and mask."""
        enabled = self.registers.get(_INTEN, 0)
        events = (offset for offset in range(_FIRST_EVENT, _EVENTS_END, 4) if self.registers.get(offset, 0))
        self.set_irq(any(enabled >> (offset - _FIRST_EVENT) // 4 & 1 for offset in events))
