"""Device models by themselves: what firmware that waits for them relies on."""

from __future__ import annotations

import pytest

from instsim.emulate.devices import device_models
from instsim.emulate.devices.uart import Uart
from tests.emulate.device_bench import Bench

RXNE, TXE = 1 << 5, 1 << 7


def uart(bench: Bench, model: str, irq: int = 7) -> Uart:
    device = bench.add(model, irqs=(irq,))
    assert isinstance(device, Uart)
    return device


@pytest.mark.parametrize(
    ("family", "register", "enable", "ready"),
    [
        ("l4", 0x00, 24, 25),
        ("l4", 0x98, 0, 1),
        ("g0", 0x00, 8, 10),
        ("f4", 0x00, 16, 17),
        ("f7", 0x74, 0, 1),
        ("h7", 0x00, 24, 25),
        ("u3", 0x00, 6, 10),
        ("u3", 0xF4, 0, 1),
        ("u5", 0x00, 0, 2),
        ("u5", 0xF0, 26, 27),
    ],
)
def test_oscillators_are_ready_once_they_are_on_and_not_before(family: str, register: int, enable: int, ready: int) -> None:
    rcc = Bench().add("stm32-rcc", family=family)
    rcc.write(register, 0)
    assert not (rcc.read(register) or 0) >> ready & 1
    rcc.write(register, 1 << enable)
    assert (rcc.read(register) or 0) >> ready & 1


@pytest.mark.parametrize(("family", "register", "shift"), [("l4", 0x08, 2), ("g0", 0x08, 3), ("f4", 0x08, 2), ("h7", 0x10, 3), ("u5", 0x1C, 2)])
def test_the_clock_switch_reports_the_source_that_was_asked_for(family: str, register: int, shift: int) -> None:
    rcc = Bench().add("stm32-rcc", family=family)
    rcc.write(register, 3)
    assert (rcc.read(register) or 0) >> shift & 3 == 3


def test_voltage_scaling_of_h7_and_u5_follows_the_request() -> None:
    power = Bench().add("stm32-pwr", family="h7")
    power.write(0x18, 3 << 14)
    assert (power.read(0x04) or 0) >> 13 & 7 == 0b111
    power = Bench().add("stm32-pwr", family="u5")
    power.write(0x0C, 1 << 18 | 3 << 16)
    assert (power.read(0x0C) or 0) >> 14 & 3 == 3
    assert (power.read(0x3C) or 0) >> 15 & 7 == 0b111


@pytest.mark.parametrize(("code", "divider", "timer"), [(0, 1, 1), (4, 2, 1), (5, 4, 2), (7, 16, 8)])
def test_bus_prescalers_divide_the_bus_and_half_as_much_its_timers(code: int, divider: int, timer: int) -> None:
    bench = Bench()
    rcc = bench.add("stm32-rcc", "rcc", family="l4")
    rcc.write(0x08, code << 8)
    assert bench.around.clock_divider("rcc.apb1") == divider
    assert bench.around.clock_divider("rcc.apb1-timer") == timer
    assert bench.around.clock_divider("rcc.apb2") == 1


def test_h7_timers_run_behind_the_bus_matrix_divider() -> None:
    bench = Bench()
    rcc = bench.add("stm32-rcc", "rcc", family="h7")
    rcc.write(0x18, 8)
    rcc.write(0x1C, 4 << 4)
    assert bench.around.clock_divider("rcc.apb1") == 4
    assert bench.around.clock_divider("rcc.apb1-timer") == 2


def test_usart_v1_shares_one_data_register() -> None:
    bench = Bench()
    port = uart(bench, "stm32-usart-v1")
    port.write(0x0C, 1 << 13 | 1 << 5 | 1 << 2)
    assert port.is_listening
    port.receive(0x41)
    assert bench.high(7)
    assert (port.read(0x00) or 0) & RXNE
    assert port.read(0x04) == 0x41
    assert not bench.high(7)
    assert not (port.read(0x00) or 0) & RXNE
    port.write(0x04, 0x42)
    assert bench.around.wire.text == "B"


