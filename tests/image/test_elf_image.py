"""What an ELF file says arrives in the image."""

import hashlib
import struct
from dataclasses import replace

import pytest

from instsim.image import load_image
from instsim.image.elf_image import load_elf
from instsim.isa.instruction import Isa

from .elf_builder import (
    ALLOC,
    CORTEX_M4,
    FLASH,
    NOBITS,
    NOTYPE,
    RAM,
    RV32,
    STACK_END,
    WRITE,
    Load,
    Section,
    Sym,
    attribute_section,
    build,
    flash_contents,
)


@pytest.fixture(scope="module")
def m4():
    return load_elf(build(CORTEX_M4), "m4.elf")


def test_segments_lie_where_a_flasher_writes_them(m4):
    assert [(s.address, s.virtual_address, len(s.data), s.memory_size) for s in m4.segments] == [(FLASH, FLASH, 256, 256), (FLASH + 256, RAM, 16, 80)]
    assert m4.read(FLASH + 256, 4) == b"\1\2\3\4"
    assert m4.flash_bytes == 272


def test_reads_outside_the_image_are_none(m4):
    assert m4.read(FLASH + 268, 8) is None
    assert m4.read(FLASH - 4, 4) is None
    assert m4.read(RAM, 4) is None
    assert m4.read(FLASH, -1) is None


def test_data_and_bss_are_the_static_ram(m4):
    assert m4.static_ram_bytes == 80
    assert m4.ram_sections == (".data", ".bss")


def test_thread_local_bss_and_start_up_arrays_take_no_ram():
    sections = (
        *CORTEX_M4.sections,
        Section(".tbss", RAM + 80, 32, NOBITS, ALLOC | WRITE | 0x400),
        Section(".init_array", FLASH + 200, 8, flags=ALLOC | WRITE),
    )
    assert load_elf(build(replace(CORTEX_M4, sections=sections)), "x").ram_sections == (".data", ".bss")


def test_without_sections_the_segments_tell_the_static_ram():
    image = load_elf(build(replace(CORTEX_M4, sections=(), symbols=(), attributes=b"", comment=b"")), "x")
    assert image.static_ram_bytes == 80
    assert image.sections == ()


def test_a_segment_without_bytes_has_its_run_time_address():
    loads = (CORTEX_M4.loads[0], Load(FLASH + 256, b"", virtual=RAM, memory=64, flags=6))
    assert [(s.address, s.memory_size) for s in load_elf(build(replace(CORTEX_M4, loads=loads)), "x").segments] == [(FLASH, 256), (RAM, 64)]


def test_the_vector_table_gives_stack_and_reset(m4):
    assert m4.vector_table == FLASH
    assert m4.initial_stack_pointer == STACK_END
    assert m4.reset_vector == FLASH + 0x41
    assert m4.entry == FLASH + 0x40


def test_symbols_are_sorted_without_thumb_bits_and_local_labels(m4):
    assert [(s.name, s.address, s.kind) for s in m4.symbols] == [
        ("Reset_Handler", FLASH + 0x40, "function"),
        ("_Z3addii", FLASH + 0x48, "function"),
        ("table", RAM, "object"),
        ("_estack", STACK_END, "none"),
    ]


def test_mapping_symbols_become_ranges_that_end_with_their_section(m4):
    assert [(r.start, r.stop, r.is_code) for r in m4.code_ranges] == [(FLASH + 0x40, FLASH + 0x60, True), (FLASH + 0x60, FLASH + 256, False)]


def test_riscv_mapping_symbols_may_name_the_architecture():
    image = load_elf(build(RV32), "rv.elf")
    assert [(r.start, r.stop, r.is_code) for r in image.code_ranges] == [(FLASH + 0x40, FLASH + 256, True)]


def test_compiler_strings_are_given_once(m4):
    assert m4.compilers == ("GCC: (15:12.2.rel1-1) 12.2.1 20221205",)


def test_attributes_are_readable(m4):
    assert m4.isa is Isa.THUMB
    assert m4.attributes == {
        "e_flags_float_abi": "hard",
        "Tag_CPU_name": "7E-M",
        "Tag_CPU_arch": "v7E-M",
        "Tag_CPU_arch_profile": "Microcontroller",
        "Tag_THUMB_ISA_use": "Thumb-2",
        "Tag_FP_arch": "FPv4-SP-D16",
        "Tag_ABI_HardFP_use": "SP only",
        "Tag_ABI_VFP_args": "VFP registers",
    }


@pytest.mark.parametrize(
    ("tags", "unit"),
    [({10: 8}, "FPv5-D16"), ({10: 8, 27: 1}, "FPv5-SP-D16"), ({10: 6, 27: 1}, "FPv4-SP-D16"), ({10: 6}, "VFPv4-D16")],
)
def test_single_precision_units_are_told_from_double_precision_ones(tags, unit):
    attributes = attribute_section("aeabi", {6: 13, 7: ord("M"), **tags})
    assert load_elf(build(replace(CORTEX_M4, attributes=attributes)), "x").attributes["Tag_FP_arch"] == unit


