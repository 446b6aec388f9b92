"""Runners and models for the tests of swapped models."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from instsim.emulate.region import RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.profile import BlockProfile
from instsim.resources import firmware_elf
from instsim.swap.runner import ModelRunner
from tests.emulate.bundled import chip, entry, image_of

RUNNERS = (
    "dispatch-s28-ram",
    "dispatch-s24",
    "dispatch-s24-graph",
    "dispatch-s28",
    "dispatch-s28-virtual",
    "dispatch-s28-stripped",
    "dispatch-s28-profiler",
    "dispatch-s28-nested",
    "dispatch-s36",
    "dispatch-s40",
)
CORES = ("cortex-m4", "rv32imc")


def model_path(name: str) -> Path:
    return firmware_elf() / "models" / f"{name}.tflite"


def model(name: str) -> bytes:
    return model_path(name).read_bytes()


@cache
def runner(name: str, core: str) -> ModelRunner:
    """A runner that several tests share, as a sweep would."""
    return fresh_runner(name, core)


def fresh_runner(name: str, core: str) -> ModelRunner:
    return ModelRunner(image_of(name, core), chip(core))


@cache
def own_run(name: str, core: str) -> BlockProfile:
    """What the firmware does by itself with its own model, once that is set up."""
    symbol = image_of(name, core).symbol(entry(name, core)["region"])
    assert symbol is not None
    call = 2 if name == "dispatch-s36" else 1  # there the first Invoke does the set-up
    request = RegionRequest(RegionRule.INVOKE, symbol.address & ~1, call=call, name="Invoke")
    return profile_image(image_of(name, core), chip(core), RunOptions(request))


def noise(seed: int, size: int) -> bytes:
    """What the bundled firmware fills its inputs with (``src/runtime/input.h``)."""
    data = bytearray()
    for _ in range(size):
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        data.append(seed >> 24)
    return bytes(data)


def same(one: BlockProfile, other: BlockProfile) -> bool:
    """Whether two profiles hold the same counts of the same code."""
    arrays = ("addresses", "sizes", "executions", "fallthroughs")
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
        and one.code == other.code
        and np.array_equal(one.buffer_outcomes, other.buffer_outcomes)
        and [(use.address, use.keys.tolist(), use.counts.tolist()) for use in one.dividers]
        == [(use.address, use.keys.tolist(), use.counts.tolist()) for use in other.dividers]
        and one.kernels == other.kernels
    )
