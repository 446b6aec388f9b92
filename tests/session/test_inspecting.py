"""An inspection counts each byte of a memory once, and names what is wrong instead of hiding it."""

from __future__ import annotations

import pytest

from instsim.errors import ImageError, UsageError
from instsim.image import FirmwareImage, Segment
from instsim.isa import Isa
from instsim.session.inspecting import inspect_image
from instsim.session.request import Request

FLASH, ALIAS, RAM = 0x0800_0000, 0x0000_0000, 0x2000_0000
VECTORS = (RAM + 0x1000).to_bytes(4, "little") + (FLASH + 9).to_bytes(4, "little")


def image(*segments):
    return FirmwareImage("made.elf", "elf", "00" * 32, Isa.THUMB, tuple(segments), entry=FLASH + 8, vector_table=FLASH)


def used(inspection):
    return {memory.name: memory.used_bytes for memory in inspection.memories if memory.used_bytes}


def inspect(made, tmp_path, **options):
    return inspect_image(made, Request(board="nucleo-l4r5zi", settings_folder=str(tmp_path), **options), run=False)


def test_bytes_reached_through_an_alias_are_the_same_bytes(tmp_path):
    low = Segment(FLASH, FLASH, VECTORS + bytes(92), 100)
    high = Segment(ALIAS + 100, ALIAS + 100, bytes(50), 50)
    assert used(inspect(image(low, high), tmp_path)) == {"flash": 150}
    again = Segment(ALIAS, ALIAS, VECTORS + bytes(92), 100)
    assert used(inspect(image(low, again), tmp_path)) == {"flash": 100}


def test_initialised_data_counts_in_both_memories_and_cleared_data_in_ram_only(tmp_path):
    code = Segment(FLASH, FLASH, VECTORS + bytes(92), 100)
    data = Segment(FLASH + 100, RAM, bytes(30), 80, executable=False, writable=True)
    inspection = inspect(image(code, data), tmp_path)
    assert used(inspection) == {"flash": 130, "sram1": 80}
    assert [(s.load_memory, s.run_memory, s.flags) for s in inspection.segments] == [("flash", "flash", "r-x"), ("flash", "sram1", "rw-")]


def test_a_segment_across_two_memories_counts_in_each(tmp_path):
    code = Segment(FLASH, FLASH, VECTORS + bytes(92), 100)
    border = 0x2004_0000  # the end of sram2's second address, where sram3 begins
    stack = Segment(border - 16, border - 16, b"", 48, executable=False, writable=True)
    assert used(inspect(image(code, stack), tmp_path)) == {"flash": 100, "sram2": 16, "sram3": 32}


def test_a_segment_outside_all_memories_is_told(tmp_path):
    code = Segment(FLASH, FLASH, VECTORS + bytes(92), 100)
    lost = Segment(0x9000_0000, 0x9000_0000, bytes(10), 10)
    inspection = inspect(image(code, lost), tmp_path)
    assert len(inspection.fit_problems) == 1
    assert "lies in no memory of the board" in inspection.fit_problems[0]
    assert inspection.segments[1].load_memory == ""


def test_without_symbols_the_region_is_found_by_kernels(tmp_path):
    inspection = inspect(image(Segment(FLASH, FLASH, VECTORS + bytes(92), 100)), tmp_path)
    assert inspection.region.rule == "kernels"
    assert inspection.region.reason.startswith("the image has no symbols; ")
    assert (inspection.run, inspection.run_problem, inspection.operators) == (None, "not run, as asked for", ())


def test_requests_that_cannot_be_met_are_errors(tmp_path):
    made = image(Segment(FLASH, FLASH, VECTORS + bytes(92), 100))
    with pytest.raises(ImageError, match="has no symbols"):
        inspect(made, tmp_path, region="main")
    with pytest.raises(UsageError, match="rv32"):
        inspect(made, tmp_path, core="hazard3")


def test_a_failing_run_leaves_the_static_part(tmp_path):
    made = image(Segment(FLASH, FLASH, VECTORS + b"\x00\xde" * 46, 100))  # udf: a permanently undefined instruction
    inspection = inspect_image(made, Request(board="nucleo-l4r5zi", settings_folder=str(tmp_path)))
    assert inspection.run is None
    assert inspection.run_problem.startswith("failed: made.elf: ")
    assert used(inspection) == {"flash": 100}
