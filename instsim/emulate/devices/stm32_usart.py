"""STM32 USART in its two forms, and LPUART.

ST RM0390 (STM32F446) chapter 25 for the first form, RM0432 (STM32L4+) chapters 49 and 50 for the second.
"""

from __future__ import annotations

from typing import ClassVar

from instsim.emulate.devices.uart import Uart

__all__ = ["Stm32Lpuart", "Stm32UsartV1", "Stm32UsartV2"]

_RXNE, _TC, _TXE = 1 << 5, 1 << 6, 1 << 7
_RXNEIE, _TCIE, _TXEIE = _RXNE, _TC, _TXE


class Stm32UsartV1(Uart):
    """The USART with one status and one data register (F1, F2, F4)."""

    resets: ClassVar[dict[int, int]] = {0x00: 0x00C0}
    _SR, _DR, _CR1 = 0x00, 0x04, 0x0C
    _UE, _RE = 1 << 13, 1 << 2

    @property
    def is_listening(self) -> bool:
        """Whether the firmware has switched the receiver on."""
        return self.registers.get(self._CR1, 0) & (self._UE | self._RE) == self._UE | self._RE

    def read(self, offset: int) -> int | None:
        """Return status or data."""
        if offset == self._SR:
            return _TXE | _TC | (_RXNE if self.waiting else 0)
        return self.take() if offset == self._DR else None

    def write(self, offset: int, value: int) -> None:
        """Send data, or set up interrupts."""
        if offset == self._DR:
            self.transmit(value)
        elif offset != self._SR:
            super().write(offset, value)
        self.update()

    def update(self) -> None:
        """Bring the interrupt line in step with the registers."""
        control = self.registers.get(self._CR1, 0)
        self.set_irq(control & self._UE and (control & (_TXEIE | _TCIE) or (control & _RXNEIE and self.waiting)))


class Stm32UsartV2(Uart):
    """The USART with registers of its own for status, received and sent data (F0, F3, F7, G0, G4, H7, L4, U5)."""

    _CR1, _RQR, _ISR, _ICR, _RDR, _TDR = 0x00, 0x18, 0x1C, 0x20, 0x24, 0x28
    _UE, _RE, _RXFRQ = 1, 1 << 2, 1 << 3
    _TEACK, _REACK, _TXFE = 1 << 21, 1 << 22, 1 << 23

    @property
    def is_listening(self) -> bool:
        """Whether the firmware has switched the receiver on."""
        return self.registers.get(self._CR1, 0) & (self._UE | self._RE) == self._UE | self._RE

    def read(self, offset: int) -> int | None:
        """Return status or data."""
        if offset == self._ISR:
            return _TXE | _TC | self._TEACK | self._REACK | self._TXFE | (_RXNE if self.waiting else 0)
        return self.take() if offset == self._RDR else None

    def write(self, offset: int, value: int) -> None:
        """Send data, flush what was received, or set up interrupts."""
        if offset == self._TDR:
            self.transmit(value)
        elif offset == self._RQR:
            if value & self._RXFRQ and self.waiting:
                self.take()
        elif offset not in (self._ISR, self._ICR):
            super().write(offset, value)
        self.update()

    def update(self) -> None:
        """Bring the interrupt line in step with the registers."""
        control = self.registers.get(self._CR1, 0)
        self.set_irq(control & self._UE and (control & (_TXEIE | _TCIE) or (control & _RXNEIE and self.waiting)))


class Stm32Lpuart(Stm32UsartV2):
    """The low-power UART: the second form's registers, other baud rates."""
