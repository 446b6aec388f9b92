"""The device models that a board file may name, and what each of them can be told.

The models themselves are the emulator's; this is the list that board files are checked against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

__all__ = ["DEVICE_MODELS", "FLASH_FAMILIES", "STM32_FAMILIES", "BoardDevice", "DeviceModel"]


@dataclass(frozen=True, slots=True)
class BoardDevice:
    """A device of the board that is modelled.

    Attributes
    ----------
    name : str
        Unique on the board.
    model : str
        Key of `DEVICE_MODELS`.
    address, size_bytes : int
        Its registers.
    irqs : tuple of int
        Its interrupt lines.
    parameters : tuple of (str, value)
        What else the board file says of it, sorted by name; a value is a number, a text, or rows of numbers.
    """

    name: str
    model: str
    address: int
    size_bytes: int
    irqs: tuple[int, ...] = ()
    parameters: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """What a board file may say of a model: the bytes of its registers, its parameters, and the clocks that other devices may name."""

    size_bytes: int = 0x400
    parameters: frozenset[str] = frozenset()
    clocks: tuple[str, ...] = ()


def _model(size_bytes: int = 0x400, *parameters: str, clocks: tuple[str, ...] = ()) -> DeviceModel:
    return DeviceModel(size_bytes, frozenset(parameters), clocks)


_FLASH = ("flash", "flash_bytes", "page_bytes", "unit_bytes", "program_us", "erase_us", "resets")
"""What every flash controller is told: its flash, what it erases and programs at once, and how long either takes."""

_BUS_CLOCKS = tuple(f"apb{number}{what}" for what in ("", "-timer") for number in (1, 2, 3, 4))
"""Of STM32 chips; a bus that a family lacks runs undivided."""

DEVICE_MODELS: Mapping[str, DeviceModel] = MappingProxyType(
    {
        "constant": _model(4, "value"),
        "register-file": _model(0x400, "resets"),
        "ready-bits": _model(0x400, "follows", "ones", "zeros", "resets"),
        "cache-controller": _model(0x400, "status", "value", "resets"),
        "watchdog": _model(0x400, "resets"),
        "random-word": _model(4, "seed"),
        "stm32-rcc": _model(0x400, "family", "resets", clocks=_BUS_CLOCKS),
        "stm32-pwr": _model(0x400, "family", "resets"),
        "stm32-usart-v1": _model(),
        "stm32-usart-v2": _model(),
        "stm32-lpuart": _model(),
        "stm32-dma-v1": _model(),
        "stm32-dma-v2": _model(),
        "stm32-gpdma": _model(0x1000),
        "stm32-timer": _model(0x400, "clock", "bits"),
        "stm32-gpio": _model(0x400, "inputs"),
        "stm32-rng": _model(0x400, "seed"),
        "stm32-flash": _model(0x400, *_FLASH, "family", "sectors"),
        "pl011": _model(0x1000),
        "pl022": _model(0x1000),
        "rp-sio": _model(0x400, "inputs", "chip"),
        "rp-timer": _model(0x1000, "interrupt_offset"),
        "rp-resets": _model(0x1000, "holds"),
        "rp-clocks": _model(0x1000),
        "rp-dma": _model(0x1000, "chip"),
        "rp-ssi": _model(0x1000),
        "rp-io-qspi": _model(0x1000, "resets"),
        "rp-usb": _model(0x11000),
        "nrf-uarte": _model(0x1000),
        "nrf-usbd": _model(0x1000),
        "nrf-ppi": _model(0x1000),
        "nrf-dppi": _model(0x1000),
        "nrf-timer": _model(0x1000),
        "nrf-rtc": _model(0x1000),
        "nrf-gpio": _model(0x300, "inputs"),
        "nrf-rng": _model(0x1000, "seed"),
        "nrf-clock": _model(0x1000, "chip"),
        "nrf-nvmc": _model(0x1000, *_FLASH, "chip"),
        "psoc6-scb": _model(0x10000),
        "psoc6-ipc": _model(0x10000),
        "psoc6-peri": _model(0x10000, clocks=tuple(map(str, range(64)))),
        "psoc6-tcpwm": _model(0x10000, "clock", "bits"),
        "psoc6-gpio": _model(0x80, "inputs"),
        "esp32c3-uart": _model(0x1000),
        "esp32c3-usb-serial": _model(0x1000),
        "esp32c3-systimer": _model(0x1000),
        "esp32c3-gpio": _model(0x1000, "inputs"),
        "esp32c3-rtc": _model(0x1000, "resets"),
        "esp32c3-system": _model(0x1000, "follows", "ones", "zeros", "resets"),
        "esp32c3-flash": _model(0x1000),
        "esp32c3-mmu": _model(0x1000),
        "clint": _model(0xC000, "divider"),
        "esp32c3-interrupt-matrix": _model(0x1000),
    }
)
"""All models. The last two are interrupt hardware, which is part of the emulated core."""

FLASH_FAMILIES = ("l4", "g4", "g0", "f4", "f7", "h743", "h7a3", "u3", "u5")
"""Values of the parameter ``family`` of ``stm32-flash``."""

STM32_FAMILIES = ("l4", "g4", "g0", "f4", "f7", "h7", "u3", "u5")
"""Values of the parameter ``family``."""
