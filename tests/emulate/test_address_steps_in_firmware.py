"""Addresses of data accesses in bundled firmware: those that the steps give before a block runs are those that Unicorn reports."""

from __future__ import annotations

import pytest

from tests.emulate.access_comparison import compare_all_blocks

SAMPLES = [("kws", core) for core in ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc")]
OTHERS = [("predicated", "cortex-m4"), ("floating-double", "cortex-m7"), ("floating-single", "cortex-m33"), ("code-in-ram", "rv32imc")]


@pytest.mark.parametrize(("name", "core"), SAMPLES + OTHERS)
def test_every_access_of_every_block_is_foreseen(name: str, core: str) -> None:
    comparison = compare_all_blocks(name, core)
    ran = set(comparison.machine.counters.addresses.tolist())
    assert {address for address, _ in comparison.steps} == ran
    assert comparison.examples == {}
    assert not comparison.wrong
    assert not comparison.unknown
    assert len(comparison.exact) > len(ran) / 2
