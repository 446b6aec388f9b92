"""The list of boards shows the ones that come with instsim."""

from __future__ import annotations

from instsim.cost.board import list_boards
from instsim.report.catalogue import boards_text


def test_every_board_has_its_row_and_generic_ones_come_last():
    boards = list_boards()
    names = [line.split()[0] for line in boards_text(boards).splitlines()[3 : 3 + len(boards)]]
    assert sorted(names) == sorted(board.name for board in boards)
    generic = {board.name for board in boards if board.generic}
    assert set(names[len(names) - len(generic) :]) == generic


def test_a_board_shows_part_clock_and_memory():
    board = next(board for board in list_boards() if board.name == "nucleo-l4r5zi")
    (line,) = (line for line in boards_text([board]).splitlines() if line.startswith("  nucleo"))
    for text in ("ST NUCLEO-L4R5ZI  ", "STM32L4R5ZI", "cortex-m4", "120 MHz", "2 MiB", "640 KiB", "pJ"):
        assert text in line


def test_the_list_fits_eighty_columns():
    assert max(len(line) for line in boards_text(list_boards(), width=80).splitlines()) <= 80
