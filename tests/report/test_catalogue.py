"""Boards and cores are listed with what their figures rest on."""

from __future__ import annotations

from pathlib import Path

import pytest

from instsim.cost.boards import list_boards
from instsim.cost.core_table import CoreParameter, CoreTable, Cost, Divider
from instsim.isa.instruction import Isa
from instsim.report.catalogue import boards_text, core_parts, cores_text
from instsim.report.tables import render


@pytest.fixture(name="core")
def _core():
    return CoreTable(
        name="cortex-x",
        title="Cortex-X",
        isa=Isa.THUMB,
        pipeline="cortex_x",
        emulated_cpu="cortex-m4",
        fpu="none",
        extensions=frozenset({"base", "dsp"}),
        parameters={"prefetch_words": CoreParameter(3, "assumed", "judgement", "not documented")},
        classes={"alu": Cost(1, "documented", "manual table 1"), "load-multiple": Cost(1, "documented", "manual table 1", per_register=1)},
        events={"taken-branch": Cost(2.5, "measured", "boards section 2", note="mean of 1 to 3")},
        divider=Divider("early-out", "documented", "manual table 1", {"base": 2, "most": 12}),
        notes="First\nparagraph.\n\nSecond.",
        digest="ab" * 32,
        path=Path("cost_tables/cores/cortex-x.toml"),
    )


def test_cores_are_listed_with_the_bases_of_their_figures(core):
    text = cores_text([core])
    assert "  cortex-x  Cortex-X  thumb            none  cortex_x        3 documented, 1 assumed, 1 measured\n" in text


def test_a_cores_table_shows_every_figure_with_basis_and_source(core):
    text = render(core_parts(core))
    for line in (
        "  instruction class  cycles  per register  basis       source\n",
        "  load-multiple           1             1  documented  manual table 1\n",
        "  taken-branch     2.5  measured  boards section 2  mean of 1 to 3\n",
        "  prefetch_words  3  assumed, judgement: not documented\n",
        "  cycles  base 2, most 12\n",
        "  First paragraph.\n  Second.\n",
        f"cortex-x.toml, sha256 {'ab' * 32}\n",
    ):
        assert line in text


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
