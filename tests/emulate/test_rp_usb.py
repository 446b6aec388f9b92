"""The USB controller of RP2040 and RP2350 by itself; the test is the host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from instsim.emulate.devices import Devices
from instsim.emulate.devices.rp_usb import RpUsb
from instsim.emulate.devices.usb_cable import STALL
from instsim.emulate.spec import DeviceSpec
from tests.emulate.bundled import chip
from tests.emulate.device_bench import Bench

MEMORY, REGISTERS, LINE = 0x50100000, 0x10000, 5
MAIN, SOF_READ, SIE_CONTROL, SIE_STATUS = (REGISTERS + offset for offset in (0x40, 0x48, 0x4C, 0x50))
BUFFER_STATUS, WHICH, ABORT, ABORTED, STALL_ARM, POWER = (REGISTERS + offset for offset in (0x58, 0x5C, 0x60, 0x64, 0x68, 0x78))
ENABLED, PENDING = REGISTERS + 0x90, REGISTERS + 0x98
BUFFER, RESET, SETUP, FRAME = 1 << 4, 1 << 12, 1 << 16, 1 << 17
FULL, LAST, RESET_SELECT, STALLED, AVAILABLE = 1 << 15, 1 << 14, 1 << 12, 1 << 11, 1 << 10
SENDER, RECEIVER = 0x81, 0x02
SENDER_CONTROL, RECEIVER_CONTROL, SENDER_BUFFER, RECEIVER_BUFFER = 0x08, 0x14, 0x88, 0x94


def controller() -> tuple[Bench, RpUsb]:
    bench = Bench(1e6)
    usb = bench.add("rp-usb", "usb", (LINE,), MEMORY)
    assert isinstance(usb, RpUsb)
    usb.write(MAIN, 1)
    usb.write(SIE_CONTROL, 1 << 29 | 1 << 16)
    usb.write(ENABLED, SETUP | RESET | BUFFER)
    return bench, usb


def load(usb: RpUsb, at: int, size: int) -> bytes:
    return bytes((usb.read(place & ~3) or 0) >> 8 * (place & 3) & 0xFF for place in range(at, at + size))


def test_it_is_attached_by_its_pull_up_as_a_device_only() -> None:
    _, usb = controller()
    assert usb.is_attached
    usb.write(MAIN, 3)
    assert not usb.is_attached
    usb.write(MAIN, 1)
    usb.write(SIE_CONTROL, 1 << 29)
    assert not usb.is_attached


def test_a_bus_reset_is_told_and_the_lines_say_so() -> None:
    bench, usb = controller()
    assert (usb.read(SIE_STATUS) or 0) >> 2 & 3 == 1
    usb.reset_bus(ends=False)
    assert bench.high(LINE)
    assert usb.read(PENDING) == RESET
    assert (usb.read(SIE_STATUS) or 0) >> 2 & 3 == 0
    usb.reset_bus(ends=True)
    usb.write(SIE_STATUS, 1 << 19)
    assert not bench.high(LINE)
    assert (usb.read(SIE_STATUS) or 0) >> 16 & 1, "connected"


def test_a_block_that_is_reset_leaves_the_bus_and_keeps_its_memory() -> None:
    bench, usb = controller()
    resets = bench.add("rp-resets", "resets", (), 0x4000C000, holds=((24, MEMORY),))
    resets.write(0, 0)
    usb.write(SENDER_CONTROL, 1 << 31 | 1 << 29 | 0x180)
    usb.write(SENDER_BUFFER, FULL | AVAILABLE | 3)
    usb.give_in(SENDER)
    usb.take_setup(bytes(8))
    resets.write(0, 1 << 23)
    assert usb.is_attached
    resets.write(0, 1 << 24)
    assert not usb.is_attached
    assert not bench.high(LINE)
    assert usb.read(BUFFER_STATUS) == 0
    assert usb.read(SENDER_BUFFER) == 3
    usb.write(MAIN, 1)
    resets.write(0, 1 << 24)
    assert usb.read(MAIN) == 1, "it is reset once"


def test_power_comes_from_the_cable_or_from_the_override() -> None:
    bench, usb = controller()
    assert not (usb.read(SIE_STATUS) or 0) & 1
    usb.write(POWER, 3 << 2)
    assert (usb.read(SIE_STATUS) or 0) & 1
    usb.write(POWER, 0)

    class Listener:
        def changed(self) -> None:
            """Hear nothing."""

    bench.around.usb.listener = Listener()
    assert (usb.read(SIE_STATUS) or 0) & 1


def test_a_setup_packet_lies_at_the_start_of_the_memory_and_ends_a_stall() -> None:
    bench, usb = controller()
    usb.write(0x80, STALLED)
    assert usb.armed(0x80) is None, "a stall of the control endpoint has to be armed"
    usb.write(STALL_ARM, 1)
    assert usb.armed(0x80) == STALL
    assert usb.armed(0x00) is None
    usb.take_setup(bytes(range(8)))
    assert load(usb, 0, 8) == bytes(range(8))
    assert usb.armed(0x80) is None
    assert bench.high(LINE)
    usb.write(SIE_STATUS, 1 << 17)
    assert not bench.high(LINE)


def test_a_packet_is_fetched_and_its_buffer_given_back() -> None:
    bench, usb = controller()
    usb.write(SENDER_CONTROL, 1 << 31 | 1 << 29 | 0x180)
    usb.write(0x180, int.from_bytes(b"abcd", "little"))
    assert usb.armed(SENDER) is None
    usb.write(SENDER_BUFFER, FULL | LAST | 3)
    assert usb.armed(SENDER) is None
    usb.write(SENDER_BUFFER, FULL | LAST | AVAILABLE | 3)
    assert usb.armed(SENDER) == 3
    assert usb.give_in(SENDER) == b"abc"
    assert usb.armed(SENDER) is None
    assert usb.read(SENDER_BUFFER) == LAST | 3
    assert usb.read(BUFFER_STATUS) == 1 << 2
    assert bench.high(LINE)
    usb.write(BUFFER_STATUS, 1 << 2)
    assert not bench.high(LINE)


def test_a_packet_that_comes_is_stored_with_its_length() -> None:
    _, usb = controller()
    usb.write(RECEIVER_CONTROL, 1 << 31 | 1 << 29 | 0x1C0)
    usb.write(RECEIVER_BUFFER, AVAILABLE | 64)
    assert usb.armed(RECEIVER) == 64
    usb.take_out(RECEIVER, b"hello")
    assert load(usb, 0x1C0, 5) == b"hello"
    assert usb.read(RECEIVER_BUFFER) == FULL | 5
    assert usb.read(BUFFER_STATUS) == 1 << 5


def test_two_buffers_take_turns_and_are_told_one_after_the_other() -> None:
    _, usb = controller()
    usb.write(SENDER_CONTROL, 1 << 31 | 1 << 30 | 1 << 29 | 0x180)
    usb.write(0x180, ord("a"))
    usb.write(0x1C0, ord("b"))
    first, second = FULL | AVAILABLE | RESET_SELECT | 1, FULL | LAST | AVAILABLE | 1
    usb.write(SENDER_BUFFER, second << 16 | first)
    assert usb.give_in(SENDER) + usb.give_in(SENDER) == b"ab"
    assert (usb.read(BUFFER_STATUS), usb.read(WHICH)) == (4, 0)
    usb.write(BUFFER_STATUS, 4)
    assert (usb.read(BUFFER_STATUS), usb.read(WHICH)) == (4, 4), "the other buffer is told when the first was acknowledged"
    usb.write(BUFFER_STATUS, 4)
    assert usb.read(BUFFER_STATUS) == 0


def test_one_interrupt_for_two_buffers() -> None:
    _, usb = controller()
    usb.write(SENDER_CONTROL, 1 << 31 | 1 << 30 | 1 << 28 | 0x180)
    usb.write(SENDER_BUFFER, (FULL | AVAILABLE) << 16 | FULL | AVAILABLE | RESET_SELECT)
    usb.give_in(SENDER)
    assert usb.read(BUFFER_STATUS) == 0
    usb.give_in(SENDER)
    assert usb.read(BUFFER_STATUS) == 4


def test_a_halted_a_disabled_and_an_aborted_endpoint() -> None:
    _, usb = controller()
    usb.write(SENDER_BUFFER, FULL | AVAILABLE)
    assert usb.armed(SENDER) is None, "not enabled"
    usb.write(SENDER_CONTROL, 1 << 31 | 0x180)
    assert usb.armed(SENDER) == 0
    usb.write(ABORT, 4)
    assert usb.armed(SENDER) is None
    assert usb.read(ABORTED) == 4
    usb.write(ABORTED, 4)
    usb.write(ABORT, 0)
    usb.write(SENDER_BUFFER, STALLED)
    assert usb.armed(SENDER) == STALL


def test_frames_are_told_while_the_firmware_wants_to_know() -> None:
    bench, usb = controller()
    usb.reset_bus(ends=False)
    usb.reset_bus(ends=True)
    usb.write(SIE_STATUS, 1 << 19)
    bench.wait(2500)
    assert bench.events.next_ticks is None
    assert usb.read(SOF_READ) == 2
    usb.write(ENABLED, FRAME)
    assert not bench.high(LINE)
    bench.wait(600)
    assert bench.high(LINE)
    assert usb.read(SOF_READ) == 3
    assert not bench.high(LINE)
    bench.wait(1000)
    assert bench.high(LINE)
    usb.write(ENABLED, 0)
    assert not bench.high(LINE)
    assert bench.events.next_ticks is None


@pytest.mark.parametrize("alias", [0, 0x3000])
def test_ones_clear_status_bits_through_the_clearing_alias_too(alias: int) -> None:
    bench = Bench()
    spec = replace(chip("cortex-m0plus"), devices=(DeviceSpec("rp-usb", "usb", MEMORY, 0, (LINE,)),), atomic_windows=((0x40000000, 0x20000000),))
    devices = Devices(spec, 0, bench.around)
    usb = bench.around.devices["usb"]
    assert isinstance(usb, RpUsb)
    usb.take_setup(bytes(8))
    usb.reset_bus(ends=False)
    devices.write(MEMORY + SIE_STATUS + alias, 4, 1 << 17)
    assert devices.read(MEMORY + SIE_STATUS, 4) >> 16 & 0xF == 0b1001, "the reset and the connection are still told"
    devices.write(MEMORY + SIE_CONTROL + 0x2000, 4, 1 << 16)
    devices.write(MEMORY + SIE_CONTROL + 0x2000, 4, 1 << 29)
    devices.write(MEMORY + SIE_CONTROL + 0x3000, 4, 1 << 16)
    assert devices.read(MEMORY + SIE_CONTROL, 4) == 1 << 29