@pytest.mark.parametrize(
    ("number", "name"), [(11, "v6-M"), (12, "v6S-M"), (13, "v7E-M"), (16, "v8-M.baseline"), (17, "v8-M.mainline"), (21, "v8.1-M.mainline")]
)
def test_m_profile_architectures_need_no_profile_tag(number, name):
    attributes = attribute_section("aeabi", {6: number})
    assert load_elf(build(replace(CORTEX_M4, attributes=attributes)), "x").attributes["Tag_CPU_arch"] == name


def test_unknown_odd_tags_are_strings():
    attributes = attribute_section("aeabi", {6: 13, 99: "vendor", 7: ord("M")})
    assert load_elf(build(replace(CORTEX_M4, attributes=attributes)), "x").attributes["Tag_99"] == "vendor"


def test_riscv_flags_stand_beside_the_attributes():
    image = load_elf(build(RV32), "rv.elf")
    assert image.isa is Isa.RV32
    assert image.vector_table is None
    assert image.attributes == {
        "e_flags_rvc": "Yes",
        "e_flags_float_abi": "soft",
        "Tag_RISCV_stack_align": "16",
        "Tag_RISCV_arch": "rv32i2p1_m2p0_c2p0",
    }


def test_without_attributes_a_thumb_entry_is_taken_for_a_cortex_m():
    image = load_elf(build(replace(CORTEX_M4, attributes=b"")), "x")
    assert image.isa is Isa.THUMB
    assert "does not name its processor profile" in image.notes[0]


def test_elf_headers_at_the_start_of_a_segment_are_cut_off():
    plain = build(CORTEX_M4)
    offset = struct.unpack_from("<I", plain, 52 + 4)[0]
    data = bytearray(plain)
    struct.pack_into("<5I", data, 52 + 4, 0, FLASH - offset, FLASH - offset, 256 + offset, 256 + offset)
    image = load_elf(bytes(data), "x")
    assert image.segments[0].address == FLASH
    assert image.segments[0].data == flash_contents()
    assert "ELF headers" in image.notes[0]


def test_the_digest_is_that_of_the_file(tmp_path, m4):
    path = tmp_path / "some.elf"
    path.write_bytes(build(CORTEX_M4))
    image = load_image(path)
    assert image.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert image.name == "some.elf"
    assert image.segments == m4.segments


def test_a_damaged_symbol_table_costs_only_its_symbols():
    data = bytearray(build(CORTEX_M4))
    shoff, shnum = struct.unpack_from("<I", data, 32)[0], struct.unpack_from("<H", data, 48)[0]
    for index in range(shnum):
        if struct.unpack_from("<I", data, shoff + 40 * index + 4)[0] == 2:
            struct.pack_into("<I", data, shoff + 40 * index + 24, 0xFFFF)
    image = load_elf(bytes(data), "x")
    assert image.symbols == ()
    assert image.vector_table == FLASH
    assert any("symbol table is damaged" in note for note in image.notes)


def test_damaged_attributes_cost_only_the_attributes():
    image = load_elf(build(replace(CORTEX_M4, attributes=b"A\xff\xff\xff\x7faeabi\0")), "x")
    assert image.attributes == {}
    assert any("build attributes are missing" in note for note in image.notes)


def test_names_without_end_do_not_multiply():
    symbols = tuple(Sym("x" * 40, FLASH + 0x41, section=2) for _ in range(2000))
    data = bytearray(build(replace(CORTEX_M4, symbols=symbols)))
    start = data.index(b"x" * 40)
    data[start : start + 2000 * 41] = b"x" * (2000 * 41)
    image = load_elf(bytes(data), "x")
    assert sum(len(symbol.name) for symbol in image.symbols) < 9 * len(data)
    assert any("names run into each other" in note for note in image.notes)


def test_names_that_are_not_utf8_are_kept_readable():
    data = build(replace(CORTEX_M4, symbols=(Sym("Reset_Handler", FLASH + 0x41, section=2),))).replace(b"Reset_Handler", b"Reset\xff\xfeandler")
    assert load_elf(data, "x").symbols[0].name == r"Reset\xff\xfeandler"


def test_of_two_symbols_with_one_name_the_global_one_is_found():
    symbols = (Sym("f", FLASH + 0x41, is_global=False, section=2), Sym("f", FLASH + 0x49, section=2))
    found = load_elf(build(replace(CORTEX_M4, symbols=symbols)), "x").symbol("f")
    assert found is not None
    assert found.address == FLASH + 0x48


def test_global_labels_of_assembly_code_are_kept():
    symbols = (Sym("loop_entry", FLASH + 0x44, 0, NOTYPE, section=2),)
    assert [s.kind for s in load_elf(build(replace(CORTEX_M4, symbols=symbols)), "x").symbols] == ["none"]


def test_executable_sections_are_told(m4):
    assert [section.name for section in m4.sections if section.executable] == [".text"]
    assert [(s.name, s.load_address) for s in m4.sections if s.load_address != s.address] == [(".data", FLASH + 256)]
