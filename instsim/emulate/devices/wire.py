"""The serial wires between the chip's ports and whoever listens at the other end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["SerialPort", "SerialWire"]

_MOST_BYTES = 1 << 20


class SerialPort(Protocol):
    """A port as the other end of its wire sees it."""

    @property
    def name(self) -> str:
        """The device's name in the board file."""

    @property
    def is_listening(self) -> bool:
        """Whether the firmware has switched the receiver on."""

    @property
    def can_receive(self) -> bool:
        """Whether the last byte has been taken, so that another would not be lost."""

    def receive(self, byte: int) -> None:
        """Deliver one byte to the chip."""


class SerialWire:
    """Everything the chip sends, and the ports by name.

    Attributes
    ----------
    sent : dict of str to bytearray
        What each port has sent so far (the first megabyte).
    ports : dict of str to SerialPort
        All ports of the chip.
    last_sender : SerialPort or None
        The port that sent last.
    on_sent : callable or None
        Called as ``on_sent(port, byte)`` for each byte sent.
    on_taken : callable or None
        Called as ``on_taken(port)`` when the firmware has taken a byte from a port.
    """

    def __init__(self) -> None:
        self.sent: dict[str, bytearray] = {}
        self.ports: dict[str, SerialPort] = {}
        self.last_sender: SerialPort | None = None
        self.on_sent: Callable[[SerialPort, int], None] | None = None
        self.on_taken: Callable[[SerialPort], None] | None = None

    def add(self, port: SerialPort) -> None:
        """Connect a port."""
        self.ports[port.name] = port

    def send(self, port: SerialPort, byte: int) -> None:
        """Take a byte that the chip sends."""
        sent = self.sent.setdefault(port.name, bytearray())
        if len(sent) < _MOST_BYTES:
            sent.append(byte & 0xFF)
        self.last_sender = port
        if self.on_sent is not None:
            self.on_sent(port, byte & 0xFF)

    def taken(self, port: SerialPort) -> None:
        """Note that the firmware has taken the byte that waited in a port."""
        if self.on_taken is not None:
            self.on_taken(port)

    @property
    def text(self) -> str:
        """All that was sent, port after port, as text; bytes that are none are shown as escapes."""
        return "".join(bytes(data).decode("utf-8", "backslashreplace") for data in self.sent.values())
