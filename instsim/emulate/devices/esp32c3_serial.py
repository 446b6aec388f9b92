"""ESP32-C3's serial ports: UART, and the serial half of its USB-serial-JTAG controller.

Espressif ESP32-C3 Technical Reference Manual v1.1, chapters 26 (UART) and 30 (USB Serial/JTAG).
"""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Surroundings
from instsim.emulate.devices.uart import Uart
from instsim.emulate.spec import DeviceSpec

__all__ = ["Esp32c3Uart", "Esp32c3UsbSerial"]


class Esp32c3Uart(Uart):
    """UART0 or UART1 with their 128-byte queues."""

    default_size: ClassVar[int] = 0x1000
    fifo_bytes = 64
    resets: ClassVar[dict[int, int]] = {0x14: 0x000002B6, 0x20: 0x1000001C, 0x24: 0x0000E060, 0x78: 0x03700000}
    _FIFO, _INT_RAW, _INT_ST, _INT_ENA, _INT_CLR, _STATUS, _ID = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x1C, 0x80
    _FSM, _MEM_STATUS, _MEM_RX = 0x6C, 0x64, 0x68
    _FIFO_FULL, _TX_EMPTY, _TIMEOUT, _TX_DONE = 1, 1 << 1, 1 << 8, 1 << 14
    _UPDATED = 1 << 31

    def _raw(self) -> int:
        return self._TX_EMPTY | self._TX_DONE | (self._FIFO_FULL | self._TIMEOUT if self.waiting else 0)

    def read(self, offset: int) -> int | None:
        """Return data, counts or interrupt status."""
        if offset == self._FIFO:
            return self.take()
        if offset == self._INT_RAW:
            return self._raw()
        if offset == self._INT_ST:
            return self._raw() & self.registers.get(self._INT_ENA, 0)
        if offset == self._STATUS:
            return len(self.received) & 0x3FF | 0xE000C000
        if offset in (self._FSM, self._MEM_STATUS):
            return 0
        if offset == self._MEM_RX:
            return 0
        if offset == self._ID:
            return self.registers.get(self._ID, 0x500) & ~self._UPDATED
        return None

    def write(self, offset: int, value: int) -> None:
        """Send data, or mask interrupts."""
        if offset == self._FIFO:
            self.transmit(value)
        elif offset != self._INT_CLR:
            super().write(offset, value)
        self.update()

    def update(self) -> None:
        """Bring the interrupt line in step with the registers."""
        self.set_irq(self._raw() & self.registers.get(self._INT_ENA, 0))


class Esp32c3UsbSerial(Uart):
    """The USB-serial-JTAG controller, with a host that takes everything."""

    default_size: ClassVar[int] = 0x1000
    fifo_bytes = 64
    _EP1, _EP1_CONF, _INT_RAW, _INT_ST, _INT_ENA, _INT_CLR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
    _IN_DATA_FREE, _OUT_DATA_AVAILABLE = 1 << 1, 1 << 2
    _OUT_RECEIVED, _IN_EMPTY = 1 << 2, 1 << 3

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        super().__init__(spec, around)

    def _raw(self) -> int:
        return self._IN_EMPTY | (self._OUT_RECEIVED if self.waiting else 0)

    def read(self, offset: int) -> int | None:
        """Return data, flags or interrupt status."""
        if offset == self._EP1:
            return self.take()
        if offset == self._EP1_CONF:
            return self._IN_DATA_FREE | (self._OUT_DATA_AVAILABLE if self.waiting else 0)
        if offset == self._INT_RAW:
            return self._raw()
        if offset == self._INT_ST:
            return self._raw() & self.registers.get(self._INT_ENA, 0)
        return None

    def write(self, offset: int, value: int) -> None:
        """Send data, or mask interrupts."""
        if offset == self._EP1:
            self.transmit(value)
        elif offset not in (self._EP1_CONF, self._INT_CLR):
            super().write(offset, value)
        self.update()

    def update(self) -> None:
        """Bring the interrupt line in step with the registers."""
        self.set_irq(self._raw() & self.registers.get(self._INT_ENA, 0))
