"""The bus between the core and its devices: parts of words, aliases, registers that nobody models."""

from __future__ import annotations

from dataclasses import replace

from instsim.emulate.devices import Devices
from instsim.emulate.spec import DeviceSpec, MachineSpec
from tests.emulate.bundled import chip
from tests.emulate.device_bench import Bench


def bus(bench: Bench, *devices: DeviceSpec, core: str = "cortex-m4", resets: dict[int, int] | None = None, **changes: object) -> Devices:
    spec: MachineSpec = replace(chip(core), devices=devices, **changes)  # type: ignore[arg-type]
    return Devices(spec, 0x08000000, bench.around, resets)


def test_a_byte_is_part_of_its_word() -> None:
    devices = bus(Bench())
    devices.write(0x40000000, 4, 0x11223344)
    devices.write(0x40000001, 1, 0xAA)
    devices.write(0x40000002, 2, 0xBBCC)
    assert devices.read(0x40000000, 4) == 0xBBCCAA44
    assert devices.read(0x40000003, 1) == 0xBB


def test_half_a_set_register_does_not_set_what_the_other_half_did() -> None:
    bench = Bench()
    devices = bus(bench, DeviceSpec("stm32-gpio", "gpioa", 0x40020000, 0))
    devices.write(0x40020018, 2, 1 << 5)
    devices.write(0x4002001A, 2, 1 << 5)
    assert devices.read(0x40020014, 4) == 0


def test_a_mirror_shows_the_same_registers() -> None:
    devices = bus(Bench(), DeviceSpec("stm32-gpio", "gpioa", 0x42020000, 0), mirrors=((0x50000000, 0x10000000, 0x40000000),))
    devices.write(0x52020018, 4, 2)
    assert devices.read(0x42020014, 4) == 2


def test_atomic_aliases_flip_set_and_clear() -> None:
    devices = bus(Bench(), DeviceSpec("ready-bits", "block", 0x40008000, 0x1000), atomic_windows=((0x40000000, 0x10000000),))
    devices.write(0x40008000, 4, 0b1100)
    devices.write(0x40009000, 4, 0b0110)
    assert devices.read(0x40008000, 4) == 0b1010
    devices.write(0x4000A000, 4, 0b0001)
    devices.write(0x4000B000, 4, 0b1000)
    assert devices.read(0x4000A000, 4) == 0b0011


def test_polling_of_an_unmodelled_register_ends_and_is_reported_with_its_time() -> None:
    bench = Bench()
    devices = bus(bench)
    reads = 0
    while not devices.read(0x40012340, 4) & 0x80:
        bench.cycle += 10
        reads += 1
        assert reads < 20
    assert set(devices.polled) == {0x40012340}
    assert devices.unmodelled.polling_cycles == 10 * (reads - 1)


def test_a_loop_that_looks_at_other_registers_too_is_not_broken() -> None:
    devices = bus(Bench())
    for _ in range(100):
        assert devices.read(0x40012340, 4) == 0
        assert devices.read(0x40012344, 4) == 0
    assert not devices.polled


def test_reset_values_come_from_the_description_until_something_is_written() -> None:
    devices = bus(Bench(), resets={0x40012340: 0x55})
    assert devices.read(0x40012340, 4) == 0x55
    devices.write(0x40012340, 1, 0)
    assert devices.read(0x40012340, 4) == 0


def test_the_cycle_counter_counts_cycles_and_is_counted() -> None:
    bench = Bench()
    devices = bus(bench)
    bench.cycle = 1000
    devices.write(0xE0001004, 4, 0)
    bench.cycle = 1234
    assert devices.read(0xE0001004, 4) == 234
    assert devices.timer_reads == 1
    devices.write(0xE000ED0C, 4, 0x05FA0004)
    assert devices.reset_reason == "AIRCR.SYSRESETREQ"
