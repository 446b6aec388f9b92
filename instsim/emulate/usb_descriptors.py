"""Descriptors by which a USB device says what it is, as far as a serial port needs them.

Universal Serial Bus Specification 2.0, chapter 9.6; Class Definitions for Communications Devices 1.2, chapter 5; PSTN subclass 1.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["CONFIGURATION_BYTES", "DEVICE_BYTES", "DescriptorError", "SerialFunction", "control_packet_bytes", "find_serial_function", "total_bytes"]

DEVICE_BYTES = 18
CONFIGURATION_BYTES = 9

_CONFIGURATION, _INTERFACE, _ENDPOINT, _CLASS_SPECIFIC = 2, 4, 5, 0x24
_INTERFACE_BYTES, _ENDPOINT_BYTES, _UNION_BYTES = 9, 7, 5
_UNION = 6
_COMMUNICATIONS, _ABSTRACT_CONTROL, _DATA = 2, 2, 10
_BULK, _INTERRUPT = 2, 3
_PACKET_BYTES = 64
_TOWARD_HOST = 0x80


class DescriptorError(ValueError):
    """A descriptor that no device can mean."""


@dataclass(frozen=True, slots=True)
class SerialFunction:
    """A serial port of a USB device: CDC ACM.

    Attributes
    ----------
    configuration : int
        Value of the configuration that it is a part of.
    interface : int
        Number of the communications interface, which requests go to.
    data_in, data_out : int
        Addresses of the bulk endpoints.
    out_bytes : int
        Most bytes of a packet to `data_out`.
    notices : int or None
        Address of the endpoint that tells of changes of the line, if there is one.
    """

    configuration: int
    interface: int
    data_in: int
    data_out: int
    out_bytes: int
    notices: int | None


@dataclass(slots=True)
class _Interface:
    """An interface descriptor, what follows it of its class, and its endpoints by address, direction and all."""

    number: int
    kind: int
    subclass: int
    union: int | None
    endpoints: list[tuple[int, int, int]]


def control_packet_bytes(device: bytes) -> int:
    """Return the most bytes of a packet on the control endpoint, as the first bytes of a device descriptor say.

    Raises
    ------
    DescriptorError
        If it is no device descriptor.
    """
    if len(device) < 8 or device[0] != DEVICE_BYTES or device[1] != 1:
        raise DescriptorError(f"the device descriptor begins {device[:8].hex(' ') or 'with nothing'}")
    if device[7] not in (8, 16, 32, _PACKET_BYTES):
        raise DescriptorError(f"the device descriptor gives packets of {device[7]} bytes to the control endpoint")
    return device[7]


def total_bytes(configuration: bytes) -> int:
    """Return the size of a configuration with all that belongs to it, from its own first bytes.

    Raises
    ------
    DescriptorError
        If it is no configuration descriptor.
    """
    if len(configuration) < CONFIGURATION_BYTES or configuration[0] < CONFIGURATION_BYTES or configuration[1] != _CONFIGURATION:
        raise DescriptorError(f"the configuration descriptor begins {configuration[:CONFIGURATION_BYTES].hex(' ') or 'with nothing'}")
    total = int(struct.unpack_from("<H", configuration, 2)[0])
    if total < CONFIGURATION_BYTES:
        raise DescriptorError(f"the configuration descriptor says it has {total} bytes in all")
    return total


def find_serial_function(configuration: bytes) -> SerialFunction | None:
    """Return the first serial port of a configuration; None if it has none.

    Parameters
    ----------
    configuration : bytes
        The configuration descriptor and all that belongs to it.

    Raises
    ------
    DescriptorError
        If lengths do not add up, or the serial port lacks what it cannot be without.
    """
    total = total_bytes(configuration)
    if len(configuration) < total:
        raise DescriptorError(f"the configuration descriptor says it has {total} bytes in all, and {len(configuration)} came")
    interfaces = _interfaces(configuration[:total])
    for place, interface in enumerate(interfaces):
        if (interface.kind, interface.subclass) == (_COMMUNICATIONS, _ABSTRACT_CONTROL):
            wanted = interface.union
            data = next((i for i in interfaces[place + 1 :] if i.kind == _DATA and i.endpoints and wanted in (None, i.number)), None)
            if data is None:
                which = "behind it" if wanted is None else f"of number {wanted}"
                raise DescriptorError(f"serial port at interface {interface.number}: there is no data interface {which}")
            return _serial_function(configuration[5], interface, data)
    return None


def _serial_function(configuration: int, control: _Interface, data: _Interface) -> SerialFunction:
    bulk = {address & _TOWARD_HOST: (address, size) for address, kind, size in data.endpoints if kind == _BULK}
    for direction, words in ((_TOWARD_HOST, "toward the host"), (0, "away from it")):
        address, size = bulk.get(direction, (0, 0))
        if not address & 15 or not 0 < size <= _PACKET_BYTES:
            raise DescriptorError(f"serial port at interface {control.number}: no bulk endpoint {words} with packets of 1 to {_PACKET_BYTES} bytes")
    notices = next((address for address, kind, _ in control.endpoints if kind == _INTERRUPT and address & _TOWARD_HOST), None)
    return SerialFunction(configuration, control.number, bulk[_TOWARD_HOST][0], bulk[0][0], bulk[0][1], notices)


def _interfaces(configuration: bytes) -> list[_Interface]:
    found: list[_Interface] = []
    for descriptor in _descriptors(configuration):
        kind, length = descriptor[1], len(descriptor)
        if kind == _INTERFACE and length >= _INTERFACE_BYTES:
            found.append(_Interface(descriptor[2], descriptor[5], descriptor[6], None, []))
        elif kind == _ENDPOINT and length >= _ENDPOINT_BYTES and found:
            found[-1].endpoints.append((descriptor[2], descriptor[3] & 3, struct.unpack_from("<H", descriptor, 4)[0] & 0x7FF))
        elif kind == _CLASS_SPECIFIC and length >= _UNION_BYTES and descriptor[2] == _UNION and found:
            found[-1].union = descriptor[4]
    return found


def _descriptors(configuration: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(configuration):
        length = configuration[at]
        if length < 2 or at + length > len(configuration):
            raise DescriptorError(f"the configuration has a descriptor of {length} bytes at byte {at} of {len(configuration)}")
        yield configuration[at : at + length]
        at += length
