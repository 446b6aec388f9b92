"""STM32's two generations of serial ports, and the low-power one, whose registers are those of the second.

ST reference manuals: RM0390 chapter 25 (first form), RM0432 chapters 49 and 50 (second form, LPUART).
"""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.device import Surroundings
from instsim.emulate.devices.uart import Uart
from instsim.emulate.events import ScheduledEvent
from instsim.emulate.spec import DeviceSpec

__all__ = ["Stm32Lpuart", "Stm32UsartV1", "Stm32UsartV2"]

_IDLE, _RXNE, _TC, _TXE = 1 << 4, 1 << 5, 1 << 6, 1 << 7
_IDLEIE, _RXNEIE, _TCIE, _TXEIE = _IDLE, _RXNE, _TC, _TXE
_DMAR, _DMAT = 1 << 6, 1 << 7
_BITS_PER_BYTE = 10


class _Stm32Usart(Uart):
    """What all forms share: bits of the control registers, the idle line, direct memory access."""

    control: ClassVar[int]
    """Offset of CR1; likewise the next four."""
    control3: ClassVar[int]
    rate: ClassVar[int]
    received_data: ClassVar[int]
    sent_data: ClassVar[int]
    enable: ClassVar[int]
    """Bit of CR1 that switches the port on; likewise the next one, for the receiver."""
    receiver_enable: ClassVar[int] = 1 << 2

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._is_idle = False
        self._silence: ScheduledEvent | None = None
        super().__init__(spec, around)

    @property
    def is_listening(self) -> bool:
        """Whether the firmware has switched the receiver on."""
        wanted = self.enable | self.receiver_enable
        return self.registers.get(self.control, 0) & wanted == wanted

    def dma_register(self, *, sends: bool) -> int | None:
        """Return the offset of the data register if the port asks for, or offers, data by direct memory access."""
        asked = self.registers.get(self.control3, 0) & (_DMAT if sends else _DMAR)
        if not asked or not self.registers.get(self.control, 0) & self.enable:
            return None
        return self.sent_data if sends else self.received_data

    def receive(self, byte: int) -> None:
        """Deliver one byte from the wire; if the firmware wants to know, the line is idle a byte's time later."""
        super().receive(byte)
        if self.registers.get(self.control, 0) & _IDLEIE:
            self.around.events.cancel(self._silence)
            self._silence = self.around.after(_BITS_PER_BYTE * self._bit_cycles(), self._fall_silent)

    def _bit_cycles(self) -> float:
        return float(self.registers.get(self.rate, 0))

    def _fall_silent(self) -> None:
        self._is_idle = True
        self.update()

    @property
    def status(self) -> int:
        """The flags that all forms have at the same bits."""
        return _TXE | _TC | (_RXNE if self.waiting else 0) | (_IDLE if self._is_idle else 0)

    def clear_idle(self) -> None:
        """Forget that the line was idle."""
        self._is_idle = False

    def update(self) -> None:
        """Bring the interrupt line in step with the registers."""
        control = self.registers.get(self.control, 0)
        received = control & _RXNEIE and self.waiting and self.dma_register(sends=False) is None
        self.set_irq(control & self.enable and (control & (_TCIE | _TXEIE) or received or (control & _IDLEIE and self._is_idle)))


class Stm32UsartV1(_Stm32Usart):
    """The USART with one status and one data register (F1, F2, F4)."""

    resets: ClassVar[dict[int, int]] = {0x00: 0x00C0}
    control, control3, rate, received_data, sent_data = 0x0C, 0x14, 0x08, 0x04, 0x04
    enable = 1 << 13
    _SR = 0x00

    def read(self, offset: int) -> int | None:
        """Return status or data."""
        if offset == self._SR:
            return self.status
        if offset == self.received_data:
            # The sequence that clears the flag: status, then data.
            self.clear_idle()
            byte = self.take()
            self.update()
            return byte
        return None

    def write(self, offset: int, value: int) -> None:
        """Send data, or set up interrupts."""
        if offset == self.sent_data:
            self.transmit(value)
        elif offset != self._SR:
            super().write(offset, value)
            self.around.request_dma()
        self.update()


class Stm32UsartV2(_Stm32Usart):
    """The USART with registers of its own for status, received and sent data (F0, F3, F7, G0, G4, H7, L4, U3, U5)."""

    control, control3, rate, received_data, sent_data = 0x00, 0x08, 0x0C, 0x24, 0x28
    enable = 1
    _RQR, _ISR, _ICR = 0x18, 0x1C, 0x20
    _RXFRQ = 1 << 3
    _TEACK, _REACK, _TXFE = 1 << 21, 1 << 22, 1 << 23

    def read(self, offset: int) -> int | None:
        """Return status or data."""
        if offset == self._ISR:
            return self.status | self._TEACK | self._REACK | self._TXFE
        return self.take() if offset == self.received_data else None

    def write(self, offset: int, value: int) -> None:
        """Send data, flush what was received, clear flags, or set up interrupts."""
        if offset == self.sent_data:
            self.transmit(value)
        elif offset == self._RQR:
            if value & self._RXFRQ and self.waiting:
                self.take()
        elif offset == self._ICR:
            if value & _IDLE:
                self.clear_idle()
        elif offset != self._ISR:
            super().write(offset, value)
            self.around.request_dma()
        self.update()


class Stm32Lpuart(Stm32UsartV2):
    """The low-power UART: the second form's registers, other baud rates."""

    _RATE_FRACTION = 256

    def _bit_cycles(self) -> float:
        return super()._bit_cycles() / self._RATE_FRACTION
