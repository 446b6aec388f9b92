"""`instsim boards` and `instsim cores` list and show the data, and start a board file that is valid as it stands."""

from __future__ import annotations

import json
import tomllib

import pytest

from instsim.cost import board_names, core_names, load_board


def test_boards_lists_every_board(instsim):
    ran = instsim("boards")
    assert (ran.code, ran.err) == (0, "")
    names = {line.split()[0] for line in ran.out.splitlines()[3:] if line.startswith("  ")}
    assert set(board_names()) <= names


def test_boards_as_json(instsim):
    document = json.loads(instsim("boards", "--format", "json").out)
    assert [row["name"] for row in document["boards"]] == list(board_names())
    row = next(row for row in document["boards"] if row["name"] == "nucleo-l4r5zi")
    assert (row["core"], row["clock_hz"], row["flash_bytes"], row["ram_bytes"]) == ("cortex-m4", 120e6, 2 << 20, 640 << 10)
    assert row["sha256"] == load_board("nucleo-l4r5zi").digest


def test_cores_as_text_and_json(instsim):
    text, document = instsim("cores").out, json.loads(instsim("cores", "--format", "json").out)
    assert [row["name"] for row in document["cores"]] == list(core_names())
    for row in document["cores"]:
        assert f"  {row['name']} " in text
        assert sum(row["figures_by_basis"].values()) > 10


@pytest.mark.parametrize("name", board_names())
def test_every_board_can_be_shown_with_its_sources(instsim, name):
    ran = instsim("boards", "show", name)
    assert (ran.code, ran.err) == (0, "")
    board = load_board(name)
    for memory in board.memories:
        assert f"{memory.address:#010x}" in ran.out
        assert f"{memory.size_bytes:,} B" in ran.out
    for part in ("Memories", "Energy before calibration", "Sources", board.digest):
        assert part in ran.out


def test_show_says_what_a_figure_rests_on(instsim):
    out = instsim("boards", "show", "nucleo-l4r5zi").out
    assert "120 MHz, of 0.1 MHz to 120 MHz  documented, st-ds12023" in out
    assert "5 at 120 MHz, documented" in out
    assert "STMicroelectronics DS12023" in out


def test_a_misspelt_board_is_corrected(instsim):
    ran = instsim("boards", "show", "nucleo-l4r5")
    assert ran.code != 0
    assert ran.out == ""
    assert "no board named 'nucleo-l4r5'" in ran.err
    assert "did you mean nucleo-l4r5zi" in ran.err


def test_new_prints_a_board_file_that_is_valid_as_it_stands(instsim, tmp_path):
    ran = instsim("boards", "new", "my-board", "--like", "nucleo-f446re")
    assert (ran.code, ran.err) == (0, "")
    document = tomllib.loads(ran.out)
    assert (document["name"], document["core"]) == ("my-board", "cortex-m4")
    (tmp_path / "my-board.toml").write_text(ran.out, "utf-8")
    assert load_board(str(tmp_path / "my-board.toml")).memories == load_board("nucleo-f446re").memories


def test_new_writes_a_file_and_overwrites_it_only_when_told(instsim, tmp_path):
    arguments = ("boards", "new", "my-board", "--like", "nucleo-f446re", "-o", "my.toml")
    first = instsim(*arguments)
    assert (first.code, first.out) == (0, "")
    assert "instsim tables check my.toml" in first.err
    written = (tmp_path / "my.toml").read_text("utf-8")
    (tmp_path / "my.toml").write_text("mine", "utf-8")
    refused = instsim(*arguments)
    assert refused.code == 2
    assert "my.toml exists already" in refused.err
    assert "--force" in refused.err
    assert (tmp_path / "my.toml").read_text("utf-8") == "mine"
    assert instsim(*arguments, "--force").code == 0
    assert (tmp_path / "my.toml").read_text("utf-8") == written
    assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "Missing option '--like'"),
        (("my-board",), 2, "Missing option '--like'"),
        (("My Board", "--like", "nucleo-f446re"), 2, "'My Board' cannot name a board"),
        (("nucleo-f446re", "--like", "nucleo-f446re"), 2, "is taken by a board that comes with instsim"),
        (("my-board", "--like", "nucleo-f446r"), None, "did you mean nucleo-f446re"),
        (("my-board", "--like", "nucleo-f446re", "-o", "missing/my.toml"), 2, "there is no folder 'missing'"),
        (("my-board", "--like", "nucleo-f446re", "-o", "."), 2, "is a directory"),
    ],
)
def test_new_refuses_what_makes_no_board(instsim, arguments, code, message):
    ran = instsim("boards", "new", *arguments)
    assert ran.code == code or (code is None and ran.code in {1, 2})
    assert ran.out == ""
    assert message in ran.err


def test_a_board_without_a_name_is_named_after_its_file(instsim, tmp_path):
    assert tomllib.loads(instsim("boards", "new", "--like", "rpi-pico2").out)["name"] == "my-board"
    assert instsim("boards", "new", "--like", "rpi-pico2", "-o", "third.toml").code == 0
    assert load_board(str(tmp_path / "third.toml")).name == "third"


def test_an_estimate_runs_on_the_started_board(instsim, images):
    assert instsim("boards", "new", "my-board", "--like", "nucleo-f446re", "-o", "my.toml").code == 0
    ran = instsim("estimate", images / "kws-cortex-m4.elf", "--region", "kws_invoke", "--board", "my.toml")
    assert (ran.code, ran.err) == (0, "")
    assert "(my-board, from --board)" in ran.out
