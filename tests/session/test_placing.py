"""Placements by name: models, functions, data, patterns, sections and addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from instsim.cost import load_board
from instsim.errors import UsageError
from instsim.image import FirmwareImage, Section, Segment, Symbol
from instsim.resources import firmware_elf
from instsim.session.placing import find_moves

BOARD = load_board("nucleo-l4r5zi")
H743 = load_board("nucleo-h743zi")
IMAGE = FirmwareImage(
    name="made.elf",
    format="elf",
    sha256="",
    isa=None,
    segments=(Segment(0x0800_0000, 0x0800_0000, bytes(0x4000), 0x4000), Segment(0x0800_4000, 0x2000_0000, bytes(0x100), 0x2_F000)),
    symbols=(
        Symbol("arm_nn_a", 0x0800_1004, 0x20, "function"),
        Symbol("arm_nn_b", 0x0800_1024, 0x40, "function"),
        Symbol("_Z4sizev", 0x0800_2000, 0, "function"),
        Symbol("last", 0x0800_2048, 0x10, "function"),
        Symbol("table", 0x0800_3010, 0x100, "object"),
    ),
    sections=(Section(".text", 0x0800_1000, 0x0800_1000, 0x1800, executable=True), Section(".const", 0x0800_3000, 0x0800_3000, 0x200)),
)


@pytest.mark.parametrize(
    ("text", "ranges", "size", "words"),
    [
        ("arm_nn_a=sram2", [(0x0800_1000, 0x0800_1040)], 0x20, "arm_nn_a in sram2"),
        ("arm_nn_*=sram2", [(0x0800_1000, 0x0800_1080)], 0x60, "arm_nn_* in sram2"),
        ("size=sram2", [(0x0800_2000, 0x0800_2060)], 0x48, "size in sram2"),
        ("table=sram2", [(0x0800_3000, 0x0800_3120)], 0x100, "table in sram2"),
        (".const=sram2", [(0x0800_3000, 0x0800_3200)], 0x200, ".const in sram2"),
        ("0x08000010 - 0x08000021 = sram2", [(0x0800_0000, 0x0800_0040)], 0x11, "0x08000010 - 0x08000021 in sram2"),
        ("arm_nn_a=sram2,arm_nn_b=sram2", [(0x0800_1000, 0x0800_1080)], 0x60, "arm_nn_a in sram2, arm_nn_b in sram2"),
        ("size()=sram2,table=sram2", [(0x0800_2000, 0x0800_2060), (0x0800_3000, 0x0800_3120)], 0x148, "size() in sram2, table in sram2"),
    ],
)
def test_places(text, ranges, size, words):
    (move,) = find_moves(IMAGE, BOARD, [text])
    assert [(place.start, place.stop) for place in move.placement] == ranges
    assert {place.memory for place in move.placement} == {"sram2"}
    assert (move.text, move.size_bytes, move.warnings) == (words, size, ())


def test_a_model_is_found_where_the_firmware_reads_it():
    contents = (firmware_elf() / "models" / "kws.tflite").read_bytes()
    loaded = replace(IMAGE, segments=(Segment(0x0800_0000, 0x2000_1000, contents, len(contents)),))
    (move,) = find_moves(loaded, BOARD, ["weights=sram3"])
    assert [(place.start, place.memory) for place in move.placement] == [(0x2000_1000, "sram3")]
    assert 0.9 * len(contents) <= move.size_bytes <= len(contents)


def test_a_symbol_named_weights_is_meant_before_the_models():
    named = replace(IMAGE, symbols=(*IMAGE.symbols, Symbol("weights", 0x0800_3200, 0x40, "object")))
    (move,) = find_moves(named, BOARD, ["weights=sram2"])
    assert [(place.start, place.stop) for place in move.placement] == [(0x0800_3200, 0x0800_3240)]


def test_what_cannot_be_written_takes_nothing():
    with pytest.raises(UsageError, match="nothing can be put into system, which is read-only memory"):
        find_moves(IMAGE, BOARD, ["table=system"])


@pytest.mark.parametrize(
    ("board", "text", "warning"),
    [
        (BOARD, "table=flash", "table lies in flash already"),
        (H743, "arm_nn_a=backup", "cannot execute from backup"),
        (BOARD, ".text=sram1", "the image takes 192,512 already: it would not fit"),
    ],
)
def test_what_would_not_work_on_the_chip_is_said(board, text, warning):
    if board is H743:
        memory = next((memory for memory in board.memories if not memory.executable and memory.size_bytes > 0x40), None)
        assert memory is not None
        text, warning = f"arm_nn_a={memory.name}", f"cannot execute from {memory.name}"
    (move,) = find_moves(IMAGE, board, [text])
    assert len(move.warnings) == 1
    assert warning in move.warnings[0]
