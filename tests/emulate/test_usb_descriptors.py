"""What a USB device says of itself: read, and refused where no device can mean it."""

from __future__ import annotations

import pytest

from instsim.emulate.usb_descriptors import DescriptorError, SerialFunction, control_packet_bytes, find_serial_function, total_bytes
from tests.emulate.usb_device import CONFIGURATION, DEVICE


def changed(at: int, *values: int) -> bytes:
    return CONFIGURATION[:at] + bytes(values) + CONFIGURATION[at + len(values) :]


def test_the_serial_port_of_a_configuration_is_found() -> None:
    assert control_packet_bytes(DEVICE) == 64
    assert total_bytes(CONFIGURATION[:9]) == len(CONFIGURATION) == 67
    assert find_serial_function(CONFIGURATION) == SerialFunction(1, 0, data_in=0x81, data_out=0x02, out_bytes=64, notices=0x83)


def test_a_device_of_another_kind_has_no_serial_port() -> None:
    keyboard = bytes.fromhex("09 02 22 00 01 01 00 80 32  09 04 00 00 01 03 01 01 00  09 21 11 01 00 01 22 3f 00  07 05 81 03 08 00 0a")
    assert find_serial_function(keyboard) is None


def test_a_union_says_which_interface_has_the_data() -> None:
    without_data, data = CONFIGURATION[9:44], CONFIGURATION[44:]
    other = bytes.fromhex("09 04 01 00 02 0a 00 00 00  07 05 04 02 40 00 00  07 05 84 02 40 00 00")
    renumbered = bytes([*data[:2], 2, *data[3:]])
    body = without_data[:27] + bytes([2]) + without_data[28:] + other + renumbered
    function = find_serial_function(bytes([9, 2, 9 + len(body), 0, 3, 1, 0, 0x80, 50]) + body)
    assert function is not None
    assert (function.data_in, function.data_out) == (0x81, 0x02)


@pytest.mark.parametrize(
    ("device", "what"),
    [
        (b"", "begins with nothing"),
        (DEVICE[:7], "begins 12 01 00 02 ef 02 01"),
        (CONFIGURATION[:18], "begins 09 02"),
        (DEVICE[:7] + b"\x07" + DEVICE[8:], "packets of 7 bytes"),
    ],
)
def test_a_device_descriptor_that_is_none_is_refused(device: bytes, what: str) -> None:
    with pytest.raises(DescriptorError, match=what):
        control_packet_bytes(device)


@pytest.mark.parametrize(
    ("configuration", "what"),
    [
        (DEVICE, "begins 12 01"),
        (changed(2, 4, 0), "has 4 bytes in all"),
        (changed(2, 255, 0), "255 bytes in all, and 67 came"),
        (changed(9, 0), "descriptor of 0 bytes at byte 9"),
        (changed(60, 200), "descriptor of 200 bytes at byte 60"),
        (changed(49, 3), "no data interface of number 1"),
        (changed(62, 0x80), "no bulk endpoint toward the host"),
        (changed(57, 0, 4), "no bulk endpoint away from it"),
    ],
)
def test_a_configuration_that_does_not_add_up_is_refused(configuration: bytes, what: str) -> None:
    with pytest.raises(DescriptorError, match=what):
        find_serial_function(configuration)