@pytest.mark.parametrize("model", ["stm32-usart-v2", "stm32-lpuart"])
def test_usart_v2_raises_its_line_for_what_is_enabled(model: str) -> None:
    bench = Bench()
    port = uart(bench, model)
    port.write(0x00, 1 | 1 << 2)
    port.receive(0x41)
    assert not bench.high(7)
    port.write(0x00, 1 | 1 << 2 | 1 << 5)
    assert bench.high(7)
    port.write(0x18, 1 << 3)
    assert not bench.high(7)
    assert not (port.read(0x1C) or 0) & RXNE
    port.write(0x00, 1 | 1 << 3 | 1 << 7)
    assert bench.high(7)


def test_devices_that_share_a_line_hold_it_together() -> None:
    bench = Bench()
    first, second = (bench.add("stm32-usart-v2", name, (28,)) for name in ("usart2", "lpuart2"))
    first.write(0x00, 1 | 1 << 7)
    second.write(0x00, 1 | 1 << 7)
    first.write(0x00, 1)
    assert bench.high(28)
    second.write(0x00, 1)
    assert not bench.high(28)


def test_pl011_masks_and_clears() -> None:
    bench = Bench()
    port = uart(bench, "pl011")
    port.write(0x30, 0x301)
    assert port.read(0x18) == 0x90
    port.receive(9)
    assert not (port.read(0x18) or 0) & 0x10
    port.write(0x38, 1 << 4)
    assert bench.high(7)
    assert port.read(0x40) == 1 << 4
    assert port.read(0x00) == 9
    assert not bench.high(7)


def test_uarte_moves_bytes_by_itself() -> None:
    bench = Bench()
    port = uart(bench, "nrf-uarte")
    bench.memory[0x10:0x13] = b"out"
    for offset, value in ((0x500, 8), (0x544, 0x10), (0x548, 3), (0x534, 0x20), (0x538, 2), (0x304, 1 << 4), (0x000, 1), (0x008, 1)):
        port.write(offset, value)
    assert bench.around.wire.text == "out"
    assert port.read(0x120) == 1
    port.receive(1)
    assert not bench.high(7)
    port.receive(2)
    assert bench.high(7)
    assert bench.memory[0x20:0x22] == b"\1\2"
    assert port.read(0x53C) == 2
    assert not port.can_receive
    port.write(0x110, 0)
    assert not bench.high(7)


def test_esp32c3_ports_count_what_waits() -> None:
    bench = Bench()
    port = uart(bench, "esp32c3-uart")
    port.receive(1)
    port.receive(2)
    assert (port.read(0x1C) or 0) & 0x3FF == 2
    port.write(0x0C, 1)
    assert bench.high(7)
    assert [port.read(0), port.read(0)] == [1, 2]
    assert not bench.high(7)
    usb = uart(bench, "esp32c3-usb-serial", 8)
    assert usb.read(0x04) == 2
    usb.receive(3)
    assert usb.read(0x04) == 6
    usb.write(0x00, 0x21)
    assert bench.around.wire.text == "!"


def test_a_timer_counts_its_own_clock_and_interrupts_when_it_wraps() -> None:
    bench = Bench()
    bench.add("stm32-rcc", "rcc", family="l4").write(0x08, 5 << 8)
    timer = bench.add("stm32-timer", "tim2", (28,), clock="rcc.apb1-timer", bits=32)
    for offset, value in ((0x28, 9), (0x2C, 99), (0x14, 1), (0x10, 0), (0x0C, 1), (0x00, 1)):
        timer.write(offset, value)
    bench.wait(20 * 30)
    assert timer.read(0x24) == 30
    assert timer.read(0x10) == 0
    bench.wait(20 * 70 - 1)
    assert not bench.high(28)
    bench.wait(1)
    assert bench.high(28)
    timer.write(0x10, 0)
    assert not bench.high(28)
    bench.wait(2000)
    assert bench.high(28)
    assert bench.around.timer_reads == 2


