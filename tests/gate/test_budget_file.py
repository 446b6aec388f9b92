"""Budget files: what they mean, and every way to get one wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from instsim.errors import BudgetFileError, UsageError
from instsim.gate.budget_file import find_plan, images_from, load_plan
from instsim.gate.budget_schema import parse_limit
from instsim.gate.budgets import Limit, LimitKind

GOOD = """
boards = ["nucleo-l4r5zi"]
baseline = "base.toml"

[[image]]
file = "a.elf"
region = "f"
kernels = ["k_*"]

[[image]]
file = "b.elf"
name = "second"
boards = ["my.toml", "nucleo-f446re"]

[[budget]]
latency_ms = 50

[[budget]]
image = "second"
operator = 3
cycles = ["<= 1e6", "+2 %"]
"""


def write(folder: Path, text: str, name: str = "budgets.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> str:
    with pytest.raises(BudgetFileError) as caught:
        load_plan(write(folder, text))
    assert caught.value.exit_code == 1
    return str(caught.value)


def test_a_plan(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path, GOOD))
    first, second = plan.images
    assert (first.name, first.file, first.boards) == ("a", str(tmp_path / "a.elf"), ("nucleo-l4r5zi",))
    assert dict(first.options) == {"region": "f", "kernels": ("k_*",)}
    assert second.boards == (str(tmp_path / "my.toml"), "nucleo-f446re")
    assert plan.baseline == str(tmp_path / "base.toml")
    latency, cycles = plan.budgets
    assert (latency.image, latency.operator, latency.limits) == ("*", None, (Limit(LimitKind.ABSOLUTE, 50.0),))
    assert (cycles.subject, cycles.limits) == ("operator 3 cycles", (Limit(LimitKind.ABSOLUTE, 1e6), Limit(LimitKind.PERCENT, 2.0)))
    lines = GOOD.splitlines()
    assert lines[latency.line - 1].startswith("latency_ms")
    assert lines[cycles.line - 1].startswith("cycles")


def test_images_given_instead_keep_what_the_file_says_of_them(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + '\n[[image]]\nfile = "none/*.elf"\n')
    plan = load_plan(path, images=images_from([str(tmp_path / "b.elf"), "c.elf"]))
    assert [(image.name, image.boards) for image in plan.images] == [
        ("second", (str(tmp_path / "my.toml"), "nucleo-f446re")),
        ("c", ("nucleo-l4r5zi",)),
    ]
    (first,) = load_plan(path, images=images_from([str(tmp_path / "a.elf")]), boards=("nucleo-f446re",)).images
    assert (first.boards, dict(first.options)) == (("nucleo-f446re",), {"region": "f", "kernels": ("k_*",)})


def test_images_given_instead_with_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BudgetFileError, match="two images are named 'second'"):
        load_plan(write(tmp_path, GOOD), images=images_from([str(tmp_path / "b.elf"), "second.elf"]))


@pytest.mark.parametrize(
    ("text", "kind", "amount", "baseline", "allowed"),
    [
        (50, LimitKind.ABSOLUTE, 50, 7, 50),
        ("<= 50.5", LimitKind.ABSOLUTE, 50.5, 7, 50.5),
        ("65_536", LimitKind.ABSOLUTE, 65536, 7, 65536),
        ("<= +2 %", LimitKind.PERCENT, 2, 200, 204),
        ("-5%", LimitKind.PERCENT, -5, 200, 190),
        ("+512", LimitKind.INCREASE, 512, 200, 712),
        ("<=-10", LimitKind.INCREASE, -10, 200, 190),
    ],
)
def test_limits(text: str, kind: LimitKind, amount: float, baseline: float, allowed: float) -> None:
    limit = parse_limit(text)
    assert limit == Limit(kind, amount)
    assert limit.allowed(baseline) == pytest.approx(allowed)
    assert parse_limit(str(limit)) == limit


@pytest.mark.parametrize("text", ["", "50 ms", ">= 3", "< 3", "2 %", "-100 %", -5, True, "<= nan", "1e"])
def test_what_is_no_limit(text: object) -> None:
    with pytest.raises(ValueError, match=r"limit|hold|sign"):
        parse_limit(text)  # type: ignore[arg-type]


def test_all_problems_at_once_with_near_names(tmp_path: Path) -> None:
    text = problems(
        tmp_path,
        """
        bords = ["x"]
        [[image]]
        file = "a.elf"
        regoin = "f"
        [[budget]]
        latencyms = 5
        energy_uj = "a lot"
        [[budget]]
        operator = 2
        flash_bytes = 5
        [[budget]]
        upper = true
        cycles = 5
        [[budget]]
        upper = true
        energy_uj = "+2 %"
        [[budget]]
        image = "a"
        """,
    )
    assert "bords: no such key, did you mean boards?" in text
    assert "image 1: regoin: no such key, did you mean region?" in text
    assert "budget 1: latencyms: no such metric; did you mean latency_ms?" in text
    assert "budget 1: energy_uj: 'a lot' is not a limit" in text
    assert "budget 2: flash_bytes: is of the whole image" in text
    assert "budget 3: cycles: has no interval" in text
    assert "budget 4: energy_uj: a difference is judged as a pair" in text
    assert "budget 5: no limit; metrics: cycles" in text


def test_contradictions(tmp_path: Path) -> None:
    head = '[[image]]\nfile = "a.elf"\n'
    text = problems(tmp_path, f"{head}[[budget]]\ncycles = 5\n[[budget]]\ncycles = 6\n")
    assert "budget 2: cycles <= 6 contradicts budget 1, which says <= 5" in text
    assert "already" in problems(tmp_path, f"{head}[[budget]]\ncycles = 5\n[[budget]]\ncycles = 5\n")
    assert "contradict each other" in problems(tmp_path, f'{head}[[budget]]\ncycles = ["+2 %", "+3 %"]\n')
    # An absolute and a relative limit, or limits of two boards, do not.
    load_plan(write(tmp_path, f'{head}[[budget]]\ncycles = 5\n[[budget]]\ncycles = "+2 %"\n[[budget]]\nboard = "x"\ncycles = 6\n'))


def test_patterns_of_files(tmp_path: Path) -> None:
    for name in ("z.elf", "a.elf"):
        (tmp_path / name).write_bytes(b"")
    text = '[[image]]\nfile = "*.elf"\n[[budget]]\ncycles = 1\n'
    assert [task.name for task in load_plan(write(tmp_path, text)).images] == ["a", "z"]
    assert "no file matches '*.bin'" in problems(tmp_path, text.replace("*.elf", "*.bin"))
    assert "cannot have one name" in problems(tmp_path, text.replace('"*.elf"', '"*.elf"\nname = "x"'))


def test_two_images_of_one_name(tmp_path: Path) -> None:
    text = '[[image]]\nfile = "x/a.elf"\n[[image]]\nfile = "y/a.elf"\n[[budget]]\ncycles = 1\n'
    assert "two images are named 'a.elf'" in problems(tmp_path, text)
    with pytest.raises(BudgetFileError):
        images_from(("x/a.elf", "y/a.elf"))
    assert [task.name for task in images_from(("x/a.elf", "x/a.bin"))] == ["a.elf", "a.bin"]


@pytest.mark.parametrize("text", ["[[image", "\x00", "image = 3", "budget = 'x'", "[[image]]\n", ""])
def test_files_that_are_no_budgets(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(BudgetFileError, match="No such file"):
        load_plan(tmp_path / "none.toml")
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BudgetFileError, match="UTF-8"):
        load_plan(path)


@pytest.mark.parametrize(("name", "head"), [("pyproject.toml", "tool.instsim.check"), ("instsim.toml", "check")])
def test_budgets_in_the_settings(tmp_path: Path, name: str, head: str) -> None:
    write(tmp_path, f'[[{head}.image]]\nfile = "a.elf"\n\n[[{head}.budget]]\ncycles = 5\n', name)
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    plan = find_plan(inside)
    assert plan.images[0].file == str(tmp_path / "a.elf")
    assert plan.budgets[0].line == 5


def test_no_budgets_anywhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no budgets"):
        find_plan(tmp_path)


def test_images_and_boards_of_the_caller_replace_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    plan = load_plan(path, images=images_from(("other.elf",)), boards=("nano-33-ble",))
    assert [(task.name, task.boards) for task in plan.images] == [("other", ("nano-33-ble",))]
    assert [task.boards for task in load_plan(path, images=images_from(("other.elf",))).images] == [("nucleo-l4r5zi",)]
