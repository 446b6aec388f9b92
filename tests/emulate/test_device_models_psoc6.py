"""PSoC 6's devices by themselves."""

from __future__ import annotations

from instsim.emulate.devices.uart import Uart
from tests.emulate.device_bench import Bench

COUNTER, CTRL, COUNT, CC, PERIOD, INTR, MASK = 0x100, 0x00, 0x08, 0x0C, 0x14, 0x30, 0x38
CTRL_SET, CMD_RELOAD = 0x08, 0x10


def test_a_lock_is_given_once_and_again_when_released() -> None:
    ipc = Bench().add("psoc6-ipc")
    assert [ipc.read(0x20), ipc.read(0x20), ipc.read(0x3C)] == [1 << 31, 0, 1 << 31]
    ipc.write(0x24, 0)
    assert [ipc.read(0x3C), ipc.read(0x20)] == [0, 1 << 31]


def test_an_empty_queue_reads_as_ones_and_its_trigger_follows_the_level() -> None:
    bench = Bench()
    port = bench.add("psoc6-scb", irqs=(44,))
    assert isinstance(port, Uart)
    assert not port.is_listening
    port.write(0x000, 1 << 31)
    assert port.is_listening
    assert port.read(0x340) == 0xFFFFFFFF
    port.write(0x304, 1)
    port.write(0xFC8, 1)
    port.receive(65)
    assert not bench.high(44), "the trigger is above one byte"
    port.receive(66)
    assert bench.high(44)
    assert port.read(0xE00) == 1 << 3
    assert (port.read(0x308), port.read(0x340), port.read(0x340)) == (2, 65, 66)
    assert not bench.high(44)


def test_a_block_tells_when_it_has_sent() -> None:
    bench = Bench()
    port = bench.add("psoc6-scb", irqs=(44,))
    port.write(0xF88, 1 << 9)
    port.write(0x240, ord("x"))
    assert bench.around.wire.text == "x"
    assert bench.high(44)
    port.write(0xF80, 1 << 9)
    assert not bench.high(44)


def test_dividers_are_those_of_the_clock_that_was_chosen() -> None:
    bench = Bench()
    bench.add("register-file", "cpuss")
    peri = bench.add("psoc6-peri", "peri", address=0x40000000)
    assert peri.clock_divider("15") == 1
    peri.write(0xC00 + 4 * 15, 1 << 8 | 2)
    peri.write(0x1400 + 8, 99 << 8)
    assert peri.clock_divider("15") == 100
    bench.around.devices["cpuss"].write(0x1008, 1 << 24)
    assert peri.clock_divider("15") == 200, "the peripheral clock is half the core's"
    peri.write(0xC00 + 4 * 16, 2 << 8)
    peri.write(0x1800, 3 << 8 | 16 << 3)
    assert peri.clock_divider("16") == 9, "4.5 cycles of half the clock"


def test_commands_of_dividers_are_done_at_once() -> None:
    peri = Bench().add("psoc6-peri")
    peri.write(0x400, 1 << 31 | 1 << 8 | 5)
    assert not (peri.read(0x400) or 0) >> 30
    assert (peri.read(0x1414) or 0) & 1
    peri.write(0x400, 1 << 30 | 1 << 8 | 5)
    assert not (peri.read(0x1414) or 0) & 1


def test_a_counter_compares_and_ends() -> None:
    bench = Bench()
    timer = bench.add("psoc6-tcpwm", irqs=(123,))
    for place, value in ((CTRL, 1 << 8), (PERIOD, 99), (CC, 10), (MASK, 3)):
        timer.write(COUNTER + place, value)
    timer.write(CMD_RELOAD, 1)
    bench.wait(100)
    assert timer.read(COUNTER + COUNT) == 0, "a counter that is not enabled does not start"
    timer.write(CTRL_SET, 1)
    timer.write(CMD_RELOAD, 1)
    bench.wait(19)
    assert timer.read(COUNTER + COUNT) == 9
    assert not bench.high(123)
    bench.wait(2)
    assert bench.high(123)
    assert timer.read(COUNTER + INTR) == 2
    timer.write(COUNTER + INTR, 2)
    assert not bench.high(123)
    bench.wait(180)
    assert timer.read(COUNTER + INTR) == 1
    assert bench.high(123)


def test_pins_are_set_cleared_and_flipped() -> None:
    bench = Bench()
    port = bench.add("psoc6-gpio", inputs=((3, 1),))
    port.write(0x08, 0b11)
    port.write(0x04, 0b01)
    port.write(0x0C, 0b100)
    assert port.read(0x00) == 0b110
    assert port.read(0x10) == 0b1110
    assert [(edge.pin, edge.level) for edge in bench.around.edges.edges] == [(0, True), (1, True), (0, False), (2, True)]
