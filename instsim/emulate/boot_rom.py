"""What stands in for a chip's boot ROM: code of this project's own behind the tables by which firmware finds the functions.

RP2040 (datasheet chapter 2.8): copies and fills, bit counts, floating point, and functions of the flash interface, of which those that erase and
program are carried out (`instsim.emulate.rom_flash`) and the others do nothing. RP2350 (datasheet chapter 5.4, and
``boot/bootrom_constants.h`` of the Pico SDK) on both of its instruction sets: facts about the chip, and functions of flash, likewise, and of
partitions, which do nothing. ESP32-C3 (``esp32c3.rom.ld`` of ESP-IDF): a table of jumps; what only drives hardware that nobody
models does nothing, what cannot be left out stops the machine by its name. The code runs, counts and is priced like all other; the chip's own may
be faster or slower. A ROM that the image brings along stays as it is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from instsim.emulate.memory import Memory
from instsim.image import FirmwareImage, Symbol, load_image
from instsim.isa import Isa
from instsim.resources import firmware_elf

__all__ = ["BootRom"]

_PREFIX, _SLOT, _LACKING = "rom_", "slot_", "lack_"


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
    words : tuple of (int, int)
        Addresses and values of further words in ROM.
    areas : tuple of (int, int, str)
        Where functions of hardware begin and end that nobody models, and what they are for.
    """

    file: str
    magic: bytes
    address: int
    pointers: tuple[str, ...]
    words: tuple[tuple[int, int], ...] = ()
    areas: tuple[tuple[int, int, str], ...] = ()


_ESP32C3_WORDS = (
    # What the ROM keeps of the RAM begins where its layout says, a structure that a pointer in the last word names.
    *((0x3FF1FFFC, 0x3FF1FF80), (0x3FF1FF80, 0x3FCDF060), (0x3FF1FF84, 0x3FCDF060)),
    # The flash, as the boot loader has found it: identity, bytes of the chip, a block, a sector and a page, mask of its status.
    *((0x3FCDFFF0, 0x3FCDFF00), *zip(range(0x3FCDFF00, 0x3FCDFF18, 4), (0xEF4016, 0x400000, 0x10000, 0x1000, 0x100, 0xFFFF), strict=True)),
)
_ESP32C3_AREAS = (
    (0x400008DC, 0x400015B0, "the Bluetooth controller's"),
    (0x400015B0, 0x400018AC, "Wi-Fi's"),
    (0x400018FC, 0x40001B2C, "the radio's"),
)
# The version is that of the chip's stepping with the longest tables: B2 of the RP2040, A2 of the RP2350.
_ROMS = {
    ("rp2040-rom", Isa.THUMB): _Rom(
        "elf/rp2040-rom-cortex-m0plus.elf", b"Mu\x01\x03", 0x10, ("rom_function_table", "rom_data_table", "rom_table_lookup")
    ),
    ("rp2350-rom", Isa.THUMB): _Rom("elf/rp2350-rom-cortex-m33.elf", b"Mu\x02\x02", 0x10, ("rom_table_lookup", "rom_table_lookup")),
    ("rp2350-rom", Isa.RV32): _Rom("elf/rp2350-rom-rv32imc.elf", b"", 0x7DF8, ("rom_table_lookup", "rom_table_lookup")),
    ("esp32c3-rom", Isa.RV32): _Rom("elf/esp32c3-rom-rv32imc.elf", b"", 0x40000000, (), _ESP32C3_WORDS, _ESP32C3_AREAS),
}


class BootRom:
    """The stand-ins on one chip.

    Parameters
    ----------
    memory : Memory
        The chip's, with the image already in it.
    image : FirmwareImage
        What runs.

    Attributes
    ----------
    slots : frozenset of int
        Addresses in tables of jumps behind which there is code.
    lacking : dict of str to Symbol
        Functions of such a table that do not exist here, by name.
    """

    def __init__(self, memory: Memory, image: FirmwareImage) -> None:
        self._symbols: tuple[Symbol, ...] = ()
        self._areas: tuple[tuple[int, int, str], ...] = ()
        for bank in memory.banks:
            rom = _ROMS.get((bank.spec.contents, image.isa)) if image.isa is not None else None
            if rom is not None and not memory.used_spans(bank):
                self._symbols += _place(memory, rom)
                self._areas += rom.areas
        self.slots = frozenset(symbol.address for symbol in self._symbols if symbol.name.startswith(_SLOT))
        named = ((symbol.name.removeprefix(_LACKING), symbol) for symbol in self._symbols if symbol.name.startswith(_LACKING))
        self.lacking = {name: replace(symbol, name=name, kind="none") for name, symbol in named}
        self._image = image

    @property
    def stands_in(self) -> bool:
        """Whether there is a stand-in at all: none for a chip without one, or for an image that brings the ROM along."""
        return bool(self._symbols)

    def lacks(self, address: int) -> bool:
        """Whether an address lies in a table of jumps where there is no jump."""
        if not self.slots or not min(self.slots) <= address < max(self.slots) + 0x1000:
            return False
        return address not in self.slots and not any(s.address <= address < s.address + max(s.size, 2) for s in self._symbols)

    def area(self, address: int) -> str:
        """Return what a function of the ROM is for, where that is hardware that nobody models; else ''."""
        return next((name for start, stop, name in self._areas if start <= address < stop), "")

    @property
    def named_image(self) -> FirmwareImage:
        """The image with the names of the ROM's functions among its own."""
        if not self._symbols:
            return self._image
        own = (replace(symbol, name=symbol.name.removeprefix(_LACKING).removeprefix(_SLOT)) for symbol in self._symbols)
        return replace(self._image, symbols=tuple(sorted((*self._image.symbols, *own), key=lambda symbol: symbol.address)))

    def used(self, addresses: frozenset[int]) -> tuple[str, ...]:
        """Names of the functions of which some of these blocks are the first; those of a table of jumps by its names."""
        wanted, prefix = (self.slots, _SLOT) if self.slots else (addresses, _PREFIX)
        ran = (symbol for symbol in self._symbols if symbol.address in addresses & wanted)
        return tuple(sorted(symbol.name.removeprefix(prefix) for symbol in ran))


def _place(memory: Memory, rom: _Rom) -> tuple[Symbol, ...]:
    """Write a ROM; return its functions."""
    image = load_image(firmware_elf() / rom.file)
    for segment in image.segments:
        if segment.data:
            memory.write(segment.virtual_address, segment.data)
    for address, word in rom.words:
        memory.write(address, word.to_bytes(4, "little"))
    bit = image.isa is Isa.THUMB
    places = {symbol.name: symbol.address | (bit and symbol.kind == "function") for symbol in image.symbols}
    memory.write(rom.address, rom.magic + struct.pack(f"<{len(rom.pointers)}H", *(places[name] for name in rom.pointers)))
    functions = (symbol for symbol in image.symbols if symbol.kind == "function" and symbol.name.startswith((_PREFIX, "__", _SLOT, _LACKING)))
    return tuple(functions)
