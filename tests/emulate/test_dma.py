"""DMA controllers by themselves: rings, halves, errors, lists, and lines that channels share."""

from __future__ import annotations

import pytest

from instsim.emulate.devices.device import Device
from instsim.emulate.devices.uart import Uart
from tests.emulate.device_bench import Bench

DMA, PORT = 0x40020000, 0x40004400
V2_CR1, V2_CR3, V2_BRR, V2_RDR, V2_TDR, V2_ICR = 0x00, 0x08, 0x0C, 0x24, 0x28, 0x20
DMAR, DMAT, UE, RE, IDLEIE = 1 << 6, 1 << 7, 1, 1 << 2, 1 << 4


def bench_with(controller: str, irqs: tuple[int, ...] = (11, 12)) -> tuple[Bench, Device, Uart]:
    bench = Bench()
    dma = bench.add(controller, "dma", irqs, DMA)
    port = bench.add("stm32-usart-v2", "usart", (38,), PORT)
    assert isinstance(port, Uart)
    port.write(V2_CR1, UE | RE)
    port.write(V2_CR3, DMAR | DMAT)
    return bench, dma, port


def channel(dma: Device, index: int, control: int, port: int, memory: int, units: int) -> None:
    at = 0x08 + 0x14 * index
    for place, value in ((0x04, units), (0x08, port), (0x0C, memory), (0x00, control)):
        dma.write(at + place, value)


def stream(dma: Device, index: int, control: int, port: int, memory: int, units: int) -> None:
    at = 0x10 + 0x18 * index
    for place, value in ((0x04, units), (0x08, port), (0x0C, memory), (0x00, control)):
        dma.write(at + place, value)


RING_V2 = 1 << 7 | 1 << 5 | 1 << 2 | 1 << 1 | 1  # MINC, CIRC, HTIE, TCIE, EN
SEND_V2 = 1 << 7 | 1 << 4 | 1 << 3 | 1 << 1 | 1  # MINC, DIR, TEIE, TCIE, EN
RING_V1 = 1 << 10 | 1 << 8 | 1 << 3 | 1 << 4 | 1
SEND_V1 = 1 << 10 | 1 << 6 | 1 << 4 | 1 << 2 | 1


@pytest.mark.parametrize("controller", ["stm32-dma-v2", "stm32-dma-v1"])
def test_a_ring_counts_down_wraps_and_tells_half_and_end(controller: str) -> None:
    bench, dma, port = bench_with(controller)
    setup, ring, count = (channel, RING_V2, 0x0C) if controller == "stm32-dma-v2" else (stream, RING_V1, 0x14)
    half, end = (4, 2) if controller == "stm32-dma-v2" else (1 << 4, 1 << 5)
    clear = 4 if controller == "stm32-dma-v2" else 8
    setup(dma, 0, ring, PORT + V2_RDR, 0x10, 4)
    for byte in b"ab":
        port.receive(byte)
    assert dma.read(count) == 2
    assert dma.read(0) is not None
    assert (dma.read(0) or 0) & (half | end) == half
    assert bench.high(11)
    dma.write(clear, half)
    assert not bench.high(11)
    for byte in b"cdE":
        port.receive(byte)
    assert bench.memory[0x10:0x14] == b"Ebcd"
    assert (dma.read(0) or 0) & end
    assert dma.read(count) == 3
    assert port.can_receive, "the port's register must be free for the next byte"


def test_sending_takes_the_whole_message_and_a_second_start_sends_again() -> None:
    bench, dma, _ = bench_with("stm32-dma-v2")
    bench.memory[0x20:0x23] = b"xyz"
    channel(dma, 1, SEND_V2, PORT + V2_TDR, 0x20, 3)
    assert bench.around.wire.text == "xyz"
    assert dma.read(0x08 + 0x14 + 4) == 0
    assert bench.high(12)
    dma.write(4, 0xF0)
    assert not bench.high(12)
    dma.write(0x08 + 0x14, 0)
    channel(dma, 1, SEND_V2, PORT + V2_TDR, 0x20, 3)
    assert bench.around.wire.text == "xyzxyz"


def test_nothing_is_sent_before_the_port_asks() -> None:
    bench, dma, port = bench_with("stm32-dma-v1")
    port.write(V2_CR3, 0)
    bench.memory[0:2] = b"hi"
    stream(dma, 0, SEND_V1, PORT + V2_TDR, 0, 2)
    assert bench.around.wire.text == ""
    port.write(V2_CR3, DMAT)
    assert bench.around.wire.text == "hi"
    assert not (dma.read(0x10) or 0) & 1, "a stream's enable bit falls at its end"


