"""Registers and clocks become cycles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.cost.boards import load_board
from instsim.cost.memory_resolution import Placement, resolve
from instsim.cost.memory_table import load_memory
from instsim.dynamics.memory_system import Access, Cache
from instsim.errors import TableError, UsageError

L4R5, G0B1, U575, F746, PICO, C3 = map(load_board, ("nucleo-l4r5zi", "nucleo-g0b1re", "nucleo-u575zi-q", "disco-f746ng", "rpi-pico", "esp32-c3"))


def resolved(board, clock_hz=None, programmed=None, **options):
    return resolve(load_memory(board.memory_system), board, clock_hz or board.clock_hz, programmed, **options)


def path_of(result, memory, access, address=None):
    """Return the one path that an access takes."""
    paths = [path for path in result.system.paths if (path.memory, path.access) == (memory, access)]
    (path,) = [path for path in paths if address is None or any(start <= address < stop for start, stop in path.ranges)]
    return path


def test_wait_states_become_cycles() -> None:
    read = path_of(resolved(L4R5), "flash", Access.READ)
    assert (read.miss_cycles, read.further_word_cycles) == (5, 6)
    slow = resolved(L4R5, 16e6)
    assert slow.wait_states == 0
    assert path_of(slow, "flash", Access.READ).miss_cycles == 0
    assert slow.system.name == "stm32l4 at 16 MHz, 0 wait states"


def test_wait_states_of_a_bus_at_half_the_clock_count_twice() -> None:
    board = load_board("nucleo-h743zi")
    assert resolved(board).wait_states == 4
    four, none = (path_of(resolved(board, wait_states=count), "flash", Access.READ).miss_cycles for count in (4, 0))
    assert four - none == 8


@pytest.mark.parametrize(("clock_hz", "count"), [(20e6, 0), (20.1e6, 1), (100e6, 4), (100.1e6, 5), (120e6, 5)])
def test_a_clock_on_the_border_needs_no_more(clock_hz, count) -> None:
    setting = resolved(L4R5, clock_hz).settings["wait-states"]
    assert (setting.value, setting.origin) == (count, "from the clock")


def test_a_clock_outside_the_table_is_refused_and_the_hint_has_the_highest() -> None:
    with pytest.raises(UsageError, match="140 MHz is outside the wait-state table of stm32l4") as caught:
        resolved(L4R5, 140e6)
    assert "at most 120 MHz" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        resolved(L4R5, 80e6, supply_range="range 2")
    assert "at most 26 MHz" in caught.value.hint
    assert "range 1" in caught.value.hint


@pytest.mark.parametrize("clock_hz", [0, -1, float("nan"), float("inf")])
def test_no_clock_at_all_is_refused(clock_hz) -> None:
    with pytest.raises(UsageError, match="clock"):
        resolve(load_memory("stm32l4"), L4R5, clock_hz)


def test_supply_range_by_name() -> None:
    assert resolved(L4R5, 26e6, supply_range="range 2").wait_states == 2
    with pytest.raises(UsageError) as caught:
        resolved(L4R5, supply_range="range1")
    assert "range 1" in caught.value.hint


def test_what_the_firmware_programmed_holds() -> None:
    result = resolved(L4R5, programmed={"flash-acr": 0x0000_0407})
    assert {name: setting.text for name, setting in result.settings.items()} == {
        "wait-states": "7 (programmed)",
        "prefetch": "off (programmed)",
        "instruction-cache": "off (programmed)",
        "data-cache": "on (programmed)",
    }
    assert result.warnings == ()
    fetch, read = path_of(result, "flash", Access.FETCH), path_of(result, "flash", Access.READ)
    assert (fetch.cache, fetch.prefetch, fetch.miss_cycles) == ("fetch-buffers", False, 7)
    assert read.cache == "data-lines"
    assert {cache.name for cache in result.system.caches} == {"fetch-buffers", "data-lines"}


def test_without_a_cache_there_are_no_further_words_and_nothing_is_read_ahead() -> None:
    read = path_of(resolved(L4R5, programmed={"flash-acr": 0x205}), "flash", Access.READ)
    assert (read.cache, read.further_word_cycles, read.miss_cycles) == (None, 0, 5)
    fetch = path_of(resolved(F746, programmed={"flash-acr": 0x107, "scb-ccr": 0x200}), "flash", Access.FETCH, 0x0800_0000)
    assert (fetch.cache, fetch.prefetch) == (None, False)


def test_firmware_that_sets_up_nothing_gets_what_start_up_code_usually_programs() -> None:
    for programmed in (None, {}):
        settings = resolved(F746, programmed=programmed).settings
        assert {setting.origin for name, setting in settings.items() if name != "wait-states"} == {"usual"}
        assert settings["data-cache"].meaning == "on"


def test_firmware_that_programs_the_wait_states_and_no_cache_runs_without_caches() -> None:
    result = resolved(F746, programmed={"flash-acr": 0x307})
    assert result.settings["instruction-cache"].text == "off (reset value)"
    assert path_of(result, "sram1", Access.READ).cache is None
    assert resolved(U575, programmed={"flash-acr": 0x104}).settings["instruction-cache"].text == "off (reset value)"


def test_firmware_that_only_enables_caches_keeps_the_usual_flash_settings() -> None:
    settings = resolved(F746, programmed={"scb-ccr": 0x0002_0000}).settings
    assert settings["accelerator"].text == "on (usual)"
    assert settings["wait-states"].text == "7 (from the clock)"
    assert (settings["instruction-cache"].meaning, settings["data-cache"].meaning) == ("on", "off")


def test_registers_of_boot_code_that_an_image_leaves_alone_are_as_usual() -> None:
    assert resolved(PICO, programmed={"xip-ctrl": 0x3}).settings["flash-clock-divider"].origin == "usual"


def test_an_overridden_clock_takes_the_wait_states_from_the_table() -> None:
    programmed = {"flash-acr": 0x705}
    assert resolved(L4R5, 48e6, programmed).wait_states == 5
    other = resolved(L4R5, 48e6, programmed, clock_overridden=True)
    assert other.settings["wait-states"].text == "2 (from the clock)"
    assert other.settings["prefetch"].text == "on (programmed)"


def test_given_wait_states_hold_over_all_else() -> None:
    result = resolved(L4R5, 48e6, {"flash-acr": 0x705}, clock_overridden=True, wait_states=9)
    assert result.settings["wait-states"].text == "9 (given)"
    for count in (-1, 16):
        with pytest.raises(UsageError, match="wait states on stm32l4"):
            resolved(L4R5, wait_states=count)
    with pytest.raises(UsageError, match="no wait states"):
        resolved(C3, wait_states=1)


@pytest.mark.parametrize("options", [{"programmed": {"flash-acr": 0x703}}, {"wait_states": 3}])
def test_too_few_wait_states_are_warned_of(options) -> None:
    (warning,) = resolved(L4R5, **options).warnings
    assert "3 wait states" in warning
    assert "120 MHz" in warning
    assert "needs 5" in warning
    assert "real chip would fail" in warning


def test_ways_follow_the_setting_at_the_same_size() -> None:
    for value, cache in ((0x1, Cache("icache", 16, 512, 1)), (0x5, Cache("icache", 16, 256, 2))):
        result = resolved(U575, programmed={"flash-acr": 0x104, "icache-cr": value})
        assert result.system.caches == (cache,)
        assert result.settings["instruction-cache-ways"].meaning == ("1 way" if value == 1 else "2 ways")


def test_both_views_of_a_flash_take_the_paths_they_should() -> None:
    result = resolved(F746)
    over_axi, over_itcm = (path_of(result, "flash", Access.FETCH, address) for address in (0x0800_1000, 0x0020_1000))
    assert (over_axi.cache, over_axi.miss_cycles) == ("icache", 11.5)
    assert (over_itcm.cache, over_itcm.miss_cycles) == ("accelerator", 7)
    assert path_of(resolved(L4R5), "flash", Access.READ, 0x1000) is not None


def test_an_external_flash_with_a_clock_of_its_own_costs_by_the_ratio_of_clocks() -> None:
    assert [path_of(resolved(C3, clock), "irom", Access.FETCH).miss_cycles for clock in (160e6, 80e6)] == [308, 154]


def test_an_external_flash_at_a_divided_core_clock_costs_the_same_cycles_at_every_clock() -> None:
    costs = [path_of(resolved(PICO, clock), "flash", Access.READ, 0x1000_0000).miss_cycles for clock in (125e6, 60e6)]
    assert costs == [55, 55]
    assert path_of(resolved(PICO, programmed={"ssi-baudr": 4}), "flash", Access.READ, 0x1000_0000).miss_cycles == 95


def test_a_divider_of_zero_is_warned_of_and_not_divided_by() -> None:
    result = resolved(PICO, programmed={"ssi-baudr": 0})
    assert "stops the external flash" in result.warnings[0]
    assert result.settings["flash-clock-divider"].text == "one of 2 core clocks (usual)"


def test_an_unknown_register_is_refused() -> None:
    with pytest.raises(UsageError, match="no register 'acr'") as caught:
        resolved(L4R5, programmed={"acr": 5})
    assert "flash-acr" in caught.value.hint


def test_places_leave_all_paths_and_join_those_of_their_memory() -> None:
    place = Placement(0x0801_0010, 0x0801_2001, "sram1")
    on_l4 = resolved(L4R5, placement=[place])
    for access in (Access.FETCH, Access.READ):
        ranges = path_of(on_l4, "flash", access).ranges
        assert ranges == ((0x0, 0x20_0000), (0x0800_0000, 0x0801_0000), (0x0801_2020, 0x0820_0000))
    assert "sram1" not in {path.memory for path in on_l4.system.paths}
    on_f7 = resolved(F746, placement=[place])
    for access in Access:
        assert (0x0801_0000, 0x0801_2020) in path_of(on_f7, "sram1", access).ranges
        if access is not Access.WRITE:
            assert path_of(on_f7, "flash", access, 0x0800_0000).ranges[0][1] == 0x0801_0000


def test_ram_placed_in_flash_takes_the_flashs_main_view() -> None:
    result = resolved(F746, placement=[Placement(0x2001_0000, 0x2001_0100, "flash")])
    assert path_of(result, "flash", Access.READ, 0x2001_0000).cache == "dcache"
    assert path_of(result, "sram1", Access.READ).ranges == ((0x2001_0100, 0x2004_C000),)
    assert path_of(result, "sram1", Access.WRITE).ranges == ((0x2001_0100, 0x2004_C000),)


def test_several_places_and_a_whole_memory() -> None:
    flash = next(region for region in G0B1.memories if region.name == "flash")
    whole = [Placement(start, stop, "sram") for start, stop in flash.ranges]
    assert resolved(G0B1, placement=whole).system.paths == ()
    two = [Placement(0x0800_2000, 0x0800_3000, "sram"), Placement(0x0800_0000, 0x0800_1000, "sram")]
    assert path_of(resolved(G0B1, placement=two), "flash", Access.READ).ranges[1:] == ((0x0800_1000, 0x0800_2000), (0x0800_3000, 0x0808_0000))


_BLOCK = 0x400
_SPAN = 0x0800_0000, 0x2001_0000


@given(st.sets(st.tuples(st.sampled_from(_SPAN), st.integers(0, 15)), max_size=12), st.data())
def test_an_address_takes_the_path_of_where_it_was_placed_and_every_other_its_own(blocks, data) -> None:
    """On the F746, whose flash and RAM have paths of their own, in blocks of 1 KiB."""
    placed = {(base, block): data.draw(st.sampled_from(["flash", "sram1", "dtcm"])) for base, block in sorted(blocks)}
    places = [Placement(base + _BLOCK * block, base + _BLOCK * (block + 1), memory) for (base, block), memory in placed.items()]
    paths = resolved(F746, placement=places).system.paths
    for base, own in zip(_SPAN, ("flash", "sram1"), strict=True):
        for block in range(16):
            address = base + _BLOCK * block + 100
            memory = placed.get((base, block), own)
            found = [path.memory for path in paths if path.access is Access.READ and any(start <= address < stop for start, stop in path.ranges)]
            assert found == ([] if memory == "dtcm" else [memory])


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        ([Placement(0x0800_0000, 0x0800_0100, "sram9")], "no memory 'sram9'"),
        ([Placement(0x0800_0100, 0x0800_0100, "sram1")], "no addresses to place"),
        ([Placement(-32, 0x100, "sram1")], "no addresses to place"),
        ([Placement(0x0800_0000, 0x0800_0101, "sram1"), Placement(0x0800_0101, 0x0800_0200, "sram2")], "placed in sram1 and in sram2"),
    ],
)
def test_bad_places_are_refused(placement, message) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        resolved(L4R5, placement=placement)
    assert caught.value.hint


def test_a_board_without_the_memories_is_told_all_that_is_missing() -> None:
    with pytest.raises(TableError) as caught:
        resolve(load_memory("stm32f7"), G0B1, 64e6)
    details = "\n".join(caught.value.details)
    assert "has no memory 'sram1'; did you mean sram?" in details
    assert "path[2].views: 0x00200000 is the start of no view of flash" in details


def test_paths_that_overlap_are_told() -> None:
    table = load_memory("stm32l4")
    twice = replace(table, paths=(*table.paths, replace(table.paths[1], cache=None)))
    with pytest.raises(TableError) as caught:
        resolve(twice, L4R5, 120e6)
    assert caught.value.details[0] == "read of 0x00000000 .. 0x00200000: by a path of flash (0x00000000) and one of flash"


def test_grounds_follow_the_paths_and_a_memory_has_the_weakest_of_them() -> None:
    result = resolved(F746)
    by_path = {(path.memory, path.access, path.ranges[0][0]): ground.basis for path, ground in zip(result.system.paths, result.grounds, strict=True)}
    assert by_path["flash", Access.READ, 0x0800_0000] == "fitted"
    assert by_path["flash", Access.READ, 0x0020_0000] == "assumed"
    assert result.ground_of("flash").basis == "assumed"
    assert result.ground_of("dtcm") is None
    assert resolved(L4R5).ground_of("flash").basis == "derived"
