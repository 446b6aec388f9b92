"""``instsim check`` and ``instsim baseline``: exit codes one by one, every format, and what can go wrong."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

BUDGETS = """
boards = ["nucleo-l4r5zi"]
baseline = "base.toml"

[[image]]
file = "head.elf"
name = "kws"
region = "kws_invoke"

[[budget]]
cycles = "<= +0.5 %"
latency_ms = 300

[[budget]]
operator = "AVERAGE_POOL_2D"
cycles = "<= +0.5 %"
"""


@pytest.fixture
def project(tmp_path: Path, images: Path):
    """Return a function that puts a version of the sample into the project, which has budgets."""
    (tmp_path / "budgets.toml").write_text(BUDGETS)
    (tmp_path / "instsim.toml").write_text('memory = "ideal"')  # else a change of one operator moves the code of others across cache lines

    def put(version: str, budgets: str = BUDGETS) -> Path:
        shutil.copy(images / f"{version}-cortex-m4.elf", tmp_path / "head.elf")
        (tmp_path / "budgets.toml").write_text(budgets)
        return tmp_path

    return put


@pytest.fixture
def check(instsim):
    return lambda *arguments: instsim("check", "--budget", "budgets.toml", *arguments)


def test_0_all_hold(instsim, project, check) -> None:
    project("kws")
    assert instsim("baseline", "save", "--budget", "budgets.toml").code == 0
    ran = check()
    assert (ran.code, ran.err) == (0, "")
    assert "instsim check passed: 3 of 3 limits hold" in ran.out


def test_4_one_per_cent_in_one_operator_breaks_its_budget(instsim, project, check) -> None:
    project("kws")
    instsim("baseline", "save", "--budget", "budgets.toml")
    project("kws-pool-delay")
    ran = check()
    assert ran.code == 4
    found = re.search(r"operator AVERAGE_POOL_2D cycles is ([\d,]+), was ([\d,]+) \(\+1 %\)", ran.out)
    assert found is not None
    after, before = (int(number.replace(",", "")) for number in found.groups())
    # 226 turns of a loop of subs and a taken branch (4 cycles), and the way there and on.
    assert after - before == 226 * 4 + 1
    assert "1 of 3 limits broken" in ran.err


def test_4_a_version_optimised_for_size_breaks_all(instsim, project, check) -> None:
    project("kws")
    instsim("baseline", "save", "--budget", "budgets.toml")
    project("kws-small")
    ran = check()
    assert ran.code == 4
    assert "3 of 3 limits broken" in ran.err


def test_1_an_image_that_does_not_run(project, check) -> None:
    project("fault-read", BUDGETS.replace('region = "kws_invoke"', 'region = "main"'))
    ran = check()
    assert ran.code == 1
    assert "No answer for kws on nucleo-l4r5zi" in ran.out
    assert "the firmware failed" in ran.out


def test_1_an_image_that_is_missing(tmp_path, project, check) -> None:
    project("kws")
    (tmp_path / "head.elf").unlink()
    ran = check()
    assert ran.code == 1
    assert "no such file" in ran.out


def test_1_an_unknown_operator(project, check) -> None:
    project("kws", '[[image]]\nfile = "head.elf"\nboards = ["nucleo-l4r5zi"]\n[[budget]]\noperator = "CONV2D"\ncycles = 1e9\n')
    ran = check()
    assert ran.code == 1
    assert "did you mean 'CONV_2D'?" in ran.out


def test_1_an_unknown_metric(project, check) -> None:
    project("kws", BUDGETS.replace("latency_ms", "latncy_ms"))
    ran = check()
    assert ran.code == 1
    assert "did you mean latency_ms?" in ran.err


def test_1_contradictory_budgets(project, check) -> None:
    project("kws", f"{BUDGETS}\n[[budget]]\nlatency_ms = 200\n")
    ran = check()
    assert ran.code == 1
    assert "contradicts budget 1" in ran.err


def test_1_a_budget_that_fits_nothing(project, check) -> None:
    project("kws", f'{BUDGETS}\n[[budget]]\nimage = "kwss"\nflash_bytes = 1e6\n')
    ran = check()
    assert ran.code == 1
    assert "no image is named 'kwss'; did you mean 'kws'?" in ran.out


def test_1_a_baseline_that_cannot_be_read(tmp_path, project, check) -> None:
    project("kws")
    (tmp_path / "base.toml").write_text("no baseline")
    ran = check()
    assert ran.code == 1
    assert "base.toml: not a baseline" in ran.err


def test_2_wrong_usage(instsim, project, check) -> None:
    assert instsim("check").code == 2
    project("kws")
    assert check("--format", "pdf").code == 2
    assert check("--write", "pdf=x").code == 2
    assert check("--write", "json=none/x").code == 2


def test_3_the_baseline_is_missing(project, check) -> None:
    project("kws")
    ran = check()
    assert ran.code == 3
    assert "there is no baseline" in ran.out
    assert "`instsim baseline save` writes a baseline" in ran.out
    assert "baseline  none" in ran.out
    assert "held" in ran.out


def test_3_the_baseline_is_stale(tmp_path, instsim, project, check) -> None:
    project("kws")
    instsim("baseline", "save", "--budget", "budgets.toml")
    path = tmp_path / "base.toml"
    path.write_text(path.read_text().replace('instsim_version = "', 'instsim_version = "0.0.'))
    ran = check()
    assert ran.code == 3
    assert "The baseline is stale" in ran.out
    assert "version of instsim" in ran.out
    assert instsim("baseline", "update", "--budget", "budgets.toml").code == 0
    assert check().code == 0


def test_every_format_at_once(tmp_path, instsim, project, check) -> None:
    project("kws")
    instsim("baseline", "save", "--budget", "budgets.toml")
    project("kws-pool-delay")
    ran = check("--format", "github", "--write", "json=c.json", "--write", "junit=c.xml", "--write", "markdown=c.md", "--write", "text=c.txt")
    assert ran.code == 4
    assert ran.out.startswith("::error file=budgets.toml,line=16,")
    assert json.loads((tmp_path / "c.json").read_text())["exit_code"] == 4
    assert ET.parse(tmp_path / "c.xml").getroot().attrib["failures"] == "1"
    assert (tmp_path / "c.md").read_text().startswith("## instsim check FAILED")
    assert "Broken" in (tmp_path / "c.txt").read_text()


def test_the_same_check_gives_the_same_bytes(tmp_path, project, check) -> None:
    project("kws")
    first = [check("--format", form, *cache).out for form in ("json", "junit", "markdown") for cache in ((), ("--no-cache",))]
    assert first[0::2] == first[1::2]


def test_budgets_of_pyproject_and_images_of_the_command_line(tmp_path, instsim, images) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.instsim]\nboard = "nucleo-l4r5zi"\n\n[[tool.instsim.check.budget]]\nram_bytes = 65536\n')
    ran = instsim("check", images / "dispatch-s28-cortex-m4.elf", images / "dispatch-s36-cortex-m4.elf")
    assert ran.code == 0, ran.err
    assert "2 of 2 limits hold" in ran.out
    assert "dispatch-s36" in ran.out
    both = instsim("check", images / "dispatch-s28-cortex-m4.elf", "--board", "nucleo-f446re", "--board", "nucleo-l4r5zi")
    assert "2 of 2 limits hold" in both.out


def test_an_image_in_the_place_of_the_baselines_file_is_kept(tmp_path, instsim, project) -> None:
    project("kws")
    image = (tmp_path / "head.elf").read_bytes()
    for command in (("save", "head.elf", "--force"), ("update", "head.elf")):
        ran = instsim("baseline", *command, "--budget", "budgets.toml")
        assert ran.code == 2
        assert "head.elf is no baseline" in ran.err
    assert (tmp_path / "head.elf").read_bytes() == image


def test_only_a_baseline_is_overwritten(tmp_path, instsim, project) -> None:
    project("kws")
    budgets = (tmp_path / "budgets.toml").read_text()
    (tmp_path / "notes.txt").write_text("no baseline")
    for name in ("budgets.toml", "notes.txt"):
        ran = instsim("baseline", "save", name, "--force", "--budget", "budgets.toml")
        assert ran.code == 2
        assert f"{name} is no baseline" in ran.err
    assert (tmp_path / "budgets.toml").read_text() == budgets
    assert instsim("baseline", "save", "base.toml", "--budget", "budgets.toml").code == 0
    written = (tmp_path / "base.toml").read_text()
    for damaged in ("", written.replace("format = 1", "<<<<<<< HEAD"), written.split("\n", 1)[1].replace("format = 1", "format = 0")):
        (tmp_path / "base.toml").write_text(damaged)
        assert instsim("baseline", "save", "base.toml", "--force", "--budget", "budgets.toml").code == 0
        assert (tmp_path / "base.toml").read_text() == written


def test_an_image_without_an_answer_is_told_by_the_same_exit_code_everywhere(tmp_path, instsim, project, check) -> None:
    project("kws")
    (tmp_path / "head.elf").write_bytes(b"no firmware")
    codes = [check().code] + [instsim("baseline", command, "base.toml", "--budget", "budgets.toml").code for command in ("save", "update")]
    assert codes == [1, 1, 1]


def test_a_board_file_with_many_errors_leaves_room_for_the_rest(tmp_path, instsim, project, check) -> None:
    project("kws")
    assert instsim("boards", "new", "mine", "--like", "nucleo-f446re", "-o", "mine.toml").code == 0
    text = (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text(re.sub(r"^name = .*", 'name = "same"', text, flags=re.MULTILINE))
    ran = check("--board", "mine.toml")
    assert ran.code == 1
    assert re.search(r"^  and \d+ more$", ran.out, flags=re.MULTILINE)
    assert ran.out.count("is there twice") <= 10


def test_baseline_show_save_and_update(tmp_path, instsim, project) -> None:
    project("kws")
    assert instsim("baseline", "save", "mine.toml", "--budget", "budgets.toml").code == 0
    text = (tmp_path / "mine.toml").read_text()
    again = instsim("baseline", "save", "mine.toml", "--budget", "budgets.toml")
    assert again.code == 2
    assert "exists" in again.err
    ran = instsim("baseline", "update", "mine.toml", "--budget", "budgets.toml")
    assert "1 estimate, 0 new or changed" in ran.err
    assert (tmp_path / "mine.toml").read_text() == text
    project("kws-pool-delay")
    assert "1 new or changed" in instsim("baseline", "update", "mine.toml", "--budget", "budgets.toml").err
    shown = instsim("baseline", "show", "mine.toml")
    assert shown.code == 0
    (saved,) = re.findall(r"^cycles = ([\d.]+)$", (tmp_path / "mine.toml").read_text(), flags=re.MULTILINE)
    assert f"{float(saved):,.0f}" in shown.out
    assert instsim("baseline", "show", "none.toml").code == 1
    assert instsim("baseline", "sav").code == 2
    project("kws", BUDGETS.replace('baseline = "base.toml"', ""))
    assert "which file?" in instsim("baseline", "save", "--budget", "budgets.toml").err
