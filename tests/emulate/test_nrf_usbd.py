"""nRF52840's USB controller by itself; the test is the host."""

from __future__ import annotations

import pytest

from instsim.emulate.devices.device import Device
from instsim.emulate.devices.nrf_usbd import NrfUsbd
from instsim.emulate.devices.usb_cable import STALL
from tests.emulate.device_bench import Bench

LINE = 39
START_IN, START_OUT, RECEIVE_CONTROL, ALLOW_STATUS, STALL_CONTROL = 0x004, 0x028, 0x04C, 0x050, 0x054
RESET, STARTED, END_IN, CONTROL_DONE, END_OUT, FRAME, BUS_EVENT, SETUP, DATA = 0x100, 0x104, 0x108, 0x128, 0x130, 0x154, 0x158, 0x15C, 0x160
SHORTS, INTENSET, INTENCLR, CAUSE, HALTED_IN, DATA_STATUS, ADDRESS, REQUEST, SIZE = 0x200, 0x304, 0x308, 0x400, 0x420, 0x46C, 0x470, 0x480, 0x4A0
ON, PULL_UP, IN_ON, OUT_ON, HALT, FRAME_NUMBER, IN_POINTER, OUT_POINTER = 0x500, 0x504, 0x510, 0x514, 0x518, 0x520, 0x600, 0x700
GET, SET = bytes.fromhex("80 06 00 01 00 00 40 00"), bytes.fromhex("21 20 00 00 00 00 07 00")


def controller() -> tuple[Bench, NrfUsbd]:
    bench = Bench(1e6)
    usb = bench.add("nrf-usbd", "usb", (LINE,), 0x40027000)
    assert isinstance(usb, NrfUsbd)
    usb.write(ON, 1)
    usb.write(PULL_UP, 1)
    return bench, usb


def place(usb: Device, pointer: int, number: int, address: int, most: int) -> None:
    usb.write(pointer + 0x14 * number, address)
    usb.write(pointer + 0x14 * number + 4, most)


def test_it_is_ready_as_soon_as_it_is_on_and_attached_by_its_pull_up() -> None:
    _, usb = controller()
    assert usb.read(CAUSE) == 1 << 11
    assert usb.read(BUS_EVENT) == 1
    usb.write(CAUSE, 1 << 11)
    assert usb.read(CAUSE) == 0
    assert usb.is_attached
    usb.write(PULL_UP, 0)
    assert not usb.is_attached


def test_a_bus_reset_is_told_and_closes_the_endpoints() -> None:
    bench, usb = controller()
    usb.write(INTENSET, 1)
    usb.write(IN_ON, 3)
    usb.reset_bus(ends=False)
    assert bench.high(LINE)
    assert usb.read(IN_ON) == 1
    usb.write(RESET, 0)
    assert not bench.high(LINE)


def test_a_request_for_data_is_answered_from_memory_and_ended_when_the_firmware_allows_it() -> None:
    bench, usb = controller()
    bench.memory[0:5] = b"hello"
    usb.take_setup(GET)
    assert bytes((usb.read(REQUEST + 4 * byte) or 0) for byte in range(8)) == GET
    assert usb.read(SETUP) == 1
    assert usb.armed(0x80) is None
    place(usb, IN_POINTER, 0, 0, 5)
    usb.write(START_IN, 1)
    assert (usb.read(STARTED), usb.read(END_IN), usb.read(IN_POINTER + 8)) == (1, 1, 5)
    assert usb.give_in(0x80) == b"hello"
    assert usb.read(CONTROL_DONE) == 1
    assert usb.armed(0x00) is None
    usb.write(ALLOW_STATUS, 1)
    assert usb.armed(0x00) == 0
    usb.take_out(0x00, b"")
    assert usb.armed(0x00) is None


def test_data_of_a_request_are_taken_when_the_firmware_allows_it() -> None:
    bench, usb = controller()
    usb.take_setup(SET)
    assert usb.armed(0x00) is None
    usb.write(RECEIVE_CONTROL, 1)
    assert usb.armed(0x00) == 64
    usb.take_out(0x00, b"1234567")
    assert (usb.read(CONTROL_DONE), usb.read(SIZE)) == (1, 7)
    assert usb.armed(0x00) is None
    place(usb, OUT_POINTER, 0, 0x10, 7)
    usb.write(START_OUT, 1)
    assert bench.memory[0x10:0x17] == b"1234567"
    usb.write(ALLOW_STATUS, 1)
    assert usb.armed(0x80) == 0
    assert usb.give_in(0x80) == b""
    assert usb.armed(0x80) is None


