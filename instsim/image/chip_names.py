"""Names of chips that a firmware file mentions: in its texts, in the names of its source files and symbols, in its debugging information.

Raspberry Pi's are not among them: their SDK names both chips in firmware for either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from instsim.image.firmware import FirmwareImage
from instsim.isa.instruction import Isa

__all__ = ["ChipName", "chip_in_text", "named_chip"]

_NAMES = re.compile(
    rb"stm32(?P<stm32>[a-z]{1,3}\d)(?P<stm32_part>[0-9a-z]\d)?"
    rb"|nrf(?P<nrf>5[1-4]|9[12])(?P<nrf_part>\d{2,3})?"
    rb"|gd32(?P<gd32>[a-z]\d)(?P<gd32_part>\d\d)?"
    rb"|sam(?P<sam>[cdelgs]\d)(?P<sam_part>\d)"
    rb"|mimxrt(?P<imxrt>\d\d)(?P<imxrt_part>\d\d)"
    rb"|lpc(?P<lpc>\d\d)(?P<lpc_part>[0-9xs]\d)"
    rb"|mk(?P<kinetis>[elvw]?\d\d)[dfz](?P<kinetis_part>n?\d+)"
    rb"|ef[mr]32(?P<efr>[a-z]g\d+)"
    rb"|max32(?P<max>\d)(?P<max_part>\d\d)"
    rb"|r7fa(?P<renesas>\d)(?P<renesas_part>[a-z]\d)"
    rb"|cc(?P<cc>[12][36])(?P<cc_part>\d\d)"
    rb"|esp32-?(?P<esp>[chp]\d)"
)
_STYLE = {
    "stm32": "STM32{}",
    "nrf": "nRF{}",
    "gd32": "GD32{}",
    "sam": "SAM{}",
    "imxrt": "MIMXRT{}",
    "lpc": "LPC{}",
    "kinetis": "MK{}",
    "efr": "EFR32{}",
    "max": "MAX32{}",
    "renesas": "R7FA{}",
    "cc": "CC{}",
    "esp": "ESP32-{}",
}
_RISCV_MAKERS = frozenset({"esp", "gd32"})
_THUMB_MAKERS = frozenset(_STYLE) - {"esp"}


@dataclass(frozen=True, slots=True)
class ChipName:
    """A chip as firmware calls it.

    Attributes
    ----------
    family : str
        ``STM32L4``, ``nRF52``.
    part : str
        ``STM32L432``, ``nRF52832``; empty if only the family is named.
    mentions : int
        How often the family is named.
    """

    family: str
    part: str
    mentions: int = 1

    @property
    def name(self) -> str:
        """The part, else the family."""
        return self.part or self.family


def chip_in_text(text: str) -> ChipName | None:
    """Return the chip that a text such as a part number (``STM32L4R5ZI``) begins with, or None for one of a maker that is not known here."""
    found = _NAMES.match(text.lower().encode())
    return None if found is None else ChipName(*_family_and_part(found))


def named_chip(image: FirmwareImage) -> ChipName | None:
    """Return the chip that an image names most often, or None.

    Parameters
    ----------
    image : FirmwareImage
        Its whole file is searched where it holds more than the segments, as an ELF file does.

    Returns
    -------
    ChipName or None
        The family named most often, and the part of it named most often. Drivers name their whole family, debugging information the part.
    """
    makers = _RISCV_MAKERS if image.isa is Isa.RV32 else _THUMB_MAKERS
    families: Counter[str] = Counter()
    parts: dict[str, Counter[str]] = {}
    for found in _found(_contents(image)):
        if _maker(found) not in makers:
            continue
        family, part = _family_and_part(found)
        families[family] += 1
        if part:
            parts.setdefault(family, Counter())[part] += 1
    if not families:
        return None
    family = _most_often(families)
    return ChipName(family, _most_often(parts[family]) if family in parts else "", families[family])


def _contents(image: FirmwareImage) -> Iterator[bytes]:
    if image.contents:
        yield image.contents
    else:
        yield from (segment.data for segment in image.segments)


def _found(contents: Iterable[bytes]) -> Iterator[re.Match[bytes]]:
    for data in contents:
        yield from _NAMES.finditer(bytes(data).lower())


def _maker(found: re.Match[bytes]) -> str:
    return next(name for name in _STYLE if found[name] is not None)


def _family_and_part(found: re.Match[bytes]) -> tuple[str, str]:
    maker = _maker(found)
    family = _STYLE[maker].format(found[maker].decode().upper())
    part = found.groupdict().get(f"{maker}_part")
    return family, family + part.decode().upper() if part else ""


def _most_often(names: Counter[str]) -> str:
    return min(names, key=lambda name: (-names[name], name))
