"""The closed set of device models, by the names that board files use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from instsim.emulate.devices.chip_control import CacheController, Esp32c3Gpio, Esp32c3Rtc, Esp32c3System, NrfClock, RpClocks, RpResets, Watchdog
from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.esp32c3_flash import Esp32c3Flash, Esp32c3FlashMapping
from instsim.emulate.devices.esp32c3_serial import Esp32c3Uart, Esp32c3UsbSerial
from instsim.emulate.devices.flash_controllers import NrfNvmc, Stm32Flash
from instsim.emulate.devices.gpio import NrfGpio, Psoc6Gpio, RpSio, Stm32Gpio
from instsim.emulate.devices.microsecond_timers import Esp32c3SysTimer, RpTimer
from instsim.emulate.devices.nrf_ppi import NrfDppi, NrfPpi
from instsim.emulate.devices.nrf_timers import NrfRtc, NrfTimer
from instsim.emulate.devices.nrf_uart import NrfUarte
from instsim.emulate.devices.nrf_usbd import NrfUsbd
from instsim.emulate.devices.pl011 import Pl011
from instsim.emulate.devices.pl022 import Pl022
from instsim.emulate.devices.psoc6 import Psoc6Ipc, Psoc6Peri, Psoc6Scb, Psoc6Tcpwm
from instsim.emulate.devices.random_numbers import NrfRng, RandomWord, Stm32Rng
from instsim.emulate.devices.registers import Constant, ReadyBits, RegisterFile
from instsim.emulate.devices.rp_dma import RpDma
from instsim.emulate.devices.rp_ssi import RpQspiPins, RpSsi
from instsim.emulate.devices.rp_usb import RpUsb
from instsim.emulate.devices.stm32_clocks import Stm32Power, Stm32Rcc
from instsim.emulate.devices.stm32_dma import Stm32DmaV1, Stm32DmaV2, Stm32Gpdma
from instsim.emulate.devices.stm32_timer import Stm32Timer
from instsim.emulate.devices.stm32_usart import Stm32Lpuart, Stm32UsartV1, Stm32UsartV2
from instsim.emulate.spec import DeviceSpec

__all__ = ["device_models", "make_device"]

_MODELS: Mapping[str, type[Device]] = MappingProxyType(
    {
        "constant": Constant,
        "register-file": RegisterFile,
        "ready-bits": ReadyBits,
        "cache-controller": CacheController,
        "watchdog": Watchdog,
        "random-word": RandomWord,
        "stm32-rcc": Stm32Rcc,
        "stm32-pwr": Stm32Power,
        "stm32-usart-v1": Stm32UsartV1,
        "stm32-usart-v2": Stm32UsartV2,
        "stm32-lpuart": Stm32Lpuart,
        "stm32-dma-v1": Stm32DmaV1,
        "stm32-dma-v2": Stm32DmaV2,
        "stm32-gpdma": Stm32Gpdma,
        "stm32-timer": Stm32Timer,
        "stm32-gpio": Stm32Gpio,
        "stm32-rng": Stm32Rng,
        "stm32-flash": Stm32Flash,
        "pl011": Pl011,
        "pl022": Pl022,
        "rp-sio": RpSio,
        "rp-timer": RpTimer,
        "rp-resets": RpResets,
        "rp-clocks": RpClocks,
        "rp-dma": RpDma,
        "rp-ssi": RpSsi,
        "rp-io-qspi": RpQspiPins,
        "rp-usb": RpUsb,
        "nrf-uarte": NrfUarte,
        "nrf-usbd": NrfUsbd,
        "nrf-ppi": NrfPpi,
        "nrf-dppi": NrfDppi,
        "nrf-timer": NrfTimer,
        "nrf-rtc": NrfRtc,
        "nrf-gpio": NrfGpio,
        "nrf-rng": NrfRng,
        "nrf-clock": NrfClock,
        "nrf-nvmc": NrfNvmc,
        "psoc6-scb": Psoc6Scb,
        "psoc6-ipc": Psoc6Ipc,
        "psoc6-peri": Psoc6Peri,
        "psoc6-tcpwm": Psoc6Tcpwm,
        "psoc6-gpio": Psoc6Gpio,
        "esp32c3-uart": Esp32c3Uart,
        "esp32c3-usb-serial": Esp32c3UsbSerial,
        "esp32c3-systimer": Esp32c3SysTimer,
        "esp32c3-gpio": Esp32c3Gpio,
        "esp32c3-rtc": Esp32c3Rtc,
        "esp32c3-system": Esp32c3System,
        "esp32c3-flash": Esp32c3Flash,
        "esp32c3-mmu": Esp32c3FlashMapping,
    }
)


def device_models() -> Mapping[str, type[Device]]:
    """All models by name."""
    return _MODELS


def make_device(spec: DeviceSpec, around: Surroundings) -> Device:
    """Make a device of its description; a size of 0 stands for the model's own.

    Raises
    ------
    KeyError
        If there is no such model; board files are checked before.
    """
    model = _MODELS[spec.model]
    return model(spec if spec.size else replace(spec, size=model.default_size), around)
