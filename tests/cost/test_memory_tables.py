"""The memory systems that ship, and what the loader says about bad ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from instsim.cost.boards import list_boards, load_board
from instsim.cost.memory_resolution import resolve
from instsim.cost.memory_rows import WaysBySetting
from instsim.cost.memory_table import list_memories, load_memory, memory_names
from instsim.cost.sources import load_sources, source_key
from instsim.dynamics.memory_system import Access, Replacement
from instsim.errors import TableError, UsageError
from instsim.resources import cost_tables

MEMORIES = list_memories()
each_memory = pytest.mark.parametrize("memory", MEMORIES, ids=lambda memory: memory.name)
linked_boards = pytest.mark.parametrize("board", [board for board in list_boards() if board.memory_system], ids=lambda board: board.name)


def test_every_real_board_names_a_memory_system_that_ships_and_no_generic_one_does() -> None:
    assert {board.name for board in list_boards() if bool(board.memory_system) == board.generic} == set()
    named = {board.memory_system for board in list_boards() if not board.generic}
    named |= {board.boot.direct.memory_system for board in list_boards() if board.boot.direct is not None}
    assert named == set(memory_names())


@each_memory
def test_name_is_the_files_name(memory) -> None:
    assert memory.path.stem == memory.name


@each_memory
def test_every_figure_has_a_source_of_the_bibliography(memory) -> None:
    rows = [*memory.registers.values(), *memory.settings.values(), *memory.caches, *memory.paths, memory.fetch_lead, memory.crossing]
    rows += memory.wait_states.ranges if memory.wait_states else ()
    assert {source_key(row.source) for row in rows} <= load_sources().keys()


@each_memory
def test_the_default_supply_range_asks_for_the_fewest_wait_states(memory) -> None:
    """Too few wait states for it are too few for every range, so that a warning is never wrong."""
    if memory.wait_states is not None:
        for row in memory.wait_states.ranges:
            for clock in row.maximum_hz:
                needed = memory.wait_states.default.wait_states_at(clock)
                assert needed is not None
                assert needed <= row.wait_states_at(clock)


@linked_boards
def test_resolves_at_the_default_clock_on_every_board_that_names_it(board) -> None:
    resolved = resolve(load_memory(board.memory_system), board, board.clock_hz)
    assert not resolved.warnings
    assert resolved.system.name.startswith(board.memory_system)
    assert {path.memory for path in resolved.system.paths} <= {region.name for region in board.memories}
    assert len(resolved.grounds) == len(resolved.system.paths)
    names = {cache.name for cache in resolved.system.caches}
    for path in resolved.system.paths:
        assert path.cache is None or path.cache in names
        assert all(start % 32 == 0 == stop % 32 for start, stop in path.ranges)
        assert path.further_word_cycles == 0 or path.port is not None
    kinds = {path.memory: region.kind for path in resolved.system.paths for region in board.memories if region.name == path.memory}
    assert {"flash", "external-flash"} & set(kinds.values())


@linked_boards
def test_the_boards_wait_states_are_those_of_its_memory_system(board) -> None:
    resolved = resolve(load_memory(board.memory_system), board, board.clock_hz)
    counts = {region.wait_states.count for region in board.memories if region.wait_states is not None}
    assert counts == ({resolved.wait_states} if resolved.wait_states is not None else set())


@linked_boards
def test_no_address_of_tightly_coupled_memory_has_a_path(board) -> None:
    resolved = resolve(load_memory(board.memory_system), board, board.clock_hz)
    assert not {path.memory for path in resolved.system.paths} & {region.name for region in board.memories if region.kind == "tcm"}


def test_figures_of_the_stm32l4_are_those_of_its_accelerator() -> None:
    memory = load_memory("stm32l4")
    lines = {cache.name: cache.size_bytes // cache.line_bytes for cache in memory.caches}
    assert (lines["instruction-lines"], lines["data-lines"]) == (32, 8)
    assert memory.registers["flash-acr"].reset == 0x600
    assert memory.settings["wait-states"].value_in(0x705) == 5
    assert [memory.settings[name].value_in(0x705) for name in ("prefetch", "instruction-cache", "data-cache")] == [1, 1, 1]


def test_rows_become_the_values_of_the_simulation() -> None:
    assert load_memory("esp32-c3").caches[0].replacement is Replacement.FIFO
    assert load_memory("stm32u5").caches[0].ways == WaysBySetting("instruction-cache-ways", (1, 2))
    assert load_memory("rp2040").paths[0].access == (Access.FETCH, Access.READ)


def test_unknown_names_and_missing_files_say_what_to_do(tmp_path) -> None:
    with pytest.raises(UsageError) as caught:
        load_memory("stm32l5")
    assert "stm32l4" in caught.value.hint
    with pytest.raises(TableError, match="No such file"):
        load_memory(tmp_path / "none.toml")


@pytest.fixture(name="changed")
def _changed(tmp_path):
    """Write a changed copy of a memory system; each change is a pattern and its replacement."""

    def write(name, *changes):
        text = (cost_tables() / "memories" / f"{name}.toml").read_text(encoding="utf-8")
        for pattern, replacement in changes:
            text, count = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
            assert count, pattern
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _details(path: Path) -> tuple[str, ...]:
    with pytest.raises(TableError) as caught:
        load_memory(path)
    return caught.value.details


def test_all_errors_of_a_form_are_told_at_once(changed) -> None:
    path = changed(
        "stm32l4",
        ("^lowest_bit = 8", "lowest_bits = 8"),
        ("^line_bytes = 32", 'line_bytes = "32"'),
        ('^access = .*"fetch".*', 'access = ["execute", "read"]'),
        ("^miss_wait_states = 1", "miss_wait_states = -1"),
        ("^maximum_hz = .*", "maximum_hz = []"),
    )
    details = "\n".join(_details(path))
    assert "settings.prefetch.lowest_bits: unknown key; did you mean lowest_bit?" in details
    assert "settings.prefetch.lowest_bit: missing" in details
    assert "cache[0].line_bytes: input should be a valid integer, not '32'" in details
    assert re.search(r"path\[0\]\.access\[0\]: .*'execute'", details)
    assert "path[0].miss_wait_states: input should be greater than or equal to 0" in details
    assert "wait_states.range[0].maximum_hz" in details
    assert len(details.splitlines()) == 6


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("stm32l4", ("^ways = 32", "ways = 24"), "cache[0]: 1024 B are not a power of two of sets of 24 lines of 32 B (1.33333 sets)"),
        ("stm32l4", ("^size_bytes = 1024", "size_bytes = 3072"), "cache[0]: 3072 B are not a power of two of sets of 32 lines of 32 B (3 sets)"),
        ("stm32l4", ("^line_bytes = 32", "line_bytes = 48"), "cache[0].line_bytes: 48 is no power of two"),
        ("stm32u5", (r"ways = \[1, 2\]", "ways = [1, 3]"), "sets of 3 lines of 16 B"),
        ("stm32u5", (r"ways = \[1, 2\]", "ways = [1]"), "cache[0].ways.ways: 1 numbers for the 2 values of instruction-cache-ways"),
        (
            "stm32l4",
            ('^register = "flash-acr"', 'register = "flash-arc"'),
            "settings.wait-states.register: no register named 'flash-arc'; did you mean",
        ),
        ("stm32l4", ("^lowest_bit = 0", "lowest_bit = 30"), "settings.wait-states.bits: bit 33 of a register of 32"),
        ("stm32l4", ("^usual = 1", "usual = 2"), "settings.prefetch.usual: 2 does not fit into 1 bit"),
        ("stm32l4", ("^usual = 1\n", ""), "settings.prefetch.usual: missing"),
        ("stm32l4", ("^bits = 4", "bits = 4\nusual = 5"), "settings.wait-states.usual: the usual wait states follow from the clock"),
        ("stm32l4", ("^default = true\n", ""), "wait_states.range: default = true stands in none of them"),
        ("stm32l4", ("60e6, 80e6", "80e6, 60e6"), "wait_states.range[0].maximum_hz: does not rise"),
        ("stm32l4", ('^name = "range 2"', 'name = "range 1"'), "wait_states.range[1].name: 'range 1' is there twice"),
        ("stm32l4", ('^setting = "wait-states"', 'setting = "waits"'), "wait_states.setting: no setting named 'waits'"),
        ("stm32l4", ('^name = "data-lines"', 'name = "instruction-lines"'), "cache[1].name: 'instruction-lines' is there twice"),
        ("stm32l4", ('^cache = "data-lines"', 'cache = "data-line"'), "path[1].cache: no cache named 'data-line'; did you mean data-lines?"),
        ("stm32l4", ('^cache = "data-lines"\nport', 'cache = "data-lines"\npord'), "path[1].pord: unknown key; did you mean port?"),
        ("stm32l4", ('^port = "flash"\n', ""), "path[0]: further words of a line come through a port into a cache; name both"),
        ("stm32l4", ("^word_bytes = 8", "word_bytes = 64"), "path[0].word_bytes: more than a line of the cache"),
        ("stm32l4", ("^word_bytes = 8", "word_bytes = 12"), "path[0].word_bytes: 12 is no power of two"),
        ("stm32l4", ('^prefetch_by = "prefetch"', 'prefetch_by = "prefetch"\nprefetch = true'), "path[0]: prefetch says always"),
        ("stm32g0", ("^aborts_prefetch = true", "prefetch = true"), "path[1]: cache_when_off, prefetch and prefetch_by are for a path with a cache"),
        ("stm32l4", ('^prefetch_by = "prefetch"\n', ""), "settings.prefetch: nothing uses it"),
        ("stm32l4", ('^cache_when_off = "fetch-buffers"\n', ""), "cache[2]: no path goes through it"),
        ("stm32f7", (r"^views = \[0x0800_0000", "views = [0x0800_0010"), "path[0].views: 0x08000010 is no multiple of 32"),
        ("rp2040", ("^divider_by = .*", ""), "external_clock: give one of hz and divider_by"),
        ("rp2040", ("^usual = 2", "usual = 0"), "settings.flash-clock-divider.usual: a divider is not 0"),
        ("rp2040", (r"\[external_clock\](.|\n)*?\n\n", ""), "path[0].miss_external_clocks: there is no [external_clock]"),
        ("nrf52840", ("^miss_cycles = 3", "miss_wait_states = 1"), "path[0]: counts wait states, but there is no [wait_states]"),
        (
            "stm32l4",
            ('^source = "st-hal l4: RCC', 'source = "st-hall l4: RCC'),
            "wait_states.range[0].source: no source named 'st-hall'; did you mean st-hal?",
        ),
        ("stm32l4", ('^access = .*"fetch".*', 'access = ["fetch", "fetch"]'), "path[0]: a kind of access or a memory is there twice"),
    ],
)
def test_contradictions_are_found(changed, name, change, message) -> None:
    assert message in "\n".join(_details(changed(name, change)))


def test_a_table_of_ones_own_is_loaded_by_its_path(changed) -> None:
    assert load_memory(changed("stm32l4", ('^name = "stm32l4"', 'name = "mine"'))).name == "mine"


def test_a_boards_own_file_may_name_a_memory_system_and_a_slip_is_told(tmp_path) -> None:
    text = (cost_tables() / "boards" / "nucleo-l4r5zi.toml").read_text(encoding="utf-8")
    path = tmp_path / "board.toml"
    path.write_text(text.replace('memory_system = "stm32l4"', 'memory_system = "stm32l44"'), encoding="utf-8")
    with pytest.raises(TableError) as caught:
        load_board(str(path))
    assert caught.value.details == ("memory_system: no memory system named 'stm32l44'; did you mean stm32l4?",)


def test_so_is_a_slip_in_the_memory_system_of_images_that_boot_directly(tmp_path) -> None:
    text = (cost_tables() / "boards" / "esp32-c3.toml").read_text(encoding="utf-8")
    path = tmp_path / "board.toml"
    path.write_text(text.replace('"esp32-c3-direct-boot"', '"esp32-c3-direct"'), encoding="utf-8")
    with pytest.raises(TableError) as caught:
        load_board(str(path))
    assert caught.value.details[0].startswith("boot.direct.memory_system: no memory system named 'esp32-c3-direct'")


def test_the_published_json_schema_knows_every_key_of_the_files() -> None:
    schema = (cost_tables() / "schema" / "memory.json").read_text(encoding="utf-8")
    for path in (cost_tables() / "memories").glob("*.toml"):
        for key in tomllib.loads(path.read_text(encoding="utf-8")):
            assert f'"{key}"' in schema
    assert '"register"' in schema