def test_a_timer_compares_and_a_one_shot_stops() -> None:
    bench = Bench()
    timer = bench.add("stm32-timer", "tim5", (50,), bits=32)
    for offset, value in ((0x34, 500), (0x0C, 2), (0x00, 1)):
        timer.write(offset, value)
    bench.wait(499)
    assert not bench.high(50)
    bench.wait(1)
    assert bench.high(50)
    assert timer.read(0x10) == 2
    for offset, value in ((0x00, 0), (0x0C, 1), (0x2C, 9), (0x24, 0), (0x00, 1 | 1 << 3), (0x10, 0)):
        timer.write(offset, value)
    bench.wait(10_000)
    assert timer.read(0x24) == 0
    assert bench.high(50)


def test_nrf_timer_captures_microseconds_and_compares() -> None:
    bench = Bench(64e6)
    timer = bench.add("nrf-timer", irqs=(8,))
    for offset, value in ((0x508, 3), (0x510, 4), (0x544, 100), (0x304, 1 << 17), (0x000, 1)):
        timer.write(offset, value)
    bench.wait(64 * 42 + 3)
    timer.write(0x040, 1)
    assert timer.read(0x540) == 42
    bench.wait(64 * 58)
    assert bench.high(8)
    assert timer.read(0x144) == 1


def test_nrf_rtc_counts_at_32768_hertz() -> None:
    bench = Bench(65_536.0)
    rtc = bench.add("nrf-rtc", irqs=(17,))
    rtc.write(0x000, 1)
    bench.wait(20)
    assert rtc.read(0x504) == 10


def test_rp_timer_latches_its_high_half_and_fires_an_alarm() -> None:
    bench = Bench(1e6)
    timer = bench.add("rp-timer", irqs=(0, 1, 2, 3))
    bench.wait((1 << 32) - 10)
    assert timer.read(0x0C) == 0xFFFFFFF6
    bench.wait(20)
    assert timer.read(0x08) == 0
    assert timer.read(0x24) == 1
    timer.write(0x38, 1 << 2)
    timer.write(0x18, 1000)
    assert timer.read(0x20) == 1 << 2
    bench.wait(989)
    assert not bench.high(2)
    bench.wait(1)
    assert bench.high(2)
    timer.write(0x34, 1 << 2)
    assert not bench.high(2)


def test_systimer_captures_and_repeats_its_period() -> None:
    bench = Bench(160e6)
    timer = bench.add("esp32c3-systimer", irqs=(37, 38, 39))
    bench.wait(1600)
    timer.write(0x04, 1 << 30)
    assert timer.read(0x44) == 160
    for offset, value in ((0x64, 1), (0x34, 1 << 30 | 100), (0x00, 1 << 24)):
        timer.write(offset, value)
    for _ in range(3):
        bench.wait(999)
        assert not bench.high(37)
        bench.wait(1)
        assert bench.high(37)
        timer.write(0x6C, 1)


def test_pins_change_by_set_and_clear_and_leave_edges() -> None:
    bench = Bench()
    port = bench.add("stm32-gpio", "gpioa", inputs=((12, 1), (3, 0)))
    port.write(0x18, 1 << 5 | 1 << 3)
    bench.wait(7)
    port.write(0x28, 1 << 5)
    assert [(edge.at_cycle, edge.pin, edge.level) for edge in bench.around.edges.edges] == [(0, 3, True), (0, 5, True), (7, 5, False)]
    assert port.read(0x10) == 1 << 12
    assert port.read(0x14) == 1 << 3


@pytest.mark.parametrize(
    ("dividend", "divisor", "quotient", "remainder"), [(100, 7, 14, 2), (-100, 7, -14, -2), (100, -7, -14, 2), (-7, 0, 1, -7), (7, 0, -1, 7)]
)
def test_the_rp2040_divider_truncates(dividend: int, divisor: int, quotient: int, remainder: int) -> None:
    sio = Bench().add("rp-sio")
    sio.write(0x68, dividend & 0xFFFFFFFF)
    sio.write(0x6C, divisor & 0xFFFFFFFF)
    assert sio.read(0x70) == quotient & 0xFFFFFFFF
    assert sio.read(0x74) == remainder & 0xFFFFFFFF


