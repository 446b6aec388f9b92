"""Firmware that programs its own flash: every controller, and stores that none of them let through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from instsim.cost import load_board, load_core
from instsim.emulate.devices.flash_controllers import NrfNvmc, Stm32Flash
from instsim.emulate.flash_programming import FlashProgramming
from instsim.emulate.machine import Machine, StopReason
from instsim.emulate.memory import Memory
from instsim.emulate.spec import DeviceSpec, MachineSpec, MemoryKind, MemorySpec
from instsim.image import load_image
from instsim.session.machines import machine_spec
from tests.emulate.bundled import chip, entry, path_of
from tests.emulate.device_bench import Bench

BUDGET = 2_000_000_000
BOARDS = {
    "g0": ("cortex-m0plus", "nucleo-g0b1re"),
    "l4": ("cortex-m4", "nucleo-l4r5zi"),
    "f4": ("cortex-m4", "nucleo-f446re"),
    "f7": ("cortex-m7", "disco-f746ng"),
    "h7": ("cortex-m7", "nucleo-h743zi"),
    "u5": ("cortex-m33", "nucleo-u575zi-q"),
    "u5-secure": ("cortex-m33", "nucleo-u575zi-q"),
}
NVMC = DeviceSpec(
    "nrf-nvmc", "nvmc", 0x4001E000, 0x1000, parameters=(("erase_us", 85e3), ("flash", 0x0800_0000), ("flash_bytes", 0x20_0000), ("program_us", 41.0))
)


def machine_of(family: str, suffix: str = "") -> Machine:
    core, name = BOARDS.get(family, ("cortex-m4", ""))
    spec: MachineSpec
    if name:
        board = load_board(name)
        spec = machine_spec(board, load_core(board.core), board.clock_hz)
    else:
        spec = replace(chip(core), devices=(NVMC,))
    return Machine(load_image(path_of(f"flash-{family}{suffix}", core)), spec)


@pytest.mark.parametrize("family", [*BOARDS, "nrf"])
def test_flash_is_programmed_erased_and_locked_again(family: str) -> None:
    machine = machine_of(family)
    stop = machine.run(BUDGET)
    core = BOARDS.get(family, ("cortex-m4", ""))[0]
    assert machine.semihosting.text == entry(f"flash-{family}", core)["expected_stdout"]
    assert stop.reason is StopReason.FAULT
    assert "in flash" in stop.message
    assert machine.flash.operations == 3
    assert machine.idle_ticks > 0, "an erasure takes milliseconds"


def test_a_store_without_the_key_is_the_error_that_it_was() -> None:
    machine = machine_of("l4", "-locked")
    stop = machine.run(BUDGET)
    assert machine.semihosting.text == "blank ok\n"
    assert stop.reason is StopReason.FAULT
    assert "write to 0x08020000 in flash" in stop.message
    assert machine.flash.operations == 0


@pytest.mark.parametrize(("chip_name", "core"), [("rp2040", "cortex-m0plus"), ("rp2350", "cortex-m33"), ("rp2350", "rv32imc")])
def test_the_boot_roms_functions_program_the_serial_flash(chip_name: str, core: str) -> None:
    plain = chip(core)
    rom = MemorySpec("boot-rom", MemoryKind.FLASH, 0, 0x8000, (), f"{chip_name}-rom")
    serial = MemorySpec("serial-flash", MemoryKind.FLASH, 0x1000_0000, 0x10_0000)
    memories = (rom, serial, *(replace(memory, aliases=()) for memory in plain.memories if memory.name != "rp2350-rom"))
    machine = Machine(load_image(path_of(f"flash-rom-{chip_name}", core)), replace(plain, memories=memories))
    assert machine.run(BUDGET).reason is StopReason.EXIT
    assert machine.semihosting.text == "erased\nprogrammed\nerased again\n"
    assert machine.idle_ticks == round(64 * (2 * 45e-3 + 2 * 0.4e-3) * plain.clock_hz)


def bench_with_flash(model: str, **parameters: object) -> tuple[Bench, Stm32Flash | NrfNvmc, Memory]:
    bench = Bench()
    memory = Memory((MemorySpec("flash", MemoryKind.FLASH, 0x0800_0000, 0x10_0000),))
    bench.around.flash = FlashProgramming(memory, lambda: None)
    bench.around.pass_time = bench.wait
    device = bench.add(model, flash=0x0800_0000, flash_bytes=0x10_0000, **parameters)
    assert isinstance(device, (Stm32Flash, NrfNvmc))
    return bench, device, memory


def test_wrong_keys_do_not_unlock() -> None:
    _, device, _ = bench_with_flash("stm32-flash", family="l4")
    for keys in ((0xCDEF89AB, 0x45670123), (0x45670123, 0x45670123), (0, 0xCDEF89AB)):
        for key in keys:
            device.write(0x08, key)
        device.write(0x14, 1)
        assert device.read(0x14) == 1 << 31 | 1 << 30, "the chip's reset value: both locks"


@pytest.mark.parametrize(("page", "bank", "address", "size"), [(3, 0, 0x0800_3000, 0x1000), (0, 1, 0x0808_0000, 0x1000)])
def test_pages_are_erased_in_either_half(page: int, bank: int, address: int, size: int) -> None:
    _, device, memory = bench_with_flash("stm32-flash", family="l4", page_bytes=0x1000)
    memory.write(0x0800_0000, bytes(0x10_0000))
    for key in (0x45670123, 0xCDEF89AB):
        device.write(0x08, key)
    device.write(0x14, 1 << 16 | bank << 11 | page << 3 | 2)
    assert memory.read(address - 0x10, 0x10) == bytes(0x10)
    assert memory.read(address, size) == b"\xff" * size
    assert memory.read(address + size, 0x10) == bytes(0x10)


@pytest.mark.parametrize(("sector", "address", "size"), [(0, 0x0800_0000, 0x4000), (4, 0x0801_0000, 0x1_0000), (6, 0x0804_0000, 0x2_0000)])
def test_sectors_have_their_own_sizes(sector: int, address: int, size: int) -> None:
    _, device, memory = bench_with_flash("stm32-flash", family="f4", sectors=((4, 0x4000), (1, 0x1_0000), (3, 0x2_0000)))
    memory.write(0x0800_0000, bytes(0x10_0000))
    for key in (0x45670123, 0xCDEF89AB):
        device.write(0x04, key)
    device.write(0x10, 1 << 16 | sector << 3 | 2)
    data = memory.read(0x0800_0000, 0x10_0000) or b""
    assert data.count(0xFF) == size
    assert data[address - 0x0800_0000 :][:size] == b"\xff" * size


def test_an_erasure_takes_its_time_and_needs_to_be_enabled() -> None:
    bench, device, memory = bench_with_flash("nrf-nvmc", page_bytes=0x1000, erase_us=1000.0)
    memory.write(0x0800_0000, bytes(0x2000))
    device.write(0x508, 0x0800_1000)
    assert memory.read(0x0800_1000, 4) == bytes(4)
    device.write(0x504, 2)
    device.write(0x508, 0x0800_1000)
    assert memory.read(0x0800_0FFC, 8) == bytes(4) + b"\xff" * 4
    assert bench.cycle == 64_000


def test_an_nrf53_erases_a_page_whose_first_word_is_stored_as_ones() -> None:
    _, device, memory = bench_with_flash("nrf-nvmc", chip=53)
    flash, bank = device.around.flash, memory.banks[0]
    assert flash is not None
    memory.write(0x0800_0000, bytes(0x3000))
    assert not flash.admit(bank, 0x1000)
    device.write(0x504, 2)
    for page, word in ((0x1000, b"\xff" * 4), (0x2000, b"\x12" * 4)):
        assert flash.admit(bank, page)
        memory.write(0x0800_0000 + page, word)
    device.write(0x504, 0)
    assert memory.read(0x0800_0FFC, 0x1008) == bytes(4) + b"\xff" * 0x1000 + bytes(4)
    assert not flash.admit(bank, 0x1000)


def test_flash_that_the_image_leaves_free_reads_as_erased() -> None:
    _, _, memory = bench_with_flash("nrf-nvmc")
    assert memory.read(0x0800_0000, 0x10_0000) == b"\xff" * 0x10_0000


@pytest.mark.parametrize(
    ("family", "key", "option_key", "option_control", "lock", "start"),
    [
        *((family, 0x08, 0x0C, 0x14, 1 << 30, 1 << 17) for family in ("l4", "g4", "g0")),
        *((family, 0x08, 0x10, 0x28, 1 << 30, 1 << 17) for family in ("u3", "u5")),
        *((family, 0x04, 0x08, 0x14, 1, 2) for family in ("f4", "f7")),
        *((family, 0x04, 0x08, 0x18, 1, 2) for family in ("h743", "h7a3")),
    ],
)
def test_option_bytes_have_a_lock_of_their_own(family: str, key: int, option_key: int, option_control: int, lock: int, start: int) -> None:
    bench, device, _ = bench_with_flash("stm32-flash", family=family, erase_us=1000.0)
    assert (device.read(option_control) or 0) & lock
    for register, keys in ((key, (0x45670123, 0xCDEF89AB)), (option_key, (0x08192A3B, 0x4C5D6E7F))):
        for word in keys:
            device.write(register, word)
    assert not (device.read(option_control) or 0) & lock
    device.write(option_control, (device.read(option_control) or 0) | start)
    assert bench.cycle == 64_000, "a millisecond"
    assert not (device.read(option_control) or 0) & start, "over already"
    device.write(option_control, (device.read(option_control) or 0) | lock)
    device.write(option_control, start)
    assert bench.cycle == 64_000
    assert (device.read(option_control) or 0) & lock, "a store does not take the lock away"


def test_an_h7_shows_option_bytes_once_they_are_programmed() -> None:
    _, device, _ = bench_with_flash("stm32-flash", family="h743")
    device.write(0x20, 0x1234)
    for word in (0x08192A3B, 0x4C5D6E7F):
        device.write(0x08, word)
    assert device.read(0x1C) == 0
    device.write(0x18, 2)
    assert device.read(0x1C) == 0x1234


def test_loading_option_bytes_asks_for_a_reset() -> None:
    bench, device, _ = bench_with_flash("stm32-flash", family="l4")
    device.write(0x14, 1 << 27)
    assert not bench.around.reset_reason, "locked"
    for register, keys in ((0x08, (0x45670123, 0xCDEF89AB)), (0x0C, (0x08192A3B, 0x4C5D6E7F))):
        for word in keys:
            device.write(register, word)
    device.write(0x14, 1 << 27)
    assert bench.around.reset_reason.startswith("OBL_LAUNCH")


def test_each_side_of_trustzone_has_a_lock_of_its_own() -> None:
    bench, device, memory = bench_with_flash("stm32-flash", family="u5", page_bytes=8192)
    memory.write(0x0800_2000, bytes(8192))
    for word in (0x45670123, 0xCDEF89AB):
        device.write(0x0C, word)
    device.write(0x28, 1 << 16 | 1 << 3 | 2)
    assert memory.read(0x0800_2000, 1) == b"\0", "the other side is locked"
    device.write(0x2C, 1 << 16 | 1 << 3 | 2)
    assert memory.read(0x0800_2000, 8192) == b"\xff" * 8192
    assert bench.around.flash is not None
    assert bench.around.flash.operations == 1


def test_pages_of_half_the_size_are_erased_alone() -> None:
    bench, device, memory = bench_with_flash("nrf-nvmc", chip=53, page_bytes=2048)
    memory.write(0x0800_1000, bytes(4096))
    device.write(0x504, 2)
    assert bench.around.flash is not None
    assert bench.around.flash.admit(memory.banks[0], 0x1800)
    memory.write(0x0800_1800, b"\xff" * 4)
    device.write(0x504, 0)
    assert memory.read(0x0800_1000, 2048) == bytes(2048)
    assert memory.read(0x0800_1800, 2048) == b"\xff" * 2048


def test_the_network_core_of_an_nrf5340_has_pages_of_2_kb() -> None:
    board = load_board("nrf5340dk-network")
    spec = machine_spec(board, load_core(board.core), board.clock_hz)
    (nvmc,) = (device for device in spec.devices if device.model == "nrf-nvmc")
    assert (nvmc.value("flash", 0), nvmc.value("flash_bytes", 0), nvmc.value("page_bytes", 0)) == (0x0100_0000, 256 << 10, 2048)
