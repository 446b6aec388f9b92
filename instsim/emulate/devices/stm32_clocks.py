"""Clock and power control of the STM32 families: ready bits that follow enable bits, and the prescalers of the peripheral buses.

ST reference manuals, chapters on RCC and PWR: RM0432 (L4+), RM0440 (G4), RM0444 (G0), RM0390 (F446), RM0385 (F746), RM0433 (H743), RM0455 (H7A3),
RM0456 (U5); U3 by stm32u385xx.h of cmsis_device_u3. Where a family differs only in reset values that no firmware waits for, one entry serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from instsim.emulate.devices.device import Surroundings
from instsim.emulate.devices.registers import Follow, FollowingBits, ReadyBits
from instsim.emulate.spec import DeviceSpec

__all__ = ["Stm32Power", "Stm32Rcc", "stm32_families"]


@dataclass(frozen=True, slots=True)
class _Prescaler:
    """Where a bus's divider stands: register offset, lowest bit, number of bits."""

    offset: int
    bit: int
    width: int = 3


@dataclass(frozen=True)
class _Family:
    rcc: FollowingBits
    power: FollowingBits
    buses: dict[str, _Prescaler]
    ahb: _Prescaler | None = None
    """Divider between the core's clock and the bus matrix, where the core runs in front of it."""


def _ready(register: int, *bits: tuple[int, int]) -> tuple[Follow, ...]:
    return tuple(Follow(register, enable, register, ready) for enable, ready in bits)


def _switch(register: int, width: int, status_bit: int) -> Follow:
    return Follow(register, 0, register, status_bit, width)


_PLLS = ((24, 25), (26, 27), (28, 29))

_L4 = _Family(
    FollowingBits(
        (*_ready(0x00, (0, 1), (8, 10), (16, 17), *_PLLS), _switch(0x08, 2, 2), *_ready(0x90, (0, 1)), *_ready(0x94, (0, 1)), *_ready(0x98, (0, 1))),
        resets={0x00: 0x63, 0x0C: 0x1000, 0x94: 0x0C000600},
    ),
    FollowingBits(ones={0x14: 0x100}, zeros={0x14: 0x600}, resets={0x00: 0x200}),
    {"apb1": _Prescaler(0x08, 8), "apb2": _Prescaler(0x08, 11)},
)
_G4 = _Family(
    FollowingBits(
        (*_ready(0x00, (8, 10), (16, 17), (24, 25)), _switch(0x08, 2, 2), *_ready(0x90, (0, 1)), *_ready(0x94, (0, 1)), *_ready(0x98, (0, 1))),
        resets={0x00: 0x500, 0x08: 0x5, 0x0C: 0x1000, 0x94: 0x0C000000},
    ),
    FollowingBits(ones={0x14: 0x100}, zeros={0x14: 0x600}, resets={0x00: 0x200, 0x80: 0x100}),
    {"apb1": _Prescaler(0x08, 8), "apb2": _Prescaler(0x08, 11)},
)
_G0 = _Family(
    FollowingBits(
        (*_ready(0x00, (8, 10), (16, 17), (22, 23), (24, 25)), _switch(0x08, 3, 3), *_ready(0x5C, (0, 1)), *_ready(0x60, (0, 1))),
        resets={0x00: 0x500, 0x0C: 0x1000},
    ),
    FollowingBits(ones={0x14: 0x180}, zeros={0x14: 0x600}, resets={0x00: 0x208}),
    {"apb1": _Prescaler(0x08, 12), "apb2": _Prescaler(0x08, 12)},
)
_F4 = _Family(
    FollowingBits(
        (*_ready(0x00, (0, 1), (16, 17), *_PLLS), _switch(0x08, 2, 2), *_ready(0x70, (0, 1)), *_ready(0x74, (0, 1))),
        resets={0x00: 0x83, 0x04: 0x24003010, 0x74: 0x0E000000},
    ),
    FollowingBits((Follow(0x00, 16, 0x04, 16, 2),), ones={0x04: 1 << 14}, resets={0x00: 0xC000}),
    {"apb1": _Prescaler(0x08, 10), "apb2": _Prescaler(0x08, 13)},
)
_H7 = _Family(
    FollowingBits(
        (*_ready(0x00, (0, 2), (7, 8), (12, 13), (16, 17), *_PLLS), _switch(0x10, 3, 3), *_ready(0x70, (0, 1)), *_ready(0x74, (0, 1))),
        ones={0x00: 0xC020},
        resets={0x00: 0x1, 0x28: 0x02020200, 0x2C: 0x01FF0000, 0x30: 0x01010280, 0x38: 0x01010280, 0x40: 0x01010280},
    ),
    FollowingBits(
        (Follow(0x18, 14, 0x04, 14, 2),), ones={0x04: 1 << 13, 0x18: 1 << 13, 0x0C: 1 << 16}, resets={0x00: 0xF000C000, 0x0C: 0x6, 0x18: 0x4000}
    ),
    {"apb1": _Prescaler(0x1C, 4), "apb2": _Prescaler(0x1C, 8), "apb3": _Prescaler(0x18, 4), "apb4": _Prescaler(0x20, 4)},
    ahb=_Prescaler(0x18, 0, 4),
)
_U5 = _Family(
    FollowingBits(
        (
            *_ready(0x00, (0, 2), (4, 5), (8, 10), (12, 13), (14, 15), (16, 17), *_PLLS),
            _switch(0x1C, 2, 2),
            *_ready(0xF0, (0, 1), (7, 11), (26, 27)),
        ),
        resets={0x00: 0x35, 0x08: 0x44000000},
    ),
    FollowingBits((Follow(0x0C, 18, 0x0C, 14), Follow(0x0C, 16, 0x3C, 16, 2), Follow(0x08, 1, 0x3C, 1)), ones={0x0C: 1 << 15, 0x3C: 1 << 15}),
    {"apb1": _Prescaler(0x20, 4), "apb2": _Prescaler(0x20, 8), "apb3": _Prescaler(0x24, 4)},
)
_U3 = _Family(
    FollowingBits(
        (
            *_ready(0x00, (0, 2), (3, 4), (5, 9), (6, 10), (11, 13), (14, 15), (16, 17)),
            _switch(0x1C, 2, 2),
            *_ready(0xF0, (0, 1), (7, 11)),
            *_ready(0xF4, (0, 1)),
        ),
        resets={0x00: 0x5},
    ),
    FollowingBits((*_ready(0x0C, (0, 16), (1, 17), (8, 24)), Follow(0x08, 1, 0x3C, 1)), resets={0x0C: 0x2}),
    {"apb1": _Prescaler(0x20, 4), "apb2": _Prescaler(0x20, 8), "apb3": _Prescaler(0x24, 4)},
)
_FAMILIES = {"l4": _L4, "g4": _G4, "g0": _G0, "f4": _F4, "f7": _F4, "h7": _H7, "u3": _U3, "u5": _U5}


