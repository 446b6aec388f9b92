"""Intel HEX, UF2 and raw binaries give the image that the ELF file would."""

import struct
from io import StringIO

import pytest
from intelhex import IntelHex

from instsim.errors import ImageError
from instsim.image import load_image
from instsim.image.intel_hex import load_intel_hex
from instsim.image.raw_binary import guess_base, load_raw_binary
from instsim.image.uf2 import load_uf2
from instsim.isa.instruction import Isa

from .elf_builder import FLASH, STACK_END, flash_contents, vectors

RP2040, RP2350_RISCV, ABSOLUTE = 0xE48BFF56, 0xE48BFF5A, 0xE48BFF57


def hex_text(blocks, entry=None):
    writer = IntelHex()
    for address, data in blocks:
        writer.puts(address, data)
    if entry is not None:
        writer.start_addr = {"EIP": entry}
    text = StringIO()
    writer.write_hex_file(text)
    return text.getvalue().encode()


def uf2_block(number, count, address, data, family=RP2040, flags=0x2000):
    return (
        struct.pack("<8I", 0x0A324655, 0x9E5D5157, flags, address, len(data), number, count, family)
        + data.ljust(476, b"\0")
        + struct.pack("<I", 0x0AB16F30)
    )


def uf2_file(base, data, family=RP2040):
    pages = [data[at : at + 256] for at in range(0, len(data), 256)]
    return b"".join(uf2_block(n, len(pages), base + 256 * n, page, family) for n, page in enumerate(pages))


def code_with_functions(base, count, size):
    """Return an image whose table and pointers lead to functions that push their return address."""
    data = bytearray(b"\xc0\x46" * (size // 2))
    functions = [0x100 + 0x20 * index for index in range(count)]
    for offset in functions:
        data[offset : offset + 2] = b"\x10\xb5"
    data[:64] = vectors(base, handler=base + functions[0])
    pointers = b"".join(struct.pack("<I", base + offset + 1) for offset in functions)
    data[-len(pointers) :] = pointers
    return bytes(data)


def test_hex_gives_segments_vector_table_and_entry():
    image = load_intel_hex(hex_text([(FLASH, flash_contents()), (FLASH + 0x20000, b"model")], entry=FLASH + 0x51), "x.hex")
    assert [(s.address, s.data) for s in image.segments] == [(FLASH, flash_contents()), (FLASH + 0x20000, b"model")]
    assert (image.format, image.isa, image.vector_table, image.entry) == ("hex", Isa.THUMB, FLASH, FLASH + 0x50)
    assert image.flash_bytes == 261
    assert image.static_ram_bytes == 0
    assert any("how much RAM" in note for note in image.notes)


def test_hex_records_that_cross_64_kb_are_joined():
    data = flash_contents(size=0x11000)
    image = load_intel_hex(hex_text([(FLASH, data)]), "x.hex")
    assert [(s.address, len(s.data)) for s in image.segments] == [(FLASH, len(data))]
    assert image.entry == FLASH + 0x40


def test_hex_with_other_line_ends_and_small_letters():
    text = hex_text([(FLASH, flash_contents())]).replace(b"\n", b"\r\n").lower()
    assert load_intel_hex(text, "x.hex").segments[0].data == flash_contents()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace(b":00000001FF", b""), "truncated"),
        (lambda text: text.replace(b":10001000", b":10001100"), "damaged Intel HEX"),
        (lambda text: text.replace(b":10001000", b":1000100"), "damaged Intel HEX"),
        (lambda text: text[: text.index(b":00000001FF")] + text, "overlapping"),
    ],
)
def test_damaged_hex(change, said):
    with pytest.raises(ImageError, match=said):
        load_intel_hex(change(hex_text([(FLASH, flash_contents())])), "x.hex")


def test_uf2_of_the_rp2040():
    base = 0x1000_0000
    data = bytes(256) + vectors(base, handler=base + 0x200) + b"\xfe\xe7" * 256
    image = load_uf2(uf2_file(base, data), "x.uf2")
    assert (image.format, image.isa, image.vector_table, image.attributes) == ("uf2", Isa.THUMB, base + 0x100, {"UF2_family": "RP2040"})


