"""Many images on many boards, in processes of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from instsim.errors import InputError
from instsim.gate.baseline import baseline_text
from instsim.gate.budget_file import load_plan
from instsim.gate.checking import check, make_baseline
from instsim.resources import firmware_elf

ELF = firmware_elf() / "elf"
BOARDS = ("nucleo-l4r5zi", "nucleo-f446re")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("dispatch-s28", "dispatch-s36", "fault-read"):
        shutil.copy(ELF / f"{name}-cortex-m4.elf", tmp_path / f"{name}.elf")
    (tmp_path / "broken.elf").write_bytes(b"\x7fELF and nothing else")
    return tmp_path


def test_one_broken_image_does_not_hide_the_others(folder: Path) -> None:
    path = folder / "budgets.toml"
    path.write_text(f'boards = {list(BOARDS)}\n[[image]]\nfile = "*.elf"\nbudget_cycles = 5_000_000\n[[budget]]\ncycles = 1e9\n')
    seen: list[tuple[int, int]] = []
    report = check(load_plan(path), on_done=lambda done, total: seen.append((done, total)))
    assert [(cell.image, cell.board) for cell in report.cells] == [
        (name, board) for name in ("broken", "dispatch-s28", "dispatch-s36", "fault-read") for board in BOARDS
    ]
    failed = {cell.image: cell.failure.kind for cell in report.cells if cell.failure}
    assert failed == {"broken": "ImageError", "fault-read": "RunError"}
    assert all(cell.verdicts[0].status == "held" for cell in report.cells if cell.failure is None)
    assert report.exit_code == 1
    assert seen[-1] == (8, 8)


def test_a_part_of_a_baseline_is_not_written(folder: Path) -> None:
    path = folder / "budgets.toml"
    path.write_text('boards = ["nucleo-l4r5zi"]\n[[image]]\nfile = "dispatch-s28.elf"\n[[image]]\nfile = "broken.elf"\n[[budget]]\ncycles = 1e9\n')
    with pytest.raises(InputError, match="1 of 2 estimates are missing"):
        make_baseline(load_plan(path))
    path.write_text('boards = ["nucleo-l4r5zi"]\n[[image]]\nfile = "dispatch-s28.elf"\n[[budget]]\ncycles = "+0 %"\n')
    made = make_baseline(load_plan(path))
    assert [(entry.image, entry.side.board) for entry in made.entries] == [("dispatch-s28", "nucleo-l4r5zi")]
    (folder / "base.toml").write_text(baseline_text(made))
    report = check(load_plan(path), use_cache=False)
    assert report.exit_code == 3
    path.write_text(f'baseline = "base.toml"\n{path.read_text()}')
    assert check(load_plan(path), use_cache=False).exit_code == 0


def test_a_board_that_does_not_exist_fails_its_cells_alone(folder: Path) -> None:
    path = folder / "budgets.toml"
    path.write_text('boards = ["nucleo-l4r5zi", "nucleo-l4r5zz"]\n[[image]]\nfile = "dispatch-s28.elf"\n[[budget]]\ncycles = 1e9\n')
    good, bad = check(load_plan(path)).cells
    assert good.failure is None
    assert bad.failure is not None
    assert bad.board == "nucleo-l4r5zz"
    assert bad.failure.kind == "UsageError"
