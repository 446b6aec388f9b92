"""The RTL part of the scoreboard: instsim's cycles for the programs of firmware_elf/rtl stay within the goals."""

from __future__ import annotations

from pathlib import Path

import pytest
from accuracy.comparison import Comparison, summarize
from accuracy.data_sets import PROGRAMS, RTL_GOALS, VENDOR_IMAGES, WHOLE_RUNS
from accuracy.figures_file import Figures, Section, load_figures, merge, save_figures
from accuracy.page import page, summary_lines
from accuracy.rtl_figures import load_bench
from accuracy.rtl_runs import run_program

from instsim import artifacts

RTL = Path(__file__).parents[2] / "firmware_elf" / "rtl"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(artifacts.ENVIRONMENT_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield load_bench()


@pytest.fixture(scope="module")
def rows(bench):
    return {core: bench.compare(core) for core in bench.cores}


def errors(rows, core, data_set):
    summary = summarize([row for row in rows[core] if row.data_set == data_set])
    return summary.mean_absolute, abs(summary.worst.error)


@pytest.mark.parametrize(("core", "data_set"), [(core, name) for core, goals in RTL_GOALS.items() for name in goals])
def test_errors_stay_within_the_goals(rows, core, data_set):
    mean, worst = errors(rows, core, data_set)
    assert mean <= RTL_GOALS[core][data_set].mean_absolute
    assert worst <= RTL_GOALS[core][data_set].worst


@pytest.mark.parametrize("core", ["hazard3", "h3_nopred", "h3_min", "ibex_small", "ibex_maxperf", "ibex_maxbp", "cv32e40p", "pico"])
def test_whole_runs_that_chose_no_figure_are_as_near(rows, core):
    mean, worst = errors(rows, core, WHOLE_RUNS)
    assert mean <= 0.0005
    assert worst <= 0.006


def test_misses_of_a_data_cache_as_long_as_the_weights_are_followed(bench, rows):
    error = {row.name: row.error for row in rows["vex_imac"] if row.data_set == PROGRAMS}
    without = {row.name: row.error for row in bench.compare("vex_imac", with_memory=False) if row.data_set == PROGRAMS}
    for name in ("fc_i8_O2", "fc_i8_Os"):
        assert abs(error[name]) < 0.0005
        assert without[name] < -0.05


def test_cold_caches_of_whole_runs_are_followed(rows):
    # Returns and jumps through tables are what these have in common, not caches.
    known = ("fibrec", "statemach")
    errors_of_caches = [abs(row.error) for row in rows["vex_imac"] if row.data_set == WHOLE_RUNS and not row.name.startswith(known)]
    assert len(errors_of_caches) == 12
    assert max(errors_of_caches) < 0.002


def test_every_measured_row_of_a_program_that_runs_is_compared(bench, rows):
    lines = [line for line in (RTL / "cycles.csv").read_text().splitlines()[1:] if line.split(",")[0] in bench.profiles]
    assert sum(row.data_set != WHOLE_RUNS for row in rows["ibex_otlike"]) == len(lines)
    assert not bench.skipped


def test_instructions_between_markers_are_those_of_the_rtl(bench):
    for line in (RTL / "cycles.csv").read_text().splitlines()[1:]:
        elf, marker, _, _, instructions, *_ = line.split(",")
        if elf in bench.profiles:
            profile = bench.profiles[elf]
            names = [kernel.name for kernel in profile.kernels]
            sizes = profile.executions[1 + names.index(marker)]
            issued = 0
            offset = 0
            for size, count in zip(profile.sizes.tolist(), sizes.tolist(), strict=True):
                code = profile.code[offset : offset + size]
                offset += size
                position = length = 0
                while position < size:
                    position += 4 if code[position] & 3 == 3 else 2
                    length += 1
                issued += length * count
            assert issued == int(instructions), (elf, marker)


def test_a_branch_to_the_next_instruction_is_seen_to_be_taken():
    profile = run_program(RTL / "elf" / "micro.elf")
    row = 1 + [kernel.name for kernel in profile.kernels].index("1052")
    taken = (profile.executions - profile.fallthroughs)[row].sum()
    assert taken >= 64


def test_accesses_across_words_are_counted_where_asked_for():
    silent = run_program(RTL / "elf" / "micro_unal.elf")
    profile = run_program(RTL / "elf" / "micro_unal.elf", look_at_accesses=True)
    assert silent.crossings == ()
    assert sum(int(use.counts.sum()) for use in profile.crossings) == 7 * 32
    assert (silent.executions == profile.executions).all()


def test_figures_survive_their_file_and_sections_are_replaced_one_by_one(tmp_path):
    old = Figures(
        (Section("boards", "2026-01-01", "aaaa"), Section(PROGRAMS, "2026-01-01", "aaaa")),
        (Comparison("boards", "m4", "aes", 990.0, 1000.0, compiler_independent=False, source="a paper"), Comparison(PROGRAMS, "x", "y", 1.0, 2.0)),
        (),
    )
    path = tmp_path / "figures.json"
    save_figures(old, path)
    assert load_figures(path) == old
    fresh = merge(old, [Comparison(PROGRAMS, "x", "y", 2.0, 2.0)], [Section(PROGRAMS, "2026-02-02", "bbbb")], [])
    assert {section.data_set: section.commit for section in fresh.sections} == {"boards": "aaaa", PROGRAMS: "bbbb"}
    text = page(fresh)
    assert "-1.00 %" in text
    assert "a paper" in text
    assert "built again" in text


def test_the_summary_says_what_misses_its_goal():
    lines = list(summary_lines([Comparison(PROGRAMS, "hazard3", "far", 110.0, 100.0), Comparison(PROGRAMS, "pico", "near", 100.0, 100.0)]))
    assert lines[1].endswith("far  MISSED")
    assert lines[2].endswith("near  ok")


def test_the_page_begins_with_a_line_for_each_set_from_boards_to_cores():
    rows = (
        Comparison(PROGRAMS, "pico", "y", 90.0, 100.0),
        Comparison(VENDOR_IMAGES, "nucleo-l4r5zi", "near", 101.0, 100.0, ideal_cycles=80.0),
        Comparison(VENDOR_IMAGES, "nucleo-g0b1re", "far", 97.0, 100.0, compiler_independent=False, ideal_cycles=90.0),
    )
    sections = (Section(PROGRAMS, "2026-01-01", "aaaa"), Section(VENDOR_IMAGES, "2026-01-01", "aaaa", "Outputs agree."))
    lines = page(Figures(sections, rows, ())).splitlines()
    overview = [line for line in lines if line.startswith("| [")]
    assert overview == [
        f"| [{VENDOR_IMAGES}](#mlperf-tiny-images-of-vendors) | 2 | some | 2 | 2.00 % | -3.00 % | 15.00 % |",
        f"| [{PROGRAMS}](#rtl-programs) | 1 | yes | 1 | 10.00 % | -10.00 % |  |",
    ]
    assert "| `near` | 101 | 100 | +1.00 % | -20.00 % |" in lines
    assert any(line.endswith("Outputs agree. Computed on 2026-01-01 at commit aaaa.") for line in lines)


def test_times_of_single_instructions_are_told_apart():
    row = Comparison("loops", "esp32-c3", "multiply", 1.258, 1.309, source="a forum")
    text = page(Figures((), (row,), ()))
    assert "| `multiply` | 1.258 | 1.309 | -3.90 % |" in text
