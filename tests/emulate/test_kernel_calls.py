"""Kernels told by the block hook, against hooks on every indirect call: the same kernels, the same counts in each."""

from __future__ import annotations

import random

import numpy as np
import pytest

from instsim.emulate.instruction_hooks import InstructionHooks
from instsim.emulate.machine import Machine, StopReason
from instsim.emulate.observer import Observer
from instsim.emulate.region import KernelWatch, RegionRequest, RegionRule
from instsim.isa import indirect_call_sites
from instsim.profile import to_basic_blocks
from tests.emulate.bundled import chip, image_of, manifest

BUDGET_CYCLES = 10_000_000
IMAGES = sorted((image["name"], image["core"]) for image in manifest() if image["name"].startswith("dispatch-"))


def observed(name, core, *, everywhere):
    """Kernels, and executions by row of every basic block, of a run's inference."""
    image = image_of(name, core)
    machine = Machine(image, chip(core))
    sites = [site for segment in image.segments for site in indirect_call_sites(machine.isa, segment.data, segment.address).values()]
    assert sites
    seen = {"hooks": InstructionHooks(machine.engine), "sites": sites} if everywhere else {}
    observer = Observer(machine, RegionRequest(RegionRule.KERNELS), KernelWatch(), **seen)
    assert machine.run(BUDGET_CYCLES).reason in (StopReason.REGION_DONE, StopReason.EXIT)
    ledger = observer.finish()
    blocks = to_basic_blocks(machine.isa, ledger.blocks(1 + len(observer.kernels)), machine.memory.read)
    rows = {
        (address, size): tuple(column)
        for address, size, column in zip(blocks.addresses.tolist(), blocks.sizes.tolist(), blocks.executions.T.tolist(), strict=True)
    }
    return observer.kernels, rows, observer.cycles


@pytest.mark.parametrize(("name", "core"), IMAGES)
def test_the_block_hook_finds_what_hooks_on_every_indirect_call_find(name, core):
    kernels, rows, cycles = observed(name, core, everywhere=False)
    assert kernels
    assert (kernels, rows, cycles) == observed(name, core, everywhere=True)


def test_a_kernel_that_runs_again_and_again_is_met_each_time():
    name, core = "dispatch-s28", "cortex-m4"
    machine = Machine(image_of(name, core), chip(core))
    entered = []
    machine.watch_kernels(entered.append)
    stop = machine.run(BUDGET_CYCLES)
    assert stop.reason is StopReason.EXIT
    executions = dict(zip(machine.counters.addresses.tolist(), machine.counters.counts()[0].tolist(), strict=True))
    for kernel in set(entered):
        assert entered.count(kernel) == executions[kernel]


def test_stops_between_kernels_and_their_callers_change_nothing():
    name, core = "dispatch-s28", "rv32imc"
    whole, parts = (Machine(image_of(name, core), chip(core)) for _ in range(2))
    entered = [[], []]
    for machine, met in zip((whole, parts), entered, strict=True):
        machine.watch_kernels(met.append)
    whole.run(BUDGET_CYCLES)
    order = random.Random(5)
    reason, cycles = StopReason.BUDGET, 0
    while reason is StopReason.BUDGET:
        cycles += order.randrange(1, 40)
        reason = parts.run(cycles).reason
    assert entered[0] == entered[1]
    assert np.array_equal(whole.counters.counts(), parts.counters.counts())
