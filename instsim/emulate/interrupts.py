"""What devices know of interrupts: numbered lines into a controller that belongs to the core."""

from __future__ import annotations

from typing import Protocol

__all__ = ["InterruptController", "NoInterrupts"]


class InterruptController(Protocol):
    """The core's interrupt controller, as devices see it (``machine.interrupts``).

    Line numbers are the chip's: on Cortex-M the interrupt number of the reference manual (0 is exception 16); on RISC-V the number in
    ``mcause`` (11 is the external interrupt, 16 and above are local ones); on the ESP32-C3 the source number of its interrupt matrix.
    Both methods may be called from register accesses and from events; the interrupt is taken before the next block if the core accepts it.
    """

    def set_line(self, number: int, level: bool) -> None:
        """Drive a level-sensitive line. While it is high the interrupt becomes pending again after each return of its handler."""

    def pulse(self, number: int) -> None:
        """Make an interrupt pending once."""


class NoInterrupts:
    """A core without an interrupt controller: lines lead nowhere."""

    def set_line(self, number: int, level: bool) -> None:
        """Ignore the line."""

    def pulse(self, number: int) -> None:
        """Ignore the pulse."""
