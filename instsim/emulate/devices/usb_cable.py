"""A USB cable: a controller on the chip at one end, whoever listens at the other."""

from __future__ import annotations

from typing import Protocol

__all__ = ["STALL", "UsbCable", "UsbController", "UsbListener"]

STALL = -1
"""What an endpoint answers that the firmware has halted, or a request that it does not support."""


class UsbController(Protocol):
    """A full-speed device controller as the bus sees it. Endpoints have their addresses: 0x81 is endpoint 1 toward the host, 0x01 away from it."""

    @property
    def name(self) -> str:
        """The device's name in the board file."""

    @property
    def is_attached(self) -> bool:
        """Whether the firmware has switched the pull-up on."""

    def reset_bus(self, *, ends: bool) -> None:
        """Drive the reset state on the bus, or end it."""

    def take_setup(self, packet: bytes) -> None:
        """Deliver the eight bytes that begin a control transfer; no controller refuses them."""

    def armed(self, endpoint: int) -> int | None:
        """Return the bytes that an endpoint would send, or take at the most; `STALL`; None where it asks to be tried later."""

    def take_out(self, endpoint: int, data: bytes) -> None:
        """Deliver a packet to an endpoint that is armed."""

    def give_in(self, endpoint: int) -> bytes:
        """Return the packet of an endpoint that is armed, and tell the firmware that it was fetched."""


class UsbListener(Protocol):
    """The other end."""

    def changed(self) -> None:
        """Hear that the controller was attached, detached, or armed."""


class UsbCable:
    """What connects the two.

    Attributes
    ----------
    controller : UsbController or None
        The chip's; None where it has none that is modelled.
    listener : UsbListener or None
        Who is at the other end; None: nobody, the cable is not plugged in.
    """

    def __init__(self) -> None:
        self.controller: UsbController | None = None
        self.listener: UsbListener | None = None

    @property
    def is_plugged(self) -> bool:
        """Whether the cable brings power."""
        return self.listener is not None

    def changed(self) -> None:
        """Tell the other end that there may be something for it to do."""
        if self.listener is not None:
            self.listener.changed()
