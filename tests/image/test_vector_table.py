"""The vector table is found where start-up files put it."""

import struct
from dataclasses import replace

import pytest

from instsim.image import Segment, find_vector_table
from instsim.image.elf_image import load_elf
from instsim.image.vector_table import is_plausible_stack_pointer, is_vector_table

from .elf_builder import ALLOC, CORTEX_M4, EXEC, FLASH, OBJECT, RAM, Load, Section, Sym, build, flash_contents, vectors

BOOT2 = bytes(range(256))
CODE = b"\xfe\xe7" * 512


def flash(data, address=FLASH):
    return Segment(address, address, data, len(data))


def test_at_the_start_of_the_flash():
    assert find_vector_table([flash(flash_contents())]) == FLASH


def test_behind_the_second_stage_of_the_rp2040():
    base = 0x1000_0000
    image = BOOT2 + vectors(base, handler=base + 0x200) + CODE
    assert find_vector_table([flash(image, base)]) == base + 0x100


def test_aligned_places_come_first():
    table = vectors(handler=FLASH + 0x300)
    image = bytearray(CODE)
    image[0x84 : 0x84 + 64] = table
    image[0x180 : 0x180 + 64] = table
    assert find_vector_table([flash(bytes(image))]) == FLASH + 0x180


def test_none_in_code_alone():
    assert find_vector_table([flash(CODE)]) is None
    assert find_vector_table([]) is None


def test_a_place_that_the_file_names_wins_over_the_start():
    second = 0x2000
    image = flash_contents().ljust(second, b"\0") + vectors(FLASH + second) + CODE
    assert find_vector_table([flash(image)], named=[FLASH + second]) == FLASH + second


def test_a_named_place_that_holds_no_table_is_passed_over():
    assert find_vector_table([flash(flash_contents())], named=[FLASH + 0x80, FLASH + 2, 0x0]) == FLASH


@pytest.mark.parametrize("name", ["__isr_vector", "__Vectors", "g_pfnVectors", "__vector_table", "_vectors", "vector_table", "__VECTOR_TABLE"])
def test_symbols_of_start_up_files(name):
    table = FLASH + 0x1000
    image = flash_contents().ljust(0x1000, b"\0") + vectors(table) + CODE
    elf = replace(
        CORTEX_M4,
        loads=(Load(FLASH, image),),
        sections=(Section(".text", FLASH, len(image), flags=ALLOC | EXEC),),
        symbols=(Sym(name, table, 64, OBJECT, section=1),),
    )
    assert load_elf(build(elf), "x").vector_table == table


def test_a_copy_in_ram_is_not_the_table_the_core_boots_from():
    table = vectors()
    elf = replace(
        CORTEX_M4,
        loads=(Load(FLASH, flash_contents()), Load(FLASH + 256, table, virtual=RAM, flags=6)),
        sections=(Section(".ram_vectors", RAM, 64), Section(".vectors", RAM, 64), Section(".isr_vector", FLASH, 64)),
        symbols=(),
    )
    assert load_elf(build(elf), "x").vector_table == FLASH


def test_strict_checks_look_at_the_fault_handlers():
    data = bytearray(flash_contents())
    assert is_vector_table([flash(bytes(data))], FLASH, strict=True)
    struct.pack_into("<I", data, 12, 0)
    assert not is_vector_table([flash(bytes(data))], FLASH, strict=True)
    assert is_vector_table([flash(bytes(data))], FLASH, strict=False)
    assert not is_vector_table([flash(bytes(data))], FLASH + 4096, strict=False)


@pytest.mark.parametrize(
    ("word", "plausible"), [(0x2000_8000, True), (0x1001_0000, True), (0x4000_0000, True), (0x2000_8002, False), (0x0800_0000, False), (0, False)]
)
def test_stack_pointers(word, plausible):
    assert is_plausible_stack_pointer(word) is plausible
