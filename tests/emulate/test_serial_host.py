"""The host on the wire by itself: order, pace, pulses, failures."""

from __future__ import annotations

from instsim.emulate.devices.uart import Uart
from instsim.emulate.serial import RegionMark, SerialHost, SerialScript, SerialStep
from tests.emulate.device_bench import Bench


def test_a_byte_waits_for_the_one_before_and_for_its_pace() -> None:
    bench = Bench(1e6)
    port = bench.add("stm32-usart-v2")
    assert isinstance(port, Uart)
    port.write(0, 1 | 1 << 2)
    SerialHost(SerialScript("test", (SerialStep("go", b"ab", pace_us=10, delay_us=50),)), bench.around, lambda _mark: None, lambda: None)
    for byte in b"go":
        port.transmit(byte)
    bench.wait(49)
    assert not port.waiting
    bench.wait(1)
    assert list(port.received) == [ord("a")]
    bench.wait(100)
    assert list(port.received) == [ord("a")]
    assert port.take() == ord("a")
    bench.wait(9)
    assert not port.waiting
    bench.wait(1)
    assert port.take() == ord("b")


def test_pulses_of_a_pin_mark_the_region_like_text_does() -> None:
    bench = Bench(1e6)
    port = bench.add("stm32-gpio", "gpioa")
    marks: list[tuple[int, RegionMark]] = []
    ended: list[int] = []
    steps = (SerialStep("lap", mark=RegionMark.START, pulse=True), SerialStep("x", mark=RegionMark.STOP, pulse=True))
    host = SerialHost(SerialScript("test", steps), bench.around, lambda mark: marks.append((bench.cycle, mark)), lambda: ended.append(bench.cycle))
    for value in (1 << 4, 1 << 20):
        bench.wait(10)
        port.write(0x18, value)
    bench.wait(70)
    port.write(0x18, 1 << 4)
    bench.wait(1)
    assert marks == [(20, RegionMark.START), (90, RegionMark.STOP)]
    assert host.is_done
    assert ended == [90]


def test_what_never_comes_fails_once_with_what_did() -> None:
    bench = Bench(1e6)
    port = bench.add("stm32-usart-v2", "usart1")
    assert isinstance(port, Uart)
    ended: list[int] = []
    host = SerialHost(SerialScript("test", (SerialStep("yes", timeout_ms=1),)), bench.around, lambda _mark: None, lambda: ended.append(bench.cycle))
    port.transmit(ord("n"))
    bench.wait(5000)
    assert "'yes' did not come within 1 ms" in host.problem
    assert host.details == ("usart1 sent 'n'",)
    assert ended == [1000]