def test_uf2_of_a_riscv_core_starts_at_its_lowest_address():
    image = load_uf2(uf2_block(0, 2, 0x10FF_FF00, bytes(256), ABSOLUTE) + uf2_file(0x1000_0000, b"\x01\xa0" * 128, RP2350_RISCV), "x.uf2")
    assert (image.isa, image.entry, image.vector_table, len(image.segments)) == (Isa.RV32, 0x1000_0000, None, 1)
    assert image.attributes["UF2_family"] == "RP2350_RISCV"


def test_blocks_that_are_not_for_the_flash_are_left_out():
    blocks = uf2_block(0, 1, FLASH, flash_contents()) + uf2_block(0, 1, 0x1234, b"comment", flags=0x2001)
    assert [s.address for s in load_uf2(blocks, "x.uf2").segments] == [FLASH]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (uf2_file(FLASH, flash_contents(size=1024))[:-512], "truncated UF2 file: 3 of 4"),
        (uf2_file(FLASH, flash_contents())[:-1], "truncated"),
        (uf2_file(FLASH, flash_contents())[:-4] + b"oops", "damaged UF2 file: block 0"),
        (uf2_block(0, 1, FLASH, b"x", ABSOLUTE), "no block"),
    ],
)
def test_damaged_uf2(data, said):
    with pytest.raises(ImageError, match=said):
        load_uf2(data, "x.uf2")


def test_a_binary_with_its_base():
    image = load_raw_binary(flash_contents(), "x.bin", FLASH)
    assert (image.vector_table, image.isa, image.initial_stack_pointer, image.entry) == (FLASH, Isa.THUMB, STACK_END, FLASH + 0x40)
    assert not any("guessed" in note for note in image.notes)


def test_a_binary_without_a_vector_table_has_no_known_instruction_set():
    image = load_raw_binary(b"\x01\xa0" * 64, "x.bin", 0x4200_0000)
    assert (image.isa, image.vector_table, image.entry) == (None, None, None)
    assert any("instruction set is unknown" in note for note in image.notes)


@pytest.mark.parametrize("base", [0x0800_0000, 0x0, 0x1000_0000, 0x1000_2000, 0x0020_0000, 0x0804_0000])
def test_well_known_bases_are_guessed_from_the_vector_table_alone(base):
    assert guess_base(flash_contents(base)) == base


@pytest.mark.parametrize("base", [0x0800_0000, 0x0002_7000, 0x0801_0000, 0x6000_2000])
def test_pointers_to_functions_tell_other_bases(base):
    data = code_with_functions(base, 24, 0x2_0000)
    assert guess_base(data) == base
    image = load_raw_binary(data, "x.bin", None)
    assert image.attributes["load_address"] == f"{base:#010x} (guessed)"
    assert "guessed" in image.notes[0]


def test_a_table_for_an_unknown_place_is_not_guessed():
    assert guess_base(flash_contents(0x0801_2000)) is None


@pytest.mark.parametrize("base", [-1, 1 << 32, 0xFFFF_FFF0])
def test_bases_outside_the_address_space(base):
    with pytest.raises(ImageError, match="address"):
        load_raw_binary(flash_contents(), "x.bin", base)


def test_contents_tell_the_format_not_the_name(tmp_path):
    for number, (data, file_format) in enumerate(
        [(hex_text([(FLASH, flash_contents())]), "hex"), (uf2_file(FLASH, flash_contents()), "uf2"), (flash_contents(), "bin")]
    ):
        path = tmp_path / f"{number}.elf"
        path.write_bytes(data)
        assert load_image(path).format == file_format


def test_compilers_are_found_among_the_bytes():
    data = flash_contents() + b"\0GCC: (GNU Tools) 10.3.1 20210824\0clang version 18.1.3\0"
    assert load_raw_binary(data, "x.bin", FLASH).compilers == ("GCC: (GNU Tools) 10.3.1 20210824", "clang version 18.1.3")
