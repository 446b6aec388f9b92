"""Counts of the fast machine against Unicorn as it comes: default translation, a Python hook at every block and every instruction."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instsim.emulate.machine import Machine, StopReason
from instsim.emulate.region import KernelWatch, RegionRequest, RegionRule
from instsim.emulate.run import RunOptions, profile_image
from instsim.isa import decode
from instsim.profile.file import profile_bytes
from tests.emulate.bundled import chip, entry, image_of

PROGRAMS = [("dispatch-s28", "cortex-m4"), ("dispatch-s28-nested", "cortex-m4"), ("dispatch-s28", "rv32imc"), ("dispatch-s28-nested", "rv32imc")]
BUDGET = 10**9


ROOT = Path(__file__).parents[2]


def own_process(*arguments: str, **variables: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *(p for p in sys.path if p)])} | variables
    return subprocess.run([sys.executable, *arguments], check=True, env=environment, cwd=ROOT, capture_output=True, text=True).stdout


@cache
def plain_machine(name: str, core: str) -> dict[str, Any]:
    return json.loads(own_process("-m", "tests.emulate.plain_machine", name, core))


def whole_run(name: str, core: str):
    return profile_image(image_of(name, core), chip(core), RunOptions(RegionRequest(RegionRule.WHOLE_RUN)))


@pytest.mark.parametrize(("name", "core"), PROGRAMS)
def test_issued_instructions_equal_a_hook_on_every_instruction(name: str, core: str) -> None:
    plain = plain_machine(name, core)
    seen: Counter[int] = Counter(dict(plain["instructions"]))
    profile = whole_run(name, core)
    issued: Counter[int] = Counter()
    predicated: set[int] = set()
    position = 0
    for address, size, count in zip(profile.addresses.tolist(), profile.sizes.tolist(), profile.block_executions.tolist(), strict=True):
        for instruction in decode(profile.isa, profile.code[position : position + size], address):
            issued[instruction.address] += count
            if instruction.predicated:
                predicated.add(instruction.address)
        position += size
    assert plain["output"] == profile.run.output == entry(name, core)["expected_stdout"]
    # Unicorn does not call back for an instruction whose condition fails in an IT block; it was issued all the same.
    assert {a: n for a, n in issued.items() if a not in predicated} == {a: n for a, n in seen.items() if a not in predicated}
    assert all(seen[a] <= issued[a] for a in predicated)
    assert set(seen) <= set(issued)


@pytest.mark.parametrize(("name", "core"), PROGRAMS)
def test_bytes_executed_equal_the_default_translation(name: str, core: str) -> None:
    profile = whole_run(name, core)
    assert plain_machine(name, core)["block_bytes"] == int((profile.sizes * profile.block_executions).sum())


@pytest.mark.parametrize(("name", "core"), PROGRAMS)
def test_slices_of_any_length_give_the_same_counts(name: str, core: str) -> None:
    """Stopping anywhere and going on loses nothing and counts nothing twice."""
    straight = Machine(image_of(name, core), chip(core))
    assert straight.run(BUDGET).reason is StopReason.EXIT
    for step in (1, 997):
        machine = Machine(image_of(name, core), chip(core))
        limit = 0
        while machine.run(limit).reason is StopReason.BUDGET:
            limit = max(limit + step, machine.now_cycles() + 1) if step > 1 or machine.now_cycles() < 4000 else BUDGET
        assert machine.semihosting.text == straight.semihosting.text
        assert machine.now_cycles() == straight.now_cycles()
        order, reference = np.argsort(machine.counters.addresses), np.argsort(straight.counters.addresses)
        assert (machine.counters.addresses[order] == straight.counters.addresses[reference]).all()
        assert (machine.counters.counts()[:, order] == straight.counters.counts()[:, reference]).all()


@pytest.mark.parametrize(("name", "core"), PROGRAMS)
def test_with_and_without_the_accelerator(name: str, core: str, tmp_path: Path) -> None:
    """The accelerator is decided once a process, so the other side runs in one of its own."""
    script = (
        "import sys\n"
        "from tests.emulate.test_counts import whole_run\n"
        "from instsim.profile import save_profile\n"
        "from pathlib import Path\n"
        f"save_profile(whole_run({name!r}, {core!r}), Path(sys.argv[1]))\n"
    )
    files = []
    for setting in ("on", "off"):
        path = tmp_path / setting
        own_process("-c", script, str(path), INSTSIM_ACCELERATOR=setting)
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_two_runs_give_the_same_bytes() -> None:
    assert profile_bytes(whole_run("dispatch-s28", "cortex-m4")) == profile_bytes(whole_run("dispatch-s28", "cortex-m4"))


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_a_region_between_two_addresses_splits_blocks_exactly(core: str) -> None:
    """From the middle of a block to the middle of another: what lies outside is not counted, whatever the emulator's blocks are."""
    image, spec = image_of("dispatch-s28", core), chip(core)
    whole = profile_image(image, spec, RunOptions(RegionRequest(RegionRule.WHOLE_RUN)))
    once = [i for i in range(whole.addresses.size) if whole.block_executions[i] == 1 and whole.sizes[i] >= 12]
    offsets = {i: sum(whole.sizes[:i].tolist()) for i in once}
    instructions = {i: decode(whole.isa, whole.code[offsets[i] : offsets[i] + int(whole.sizes[i])], int(whole.addresses[i])) for i in once}
    block = next(i for i in once if len(instructions[i]) >= 5)
    start, end = instructions[block][1].address, instructions[block][-1].address
    part = profile_image(image, spec, RunOptions(RegionRequest(RegionRule.ADDRESSES, start, end, fall_back=False)))
    assert (part.addresses.tolist(), part.sizes.tolist(), part.block_executions.tolist()) == ([start], [end - start], [1])


def test_kernels_and_dispatch_sum_to_the_region() -> None:
    image, spec = image_of("dispatch-s28-nested", "cortex-m4"), chip("cortex-m4")
    symbol = image.symbol("_ZN6tflite16MicroInterpreter6InvokeEv")
    assert symbol is not None
    region = RegionRequest(RegionRule.INVOKE, symbol.address)
    split = profile_image(image, spec, RunOptions(region))
    dispatchless = {kernel.kernel_address for kernel in split.kernels}
    assert len(split.kernels) == 11
    assert dispatchless <= {function.address for function in split.functions}
    whole = profile_image(image, spec, RunOptions(RegionRequest(RegionRule.SYMBOL, symbol.address, fall_back=False), KernelWatch()))
    assert (split.executions.sum(axis=0) == whole.executions.sum(axis=0)).all()
    assert (split.fallthroughs.sum(axis=0) == whole.fallthroughs.sum(axis=0)).all()
