"""Whatever the bytes are, an image or an ImageError comes of them."""

import contextlib
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instsim.errors import ImageError
from instsim.image import FirmwareImage, load_image
from instsim.image.elf_image import load_elf
from instsim.image.memory_limits import MAXIMUM_MEMORY_BYTES

from .elf_builder import CORTEX_M4, FLASH, RV32, build, flash_contents

FILES = (build(CORTEX_M4), build(RV32))
EXTREMES = st.sampled_from([0, 1, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFC, 0xFFFF_FFFF])
BOUNDED = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(image: FirmwareImage) -> None:
    """What every image promises, damaged file or not."""
    assert sum(segment.memory_size for segment in image.segments) <= MAXIMUM_MEMORY_BYTES
    assert [s.address for s in image.segments] == sorted(s.address for s in image.segments)
    for before, after in zip(image.segments, image.segments[1:], strict=False):
        assert before.address + len(before.data) <= after.address or not after.data
    for segment in image.segments:
        assert len(segment.data) <= segment.memory_size
        assert segment.virtual_address + segment.memory_size <= 1 << 32
    assert [s.address for s in image.symbols] == sorted(s.address for s in image.symbols)
    for before, after in zip(image.code_ranges, image.code_ranges[1:], strict=False):
        assert before.start < before.stop <= after.start
    if image.vector_table is not None:
        assert image.reset_vector is not None
        assert image.reset_vector % 2 == 1


def load(data: bytes) -> None:
    with contextlib.suppress(ImageError):
        check(load_elf(data, "x.elf"))


@BOUNDED
@given(file=st.sampled_from(FILES), flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1, max_size=12))
def test_flipped_bits(file, flips):
    data = bytearray(file)
    for position, bit in flips:
        data[position % len(data)] ^= 1 << bit
    load(b"\x7fELF" + bytes(data[4:]))


@BOUNDED
@given(file=st.sampled_from(FILES), length=st.integers(4, 2000))
def test_truncations(file, length):
    load(file[:length])


@BOUNDED
@given(file=st.sampled_from(FILES), fields=st.lists(st.tuples(st.integers(1, 600), EXTREMES), min_size=1, max_size=4))
def test_extreme_fields(file, fields):
    data = bytearray(file)
    for word, value in fields:
        struct.pack_into("<I", data, 4 * word % (len(data) - 4) // 4 * 4 or 16, value)
    load(b"\x7fELF" + bytes(data[4:]))


@BOUNDED
@given(tail=st.binary(max_size=400))
def test_random_bytes_behind_the_magic(tail):
    load(b"\x7fELF" + tail)


@BOUNDED
@given(tail=st.binary(max_size=300))
def test_random_bytes_behind_a_plausible_header(tail):
    load(FILES[0][:52] + tail)


@BOUNDED
@given(
    start=st.sampled_from([b"", b":020000040800F2\n:", b"UF2\n\x57\x51\x5d\x9e", flash_contents(), b"S0", b"\x7fEL"]),
    tail=st.binary(max_size=600),
    base=st.sampled_from([None, 0, FLASH, 0xFFFF_FFFF]),
)
def test_other_formats(tmp_path, start, tail, base):
    path = tmp_path / "file"
    path.write_bytes(start + tail)
    with contextlib.suppress(ImageError):
        check(load_image(path, base=base))


def test_a_file_of_many_overlapping_claims_is_refused_before_it_is_copied():
    header = bytearray(FILES[0][:52])
    struct.pack_into("<H", header, 44, 256)
    struct.pack_into("<I", header, 32, 0)
    body = bytes(1 << 20)
    rows = b"".join(struct.pack("<8I", 1, 0, FLASH, FLASH, len(body), len(body), 5, 4) for _ in range(256))
    with pytest.raises(ImageError, match=r"overlapping|larger than 64 MB"):
        load_elf(bytes(header) + rows + body, "x.elf")
