"""`instsim tables` shows every figure with its source, finds all that is wrong with a file, and explains a row."""

from __future__ import annotations

import re

import pytest

from instsim.cost import core_names, load_core
from instsim.cost.explain import explain
from instsim.cost.memory_table import load_memory, memory_names
from instsim.cost.table_files import shipped_tables
from instsim.resources import cost_tables


@pytest.mark.parametrize("name", core_names())
def test_show_has_every_row_of_a_core_with_cycles_basis_and_source(instsim, name):
    ran = instsim("tables", "show", name)
    assert (ran.code, ran.err) == (0, "")
    core = load_core(name)
    for rows in (core.classes, core.events):
        for item, cost in rows.items():
            pattern = rf"\n  {re.escape(item)} +{re.escape(f'{cost.cycles:g}')} .*{cost.basis} +{re.escape(cost.source[:24])}"
            assert re.search(pattern, ran.out), item
    assert core.digest in ran.out
    assert "\nSources\n" in ran.out


def test_show_takes_a_board_and_a_name_that_is_both(instsim):
    assert "Energy before calibration" in instsim("tables", "show", "nucleo-f446re").out
    both = instsim("tables", "show", "esp32-c3").out
    assert "Issue cycles" in both
    assert "Energy before calibration" in both


@pytest.mark.parametrize("name", memory_names())
def test_show_has_every_row_of_a_memory_system_with_basis_and_source(instsim, name):
    ran = instsim("tables", "show", name)
    assert (ran.code, ran.err) == (0, "")
    memory = load_memory(name)
    rows = [*memory.registers.items(), *memory.settings.items(), *((row.name, row) for row in memory.caches)]
    rows += [(row.name, row) for row in memory.wait_states.ranges] if memory.wait_states else []
    for item, row in (*rows, *((", ".join(row.memories), row) for row in memory.paths)):
        assert re.search(rf"\n  {re.escape(item)} .*{row.basis} +{re.escape(row.source[:24])}", ran.out), item
    assert memory.digest in ran.out
    assert "\nSources\n" in ran.out


def test_a_name_may_be_a_core_a_memory_system_and_a_board_at_once(instsim):
    out = instsim("tables", "show", "esp32-c3").out
    for title in ("Issue cycles", "Caches and line buffers", "Energy before calibration"):
        assert f"\n{title}\n" in out


def test_a_board_shows_its_memory_system(instsim):
    assert re.search(r"\n  memory system +stm32l4\n", instsim("boards", "show", "nucleo-l4r5zi").out)
    assert re.search(r"\n  memory system +none: ", instsim("boards", "show", "generic-cortex-m4").out)


def test_check_tells_what_is_wrong_with_a_memory_system_and_between_it_and_a_board(instsim, tmp_path):
    memory = (cost_tables() / "memories" / "stm32l4.toml").read_text("utf-8")
    (tmp_path / "memory.toml").write_text(memory.replace("ways = 8", "ways = 7"), "utf-8")
    (tmp_path / "other.toml").write_text(memory.replace('memories = ["flash"]', 'memories = ["flahs"]'), "utf-8")
    board = (cost_tables() / "boards" / "nucleo-l4r5zi.toml").read_text("utf-8").replace('"stm32l4"', '"other.toml"')
    (tmp_path / "board.toml").write_text(board, "utf-8")
    ran = instsim("tables", "check", "memory.toml", "other.toml", "board.toml")
    assert ran.code == 1
    assert "memory.toml: cache[1]: 256 B are not a power of two of sets of 7 lines of 32 B" in ran.out
    assert "other.toml: ok\n" in ran.out
    assert "board.toml: path[0].memories: board nucleo-l4r5zi has no memory 'flahs'; did you mean flash?\n" in ran.out


def test_show_takes_files(instsim):
    assert "Caches and line buffers" in instsim("tables", "show", cost_tables() / "memories" / "stm32l4.toml").out
    assert "Issue cycles" in instsim("tables", "show", cost_tables() / "cores" / "cortex-m4.toml").out
    assert "Memories" in instsim("tables", "show", cost_tables() / "boards" / "rpi-pico.toml").out


def test_show_corrects_a_misspelt_name(instsim):
    ran = instsim("tables", "show", "cortx-m4")
    assert (ran.code, ran.out) == (2, "")
    assert "no core, memory system or board is named 'cortx-m4'" in ran.err
    assert "did you mean cortex-m4" in ran.err


