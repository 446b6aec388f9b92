"""Stalls projected from samples against those that were followed exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import instsim
from instsim.emulate.engine import Engine
from instsim.session.facade import estimate, profile
from instsim.session.request import Request

ELF = Path(__file__).parents[2] / "firmware_elf" / "elf"


@pytest.mark.parametrize(("image", "board"), [("kws-cortex-m4.elf", "nucleo-l4r5zi"), ("kws-cortex-m0plus.elf", "nucleo-g0b1re")])
def test_a_sampled_run_is_within_half_a_per_cent_of_an_exact_one(image: str, board: str) -> None:
    request = Request(board=board, region="kws_invoke", calibration="none")
    exact, sampled = (estimate(ELF / image, replace(request, memory=memory)) for memory in ("exact", "sampled"))
    assert exact.memory is not None
    assert sampled.memory is not None
    assert exact.memory.stall_cycles > 0.01 * exact.cycles
    assert sampled.memory.sampled
    assert sampled.cycles == pytest.approx(exact.cycles, rel=0.005)
    assert sampled.memory.flash_reads == pytest.approx(exact.memory.flash_reads, rel=0.05)


def test_stalls_by_operator_and_by_path_sum_to_the_region_s() -> None:
    found = instsim.profile(ELF / "kws-cortex-m4.elf", board="nucleo-l4r5zi", region="kws_invoke")
    (use,) = found.memory
    crossings = use.total_stall_cycles - sum(float(path.stall_cycles.sum()) for path in use.paths)
    assert crossings >= 0
    priced = estimate(found, Request(board="nucleo-l4r5zi", calibration="none"))
    ideal = estimate(found, Request(board="nucleo-l4r5zi", calibration="none", memory="ideal"))
    assert priced.cycles - ideal.cycles == pytest.approx(use.total_stall_cycles)
    assert np.allclose([operator.stall_cycles for operator in priced.operators[:-1]], use.stall_cycles[1:].sum(axis=1))


@pytest.mark.parametrize(("image", "board"), [("kws-cortex-m4.elf", "nucleo-l4r5zi"), ("kws-rv32imc.elf", "esp32-c3")])
def test_registers_that_have_to_be_asked_for_give_the_same_stalls(image: str, board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request(board=board, region="kws_invoke", use_cache=False)
    (found,) = profile(ELF / image, request).memory
    monkeypatch.setattr(Engine, "registers_address", 0)
    (asked,) = profile(ELF / image, request).memory
    assert found.total_stall_cycles > 0
    assert np.array_equal(asked.stall_cycles, found.stall_cycles)
    assert np.array_equal(asked.addresses, found.addresses)