def test_shorts_end_control_transfers_without_the_core() -> None:
    _, usb = controller()
    usb.write(SHORTS, 2 | 8)
    usb.take_setup(SET)
    usb.write(RECEIVE_CONTROL, 1)
    usb.take_out(0x00, b"1234567")
    assert usb.read(END_OUT) == 1
    assert usb.armed(0x80) == 0
    usb.write(SHORTS, 4)
    usb.take_setup(GET)
    usb.write(START_IN, 1)
    usb.give_in(0x80)
    assert usb.armed(0x00) == 0


def test_it_takes_a_new_address_by_itself() -> None:
    _, usb = controller()
    usb.take_setup(bytes([0, 5, 42, 0, 0, 0, 0, 0]))
    assert usb.armed(0x80) == 0
    assert usb.read(ADDRESS) == 42


def test_a_stall_of_the_control_endpoint_ends_with_the_next_request() -> None:
    _, usb = controller()
    usb.take_setup(GET)
    usb.write(STALL_CONTROL, 1)
    assert usb.armed(0x80) == STALL
    assert usb.armed(0x00) == STALL
    usb.take_setup(GET)
    assert usb.armed(0x80) is None


def test_a_packet_is_loaded_fetched_and_told() -> None:
    bench, usb = controller()
    bench.memory[0x20:0x23] = b"abc"
    usb.write(INTENSET, 1 << 24)
    place(usb, IN_POINTER, 1, 0x20, 3)
    usb.write(START_IN + 4, 1)
    assert usb.armed(0x81) is None, "not enabled"
    usb.write(IN_ON, 3)
    assert usb.armed(0x81) == 3
    assert usb.give_in(0x81) == b"abc"
    assert usb.armed(0x81) is None
    assert usb.read(DATA_STATUS) == 2
    assert bench.high(LINE)


def test_packets_are_accepted_one_by_one_as_they_are_moved() -> None:
    bench, usb = controller()
    usb.write(OUT_ON, 1 | 4)
    assert usb.armed(0x02) is None, "nothing is accepted before the size was written once"
    usb.write(SIZE + 8, 0)
    assert usb.armed(0x02) == 64
    usb.take_out(0x02, b"first")
    assert usb.armed(0x02) is None
    assert (usb.read(DATA_STATUS), usb.read(SIZE + 8)) == (1 << 18, 5)
    place(usb, OUT_POINTER, 2, 0x30, 5)
    usb.write(START_OUT + 8, 1)
    assert bench.memory[0x30:0x35] == b"first"
    assert usb.read(END_OUT + 8) == 1
    assert usb.armed(0x02) == 64


def test_an_endpoint_is_halted_and_freed() -> None:
    _, usb = controller()
    usb.write(IN_ON, 3)
    usb.write(HALT, 1 << 8 | 0x81)
    assert usb.armed(0x81) == STALL
    assert usb.read(HALTED_IN + 4) == 1
    usb.write(HALT, 0x81)
    assert usb.armed(0x81) is None
    assert usb.read(HALTED_IN + 4) == 0


def test_frames_are_told_while_the_firmware_wants_to_know() -> None:
    bench, usb = controller()
    usb.reset_bus(ends=False)
    usb.reset_bus(ends=True)
    bench.wait(2500)
    assert bench.events.next_ticks is None
    assert usb.read(FRAME) == 1
    usb.write(FRAME, 0)
    assert usb.read(FRAME) == 0
    usb.write(INTENSET, 1 << 21)
    assert not bench.high(LINE)
    bench.wait(600)
    assert bench.high(LINE)
    assert usb.read(FRAME_NUMBER) == 3
    usb.write(FRAME, 0)
    assert not bench.high(LINE)
    usb.write(INTENCLR, 1 << 21)
    assert bench.events.next_ticks is None


class Listener:
    """Whoever is at the other end."""

    def changed(self) -> None:
        """Hear nothing."""


@pytest.mark.parametrize("is_plugged", [False, True])
def test_power_tells_of_the_cable_once(*, is_plugged: bool) -> None:
    detected, ready, status = 0x11C, 0x124, 0x438
    bench = Bench()
    power = bench.add("nrf-clock", "clock", (0,), 0x40000000)
    assert power.read(status) is None, "a chip without USB"
    bench.add("nrf-usbd", "usb", (LINE,), 0x40027000)
    bench.around.usb.listener = Listener() if is_plugged else None
    assert power.read(status) == (3 if is_plugged else 0)
    assert power.read(detected) == power.read(ready) == is_plugged
    power.write(INTENSET, 1 << 7 | 1 << 9)
    assert bench.high(0) == is_plugged
    power.write(detected, 0)
    assert bench.high(0) == is_plugged
    power.write(ready, 0)
    assert not bench.high(0)
    assert power.read(detected) == power.read(ready) == 0
