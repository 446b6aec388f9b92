"""The functions of an RP2040's and an RP2350's boot ROM that erase and program the serial flash behind it.

The stand-in for the ROM has nothing behind their names. Here each name is led to a function of its own that returns at once, and what it is for is
done by the host: ``flash_range_erase(offset, bytes, ...)`` and ``flash_range_program(offset, data, bytes)``.
"""

from __future__ import annotations

import functools
import struct

from instsim.emulate.chip import Chip
from instsim.emulate.memory import Bank
from instsim.emulate.serial_flash import PAGE_BYTES, PAGE_PROGRAM_S, SECTOR_BYTES, SECTOR_ERASE_S
from instsim.isa import Isa

__all__ = ["install_rom_flash"]

_ERASE, _PROGRAM = b"RE", b"RP"
_RETURNS = {Isa.THUMB: bytes.fromhex("7047"), Isa.RV32: bytes.fromhex("8280")}
_FUNCTION_BYTES = 16
_TABLE_POINTER = 0x14
_FLASH = 0x1000_0000


def install_rom_flash(chip: Chip) -> None:
    """Give the stand-in for a chip's boot ROM functions that program the flash, if it is one of these two and stands in at all."""
    bank = next((b for b in chip.memory.banks if b.spec.contents in ("rp2040-rom", "rp2350-rom")), None)
    if bank is None or not chip.boot_rom.stands_in:
        return
    places = _places_2040(bank) if bank.spec.contents == "rp2040-rom" else _places_2350(bank)
    for number, (code, carry_out) in enumerate(((_ERASE, _erase), (_PROGRAM, _program)), 1):
        if code not in places:
            continue
        offset, size = places[code]
        address = bank.spec.address + bank.spec.size - number * _FUNCTION_BYTES
        chip.memory.write(address, _RETURNS[chip.isa])
        pointer = address | (chip.isa is Isa.THUMB)
        chip.memory.write(bank.spec.address + offset, pointer.to_bytes(size, "little"))
        chip.engine.on_instruction(address, functools.partial(carry_out, chip))


def _places_2040(bank: Bank) -> dict[bytes, tuple[int, int]]:
    """Return where the pointers behind names lie, and their size: rows of two letters and a half-word, up to a row of zeros."""
    data = bank.bytes.tobytes()
    (offset,) = struct.unpack_from("<H", data, _TABLE_POINTER)
    found = {}
    while offset + 4 <= len(data) and data[offset : offset + 2] != bytes(2):
        found[data[offset : offset + 2]] = (offset + 2, 2)
        offset += 4
    return found


def _places_2350(bank: Bank) -> dict[bytes, tuple[int, int]]:
    """Return the same for rows of a word with two letters, a pointer, and a word that is 0 for functions."""
    data = bank.bytes.tobytes()
    found = {}
    for code in (_ERASE, _PROGRAM):
        offset = data.find(code + bytes(2))
        while offset >= 0 and (offset % 4 or data[offset + 8 : offset + 12] != bytes(4)):
            offset = data.find(code + bytes(2), offset + 1)
        if offset >= 0:
            found[code] = (offset + 4, 4)
    return found


def _erase(chip: Chip, _address: int) -> None:
    engine = chip.engine
    offset, size = (engine.read_register(register) for register in engine.registers.arguments[:2])
    if size and chip.flash.erase(_FLASH + offset, size):
        chip.pass_time(round(-(-size // SECTOR_BYTES) * SECTOR_ERASE_S * chip.spec.clock_hz))


def _program(chip: Chip, _address: int) -> None:
    engine = chip.engine
    offset, source, size = (engine.read_register(register) for register in engine.registers.arguments[:3])
    data = chip.memory.read(source, size)
    if data and chip.flash.program(_FLASH + offset, data):
        chip.pass_time(round(-(-size // PAGE_BYTES) * PAGE_PROGRAM_S * chip.spec.clock_hz))
