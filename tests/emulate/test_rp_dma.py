"""The DMA controllers of RP2040 and RP2350 by themselves."""

from __future__ import annotations

import pytest

from instsim.emulate.devices.device import Device
from instsim.emulate.devices.uart import Uart
from tests.emulate.device_bench import Bench

DMA, PORT = 0x50000000, 0x40034000
READ, WRITE, COUNT, CONTROL_TRIGGER, INTR, INTE0, INTS0 = 0x0, 0x4, 0x8, 0xC, 0x400, 0x404, 0x40C
FORMS = {2040: (4, 5, 11, 15, 24), 2350: (4, 6, 13, 17, 26)}


def control(chip: int, channel: int, request: int, *, reads_on: bool = False, writes_on: bool = False, chain: int | None = None) -> int:
    reads, writes, chained, requested, _ = FORMS[chip]
    following = channel if chain is None else chain
    return 1 | reads_on << reads | writes_on << writes | following << chained | request << requested


def set_up(chip: int) -> tuple[Bench, Device, Uart]:
    bench = Bench()
    dma = bench.add("rp-dma", "dma", (11, 12), DMA, chip=chip)
    port = bench.add("pl011", "uart0", (20,), PORT)
    assert isinstance(port, Uart)
    port.write(0x30, 1 | 1 << 9)
    port.write(0x48, 3)
    return bench, dma, port


def configure(dma: Device, channel: int, read: int, write: int, count: int, value: int) -> None:
    for place, word in ((READ, read), (WRITE, write), (COUNT, count), (CONTROL_TRIGGER, value)):
        dma.write(0x40 * channel + place, word)


@pytest.mark.parametrize("chip", [2040, 2350])
def test_a_message_is_sent_and_told(chip: int) -> None:
    bench, dma, _ = set_up(chip)
    bench.memory[0:5] = b"hello"
    dma.write(INTE0, 1 << 3)
    configure(dma, 3, 0, PORT, 5, control(chip, 3, 20, reads_on=True))
    assert bench.around.wire.text == "hello"
    assert dma.read(INTS0) == 1 << 3
    assert bench.high(11)
    assert dma.read(0x40 * 3 + READ) == 5
    dma.write(INTS0, 1 << 3)
    assert dma.read(INTR) == 0
    assert not bench.high(11)


@pytest.mark.parametrize("chip", [2040, 2350])
def test_what_comes_is_stored_until_the_count_is_reached(chip: int) -> None:
    bench, dma, port = set_up(chip)
    configure(dma, 0, PORT, 0x20, 3, control(chip, 0, 21, writes_on=True))
    busy = 1 << FORMS[chip][4]
    for byte in b"ab":
        port.receive(byte)
    assert dma.read(COUNT) == 1
    assert (dma.read(CONTROL_TRIGGER) or 0) & busy
    port.receive(ord("c"))
    port.receive(ord("d"))
    assert bench.memory[0x20:0x24] == b"abc\0"
    assert not (dma.read(CONTROL_TRIGGER) or 0) & busy
    assert port.waiting, "the fourth byte is the firmware's"


def test_a_channel_starts_the_next_and_views_start_by_their_last_register() -> None:
    bench, dma, _ = set_up(2040)
    bench.memory[0:4] = b"onwo"
    dma.write(0x40 + READ, 2)
    dma.write(0x40 + WRITE, PORT)
    dma.write(0x40 + COUNT, 2)
    dma.write(0x40 + 0x10, control(2040, 1, 20, reads_on=True))
    assert bench.around.wire.text == "", "the control register of the second view starts nothing"
    configure(dma, 0, 0, PORT, 2, control(2040, 0, 20, reads_on=True, chain=1))
    bench.wait(100_000)
    assert bench.around.wire.text == "onwo"
    dma.write(0x40 + 0x3C, 1)
    assert bench.around.wire.text == "onwonw"
