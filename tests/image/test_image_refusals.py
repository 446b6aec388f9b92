"""Files that are no firmware for this program are refused, each with its own message."""

import os
import struct
from dataclasses import replace

import pytest

from instsim.errors import ImageError
from instsim.image import load_image
from instsim.image.elf_image import load_elf

from .elf_builder import CORTEX_M4, FLASH, RAM, RV32, Load, attribute_section, build, flash_contents


def refusal(data):
    with pytest.raises(ImageError) as caught:
        load_elf(data, "x.elf")
    assert caught.value.message.startswith("x.elf: ")
    return str(caught.value)


def patched(data, offset, layout, *values):
    changed = bytearray(data)
    struct.pack_into(layout, changed, offset, *values)
    return bytes(changed)


M4 = build(CORTEX_M4)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (patched(M4, 18, "<H", 62), "X86-64"),
        (patched(M4, 18, "<H", 183), "AArch64"),
        (patched(M4, 18, "<H", 94), "XTENSA"),
        (patched(M4, 18, "<H", 60000), "machine number 60000"),
        (patched(M4, 4, "B", 2), "64-bit ELF file"),
        (patched(build(RV32), 4, "B", 2), "64-bit ELF file (RV64)"),
        (patched(patched(M4, 5, "B", 2), 16, ">HH", 2, 40), "big-endian"),
        (patched(M4, 16, "<H", 1), "relocatable object file"),
        (patched(M4, 16, "<H", 3), "shared object"),
        (patched(M4, 16, "<H", 4), "core dump"),
        (patched(M4, 44, "<H", 0), "no program headers"),
        (patched(M4, 44, "<H", 60000), "60000 program headers"),
        (patched(M4, 42, "<H", 33), "program headers of 33 bytes"),
        (patched(M4, 46, "<H", 64), "section headers of 64 bytes"),
        (patched(M4, 28, "<I", 0xFFFF_FFF0), "the program headers end at"),
        (patched(M4, 32, "<I", 0xFFFF_FFF0), "the section headers end at"),
        (patched(M4, 52 + 16, "<I", 0x7FFF_FFFF), "segment 0 has 2,147,483,647 bytes in the file"),
        (patched(M4, 52 + 16, "<II", 0x0100_0000, 0x0100_0000), "the bytes of segment 0 end at"),
        (patched(M4, 52 + 20, "<I", 0x0500_0000), "larger than 64 MB"),
        (patched(M4, 52 + 8, "<II", 0xFFFF_FFF0, 0xFFFF_FFF0), "past the end of the address space"),
        (patched(M4, 52, "<I", 6)[: 52 + 32] + patched(M4, 52 + 32, "<I", 6)[52 + 32 :], "no loadable segments"),
        (M4[:51], "truncated ELF file"),
        (M4[:60], "truncated"),
        (M4[:-10], "truncated"),
    ],
)
def test_headers_that_cannot_be_used(data, said):
    assert said in refusal(data)


def test_a_section_count_in_the_first_section_is_bounded():
    shoff = struct.unpack_from("<I", M4, 32)[0]
    assert "4294967295 section headers" in refusal(patched(patched(M4, 48, "<H", 0), shoff + 20, "<I", 0xFFFF_FFFF))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({6: 10, 7: ord("A")}, "Application profile"),
        ({6: 10, 7: ord("R")}, "Realtime profile"),
        ({6: 2}, "architecture v4T"),
        ({6: 14}, "architecture v8-A"),
    ],
)
def test_other_profiles_of_arm(tags, said):
    assert said in refusal(build(replace(CORTEX_M4, attributes=attribute_section("aeabi", tags))))


def test_an_entry_in_arm_state_without_attributes():
    assert "is Arm code, not Thumb" in refusal(build(replace(CORTEX_M4, attributes=b"", entry=FLASH + 0x40)))


def test_rv32e():
    assert "RV32E" in refusal(build(replace(RV32, flags=8)))
    assert "RV32E" in refusal(build(replace(RV32, attributes=attribute_section("riscv", {5: "rv32e1p9"}))))


def test_rv64_code_in_a_32_bit_file():
    assert "rv64i2p1" in refusal(build(replace(RV32, attributes=attribute_section("riscv", {5: "rv64i2p1"}))))


def test_overlapping_segments():
    loads = (CORTEX_M4.loads[0], Load(FLASH + 255, b"1234", virtual=RAM))
    assert "overlapping segments: two of them write to 0x80000ff" in refusal(build(replace(CORTEX_M4, loads=loads)))


def test_no_vector_table():
    loads = (Load(FLASH, b"\xfe\xe7" * 128),)
    assert "no vector table" in refusal(build(replace(CORTEX_M4, loads=loads)))


def test_a_reset_vector_outside_the_image_is_no_vector_table():
    data = bytearray(flash_contents())
    struct.pack_into("<I", data, 4, 0x0900_0001)
    assert "no vector table" in refusal(build(replace(CORTEX_M4, loads=(Load(FLASH, bytes(data)),))))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"!<arch>\nmain.o", "static library"),
        (b"\x1c\0\0\0TFL3" + bytes(40), "TensorFlow Lite model"),
        (b"MZ" + bytes(100), "Windows program"),
        (b"S00600004844521B\n", "S-record"),
        (b"hello, this is a text file\n" * 20, "not a firmware format known here"),
        (bytes(4096), "not a firmware format known here"),
    ],
)
def test_files_of_other_kinds(tmp_path, data, said):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=said):
        load_image(path)


def test_paths_that_cannot_be_read(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        load_image(tmp_path / "missing.elf")
    with pytest.raises(ImageError, match="is a folder"):
        load_image(str(tmp_path))
    with pytest.raises(ImageError, match="cannot be read"):
        load_image("nul\0byte")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="not a regular file"):
        load_image(tmp_path / "pipe")


def test_a_base_address_is_for_raw_binaries_only(tmp_path):
    path = tmp_path / "m4.elf"
    path.write_bytes(M4)
    with pytest.raises(ImageError, match="ELF files carry their addresses"):
        load_image(path, base=FLASH)


def test_every_refusal_of_a_user_error_has_a_hint(tmp_path):
    path = tmp_path / "lib.a"
    path.write_bytes(b"!<arch>\n")
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert "link it" in caught.value.hint
