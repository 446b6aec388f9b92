"""What stands in for a chip's boot ROM: code of this project's own behind the tables by which firmware finds the functions.

RP2040 (datasheet chapter 2.8): copies and fills, bit counts, floating point, and functions of the flash interface, which do nothing here. The
code runs, counts and is priced like all other; the chip's own may be faster or slower. A ROM that the image brings along stays as it is.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from instsim.emulate.memory import Memory
from instsim.image import FirmwareImage, Symbol, load_image
from instsim.resources import firmware_elf

__all__ = ["BootRom"]

_FILES = {"rp2040-rom": "elf/rp2040-rom-cortex-m0plus.elf"}
_PREFIX = "rom_"

_MAGIC, _MAGIC_ADDRESS = b"Mu\x01", 0x10
_VERSION = 3
"""Of the chip's stepping B2, whose floating-point tables are the longest."""

_TABLES = ("rom_function_table", "rom_data_table", "rom_table_lookup")
"""What the halfwords behind the magic and the version point to."""


class BootRom:
    """The stand-ins on one chip.

    Parameters
    ----------
    memory : Memory
        The chip's, with the image already in it.
    image : FirmwareImage
        What runs.
    """

    def __init__(self, memory: Memory, image: FirmwareImage) -> None:
        self._symbols: tuple[Symbol, ...] = ()
        for bank in memory.banks:
            if bank.spec.contents and not memory.used_spans(bank):
                self._symbols += _place(memory, bank.spec.contents, bank.spec.address)
        self._image = image

    @property
    def named_image(self) -> FirmwareImage:
        """The image with the names of the ROM's functions among its own."""
        if not self._symbols:
            return self._image
        return replace(self._image, symbols=tuple(sorted((*self._image.symbols, *self._symbols), key=lambda symbol: symbol.address)))

    def used(self, addresses: frozenset[int]) -> tuple[str, ...]:
        """Names of the functions of which some of these blocks are the first."""
        return tuple(sorted(symbol.name.removeprefix(_PREFIX) for symbol in self._symbols if symbol.address in addresses))


def _place(memory: Memory, name: str, base: int) -> tuple[Symbol, ...]:
    """Write a ROM; return its functions."""
    rom = load_image(firmware_elf() / _FILES[name])
    for segment in rom.segments:
        if segment.data:
            memory.write(base + segment.virtual_address, segment.data)
    places = {symbol.name: symbol.address | (symbol.kind == "function") for symbol in rom.symbols}
    memory.write(base + _MAGIC_ADDRESS, _MAGIC + bytes([_VERSION]) + struct.pack("<3H", *(places[table] for table in _TABLES)))
    functions = (symbol for symbol in rom.symbols if symbol.kind == "function" and symbol.name.startswith((_PREFIX, "__aeabi")))
    return tuple(replace(symbol, address=base + symbol.address) for symbol in functions)
