"""Entries and returns of exceptions are priced once each, and charged to the handler."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from instsim.cost import CostModel, load_core
from instsim.isa import Isa
from instsim.profile import BlockProfile, ExceptionUse, FirmwareFacts, KernelRecord, RunFacts

HANDLER = 0x08000100


def profile_with(*exceptions: ExceptionUse) -> BlockProfile:
    nops = b"\x00\xbf" * 4
    return BlockProfile(
        isa=Isa.THUMB,
        addresses=np.array([0x08000000, HANDLER], np.int64),
        sizes=np.array([8, 8], np.int64),
        code=nops + nops,
        executions=np.array([[10, 0], [0, 3]], np.int64),
        fallthroughs=np.zeros((2, 2), np.int64),
        kernels=(KernelRecord("(interrupts)", executions=3),),
        functions=(),
        dividers=(),
        firmware=FirmwareFacts("made", "elf", "0" * 64),
        run=RunFacts("all", "whole-run", "exit", exceptions=exceptions),
    )


@pytest.mark.parametrize(("core", "entry", "chain", "leave"), [("cortex-m0plus", 15, 10, 13), ("cortex-m4", 12, 6, 10)])
def test_counts_times_weights_go_to_the_handler(core: str, entry: int, chain: int, leave: int) -> None:
    model = CostModel(load_core(core))
    without = model.price(profile_with())
    use = ExceptionUse("SysTick", 15, HANDLER, entries=3, tail_chained=2, returns=1)
    priced = model.price(profile_with(use))
    extra = 3 * entry + 2 * chain + 1 * leave
    assert priced.total_cycles - without.total_cycles == pytest.approx(extra)
    assert (priced.cycles - without.cycles)[1, 1] == pytest.approx(extra)
    assert {e.name: e.count for e in priced.events if e.name.startswith("exception-")} == {
        "exception-entry": 3,
        "exception-tail-chain": 2,
        "exception-return": 1,
    }
    assert sum(e.cycles for e in priced.events) == pytest.approx(priced.total_cycles)


def test_a_core_without_rows_changes_for_nothing() -> None:
    core = load_core("cortex-m4")
    bare = replace(core, events={name: cost for name, cost in core.events.items() if not name.startswith("exception-")})
    use = ExceptionUse("SysTick", 15, HANDLER, entries=3, returns=3)
    assert CostModel(bare).price(profile_with(use)).total_cycles == CostModel(bare).price(profile_with()).total_cycles
