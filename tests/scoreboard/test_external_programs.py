"""Programs outside the repository: what a manifest asks for is what is compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from accuracy.external_programs import compare_programs

from instsim.errors import UsageError
from instsim.resources import firmware_elf
from instsim.session.facade import estimate
from instsim.session.request import Request

_ELF = str(firmware_elf() / "elf" / "kws-small-cortex-m4.elf")


def _manifest(folder: Path, **row: object) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps([{"name": "kws", "set": "networks", "core": "cortex-m4", "elf": _ELF, "board": "nucleo-l4r5zi", **row}]), "utf-8")
    return path


def test_operators_are_compared_one_by_one(tmp_path: Path) -> None:
    operators = [[0, "CONV_2D", 1000], [2, "third", 2000]]
    path = _manifest(tmp_path, operators=operators, label="board, ideal", memory="ideal")
    rows = list(compare_programs(path))
    whole = estimate(_ELF, Request(board="nucleo-l4r5zi", memory="ideal"))
    assert [(row.name, row.core, row.measured_cycles) for row in rows] == [
        ("kws 0 CONV_2D", "board, ideal", 1000.0),
        ("kws 2 third", "board, ideal", 2000.0),
    ]
    assert [row.predicted_cycles for row in rows] == [whole.operators[0].cycles, whole.operators[2].cycles]


def test_a_whole_region_is_divided_by_its_iterations(tmp_path: Path) -> None:
    path = _manifest(tmp_path, measured_cycles=500, divide_by=2, memory="ideal")
    (row,) = compare_programs(path)
    assert row.predicted_cycles == estimate(_ELF, Request(board="nucleo-l4r5zi", memory="ideal")).cycles / 2
    assert (row.name, row.core, row.measured_cycles) == ("kws", "nucleo-l4r5zi", 500.0)


def test_a_manifest_without_figures_is_refused_with_the_form(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        list(compare_programs(_manifest(tmp_path)))
    assert "measured_cycles" in str(caught.value)
