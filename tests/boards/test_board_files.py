"""The board files that ship, and what the loader says about bad ones."""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.cost.board import EnergyPrior, energy_interval
from instsim.cost.board_template import new_board
from instsim.cost.boards import board_names, list_boards, load_board
from instsim.errors import TableError, UsageError
from instsim.resources import cost_tables

BOARDS = list_boards()
REQUIRED = {
    *("nucleo-l4r5zi", "nucleo-u575zi-q", "nucleo-g0b1re", "disco-f746ng", "nucleo-h7a3zi-q", "nucleo-f446re", "nucleo-h743zi"),
    *("nano-33-ble", "esp32-c3", "rpi-pico", "rpi-pico2", "rpi-pico2-riscv"),
    *("generic-cortex-m0plus", "generic-cortex-m3", "generic-cortex-m4", "generic-cortex-m7", "generic-cortex-m33", "generic-rv32"),
}
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)


def test_every_promised_board_ships() -> None:
    assert set(board_names()) >= REQUIRED


@each_board
def test_name_is_the_files_name(board) -> None:
    assert Path(board.path).stem == board.name


@each_board
def test_core_has_a_table(board) -> None:
    cores = {path.stem for path in (cost_tables() / "cores").glob("*.toml")}
    assert board.core in cores


@each_board
def test_memories_do_not_overlap(board) -> None:
    ranges = sorted(view for region in board.memories for view in region.ranges)
    assert all(stop <= start for (_, stop), (start, _) in itertools.pairwise(ranges))


@each_board
def test_sources_are_in_the_bibliography(board) -> None:
    keys = set(tomllib.loads((cost_tables() / "sources.toml").read_text(encoding="utf-8")))
    sources = [board.clock.source, board.supply.source, *(prior.source for prior in board.energy), *(region.source for region in board.memories)]
    sources += [region.wait_states.source for region in board.memories if region.wait_states]
    assert {source.split()[0].rstrip(":") for source in sources} <= keys


@each_board
def test_has_ram_and_code_memory(board) -> None:
    assert any(region.writable for region in board.memories)
    assert board.executable_ranges


@each_board
def test_default_energy_prior_is_that_of_the_default_operating_point(board) -> None:
    prior = board.energy_prior()
    assert prior == board.energy[0]
    assert prior.clock_hz == board.clock_hz
    assert 50e-12 < prior.joules_per_cycle < 1e-9


@each_board
def test_wait_states_hold_at_a_fraction_of_the_default_clock(board) -> None:
    for region in board.memories:
        if region.wait_states:
            assert board.clock_hz % region.wait_states.clock_hz == 0


def test_real_arm_boards_boot_from_executable_memory() -> None:
    for board in BOARDS:
        for address in board.boot.vector_tables:
            region = board.region_at(address)
            assert region is not None
            assert region.executable


def test_aliases_reach_the_same_memory() -> None:
    board = load_board("nucleo-l4r5zi")
    assert board.region_at(0x2003_0000) is board.region_at(0x1000_0000)
    assert board.region_at(0x0) is board.region_at(0x0800_0000)
    assert load_board("esp32-c3").region_at(0x4038_0000).name == "sram1"
    assert load_board("disco-f746ng").region_at(0x0020_0000).name == "flash"


def test_region_at_refuses_what_leaves_the_region() -> None:
    board = load_board("nucleo-g0b1re")
    assert board.region_at(0x2002_3FFC, 4).name == "sram"
    assert board.region_at(0x2002_3FFC, 8) is None


def test_linear_regulator_scales_energy_with_the_supply() -> None:
    board = load_board("nucleo-l4r5zi")
    at_3v = board.energy_prior(supply_v=3.0)
    assert at_3v.joules_per_cycle / board.energy_prior().joules_per_cycle == pytest.approx(3.0 / 1.8, rel=0.06)
    assert board.energy_prior(supply_v=3.3).joules_per_cycle == pytest.approx(at_3v.joules_per_cycle * 1.1)
    switched = load_board("nucleo-u575zi-q")
    assert switched.energy_prior(supply_v=3.3).joules_per_cycle == switched.energy_prior().joules_per_cycle


def test_another_clock_keeps_the_energy_of_a_cycle_and_widens_its_spread() -> None:
    board = load_board("nucleo-l4r5zi")
    slow = board.energy_prior(clock_hz=40e6)
    assert slow.joules_per_cycle == board.energy_prior().joules_per_cycle
    assert slow.ln_sd > board.energy_prior().ln_sd
    assert slow.power_w == pytest.approx(slow.joules_per_cycle * 40e6)


@given(st.floats(1e-12, 1e-6), st.floats(0.01, 1.5), st.floats(0.01, 0.99), st.floats(0.001, 0.009))
def test_interval_contains_the_value_and_grows_with_its_level(joules, ln_sd, level, more) -> None:
    prior = EnergyPrior(joules, 1e8, 3.0, ln_sd, "assumed", "judgement", "")
    low, high = energy_interval(prior, level)
    wider = energy_interval(prior, level + more)
    assert wider[0] < low < joules < high < wider[1]
    assert low * high == pytest.approx(joules**2)


def test_interval_of_the_data_sheet_prior_is_a_factor_of_1_9() -> None:
    low, high = energy_interval(EnergyPrior(1e-10, 1e8, 3.0, 0.39, "derived", "judgement", ""))
    assert math.sqrt(high / low) == pytest.approx(1.9, rel=0.01)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 90.0, math.nan])
def test_interval_refuses_impossible_levels(level) -> None:
    with pytest.raises(UsageError):
        energy_interval(BOARDS[0].energy[0], level)


