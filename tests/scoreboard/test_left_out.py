"""Memory models fitted without the image that they predict."""

import pytest
from accuracy.left_out import FittedImage, fitted_cycles, left_out_lines

import instsim
from instsim.cost.memory_table import load_memory
from instsim.resources import firmware_elf

_ELF = firmware_elf() / "elf"


def _image(name, waits, *, of=1.0, board="board"):
    """An image of 1,000 cycles on the board, of which so many are waits of two cycles; the table says one."""
    return FittedImage(board, name, 1000.0 - 2 * waits + of * waits, 1000.0, {"1 cycles a miss of flash": of * waits} if waits else {})


def _row(images):
    return [cell.strip() for cell in list(left_out_lines(images))[-1].split("|")[1:-1]]


def test_a_figure_that_all_images_meet_is_found_without_each_of_them():
    row = _row([_image("a", 100), _image("b", 50), _image("c", 10)])
    assert row == ["board", "3", "1 cycles a miss of flash", "2 to 2", "5.33 %, -10.00 %", "0.00 %, +0.00 %", "0.00 %, +0.00 %"]


def test_a_figure_that_only_one_network_meets_is_not_known_without_it():
    """Its two images tell of each other, and of nothing once both are left out."""
    row = _row([_image("a", 100), _image("a", 90), _image("b", 0)])
    assert row[3:] == ["0 to 2", "6.33 %, -10.00 %", "0.00 %, +0.00 %", "12.67 %, -20.00 %"]


def test_boards_without_fitted_figures_are_left_out():
    rows = [line for line in left_out_lines([_image("a", 0), _image("b", 3, board="other"), _image("c", 5, board="other")]) if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows] == ["board", "---", "other"]


def test_what_rests_on_fitted_figures_is_read_off_an_estimate():
    found = instsim.estimate(_ELF / "kws-cortex-m4.elf", board="nucleo-l4r5zi", region="kws_invoke")
    (stalls,) = (event.cycles for event in found.events if event.name == "stall:crossing")
    assert fitted_cycles(found, load_memory("stm32l4")) == {"2 cycles between loads from two memories": pytest.approx(stalls)}
    found = instsim.estimate(_ELF / "kws-cortex-m33.elf", board="nucleo-u575zi-q", region="kws_invoke")
    (reads,) = (path.accesses for path in found.memory.paths if path.access == "read" and path.memory == "flash")
    assert fitted_cycles(found, load_memory("stm32u5")) == {"0.65 cycles a read of flash": pytest.approx(0.65 * reads)}