def test_all_tables_that_come_with_instsim_are_valid(instsim):
    ran = instsim("tables", "check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [f"{path}: ok" for path in shipped_tables()]


def test_check_prints_all_problems_of_all_files(instsim, tmp_path):
    core = (cost_tables() / "cores" / "cortex-m4.toml").read_text("utf-8")
    core = core.replace("alu = { cycles = 1,", "alu = { cycles = -1,", 1).replace('pipeline = "cortex_m3m4"', 'pipeline = "cortex_m3m5"', 1)
    (tmp_path / "core.toml").write_text(core, "utf-8")
    board = (cost_tables() / "boards" / "rpi-pico.toml").read_text("utf-8")
    board = board.replace('core = "cortex-m0plus"', 'core = "cortex-m0"', 1).replace("default_hz", "defualt_hz", 1)
    (tmp_path / "board.toml").write_text(board, "utf-8")
    (tmp_path / "good.toml").write_bytes((cost_tables() / "boards" / "rpi-pico.toml").read_bytes())
    ran = instsim("tables", "check", "core.toml", "board.toml", "good.toml")
    assert ran.code == 1
    assert "core.toml: classes.alu.cycles: " in ran.out
    assert "core.toml: pipeline: unknown family 'cortex_m3m5'; did you mean cortex_m3m4?" in ran.out
    assert "board.toml: clock.defualt_hz: unknown key; did you mean default_hz?" in ran.out
    assert "board.toml: clock.default_hz: missing" in ran.out
    assert "good.toml: ok\n" in ran.out
    problems = len(ran.out.splitlines()) - 1
    assert ran.err == f"instsim: error: {problems} problems in 2 of 3 tables\n"


def test_a_board_of_an_unknown_core_has_a_problem(instsim, tmp_path):
    board = (cost_tables() / "boards" / "rpi-pico.toml").read_text("utf-8").replace('core = "cortex-m0plus"', 'core = "cortex-m0pus"', 1)
    (tmp_path / "board.toml").write_text(board, "utf-8")
    ran = instsim("tables", "check", "board.toml")
    assert (ran.code, ran.out) == (1, "board.toml: core: no core table named 'cortex-m0pus'; did you mean cortex-m0plus?\n")


@pytest.mark.parametrize(
    ("name", "contents", "problem"),
    [
        ("missing.toml", None, "No such file or directory"),
        ("table.json", b"{}", "core tables, memory systems and board files end in .toml"),
        ("other.toml", b"[tool]\nx = 1\n", "neither a core table, a memory system nor a board file"),
        ("broken.toml", b"name = \n", "not TOML: "),
        ("latin.toml", b"name = '\xe9'\n", "not UTF-8 text (byte 8)"),
        ("empty.toml", b"", "neither a core table, a memory system nor a board file"),
        ("deep.toml", b"x = " + b"[" * 20_000, "not TOML"),
    ],
)
def test_a_file_that_is_no_table_is_one_problem(instsim, tmp_path, name, contents, problem):
    if contents is not None:
        (tmp_path / name).write_bytes(contents)
    ran = instsim("tables", "check", name)
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 1
    assert problem in ran.out
    assert ran.err == "instsim: error: 1 problem in 1 of 1 table\n"


def test_a_stall_is_explained_under_the_name_that_reports_give_it(instsim):
    ran = instsim("tables", "explain", "nucleo-l4r5zi", "stall:read flash")
    assert ran.out.startswith("stm32l4: stall:read flash\n")
    assert instsim("tables", "explain", "cortex-m4", "load-pair").out.startswith("cortex-m4: event load-pair\n")


def test_explain_gives_weight_basis_note_and_the_whole_entry_of_the_bibliography(instsim):
    ran = instsim("tables", "explain", "cortex-m4", "load")
    assert (ran.code, ran.err) == (0, "")
    explanation = explain(load_core("cortex-m4"), "load")
    source = explanation.source
    assert source is not None
    for text in ("cortex-m4: class load\n", "2 cycles\n", "documented\n", explanation.note, source.title, source.url, explanation.locator):
        assert text in ran.out


@pytest.mark.parametrize("name", core_names())
def test_every_item_of_the_list_can_be_explained(instsim, name):
    ran = instsim("tables", "explain", name)
    assert (ran.code, ran.err) == (0, "")
    core = load_core(name)
    items = [*core.classes, *core.events, *core.parameters, *(["divider"] if core.divider else [])]
    for item in items:
        assert re.search(rf"\n  {re.escape(item)} +(class|event|parameter|divider) ", ran.out), item
        assert instsim("tables", "explain", name, item).code == 0


def test_explain_corrects_a_misspelt_item_and_core(instsim):
    ran = instsim("tables", "explain", "cortex-m4", "laod")
    assert (ran.code, ran.out) == (2, "")
    assert "no class, event or parameter named 'laod'" in ran.err
    assert "load" in ran.err.split("did you mean")[1]
    ran = instsim("tables", "explain", "cortex-m5")
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean cortex-m" in ran.err
