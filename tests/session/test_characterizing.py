"""The microbenchmark in the emulator, and what is learned from logs of cores that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from instsim.calibrate.device_descriptor import descriptor_toml, distance, parse_descriptor
from instsim.calibrate.microbenchmark_log import LogRow, log_text, parse_log
from instsim.cost import core_names, load_core
from instsim.cost.table_files import check_table
from instsim.errors import InputError, UsageError
from instsim.isa.instruction import Isa
from instsim.session.characterizing import ALIKE, characterize, characterized
from instsim.session.microbenchmark import Build, build_for, builds, find_build
from instsim.session.starting_table import described_core

CORES = core_names()
# What a timer in the emulator cannot tell, because it takes blocks at their mean price: which way a branch went, what a divide divided.
_NOT_BY_A_TIMER = ("branch-not-taken", "branch-taken", "loop", "divide-", "remainder-", "memory-")


@pytest.fixture(scope="module")
def known() -> dict[str, Build]:
    """Each build once: a run of it is kept in it."""
    return {build.name: build for build in builds()}


def _build_of(core: str, known: dict[str, Build]) -> Build:
    return known[build_for(load_core(core)).name]


def _log(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "device.txt"
    path.write_text(text, "utf-8")
    return path


def _changed(text: str, costs: dict[str, float]) -> str:
    """Return a log whose units take so many cycles more."""
    log = parse_log(text)
    rows = []
    for row in log.rows:
        more = costs.get(row.name, 0.0) * row.turns
        short, long = round(more * row.short_units), round(more * row.long_units)
        figures = (row.short_best + short, row.short_worst + short, row.long_best + long, row.long_worst + long)
        rows.append(LogRow(row.name, row.turns, row.short_units, row.long_units, *figures))
    return log_text(log.build, log.counter, rows)


@pytest.mark.parametrize("name", CORES)
def test_the_log_of_a_known_core_is_characterized_as_that_core(name, known, tmp_path) -> None:
    found = characterize(_log(tmp_path, _build_of(name, known).log_of(load_core(name))))
    assert name in {found.nearest.core.name, *found.alike}
    assert found.distance <= 1e-3
    # A log has whole cycles of loops of two thousand units.
    assert all(abs(cost.cycles - cost.nearest_cycles) < 0.01 for cost in found.descriptor.costs.values())
    assert found.changed == ()
    assert found.warnings == ()


@pytest.mark.parametrize("name", sorted({build.name for build in builds()}))
def test_what_the_emulated_firmware_prints_is_what_its_core_is_charged(name, known) -> None:
    build = known[name]
    # The board that it ran on: Hazard3 is the core of the generic RISC-V board.
    core = load_core("hazard3" if build.isa is Isa.RV32 else name)
    charged = build.on(core).cycles
    printed = {row.name: row.cycles for row in build.printed.measured}
    for row, cycles in printed.items():
        if not row.startswith(_NOT_BY_A_TIMER):
            assert cycles == pytest.approx(charged[row], abs=0.05), row


def test_units_are_made_of_what_their_names_say(known) -> None:
    events = known["cortex-m4"].on(load_core("cortex-m4")).events
    assert events["alu"] == {"class:alu": 1.0}
    assert events["load-pair"] == {"class:load": 2.0, "load-pair": 2.0}
    assert events["call-return"] == {"class:call": 1.0, "class:return": 1.0, "indirect-refill": 1.0, "taken-branch": 1.0}
    assert events["divide-long"] == {"class:divide": 1.0}
    assert events["dsp-multiply-accumulate"] == {"class:dsp-multiply-accumulate": 1.0}


def test_documented_times_of_cores_come_back(known) -> None:
    # Arm DDI 0439: MUL 1, LDR 2 (one more behind an address from a load), UDIV 2 to 12, VDIV 14; DDI 0484: LDR 2 on the M0+, no pairing.
    m4 = known["cortex-m4"].on(load_core("cortex-m4")).cycles
    assert (m4["multiply"], m4["load-address"], m4["divide-long"], m4["fp-divide"]) == (1, 3, 12, 14)
    m0 = known["cortex-m0plus"].on(load_core("cortex-m0plus")).cycles
    assert (m0["load-pair"], m0["branch-not-taken"], m0["branch-taken"]) == (4, 2, 2)


def test_a_core_that_lacks_an_instruction_is_no_candidate(known) -> None:
    assert {other.core.name for other in known["cortex-m4"].known_cores()} == {"cortex-m4", "cortex-m7", "cortex-m33"}
    with pytest.raises(UsageError, match="cannot run the build"):
        known["cortex-m4"].log_of(load_core("cortex-m3"))
    with pytest.raises(UsageError, match="rv32"):
        known["cortex-m4"].log_of(load_core("hazard3"))


def test_a_core_whose_multiply_is_slower_gets_a_table_that_says_so(known, tmp_path) -> None:
    text = _changed(
        known["cortex-m4"].log_of(load_core("cortex-m4")),
        {"multiply": 2.0, "multiply-independent": 6.0, "long-multiply": 3.0, "long-multiply-accumulate": 3.0},
    )
    found = characterize(_log(tmp_path, text), name="slow-multiplier")
    assert found.nearest.core.name == "cortex-m4"
    assert 0 < found.distance < 0.35
    by_event = {weight.event: weight for weight in found.changed}
    assert by_event["class:multiply"].after == pytest.approx(3, abs=0.01)
    assert by_event["class:multiply"].identified
    assert by_event["class:long-multiply"].after == pytest.approx(4, abs=0.01)
    # Four more in that row: it cannot be told whether the class takes them or the event that only it meets.
    together = by_event["class:long-multiply-accumulate"].after + by_event["signed-long-multiply"].after
    assert together == pytest.approx(4, abs=0.05)
    assert found.start.fit.error_after < found.start.fit.error_before / 20
    path = tmp_path / "slow.toml"
    path.write_text(found.table_toml(), "utf-8")
    assert check_table(path) == ()
    table = load_core(path)
    assert table.classes["multiply"].cycles == 3
    assert table.classes["multiply"].basis == "measured"
    assert found.log.digest[:16] in table.classes["multiply"].source
    assert table.classes["load"] == load_core("cortex-m4").classes["load"]
    again = characterize(_log(tmp_path, text), core=str(path))
    assert again.distance < 0.01
    assert again.changed == ()


def test_slow_code_memory_is_told_from_another_core(known, tmp_path) -> None:
    build = known["cortex-m33"]
    log = parse_log(build.log_of(load_core("cortex-m33")))
    rows = [
        replace(row, **{figure: 2 * getattr(row, figure) for figure in ("short_best", "short_worst", "long_best", "long_worst")}) for row in log.rows
    ]
    found = characterize(_log(tmp_path, log_text(log.build, log.counter, rows)))
    assert found.nearest.core.name == "cortex-m33"
    assert found.distance <= ALIKE
    assert any("code memory is slow" in warning for warning in found.warnings)


def test_a_core_can_be_named_instead_of_the_nearest(known, tmp_path) -> None:
    path = _log(tmp_path, known["cortex-m4"].log_of(load_core("cortex-m7")))
    assert characterize(path).nearest.core.name == "cortex-m7"
    found = characterize(path, core="cortex-m4")
    assert found.descriptor.nearest == "cortex-m4"
    cycles = {other.core.name: other.cycles for other in known["cortex-m4"].known_cores()}
    assert found.distance == pytest.approx(distance(cycles["cortex-m7"], cycles["cortex-m4"]), abs=1e-3)
    assert found.start.divider is not None
    assert (found.start.divider.model, found.start.divider.parameters) == ("fixed", {"cycles": 7})
    with pytest.raises(UsageError, match="hazard3 runs rv32"):
        characterize(path, core="hazard3")
    with pytest.raises(UsageError, match="cortex-m3 cannot run the build cortex-m4"):
        characterize(path, core="cortex-m3")


def test_logs_of_unknown_builds_and_rows_are_refused(known, tmp_path) -> None:
    text = known["cortex-m4"].log_of(load_core("cortex-m4"))
    with pytest.raises(InputError, match="build that is not known, 'cortex-m99'"):
        characterize(_log(tmp_path, text.replace("build cortex-m4", "build cortex-m99")))
    with pytest.raises(InputError) as caught:
        characterize(_log(tmp_path, text.replace("row shift ", "row drift ")))
    assert caught.value.details == ("line 7: the build cortex-m4 has no row 'drift'",)
    log = parse_log(text)
    with pytest.raises(InputError, match="not a log of this build") as caught:
        characterize(_log(tmp_path, log_text(log.build, log.counter, log.rows[:5])))
    assert "too little" in caught.value.details[0]
    with pytest.raises(InputError, match="cannot be read"):
        characterize(tmp_path / "absent.txt")


def test_runs_that_differ_are_named(known, tmp_path) -> None:
    log = parse_log(known["rv32imc"].log_of(load_core("hazard3")))
    rows = [replace(row, long_worst=row.long_worst + 3000) if row.name == "load" else row for row in log.rows]
    found = characterize(_log(tmp_path, log_text(log.build, log.counter, rows)))
    assert [warning for warning in found.warnings if warning.startswith("differ from run to run") and "load" in warning]


def test_every_core_has_a_build() -> None:
    for name in CORES:
        assert build_for(load_core(name)).name in {build.name for build in builds()}
    with pytest.raises(UsageError, match="no build 'cortex-m85'"):
        find_build("cortex-m85")


def test_the_table_starts_from_rules_that_explain_the_rows(known, tmp_path) -> None:
    # Hazard3 without its branch predictor is nearest to Hazard3 with it, whose rules cannot price its loops; Ibex's can.
    build = known["rv32imc"]
    others = [other for other in build.known_cores() if other.core.name != "hazard3-nopred"]
    found = characterized(parse_log(build.log_of(load_core("hazard3-nopred"))), others, "unknown")
    assert found.nearest.core.name == "hazard3"
    assert found.base.core.name.startswith("ibex-")
    assert found.start.fit.error_after < 0.001
    assert found.start.divider is not None
    assert found.start.divider.parameters["cycles"] == 19


@pytest.mark.parametrize(("core", "base"), [("cv32e40p", "ibex-maxperf"), ("hazard3", "cv32e40p"), ("ibex-small", "picorv32")])
def test_a_descriptor_stands_for_the_table_that_is_written(core, base, known, tmp_path) -> None:
    found = characterize(_log(tmp_path, known["rv32imc"].log_of(load_core(core))), core=base, name="my-core")
    path = tmp_path / "my-core.toml"
    path.write_text(found.table_toml(), "utf-8")
    assert check_table(path) == ()
    written, described = load_core(path), described_core(parse_descriptor(descriptor_toml(found.descriptor)))
    assert (described.name, described.title) == (written.name, written.title)
    for one, other in ((described.classes, written.classes), (described.events, written.events)):
        assert {name: (cost.cycles, cost.basis, cost.source) for name, cost in one.items()} == {
            name: (cost.cycles, cost.basis, cost.source) for name, cost in other.items()
        }
    assert described.divider is not None
    assert written.divider is not None
    assert (described.divider.model, described.divider.parameters) == (written.divider.model, written.divider.parameters)
    rows = known["rv32imc"].on(described).cycles
    assert rows["divide-short"] == pytest.approx(found.descriptor.costs["divide-short"].cycles, abs=0.6)
    assert rows["multiply"] == pytest.approx(found.descriptor.costs["multiply"].cycles, abs=0.2)


def test_rows_that_no_known_pipeline_explains_are_named(known, tmp_path) -> None:
    build = known["rv32imc"]
    others = [other for other in build.known_cores() if other.core.name != "vexriscv-imac"]
    found = characterized(parse_log(build.log_of(load_core("vexriscv-imac"))), others, "unknown")
    assert any("no pipeline that is known explains the rows" in warning for warning in found.warnings)
