"""What stands in for a chip's boot ROM: code of this project's own behind the tables by which firmware finds the functions.

RP2040 (datasheet chapter 2.8): copies and fills, bit counts, floating point, and functions of the flash interface, which do nothing here. RP2350
(datasheet chapter 5.4, and ``boot/bootrom_constants.h`` of the Pico SDK) on both of its instruction sets: facts about the chip, and functions of
flash and partitions, which do nothing either. The code runs, counts and is priced like all other; the chip's own may be faster or slower. A ROM
that the image brings along stays as it is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from instsim.emulate.memory import Memory
from instsim.image import FirmwareImage, Symbol, load_image
from instsim.isa import Isa
from instsim.resources import firmware_elf

__all__ = ["BootRom"]

_PREFIX = "rom_"


@dataclass(frozen=True)
class _Rom:
    """A stand-in: its file, and the halfwords by which firmware finds its tables.

    Attributes
    ----------
    file : str
        ELF file of the bundled firmware.
    magic : bytes
        What lies right before the halfwords.
    address : int
        Where the magic goes.
    pointers : tuple of str
        Symbols that the halfwords point to.
    """

    file: str
    magic: bytes
    address: int
    pointers: tuple[str, ...]


# The version is that of the chip's stepping with the longest tables: B2 of the RP2040, A2 of the RP2350.
_ROMS = {
    ("rp2040-rom", Isa.THUMB): _Rom(
        "elf/rp2040-rom-cortex-m0plus.elf", b"Mu\x01\x03", 0x10, ("rom_function_table", "rom_data_table", "rom_table_lookup")
    ),
    ("rp2350-rom", Isa.THUMB): _Rom("elf/rp2350-rom-cortex-m33.elf", b"Mu\x02\x02", 0x10, ("rom_table_lookup", "rom_table_lookup")),
    ("rp2350-rom", Isa.RV32): _Rom("elf/rp2350-rom-rv32imc.elf", b"", 0x7DF8, ("rom_table_lookup", "rom_table_lookup")),
}


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
            rom = _ROMS.get((bank.spec.contents, image.isa)) if image.isa is not None else None
            if rom is not None and not memory.used_spans(bank):
                self._symbols += _place(memory, rom, bank.spec.address)
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


def _place(memory: Memory, rom: _Rom, base: int) -> tuple[Symbol, ...]:
    """Write a ROM; return its functions."""
    image = load_image(firmware_elf() / rom.file)
    for segment in image.segments:
        if segment.data:
            memory.write(base + segment.virtual_address, segment.data)
    bit = image.isa is Isa.THUMB
    places = {symbol.name: symbol.address | (bit and symbol.kind == "function") for symbol in image.symbols}
    memory.write(base + rom.address, rom.magic + struct.pack(f"<{len(rom.pointers)}H", *(places[name] for name in rom.pointers)))
    functions = (symbol for symbol in image.symbols if symbol.kind == "function" and symbol.name.startswith((_PREFIX, "__aeabi")))
    return tuple(replace(symbol, address=base + symbol.address) for symbol in functions)