def stm32_families() -> tuple[str, ...]:
    """Names that the parameter ``family`` may have."""
    return tuple(_FAMILIES)


def _division(code: int, width: int) -> int:
    """Return the divider that a prescaler field means: the top bit switches it on, the others are its exponent."""
    top = 1 << (width - 1)
    if not code & top:
        return 1
    exponent = (code & (top - 1)) + 1
    # AHB prescalers leave out 32.
    return 1 << (exponent if width <= 3 or exponent <= 4 else exponent + 1)


class Stm32Rcc(ReadyBits):
    """Reset and clock control."""

    parameters: ClassVar[frozenset[str]] = frozenset({"family", "resets"})

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        self._family = _FAMILIES[spec.value("family", "l4")]
        super().__init__(spec, around, self._family.rcc)

    def _field(self, place: _Prescaler) -> int:
        return _division(self.registers.get(place.offset, 0) >> place.bit & ((1 << place.width) - 1), place.width)

    def clock_divider(self, clock: str) -> int:
        """Return core cycles to one cycle of a bus (``apb1``) or of the timers on it (``apb1-timer``).

        Timers run at twice the bus's clock unless the bus is undivided.
        """
        bus, _, what = clock.partition("-")
        place = self._family.buses.get(bus)
        divider = 1 if place is None else self._field(place)
        if what == "timer" and divider > 1:
            divider //= 2
        return divider * (self._field(self._family.ahb) if self._family.ahb is not None else 1)


class Stm32Power(ReadyBits):
    """Power control: voltage scaling and over-drive are ready at once."""

    parameters: ClassVar[frozenset[str]] = frozenset({"family", "resets"})

    def __init__(self, spec: DeviceSpec, around: Surroundings) -> None:
        super().__init__(spec, around, _FAMILIES[spec.value("family", "l4")].power)
