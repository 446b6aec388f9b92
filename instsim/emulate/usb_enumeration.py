"""What a host says to a device that was just plugged in, until its serial port is open: a procedure of transactions and pauses.

Universal Serial Bus Specification 2.0, chapters 7.1.7, 8.5.3 and 9; Communications Devices, PSTN subclass 1.2, chapter 6.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass

from instsim.emulate.usb_descriptors import (
    CONFIGURATION_BYTES,
    DEVICE_BYTES,
    SerialFunction,
    control_packet_bytes,
    find_serial_function,
    total_bytes,
)

__all__ = ["Conversation", "Pause", "RefusedError", "Transaction", "open_serial_port"]

_CONTROL_OUT, _CONTROL_IN = 0x00, 0x80
_FIRST_PACKET_BYTES = 64

_DEBOUNCE_US, _RESET_US, _RECOVERY_US, _ADDRESS_US = 100_000.0, 50_000.0, 10_000.0, 2_000.0
"""The specification's: contacts come to rest, a root port's reset, recovery from it and from a new address."""

_ADDRESS = 1
_GET_DESCRIPTOR, _SET_ADDRESS, _SET_CONFIGURATION, _SET_LINE_CODING, _SET_CONTROL_LINE_STATE = 6, 5, 9, 0x20, 0x22
_DEVICE, _CONFIGURATION = 0x0100, 0x0200
_TO_DEVICE, _FROM_DEVICE, _TO_CLASS = 0x00, 0x80, 0x21
_LINE_CODING = struct.pack("<IBBB", 115_200, 0, 0, 8)
_TERMINAL_READY, _REQUEST_TO_SEND = 1, 2


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens for some microseconds."""

    microseconds: float


@dataclass(frozen=True, slots=True)
class Transaction:
    """One packet, and what it belongs to.

    Attributes
    ----------
    endpoint : int
        Address, bit 7 set if the packet comes from the device.
    data : bytes
        What goes to the device.
    is_setup : bool
        Whether it begins a control transfer.
    purpose : str
        The request, in words.
    """

    endpoint: int
    data: bytes = b""
    is_setup: bool = False
    purpose: str = ""


class RefusedError(Exception):
    """A request that the device does not support, without which there is no going on."""


Conversation = Generator[Pause | Transaction, bytes | None, SerialFunction | None]
"""Yields what the host does next; is sent the packet that came (empty if none was to come), None if the endpoint is stalled."""


def open_serial_port(reset: Callable[..., None]) -> Conversation:
    """Make the device ready and open its serial port, as a terminal program does.

    Parameters
    ----------
    reset : callable
        ``reset(ends=...)`` drives the bus's reset state, or ends it.

    Returns
    -------
    SerialFunction or None
        The port; None if the device has none.

    Raises
    ------
    RefusedError
        If the device does not support a request that every device must.
    DescriptorError
        If what it says of itself is nonsense.
    """
    yield Pause(_DEBOUNCE_US)
    reset(ends=False)
    yield Pause(_RESET_US)
    reset(ends=True)
    yield Pause(_RECOVERY_US)
    first = yield from _read("GET_DESCRIPTOR (device)", _DEVICE, _FIRST_PACKET_BYTES, _FIRST_PACKET_BYTES)
    packet_bytes = control_packet_bytes(first)
    yield from _demand(_Request("SET_ADDRESS", _TO_DEVICE, _SET_ADDRESS, _ADDRESS))
    yield Pause(_ADDRESS_US)
    yield from _read("GET_DESCRIPTOR (device)", _DEVICE, DEVICE_BYTES, packet_bytes)
    start = yield from _read("GET_DESCRIPTOR (configuration)", _CONFIGURATION, CONFIGURATION_BYTES, packet_bytes)
    configuration = yield from _read("GET_DESCRIPTOR (configuration)", _CONFIGURATION, total_bytes(start), packet_bytes)
    function = find_serial_function(configuration)
    yield from _demand(_Request("SET_CONFIGURATION", _TO_DEVICE, _SET_CONFIGURATION, configuration[5]))
    if function is not None:
        # Firmware that has no use for these may refuse them.
        yield from _send(_Request("SET_LINE_CODING", _TO_CLASS, _SET_LINE_CODING, 0, function.interface), _LINE_CODING)
        lines = _TERMINAL_READY | _REQUEST_TO_SEND
        yield from _send(_Request("SET_CONTROL_LINE_STATE", _TO_CLASS, _SET_CONTROL_LINE_STATE, lines, function.interface))
    return function


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to the device, with its name in the specification."""

    purpose: str
    kind: int
    number: int
    value: int
    index: int = 0


def _read(purpose: str, what: int, length: int, packet_bytes: int) -> Generator[Pause | Transaction, bytes | None, bytes]:
    """Read a descriptor."""
    setup = struct.pack("<BBHHH", _FROM_DEVICE, _GET_DESCRIPTOR, what, 0, length)
    yield Transaction(_CONTROL_OUT, setup, is_setup=True, purpose=purpose)
    data = b""
    while len(data) < length:
        packet = yield Transaction(_CONTROL_IN, purpose=purpose)
        if packet is None:
            raise RefusedError(purpose)
        data += packet
        if len(packet) < packet_bytes:
            break
    if (yield Transaction(_CONTROL_OUT, purpose=purpose)) is None:
        raise RefusedError(purpose)
    return data[:length]


def _send(request: _Request, data: bytes = b"") -> Generator[Pause | Transaction, bytes | None, bool]:
    """Make a request, with data that fit in a packet of the smallest size; return whether it was taken."""
    setup = struct.pack("<BBHHH", request.kind, request.number, request.value, request.index, len(data))
    yield Transaction(_CONTROL_OUT, setup, is_setup=True, purpose=request.purpose)
    if data and (yield Transaction(_CONTROL_OUT, data, purpose=request.purpose)) is None:
        return False
    return (yield Transaction(_CONTROL_IN, purpose=request.purpose)) is not None


def _demand(request: _Request) -> Generator[Pause | Transaction, bytes | None, None]:
    """Make a request that no device may refuse."""
    if not (yield from _send(request)):
        raise RefusedError(request.purpose)
