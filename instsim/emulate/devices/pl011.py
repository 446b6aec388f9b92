"""Arm PrimeCell UART PL011, as in RP2040 and RP2350 (Arm DDI 0183G)."""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Surroundings
from instsim.emulate.devices.uart import Uart
from instsim.emulate.spec import DeviceSpec

__all__ = ["Pl011"]

_DR, _FR, _CR, _IMSC, _RIS, _MIS, _ICR, _DMACR = 0x00, 0x18, 0x30, 0x38, 0x3C, 0x40, 0x44, 0x48
_RXFE, _TXFE = 1 << 4, 1 << 7
_RX, _TX, _RECEIVE_TIMEOUT = 1 << 4, 1 << 5, 1 << 6
_UARTEN, _RXE = 1, 1 << 9
_RXDMAE, _TXDMAE = 1, 2


class Pl011(Uart):
    """The port with its 32-byte receive queue; the transmit queue is always empty."""

    default_size: ClassVar[int] = 0x1000
    fifo_bytes = 16

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._sent = False
        super().__init__(spec, around)

    @property
    def is_listening(self) -> bool:
        """Whether the firmware has switched the receiver on."""
        return self.registers.get(_CR, 0) & (_UARTEN | _RXE) == _UARTEN | _RXE

    def dma_register(self, *, sends: bool) -> int | None:
        """Return the offset of the data register if the port asks for, or offers, data by direct memory access."""
        return _DR if self.registers.get(_DMACR, 0) & (_TXDMAE if sends else _RXDMAE) else None

    def _raw(self) -> int:
        return (_RX | _RECEIVE_TIMEOUT if self.waiting else 0) | (_TX if self._sent else 0)

    def read(self, offset: int) -> int | None:
        """Return data, flags or interrupt status."""
        if offset == _DR:
            return self.take()
        if offset == _FR:
            return _TXFE | (0 if self.waiting else _RXFE)
        if offset == _RIS:
            return self._raw()
        if offset == _MIS:
            return self._raw() & self.registers.get(_IMSC, 0)
        return None

    def write(self, offset: int, value: int) -> None:
        """Send data, clear or mask interrupts."""
        if offset == _DR:
            self._sent = True
            self.transmit(value)
        elif offset == _ICR:
            if value & _TX:
                self._sent = False
        else:
            super().write(offset, value)
            self.around.request_dma()
        self.update()

    def update(self) -> None:
        """Bring the interrupt line in step with the registers."""
        self.set_irq(self._raw() & self.registers.get(_IMSC, 0))
