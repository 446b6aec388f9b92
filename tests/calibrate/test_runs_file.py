"""Files of runs: units, and what is said of files that are not right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instsim.calibrate.runs_file import COLUMNS, read_runs, runs_template
from instsim.errors import InputError


def written(folder: Path, text: str) -> Path:
    path = folder / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read_runs(written(folder, text))
    return str(caught.value)


@given(st.floats(1e-6, 1e3), st.sampled_from([("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)]))
@settings(deadline=None, max_examples=30)
def test_units_convert(tmp_path_factory: pytest.TempPathFactory, value: float, unit: tuple[str, float]) -> None:
    path = written(tmp_path_factory.mktemp("runs"), f"cycles,latency_{unit[0]}\n1000,{value!r}\n")
    assert read_runs(path).runs[0].latency_s == pytest.approx(value * unit[1], rel=1e-12)


@pytest.mark.parametrize(
    ("columns", "cells"),
    [("energy_uj", "500"), ("energy_j", "5e-4"), ("power_mw", "50"), ("current_ma,voltage_v", "25,2"), ("current_ua,voltage_mv", "25000,2000")],
)
def test_energy_comes_from_power_or_current_and_voltage_too(tmp_path: Path, columns: str, cells: str) -> None:
    assert read_runs(written(tmp_path, f"cycles,latency_ms,{columns}\n1000,10,{cells}\n")).runs[0].energy_j == pytest.approx(5e-4)


def test_the_template_names_only_known_columns_and_reads_once_its_images_exist(tmp_path: Path) -> None:
    for name in ("kws.elf", "ic.elf"):
        (tmp_path / name).touch()
    found = read_runs(written(tmp_path, runs_template()))
    assert [run.name for run in found.runs] == ["kws.elf", "ic.elf"]
    assert found.runs[0].energy_j == pytest.approx(4635.7e-6)
    assert "latency_ms" in COLUMNS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("cycles,latency_ms\n", "no runs below the header"),
        ("cycles,latncy_ms\n1,2\n", "no column 'latncy_ms' is known, did you mean latency_ms?"),
        ("cycles,latency\n1,2\n", "latency lacks its unit: latency_s, latency_ms"),
        ("cycles,latency_hours\n1,2\n", "latency_hours: no such unit"),
        ("cycles,latency_ms,latency_us\n1,2,3\n", "latency in several units (latency_ms, latency_us): keep one column"),
        ("cycles,latency_ms,latency_ms\n1,2,3\n", "column latency_ms is there twice"),
        ("latency_ms\n2\n", "no column says what ran"),
        ("cycles\n2\n", "no column holds a measurement"),
        ("cycles,latency_ms\n1,0\n", "line 2: latency_ms: 0 is not above 0"),
        ("cycles,latency_ms\n1,-3\n", "line 2: latency_ms: -3 is not above 0"),
        ("cycles,latency_ms\n1,12 ms\n", "'12 ms' holds a unit; it belongs into the column's name"),
        ("cycles;latency_ms\n1;12,5\n", "'12,5' has a decimal comma"),
        ("cycles,latency_ms\n1,12,5\n", "3 cells, and the header has 2: a decimal comma?"),
        ("cycles,latency_ms\n1,fast\n", "'fast' is not a number"),
        ("cycles,latency_ms\n1,inf\n", "inf is not finite"),
        ("cycles,latency_ms\n,2\n", "line 2: none of image, profile, model, cycles"),
        ("cycles,latency_ms,energy_uj\n5,,\n", "line 2: neither latency nor energy"),
        ("cycles,energy_uj,power_mw\n5,,3\n", "power without latency"),
        ("cycles,latency_ms,current_ma\n5,1,3\n", "a current without a voltage"),
        ("cycles,latency_ms,energy_uj,power_mw\n5,1,100,3\n", "energy and power x latency disagree"),
        ("image,latency_ms\nnone.elf,2\n", "there is no file"),
        ("cycles,latency_ms,repeats\n5,1,2.5\n", "2.5 is not a whole number"),
        ("cycles,latency_ms\n5,1\n5,1\n5,1\n", "all rows are the same: that is one run"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert message in problems(tmp_path, text)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = problems(tmp_path, "cycles,latency_ms\n1,0\n2,3\nx,4\n")
    assert "line 2" in text
    assert "line 4" in text


def test_duplicate_rows_are_named_and_counted_once(tmp_path: Path) -> None:
    found = read_runs(written(tmp_path, "cycles,latency_ms\n5,1\n9,2\n5,1\n"))
    assert len(found.runs) == 2
    assert found.warnings == ("line 4 is the same as line 2 in every cell: counted once",)


def test_the_digest_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    first = read_runs(written(tmp_path, "cycles,latency_ms\n5,1\n9,2\n")).digest
    assert read_runs(written(tmp_path, "# note\ncycles,latency_ms\n9,2\n5,1\n")).digest == first
    assert read_runs(written(tmp_path, "cycles,latency_ms\n9,2\n5,1.1\n")).digest != first


def test_a_missing_file_and_other_bytes_are_no_tracebacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_runs(tmp_path / "none.csv")
    (tmp_path / "runs.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_runs(tmp_path / "runs.csv")
