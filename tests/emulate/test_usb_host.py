"""The host at the other end of the USB cable, against a device in Python."""

from __future__ import annotations

import re

import pytest

from instsim.emulate.usb_host import UsbHost
from tests.emulate.device_bench import Bench
from tests.emulate.usb_device import (
    CONFIGURATION,
    DEVICE,
    GET_CONFIGURATION,
    GET_DEVICE,
    SET_ADDRESS,
    SET_CONFIGURATION,
    SET_LINE_CODING,
    SET_LINES,
    PythonDevice,
)

CLOCK_HZ = 1e6
MILLISECOND = 1000


class Cable:
    """A bench with a host and a device on it; a cycle is a microsecond."""

    def __init__(self, *, device: bytes = DEVICE, configuration: bytes = CONFIGURATION, packet_bytes: int = 64) -> None:
        self.bench = Bench(CLOCK_HZ)
        self.device = PythonDevice(self.bench.around.usb, device=device, configuration=configuration, packet_bytes=packet_bytes)
        self.host = UsbHost(self.bench.around)

    def open(self) -> None:
        self.device.attach()
        self.bench.wait(200 * MILLISECOND)

    @property
    def text(self) -> str:
        return self.bench.around.wire.text


def test_nothing_happens_before_the_device_is_attached() -> None:
    cable = Cable()
    cable.bench.wait(1000 * MILLISECOND)
    assert cable.device.requests == cable.device.resets == []
    assert cable.host.trouble == ""


@pytest.mark.parametrize("packet_bytes", [8, 64])
def test_a_device_is_reset_addressed_configured_and_opened(packet_bytes: int) -> None:
    cable = Cable(device=DEVICE[:7] + bytes([packet_bytes]) + DEVICE[8:], packet_bytes=packet_bytes)
    cable.device.attach()
    cable.bench.wait(99 * MILLISECOND)
    assert cable.device.resets == []
    cable.bench.wait(2 * MILLISECOND)
    assert cable.device.resets == [False]
    cable.bench.wait(58 * MILLISECOND)
    assert cable.device.resets == [False, True]
    assert cable.device.requests == []
    cable.bench.wait(20 * MILLISECOND)
    starts = (GET_DEVICE, SET_ADDRESS, GET_DEVICE, GET_CONFIGURATION, GET_CONFIGURATION, SET_CONFIGURATION, SET_LINE_CODING, SET_LINES)
    assert [request[: len(start)] for request, start in zip(cable.device.requests, starts, strict=True)] == list(starts)
    assert cable.device.requests[4][6:] == len(CONFIGURATION).to_bytes(2, "little")
    assert cable.device.requests[-1][2:4] == b"\3\0"
    port = cable.bench.around.wire.ports["usb"]
    assert port.is_listening
    assert cable.host.trouble == ""


def test_an_open_port_takes_no_time_of_an_idle_device() -> None:
    cable = Cable()
    cable.open()
    assert cable.bench.events.next_ticks is None


def test_what_the_device_sends_is_on_the_wire_at_full_speed() -> None:
    cable = Cable()
    cable.open()
    cable.device.put(b"x" * 64, b"end")
    cable.bench.wait(52)
    assert cable.text == "x" * 64, "77 bytes at 1.5 a microsecond"
    cable.bench.wait(12)
    assert cable.text == "x" * 64 + "end"


def test_bytes_that_come_close_together_share_a_packet_and_the_wire_waits_when_one_is_full() -> None:
    cable = Cable()
    cable.open()
    port = cable.bench.around.wire.ports["usb"]
    taken: list[str] = []
    cable.bench.around.wire.on_taken = lambda port: taken.append(port.name)
    for byte in b"hello":
        port.receive(byte)
        cable.bench.wait(10)
    cable.bench.wait(100)
    assert cable.device.came == [b"hello"]
    assert taken == ["usb"]
    cable.device.listens = False
    for byte in range(64):
        assert port.can_receive
        port.receive(byte)
    assert not port.can_receive
    cable.bench.wait(1000)
    assert len(cable.device.came) == 1
    cable.device.listens = True
    cable.bench.around.usb.changed()
    cable.bench.wait(100)
    assert cable.device.came[1:] == [bytes(range(64))]
    assert port.can_receive


