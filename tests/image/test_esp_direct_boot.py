"""Images that the ROM of an ESP32-C3 starts by itself: recognised, and mapped as it maps them."""

from __future__ import annotations

import struct
from pathlib import Path

from instsim.image import FirmwareImage, load_image
from instsim.isa import Isa

from .elf_builder import ALLOC, EXEC, RISCV, WRITE, Elf, Load, Section, build

MAGIC = struct.pack("<2I", 0xAEDB041D, 0xAEDB041D)
CODE, DATA, RAM = 0x4200_0000, 0x3C00_0000, 0x3FC8_0000
LOOP = bytes.fromhex("01a0")  # j .


def image_of(tmp_path: Path, *loads: Load, entry: int) -> FirmwareImage:
    path = tmp_path / "firmware.elf"
    path.write_bytes(build(Elf(loads, machine=RISCV, flags=1, entry=entry)))
    return load_image(path)


def test_the_contents_of_a_flash_are_seen_through_both_windows(tmp_path: Path) -> None:
    path = tmp_path / "flash.bin"
    path.write_bytes(MAGIC + LOOP + b"constant")
    image = load_image(path)
    assert image.isa is Isa.RV32
    assert image.entry == CODE + 8
    assert image.read(CODE, 18) == image.read(DATA, 18) == path.read_bytes()
    assert image.flash_bytes == 18


def test_load_addresses_that_are_offsets_become_the_windows(tmp_path: Path) -> None:
    code, constants, data = MAGIC + LOOP * 4, b"constants...", b"data"
    loads = Load(0, code, virtual=CODE), Load(0x10, constants, virtual=DATA + 0x10), Load(0x1C, data, virtual=RAM, flags=6)
    image = image_of(tmp_path, *loads, entry=CODE + 12)
    assert image.entry == CODE + 8  # the ROM knows no other
    assert [(s.address, s.virtual_address) for s in image.segments] == [(DATA + 0x10, DATA + 0x10), (DATA + 0x1C, RAM), (CODE, CODE)]
    assert image.read(DATA + 0x1C, 4) == data


def test_code_that_runs_where_it_is_mapped_takes_no_ram(tmp_path: Path) -> None:
    loads = Load(0, MAGIC + LOOP * 4, virtual=CODE), Load(0x10, b"data", virtual=RAM, flags=6)
    sections = Section(".text", CODE, 16, flags=ALLOC | EXEC), Section(".data", RAM, 4, flags=ALLOC | WRITE)
    path = tmp_path / "firmware.elf"
    path.write_bytes(build(Elf(loads, sections, machine=RISCV, flags=1, entry=CODE + 8)))
    image = load_image(path)
    assert (image.static_ram_bytes, image.ram_sections) == (4, (".data",))
    assert [section.load_address for section in image.sections] == [DATA + 0x10, CODE]


def test_other_riscv_images_are_left_alone(tmp_path: Path) -> None:
    image = image_of(tmp_path, Load(0, LOOP * 8, virtual=CODE), entry=CODE)
    assert (image.entry, image.segments[0].address) == (CODE, 0)


def test_load_addresses_that_the_chip_has_are_kept(tmp_path: Path) -> None:
    image = image_of(tmp_path, Load(CODE, MAGIC + LOOP * 4), entry=CODE + 12)
    assert (image.entry, image.segments[0].address) == (CODE + 8, CODE)
