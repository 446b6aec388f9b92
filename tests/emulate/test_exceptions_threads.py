"""A region inside a thread of a preemptive scheduler: what other threads and handlers run is not charged to it."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest

from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.profile import BlockProfile
from instsim.profile.file import profile_bytes
from tests.emulate.bundled import image_of
from tests.emulate.test_counts import own_process
from tests.emulate.test_exceptions import BUDGET, chip_with_interrupts, whole_run

CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc")
CALLS_BEFORE_THE_SCHEDULER = 12
"""Main computes what three threads will compute in four parts each."""


@cache
def call_of_workload(core: str, number: int) -> BlockProfile:
    image = image_of("exceptions-scheduler", core)
    workload = image.symbol("workload")
    assert workload is not None
    region = RegionRequest(RegionRule.SYMBOL, workload.address, call=number, fall_back=False)
    return profile_image(image, chip_with_interrupts(core), RunOptions(region, budget_cycles=BUDGET))


def bytes_run(profile: BlockProfile, row: int) -> dict[int, int]:
    counts: dict[int, int] = {}
    for address, size, count in zip(profile.addresses.tolist(), profile.sizes.tolist(), profile.executions[row].tolist(), strict=True):
        for half in range(address, address + size, 2):
            counts[half] = counts.get(half, 0) + count
    return {half: count for half, count in counts.items() if count}


@pytest.mark.parametrize("core", CORES)
def test_a_call_in_a_thread_is_charged_what_it_costs_alone(core: str) -> None:
    # The RV32 scheduler starts with its second thread.
    alone, in_thread = call_of_workload(core, 5 if core == "rv32imc" else 1), call_of_workload(core, CALLS_BEFORE_THE_SCHEDULER + 1)
    assert not alone.kernels
    assert {kernel.name for kernel in in_thread.kernels} == {"(interrupts)", "(other threads)"}
    assert bytes_run(in_thread, 0) == bytes_run(alone, 0)
    assert (in_thread.executions[0] - in_thread.fallthroughs[0]).sum() == (alone.executions[0] - alone.fallthroughs[0]).sum()


@pytest.mark.parametrize("core", CORES)
def test_other_threads_run_what_the_same_function_runs(core: str) -> None:
    """All three threads compute alike, in turns: the others together run about twice what the measured one does."""
    in_thread = call_of_workload(core, CALLS_BEFORE_THE_SCHEDULER + 1)
    others = next(row for row, kernel in enumerate(in_thread.kernels, 1) if kernel.name == "(other threads)")
    ratio = sum(bytes_run(in_thread, others).values()) / sum(bytes_run(in_thread, 0).values())
    assert 1.5 < ratio < 2.5


def test_with_and_without_the_accelerator() -> None:
    """Stops reach the emulator in two ways; interrupts fall between the same blocks in both."""
    programs = (("exceptions-interrupted", "cortex-m4"), ("exceptions-scheduler", "rv32imc"), ("exceptions-sleep", "cortex-m0plus"))
    script = (
        "import hashlib\n"
        "from tests.emulate.test_exceptions import whole_run\n"
        "from instsim.profile.file import profile_bytes\n"
        f"for name, core in {programs!r}:\n"
        "    print(hashlib.sha256(profile_bytes(whole_run(name, core))).hexdigest())\n"
    )
    digests = [hashlib.sha256(profile_bytes(whole_run(name, core))).hexdigest() for name, core in programs]
    assert own_process("-c", script, INSTSIM_ACCELERATOR="off").split() == digests