def test_a_device_that_is_detached_and_attached_is_opened_anew() -> None:
    cable = Cable()
    cable.open()
    port = cable.bench.around.wire.ports["usb"]
    port.receive(65)
    cable.device.attach(attached=False)
    assert not port.is_listening
    cable.bench.wait(10 * MILLISECOND)
    assert cable.device.came == []
    cable.open()
    assert port.is_listening
    assert cable.device.resets == [False, True] * 2


@pytest.mark.parametrize("request_start", [SET_LINE_CODING, SET_LINES])
def test_a_device_may_refuse_what_serial_ports_are_told(request_start: bytes) -> None:
    cable = Cable()
    cable.device.refused.add(request_start)
    cable.open()
    cable.device.put(b"here")
    cable.bench.wait(100)
    assert cable.text == "here"
    assert cable.host.trouble == ""


@pytest.mark.parametrize(
    ("request_start", "words"),
    [(GET_DEVICE, r"GET_DESCRIPTOR \(device\)"), (GET_CONFIGURATION, r"GET_DESCRIPTOR \(configuration\)"), (SET_CONFIGURATION, "SET_CONFIGURATION")],
)
def test_a_device_that_refuses_what_every_device_must_do_is_given_up(request_start: bytes, words: str) -> None:
    cable = Cable()
    cable.device.refused.add(request_start)
    cable.open()
    assert_trouble(cable, f"USB: the device does not support {words}, as every device must; its serial port was not opened")
    assert cable.bench.events.next_ticks is None


def test_a_device_that_never_answers_is_asked_three_times() -> None:
    cable = Cable()
    cable.device.silent.add(GET_DEVICE)
    cable.open()
    assert cable.host.trouble == ""
    cable.bench.wait(2000 * MILLISECOND)
    assert_trouble(cable, r"USB: when the run ended, the device had not answered GET_DESCRIPTOR \(device\) for 2.0 s of its time")
    cable.bench.wait(20_000 * MILLISECOND)
    assert len(cable.device.requests) == 3
    assert_trouble(cable, r"USB: the device did not answer GET_DESCRIPTOR \(device\) within 5 s of its time, 3 times; its serial port was not opened")
    assert cable.bench.events.next_ticks is None


def test_a_device_that_is_late_is_opened_at_the_second_try() -> None:
    cable = Cable()
    cable.device.silent.add(GET_DEVICE)
    cable.open()
    cable.bench.wait(3000 * MILLISECOND)
    cable.device.silent.clear()
    cable.bench.wait(3000 * MILLISECOND)
    assert cable.bench.around.wire.ports["usb"].is_listening


def test_nonsense_is_quoted() -> None:
    cable = Cable(configuration=CONFIGURATION[:9] + b"\0" * 58)
    cable.open()
    assert_trouble(cable, "USB: the configuration has a descriptor of 0 bytes at byte 9 of 67; its serial port was not opened")


def test_a_serial_port_that_is_halted_is_closed() -> None:
    cable = Cable()
    cable.open()
    cable.device.halted.add(0x81)
    cable.bench.around.usb.changed()
    cable.bench.wait(100)
    assert_trouble(cable, "USB: the device halted endpoint 0x81 of its serial port")
    assert not cable.bench.around.wire.ports["usb"].is_listening


def test_a_device_without_a_serial_port_is_configured_and_left_alone() -> None:
    keyboard = bytes.fromhex("09 02 22 00 01 01 00 80 32  09 04 00 00 01 03 01 01 00  09 21 11 01 00 01 22 3f 00  07 05 81 03 08 00 0a")
    cable = Cable(configuration=keyboard)
    cable.open()
    assert cable.device.requests[-1].startswith(SET_CONFIGURATION)
    assert not cable.bench.around.wire.ports
    assert cable.host.trouble == ""


def assert_trouble(cable: Cable, pattern: str) -> None:
    assert re.match(pattern, cable.host.trouble), cable.host.trouble
