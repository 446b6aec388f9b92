"""What-if questions: one run gives what runs of their own would, and what cannot be asked is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import instsim
from instsim.errors import InstsimError, UsageError
from instsim.resources import firmware_elf
from instsim.session.whatif import AS_BUILT, WhatIf

IMAGE = firmware_elf() / "elf" / "kws-small-cortex-m4.elf"
BOARD = "nucleo-l4r5zi"


def ask(**options) -> WhatIf:
    return instsim.whatif(IMAGE, **{"board": BOARD, "region": "fully_connected", "calibration": "none"} | options)


def estimate(**options):
    return instsim.estimate(IMAGE, board=BOARD, region="fully_connected", calibration="none", **options)


def test_one_run_gives_what_a_run_for_each_clock_gives() -> None:
    result = ask(clocks_hz=(40e6, 80e6))
    assert [(row.clock_hz, row.placement) for row in result.rows] == [(120e6, AS_BUILT), (40e6, AS_BUILT), (80e6, AS_BUILT)]
    assert [row.wait_states for row in result.rows] == [5, 1, 3]
    for row in result.rows:
        alone = estimate(clock_hz=row.clock_hz)
        assert row.cycles == pytest.approx(alone.cycles)
        assert alone.memory is not None
        assert row.stall_cycles == pytest.approx(alone.memory.stall_cycles)
        assert row.latency_s == pytest.approx(alone.latency.value)
        assert row.energy_j == pytest.approx(alone.energy.value)
        assert row.memory.system == alone.memory.system
    assert result.ideal_cycles == pytest.approx(estimate(memory="ideal").cycles)
    assert not any("another run" in warning for warning in result.warnings)


def test_changes_are_against_the_first_row() -> None:
    first, second = ask(clocks_hz=60e6).rows
    assert (first.cycles_change, first.latency_change, first.energy_change) == (0.0, 0.0, 0.0)
    assert second.cycles_change == pytest.approx(second.cycles / first.cycles - 1)
    assert second.latency_change == pytest.approx(2 * second.cycles / first.cycles - 1)
    assert second.energy_change == pytest.approx(second.energy_j / first.energy_j - 1)


def test_weights_in_ram_are_not_waited_for() -> None:
    flash, ram = ask(moves="weights=sram1").rows
    reads = {row.placement: sum(path.stall_cycles for path in row.memory.paths if path.access == "read") for row in (flash, ram)}
    assert ram.placement == "weights in sram1"
    assert reads["weights in sram1"] < 0.1 * reads[AS_BUILT]
    assert ram.cycles < flash.cycles
    # Its literal pools are still read from there.
    assert 0 < ram.memory.flash_reads < 0.05 * flash.memory.flash_reads


def test_everything_in_ram_costs_what_ideal_memory_does() -> None:
    result = ask(moves=".text=sram3,weights=sram3", wait_states=15)
    assert [(row.placement, row.wait_states, row.works) for row in result.rows[1:]] == [
        (AS_BUILT, 15, True),
        (".text in sram3, weights in sram3", 15, True),
    ]
    assert result.rows[1].cycles > result.rows[0].cycles
    assert result.rows[2].cycles == pytest.approx(result.ideal_cycles, rel=1e-3)


def test_too_few_wait_states_are_priced_and_said() -> None:
    result = ask(wait_states=(0, 5, 5))
    assert [(row.wait_states, row.wait_states_from, row.works) for row in result.rows] == [
        (5, "from the clock", True),
        (0, "given", False),
        (5, "given", True),
    ]
    assert result.rows[2].cycles == result.rows[0].cycles
    assert sum("too few at 120 MHz" in warning for warning in result.warnings) == 1


def test_every_move_is_tried_alone_at_every_clock() -> None:
    result = ask(clocks_hz=(40e6, 120e6), moves=("weights=sram1", "fully_connected=sram2,weights=sram2"))
    assert [(row.clock_hz / 1e6, row.placement) for row in result.rows] == [
        (120, AS_BUILT),
        *((40, name) for name in (AS_BUILT, "weights in sram1", "fully_connected in sram2, weights in sram2")),
        *((120, name) for name in ("weights in sram1", "fully_connected in sram2, weights in sram2")),
    ]
    weights, both = result.placements
    assert weights.size_bytes < both.size_bytes


def test_sampled_rows_come_near_exact_ones() -> None:
    # How near samples come is for the tests of the simulation to say.
    exact, sampled = ask(moves="weights=sram1", region="kws_invoke"), ask(moves="weights=sram1", region="kws_invoke", memory="sampled")
    for one, other in zip(exact.rows, sampled.rows, strict=True):
        assert other.cycles == pytest.approx(one.cycles, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({}, "nothing to try", "--clock"),
        ({"clocks_hz": 240e6}, "240 MHz is outside the wait-state table", "at most 120 MHz"),
        ({"clocks_hz": -1.0}, "a clock of", "hertz"),
        ({"clocks_hz": float("nan")}, "a clock of", "hertz"),
        ({"wait_states": 16}, "16 wait states", "0 to 15"),
        ({"wait_states": -1}, "-1 wait states", "0 to 15"),
        ({"clocks_hz": tuple(1e6 * n for n in range(1, 71))}, "71 memory systems in one run", "fewer"),
        ({"moves": "weights"}, "not PLACE=MEMORY", "weights=sram1"),
        ({"moves": "weights="}, "not PLACE=MEMORY", "weights=sram1"),
        ({"moves": "weights=sram9"}, "no memory 'sram9'", "sram1"),
        ({"moves": "weigths=sram1"}, "no function named 'weigths'", ""),
        ({"moves": ".rodatta=sram1"}, "no such section", ".text"),
        ({"moves": "arm_*=sram1"}, "no symbol of", "quote"),
        ({"moves": "0x08000000-0x08000000=sram1"}, "no addresses", "STOP"),
        ({"moves": "0x08000000-0x108000000=sram1"}, "no addresses", "STOP"),
        ({"moves": "0x08000000-0x08080000=sram1"}, "524,288 bytes, sram1 196,608", "larger"),
        ({"moves": "weights=sram1,weights=sram2"}, "is placed in", "once"),
        ({"clocks_hz": 40e6, "memory": "ideal"}, "ideal memories cost the same", "--memory"),
        ({"clocks_hz": 40e6, "memory": "guessed"}, "no such way to follow memories", "exact"),
        ({"clocks_hz": 40e6, "board": "generic-cortex-m4"}, "are not modelled", "docs/boards.md"),
        ({"clocks_hz": 40e6, "run_on": "generic-cortex-m4"}, "memory map of generic-cortex-m4", "linked for"),
        ({"clocks_hz": 40e6, "model": "other.tflite"}, "--model", "estimate"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_runs(monkeypatch, options, message, hint) -> None:
    monkeypatch.setattr("instsim.session.facade.machine_spec", lambda *_: pytest.fail("it ran"))
    with pytest.raises(InstsimError, match=message) as caught:
        ask(**options)
    assert hint in caught.value.hint


def test_a_saved_profile_and_settings_for_ideal_memory_are_refused(tmp_path: Path) -> None:
    instsim.save_profile(instsim.profile(IMAGE, board=BOARD, region="fully_connected"), tmp_path / "run.profile")
    with pytest.raises(UsageError, match="does not hold the accesses"):
        instsim.whatif(tmp_path / "run.profile", clocks_hz=40e6)
    (tmp_path / "instsim.toml").write_text('memory = "ideal"\n')
    with pytest.raises(UsageError, match="ideal memories cost the same"):
        ask(clocks_hz=40e6, settings_folder=tmp_path)


def test_a_board_without_wait_states_has_rows_without_them(tmp_path: Path) -> None:
    image = firmware_elf() / "elf" / "kws-rv32imc.elf"
    result = instsim.whatif(image, board="esp32-c3", region="fully_connected", clocks_hz=(80e6, 160e6), force=True)
    assert {(row.wait_states, row.wait_states_from, row.works) for row in result.rows} == {(None, "", True)}
    with pytest.raises(UsageError, match="has no wait states to set"):
        instsim.whatif(image, board="esp32-c3", region="fully_connected", wait_states=1, force=True)