@pytest.mark.parametrize("controller", ["stm32-dma-v2", "stm32-dma-v1", "stm32-gpdma"])
def test_an_address_without_memory_is_a_transfer_error(controller: str) -> None:
    bench, dma, _ = bench_with(controller)
    if controller == "stm32-gpdma":
        for place, value in ((0x90, 1 << 3), (0x94, 1 << 10), (0x98, 4), (0x9C, 0x5000), (0xA0, PORT + V2_TDR), (0x64, 1 << 10 | 1)):
            dma.write(place, value)
        assert (dma.read(0x60) or 0) & 1 << 10
        control = 0x64
    else:
        setup, send, error, control = (channel, SEND_V2, 8, 0x08) if controller == "stm32-dma-v2" else (stream, SEND_V1, 8, 0x10)
        setup(dma, 0, send, PORT + V2_TDR, 0x5000, 4)
        assert (dma.read(0) or 0) & error
    assert bench.high(11)
    assert not (dma.read(control) or 0) & 1
    assert bench.around.wire.text == ""


def test_a_list_that_leads_to_itself_is_a_ring() -> None:
    bench, dma, port = bench_with("stm32-gpdma")
    bench.memory[0x40:0x48] = (2).to_bytes(4, "little") + (0x60).to_bytes(4, "little")
    link = 1 << 29 | 1 << 27 | 0x40
    for place, value in ((0x90, 1 << 19), (0x98, 2), (0x9C, PORT + V2_RDR), (0xA0, 0x60), (0x50, 0), (0xCC, link), (0x64, 1 << 8 | 1)):
        dma.write(place, value)
    for byte in b"abc":
        port.receive(byte)
    # The link bit that reloads the link itself is not set: the list ends behind its second node.
    assert bench.memory[0x60:0x62] == b"cb"
    assert (dma.read(0x98) or 0) & 0xFFFF == 1
    port.receive(ord("d"))
    assert bench.memory[0x60:0x62] == b"cd"
    assert not (dma.read(0x64) or 0) & 1


def test_a_message_sent_in_a_circle_does_not_stop_the_host() -> None:
    bench, dma, _ = bench_with("stm32-dma-v2")
    bench.memory[0:4] = b"tick"
    channel(dma, 0, SEND_V2 | 1 << 5, PORT + V2_TDR, 0, 4)
    assert bench.around.wire.text == "tick"
    bench.wait(round(2.5 * 4 * 10 / 115_200 * 64e6))
    assert bench.around.wire.text == "tickticktick"
    dma.write(0x08, 0)
    bench.wait(1_000_000)
    assert bench.around.wire.text == "tickticktick"


def test_memory_is_copied_at_once() -> None:
    bench, dma, _ = bench_with("stm32-dma-v2")
    bench.memory[0:8] = b"01234567"
    channel(dma, 0, 1 << 14 | 3 << 6 | 2 << 8 | 2 << 10 | 1 << 1 | 1, 0, 0x80, 2)
    assert bench.memory[0x80:0x88] == b"01234567"
    assert bench.high(11)


def test_channels_that_share_a_line_keep_it_high_for_each_other() -> None:
    bench, dma, _ = bench_with("stm32-dma-v2", irqs=(10, 10))
    bench.memory[0:1] = b"x"
    for index in (0, 1):
        channel(dma, index, SEND_V2, PORT + V2_TDR, 0, 1)
    dma.write(4, 0x0F)
    assert bench.high(10)
    dma.write(4, 0xF0)
    assert not bench.high(10)


def test_the_line_falls_silent_a_byte_after_the_last() -> None:
    bench, _, port = bench_with("stm32-dma-v2")
    port.write(V2_BRR, 100)
    port.write(V2_CR1, UE | RE | IDLEIE)
    port.receive(1)
    bench.wait(900)
    port.receive(2)
    bench.wait(999)
    assert not bench.high(38)
    bench.wait(1)
    assert bench.high(38)
    port.write(V2_ICR, 1 << 4)
    assert not bench.high(38)


def test_pl011_is_a_port_for_dma_as_well() -> None:
    bench = Bench()
    dma = bench.add("stm32-dma-v2", "dma", (11,), DMA)
    port = bench.add("pl011", "uart", (20,), PORT)
    port.write(0x30, 1 | 1 << 9)
    port.write(0x48, 2)
    bench.memory[0:2] = b"ok"
    channel(dma, 0, SEND_V2, PORT, 0, 2)
    assert bench.around.wire.text == "ok"
