"""Every bundled program does on the machine what its manifest says: what it prints, how it ends, and where."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
import pytest
from firmware_samples.catalogue import kernels_executed
from firmware_samples.dispatch_networks import draw_control_flow, draw_small
from firmware_samples.kws_network import draw_kws
from firmware_samples.machine_programs import DIVIDE_OPERANDS

from instsim.cost import CostModel, load_core
from instsim.dynamics.divider import pack_operands
from instsim.emulate.engine import Engine
from instsim.emulate.machine import Machine, StopReason
from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.errors import RunError
from instsim.image import load_image, resolve_function
from instsim.profile import functions_of
from instsim.resources import firmware_elf
from tests.emulate.bundled import chip, entry, image_of, manifest

NETWORKS = {"models/kws.tflite": draw_kws, "models/small.tflite": draw_small, "models/control_flow.tflite": draw_control_flow}
OUTCOMES = {
    "exit": {StopReason.EXIT},
    "fault": {StopReason.FAULT},
    "deadlock": {StopReason.DEADLOCK},
    "endless": {StopReason.BUDGET, StopReason.DEADLOCK},
}
BUDGET = 400_000_000
ENDLESS_BUDGET = 2_000_000
FAULTS = {
    "read": "read of {address:#010x}",
    "write": "write to ",
    "execute": "jump to {address:#010x}",
    "undefined": "(undefined|illegal|invalid) instruction",
    "flash-write": "write to 0x.* in flash",
}

_FOR_BOARDS = ("exceptions", "devices", "dma", "flash", "usb")
"""Programs that need more than a plain chip; each has tests of its own."""


def identity(image: dict[str, Any]) -> str:
    return f"{image['name']}-{image['core']}"


def named_function(image: Any, address: int) -> str:
    spans = functions_of(image, np.array([address], np.int64))
    return spans[0].name if spans else ""


@pytest.mark.parametrize("expected", [i for i in manifest() if not i["name"].startswith(_FOR_BOARDS)], ids=identity)
def test_program(expected: dict[str, Any]) -> None:
    image = load_image(firmware_elf() / expected["file"])
    machine = Machine(image, chip(expected["core"]))
    stop = machine.run(ENDLESS_BUDGET if expected["outcome"] == "endless" else BUDGET)
    if "expected_stdout" in expected:
        assert machine.semihosting.text == expected["expected_stdout"]
    else:
        assert re.fullmatch(expected["expected_stdout_pattern"], machine.semihosting.text)
    assert stop.reason in OUTCOMES[expected["outcome"]], stop
    if expected["outcome"] == "exit":
        assert machine.semihosting.exit_code == expected["expected_exit_code"]
    if "fault_kind" in expected:
        pattern = FAULTS[expected["fault_kind"]].format(address=expected.get("fault_address", 0))
        assert re.search(pattern, stop.message, re.IGNORECASE), stop
    if expected.get("stops_in"):
        assert named_function(image, stop.pc) == expected["stops_in"]


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc", "cortex-m0plus"])
def test_counters_tell_the_time_that_is_estimated(core: str) -> None:
    """The firmware's own reading of a loop is the cost model's price of it, within the reads themselves."""
    expected = entry("counters", core)
    image, spec = image_of("counters", core), chip(core)
    model = CostModel(load_core({"rv32imc": "esp32-c3"}.get(core, core)))
    symbol = resolve_function(image, "known_loop")
    block_cycles = partial(model.static_cycles, spec.isa)
    region = RegionRequest(RegionRule.SYMBOL, symbol.address, fall_back=False)
    profile = profile_image(image, spec, RunOptions(region, block_cycles=block_cycles))
    priced = model.price(profile).total_cycles
    machine = Machine(image, spec, block_cycles=block_cycles)
    assert machine.run(BUDGET).reason is StopReason.EXIT
    readings = {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", machine.semihosting.text)}
    assert readings
    turns = expected["loop_turns"]
    for name, value in readings.items():
        if name != "minstret":
            # Static prices charge a conditional branch its mean of taken and not taken.
            assert 0.6 * priced < value < 1.4 * priced + 60, (name, value, priced, turns)


@pytest.mark.parametrize("registers", ["found", "asked for"])
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m33", "rv32imc"])
def test_divides_are_histogrammed_by_operand_class(core: str, registers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if registers == "asked for":
        monkeypatch.setattr(Engine, "registers_address", 0)
    image, spec = image_of("divide", core), chip(core)
    symbol = image.symbol("divide_all")
    assert symbol is not None
    profile = profile_image(image, spec, RunOptions(RegionRequest(RegionRule.SYMBOL, symbol.address, fall_back=False)))
    seen: dict[int, int] = {}
    for use in profile.dividers:
        for key, count in zip(use.keys.tolist(), use.counts.tolist(), strict=True):
            seen[key] = seen.get(key, 0) + count
    per_pair = 2 if core == "rv32imc" and sum(seen.values()) > 2 * len(DIVIDE_OPERANDS) else 1
    wanted: dict[int, int] = {}
    for dividend, divisor in DIVIDE_OPERANDS:
        for signed in (False, True):
            key = pack_operands(dividend & 0xFFFFFFFF, divisor & 0xFFFFFFFF, signed)
            wanted[key] = wanted.get(key, 0) + per_pair
    assert seen == wanted


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_stack_high_water_mark_is_the_programs_own(core: str) -> None:
    profile = profile_image(image_of("stack-depth", core), chip(core), RunOptions(RegionRequest(RegionRule.WHOLE_RUN)))
    assert profile.run.stack_high_water_bytes == entry("stack-depth", core)["stack_bytes"]


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_a_stack_that_runs_into_static_data_is_told(core: str) -> None:
    profile = profile_image(image_of("stack-overflow", core), chip(core), RunOptions(RegionRequest(RegionRule.WHOLE_RUN)))
    (warning,) = profile.run.warnings
    assert warning.startswith("stack overflow: the stack has used all 10,240 bytes")
    assert warning.endswith("static data, victims at the end")
    assert profile.run.stack_high_water_bytes == 10_240


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_a_recursion_without_end_is_a_stack_overflow(core: str) -> None:
    with pytest.raises(RunError, match=r"stack overflow: the stack has used all .* static data, sink at the end") as caught:
        profile_image(image_of("fault-recursion", core), chip(core), RunOptions(RegionRequest(RegionRule.WHOLE_RUN)))
    assert "more stack" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "core", "message", "hint"),
    [
        ("unaligned", "cortex-m0plus", r"unaligned access \(HardFault\)", "multiples of the access's size"),
        ("fault-flash", "cortex-m4", r"write to 0x08\w+ in flash", "flash controller was unlocked"),
        ("fault-execute", "rv32imc", r"jump to 0x70000000, where there is no code", "function pointer that was never set"),
    ],
)
def test_hints_follow_what_was_refused(name: str, core: str, message: str, hint: str) -> None:
    with pytest.raises(RunError, match=message) as caught:
        profile_image(image_of(name, core), chip(core), RunOptions(RegionRequest(RegionRule.WHOLE_RUN)))
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("expected", [i for i in manifest() if "node_registration_offset" in i], ids=identity)
def test_kernels_and_arena_of_every_era(expected: dict[str, Any]) -> None:
    """The operators found are those that the reference executes, in order of their first start, stripped or not."""
    image = load_image(firmware_elf() / expected["file"])
    entry_symbol = image.symbol("_ZN6tflite16MicroInterpreter6InvokeEv")
    request = RegionRequest(RegionRule.KERNELS) if entry_symbol is None else RegionRequest(RegionRule.INVOKE, entry_symbol.address)
    profile = profile_image(image, chip(expected["core"]), RunOptions(request))
    trace = kernels_executed(NETWORKS[expected["model"]]())
    found = {(kernel.subgraph, kernel.index): kernel.executions for kernel in profile.kernels}
    assert list(found) == list(dict.fromkeys(trace))
    assert found == {place: trace.count(place) for place in trace}
    assert profile.run.arena_used_bytes == expected["arena_used_bytes"]
    assert profile.run.stop_reason == "region-done"
    assert (profile.executions[1:].sum(axis=1) > 0).all()
