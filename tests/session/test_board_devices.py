"""Devices in board files: what is refused, and that both rooms mean the same models."""

from __future__ import annotations

from pathlib import Path

import pytest

from instsim.cost import list_boards, load_board, load_core
from instsim.cost.board_devices import DEVICE_MODELS, STM32_FAMILIES
from instsim.emulate.devices import device_models, stm32_clocks
from instsim.emulate.devices.stm32_clocks import stm32_families
from instsim.emulate.devices.uart import Uart
from instsim.errors import TableError
from instsim.resources import cost_tables
from instsim.session.machines import machine_spec

CORE_HARDWARE = {"clint", "esp32c3-interrupt-matrix"}


def test_board_files_and_emulator_agree_on_models_sizes_and_parameters() -> None:
    assert set(DEVICE_MODELS) - CORE_HARDWARE == set(device_models())
    for name, model in device_models().items():
        assert DEVICE_MODELS[name].size_bytes == model.default_size, name
        assert DEVICE_MODELS[name].parameters == model.parameters, name
    assert stm32_families() == STM32_FAMILIES
    assert {f"{bus}{what}" for family in stm32_clocks._FAMILIES.values() for bus in family.buses for what in ("", "-timer")} == set(
        DEVICE_MODELS["stm32-rcc"].clocks
    )


@pytest.mark.parametrize("board", [board for board in list_boards() if board.models], ids=lambda board: board.name)
def test_every_device_of_a_board_can_be_made(board) -> None:  # type: ignore[no-untyped-def]
    spec = machine_spec(board, load_core(board.core), board.clock_hz)
    assert {device.name for device in board.models} >= {device.name for device in spec.devices}
    assert board.generic or any(issubclass(device_models()[device.model], Uart) for device in spec.devices)


def test_boards_have_their_secure_view_and_atomic_aliases() -> None:
    u5 = load_board("nucleo-u575zi-q")
    assert machine_spec(u5, load_core(u5.core), 160e6).mirrors == ((0x50000000, 0x10000000, 0x40000000),)
    pico = load_board("rpi-pico")
    assert (0x40000000, 0x20000000) in machine_spec(pico, load_core(pico.core), 125e6).atomic_windows
    c3 = load_board("esp32-c3")
    assert machine_spec(c3, load_core(c3.core), 160e6).interrupts.esp32c3_matrix == 0x600C2000


def test_all_errors_of_devices_at_once(tmp_path: Path) -> None:
    text = (cost_tables() / "boards" / "nucleo-f446re.toml").read_text("utf-8")
    extra = """
    [[device]]
    name = "usart2"
    model = "stm32-usrt-v1"
    address = 0x4000_4410
    [[device]]
    name = "far"
    model = "watchdog"
    address = 0x7000_0000
    family = "l4"
    [[device]]
    name = "window"
    address = 0xB000_0000
    irq = 3
    [[device]]
    name = "clocks"
    model = "stm32-rcc"
    address = 0x4002_4000
    [[device]]
    name = "timer"
    model = "stm32-timer"
    address = 0x4002_4400
    clock = "rc.apb1"
    [[device]]
    name = "bits"
    model = "ready-bits"
    address = 0x4002_4800
    ones = [[1, 2, 3]]
    [[device]]
    name = "slow-timer"
    model = "stm32-timer"
    address = 0x4002_4C00
    clock = "rcc.apb1timer"
    irq = [96, 97]
    [[device]]
    name = "odd-timer"
    model = "stm32-timer"
    address = 0x4002_5000
    clock = "usart1.apb1"
    """
    path = tmp_path / "board.toml"
    path.write_text(text + extra)
    with pytest.raises(TableError) as caught:
        load_board(str(path))
    problems = "\n".join(caught.value.details)
    for part in (
        "'usart2' is there twice",
        "no device model named 'stm32-usrt-v1'; did you mean stm32-usart-v1",
        "overlaps device 'usart2'",
        "device 'far' (0x70000000 .. 0x70000400) lies in no device window",
        "family: watchdog has no such parameter",
        "size_bytes: missing",
        "irq: belongs to a model",
        "family: missing; one of l4, g4, g0",
        "no device named 'rc'; did you mean rcc",
        "ones: rows of 2 numbers",
        "rcc (stm32-rcc) makes no clock named 'apb1timer' (it has apb1, ",
        "irq: 97: the chip has 97 interrupts",
        "usart1 (stm32-usart-v1) makes no clocks",
    ):
        assert part in problems, part