def test_spin_locks_are_taken_once() -> None:
    sio = Bench().add("rp-sio")
    assert sio.read(0x104) == 2
    assert sio.read(0x104) == 0
    sio.write(0x104, 1)
    assert sio.read(0x104) == 2


def test_random_numbers_repeat_with_their_seed() -> None:
    draws = [[Bench().add("random-word", seed=seed).read(0) for _ in range(1)] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    rng = Bench().add("stm32-rng")
    assert rng.read(4) == 0
    rng.write(0, 4)
    assert rng.read(4) == 1
    assert rng.read(8) != rng.read(8)
    nordic = Bench().add("nrf-rng")
    assert nordic.read(0x100) == 0
    nordic.write(0, 1)
    assert nordic.read(0x100) == 1
    assert 0 <= (nordic.read(0x508) or 0) <= 255


def test_other_control_blocks_are_ready_at_once() -> None:
    bench = Bench()
    resets = bench.add("rp-resets")
    assert resets.read(8) == 0
    resets.write(0, 0x1FFFFFFF & ~(1 << 22))
    assert resets.read(8) == 1 << 22
    clocks = bench.add("rp-clocks")
    clocks.write(0x3C, 1)
    assert clocks.read(0x44) == 2
    assert clocks.read(0x50) == 1
    nordic = bench.add("nrf-clock")
    nordic.write(8, 1)
    assert nordic.read(0x104) == 1
    assert (nordic.read(0x418) or 0) >> 16 == 1
    cache = bench.add("cache-controller", status=4, value=2)
    cache.write(4, 0)
    assert cache.read(4) == 2
    watchdog = bench.add("watchdog")
    watchdog.write(0, 0xCCCC)
    assert watchdog.read(0) == 0xCCCC
    assert bench.add("constant", value=0x450).read(0) == 0x450
    ready = bench.add("ready-bits", follows=((0, 0, 4, 3, 2),), ones=((8, 1),), zeros=((0xC, 4),), resets=((0xC, 7),))
    ready.write(0, 3)
    assert (ready.read(4), ready.read(8), ready.read(0xC)) == (0x18, 1, 3)
    rtc = bench.add("esp32c3-rtc")
    bench.wait(64_000_000)
    rtc.write(0x0C, 1 << 31)
    assert rtc.read(0x10) == 136_000


@pytest.mark.parametrize("model", sorted(device_models()))
def test_every_model_answers_everywhere_in_its_registers(model: str) -> None:
    bench = Bench()
    device = bench.add(model, irqs=(1, 2, 3, 4))
    for offset in range(0, device.spec.size, 4):
        device.read(offset)
        device.write(offset, 0xFFFFFFFF)
        value = device.read(offset)
        assert value is None or value & 0xFFFFFFFF >= 0
    device.reset()


_BUSY_TX_EMPTY_RX = 1 | 4 | 8


def _flash_command(bench: Bench, sent: bytes, *, held: bool) -> bytes:
    """Send a command over RP2040's flash interface, as the SDK does: each byte is answered by one."""
    interface, pins = bench.around.devices["ssi"], bench.around.devices["pins"]
    if held:
        pins.write(0x0C, 2 << 8)
    received = bytearray()
    for byte in sent:
        interface.write(0x60, byte)
        assert (interface.read(0x28) or 0) & _BUSY_TX_EMPTY_RX == 4 | 8
        received.append(interface.read(0x60) or 0)
    if held:
        pins.write(0x0C, 3 << 8)
    assert (interface.read(0x28) or 0) & _BUSY_TX_EMPTY_RX == 4
    return bytes(received)


def test_the_serial_flash_of_an_rp2040_tells_its_identity_while_it_is_selected() -> None:
    bench = Bench()
    bench.add("rp-ssi", name="ssi")
    bench.add("rp-io-qspi", name="pins")
    assert _flash_command(bench, b"\x9f\0\0\0", held=True) == b"\0\xef\x40\x15"
    unique = _flash_command(bench, b"\x4b" + bytes(12), held=True)
    assert unique[:5] == bytes(5)
    assert len(set(unique[5:])) > 1
    assert _flash_command(bench, b"\x4b" + bytes(12), held=True) == unique


def test_boot_code_finds_the_serial_flash_in_quad_mode_and_its_settings_stay() -> None:
    bench = Bench()
    interface = bench.add("rp-ssi", name="ssi")
    interface.write(0x14, 2)
    for status in (0x35, 0x35):
        interface.write(0x60, status)
        interface.write(0x60, status)
        assert (interface.read(0x60), interface.read(0x60)) == (0, 2)
    interface.write(0x60, 0x05)
    interface.write(0x08, 0)  # switched off: the queue is empty again
    assert not (interface.read(0x28) or 0) & 8
    assert interface.registers[0x14] == interface.read(0x14) == 2


def test_nrf_rtc_compares_once_a_step_where_a_step_takes_no_whole_number_of_cycles() -> None:
    bench = Bench(64e6)
    rtc = bench.add("nrf-rtc", irqs=(17,))
    for offset, value in ((0x540, 3), (0x304, 1 << 16), (0x000, 1)):
        rtc.write(offset, value)
    bench.wait(5859)
    assert not bench.high(17)
    bench.wait(1)  # three steps of 1953.125 cycles end within the 5860th
    assert bench.high(17)
    assert rtc.read(0x504) == 3
    rtc.write(0x140, 0)
    assert not bench.high(17)
    bench.wait(1_000_000)
    assert not bench.high(17), "the count has not come around"


def test_nrf_ppi_starts_the_task_that_an_event_is_connected_with() -> None:
    bench = Bench(64e6)
    uart = bench.add("nrf-uarte", "uarte0", (2,), address=0x4000_2000)
    ppi = bench.add("nrf-ppi", "ppi", address=0x4001_F000)
    bench.around.locate = lambda address: (uart, address - 0x4000_2000)
    for offset, value in ((0x510, 0x4000_2120), (0x514, 0x4000_200C), (0x504, 1)):  # ENDTX to STOPTX
        ppi.write(offset, value)
    for offset, value in ((0x500, 8), (0x548, 1), (0x008, 1)):
        uart.write(offset, value)
    assert uart.read(0x158) == 1, "TXSTOPPED"
    uart.write(0x158, 0)
    ppi.write(0x508, 1)
    uart.write(0x008, 1)
    assert uart.read(0x158) == 0


def test_nrf_dppi_starts_the_tasks_that_listen_to_the_channel_of_an_event() -> None:
    bench = Bench(64e6)
    uart = bench.add("nrf-uarte", "uarte0", (8,), address=0x4000_8000)
    dppi = bench.add("nrf-dppi", "dppi", address=0x4001_7000)
    bench.around.locate = lambda address: (uart, address - 0x4000_8000)
    for offset, value in ((0x1A0, 1 << 31 | 3), (0x08C, 1 << 31 | 3), (0x500, 8), (0x548, 1), (0x008, 1)):  # ENDTX and STOPTX on channel 3
        uart.write(offset, value)
    assert uart.read(0x158) == 0, "the channel is not enabled"
    dppi.write(0x504, 1 << 3)
    uart.write(0x008, 1)
    assert uart.read(0x158) == 1, "TXSTOPPED"


def test_pl022_gives_back_a_zero_for_each_entry_sent() -> None:
    bench = Bench()
    spi = bench.add("pl022", irqs=(18,))
    assert spi.read(0x0C) == 0b0011, "transmit queue empty, nothing received"
    spi.write(0x14, 4)  # interrupt at half of the receive queue
    for _ in range(4):
        assert not bench.high(18)
        spi.write(0x08, 0xA5)
    assert bench.high(18)
    assert spi.read(0x0C) == 0b0111
    for _ in range(8):
        spi.write(0x08, 0xA5)
    assert spi.read(0x0C) == 0b1111, "full: the rest is lost"
    assert [spi.read(0x08) for _ in range(8)] == [0] * 8
    assert spi.read(0x0C) == 0b0011
    assert not bench.high(18)