def _changed(tmp_path: Path, *changes: tuple[str, str]) -> str:
    text = (cost_tables() / "boards" / "nucleo-l4r5zi.toml").read_text(encoding="utf-8")
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
        assert count, pattern
    path = tmp_path / "changed.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_all_errors_of_a_file_are_told_at_once(tmp_path) -> None:
    path = _changed(
        tmp_path,
        (r"^default_hz = .*", "default_hz = -1.0"),
        (r"^size_bytes = ", "sise_bytes = "),
        (r'^kind = "rom"', 'kind = "rim"'),
        (r"^ln_sd = .*\n", ""),
        (r"^voltage_v = .*", 'voltage_v = "1.8"'),
    )
    with pytest.raises(TableError) as caught:
        load_board(path)
    details = "\n".join(caught.value.details)
    assert "memory[0].sise_bytes: unknown key; did you mean size_bytes?" in details
    assert "memory[0].size_bytes: missing" in details
    assert "clock.default_hz: input should be greater than 0" in details
    assert re.search(r"memory\[\d\]\.kind: .*'rim'", details)
    assert "energy[0].ln_sd: missing" in details
    assert "supply.voltage_v" in details
    assert len(caught.value.details) == 6
    assert path in caught.value.message


@pytest.mark.parametrize(
    ("found", "put", "message"),
    [("[[energy]]", "[energy]", "energy: takes a list: [[energy]]"), ("ln_sd = 0.6\n", "", "energy[0].ln_sd: missing")],
)
def test_a_list_of_tables_is_asked_for_as_it_is_written_and_its_only_table_told_once(tmp_path, found, put, message) -> None:
    text = (cost_tables() / "boards" / "generic-cortex-m33.toml").read_text(encoding="utf-8")
    path = tmp_path / "changed.toml"
    path.write_text(text.replace(found, put), encoding="utf-8")
    with pytest.raises(TableError) as caught:
        load_board(str(path))
    assert caught.value.details == (message,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((r"^address = 0x2004_0000", "address = 0x2002_0000"), "overlaps"),
        ((r"^aliases = \[0x2003_0000\]", "aliases = [0x2001_0000]"), "overlaps"),
        ((r"^name = \"sram2\"", 'name = "sram1"'), "is there twice"),
        ((r"^maximum_hz = .*", "maximum_hz = 1e6"), "outside minimum_hz"),
        ((r"^source = \"st-rm0432", 'source = "st-rm0432x'), "did you mean st-rm0432"),
        ((r"^vector_tables = .*", "vector_tables = [0x7000_0000]"), "lies in no memory"),
        ((r"^vector_tables = .*\n", ""), "boot.vector_tables: missing"),
        ((r"^size_bytes = 0x10_0000", "size_bytes = 0x4000_0000"), "32-bit address space"),
        ((r"^size_bytes = 0x6_0000", "size_bytes = 0x2001_0000"), "crosses the border"),
    ],
)
def test_contradictions_are_found(tmp_path, change, message) -> None:
    with pytest.raises(TableError) as caught:
        load_board(_changed(tmp_path, change))
    assert message in "\n".join(caught.value.details)


def test_a_memory_may_lie_among_the_peripherals() -> None:
    board = load_board("nucleo-f446re")
    window = next(window for window in board.devices if window.name == "peripherals")
    assert window.address < board.region_at(0x4002_4000).address < window.address + window.size_bytes


@pytest.mark.parametrize("contents", [b"name = [", b"\xff\xfe", b"", b"x = " + b"[" * 5000, b"#" * (2 << 20)])
def test_files_that_are_no_boards_are_refused(tmp_path, contents) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(contents)
    with pytest.raises(TableError):
        load_board(str(path))


def test_missing_file_and_unknown_name_say_what_to_do(tmp_path) -> None:
    with pytest.raises(TableError, match="No such file"):
        load_board(str(tmp_path / "none.toml"))
    with pytest.raises(UsageError) as caught:
        load_board("nucleo-f446")
    assert "nucleo-f446re" in caught.value.hint


def test_unknown_core_of_a_file_of_ones_own_is_told(tmp_path) -> None:
    with pytest.raises(TableError) as caught:
        load_board(_changed(tmp_path, (r'^core = "cortex-m4"', 'core = "cortex-m4f"')))
    assert caught.value.details == ("core: no core table named 'cortex-m4f'; did you mean cortex-m4?",)


def test_own_sources_of_a_file_count(tmp_path) -> None:
    path = _changed(tmp_path, (r"^source = \"st-ds12023 features.*", 'source = "bench: counter"'))
    with pytest.raises(TableError, match="no source named 'bench'"):
        load_board(path)
    with Path(path).open("a", encoding="utf-8") as file:
        file.write('\n[sources.bench]\ntitle = "My bench"\n')
    assert load_board(path).clock.source == "bench: counter"


@each_board
def test_starter_file_is_valid_and_keeps_memories_and_devices(board, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(new_board(board.name, "mine"), encoding="utf-8")
    mine = load_board(str(path))
    assert mine.name == "mine"
    assert mine.memories == board.memories
    assert mine.devices == board.devices
    assert mine.models == board.models
    assert mine.priority_bits == board.priority_bits
    assert mine.boot == board.boot
    assert mine.memory_system == board.memory_system
    assert mine.clock == board.clock
    assert [prior.basis for prior in mine.energy] == ["assumed"]
    assert mine.digest != board.digest


@pytest.mark.parametrize("name", ["", "My Board", "nucleo-l4r5zi", "-x", 'a"b'])
def test_starter_file_refuses_bad_names(name) -> None:
    with pytest.raises(UsageError):
        new_board("nucleo-l4r5zi", name)
