"""Any model in a firmware that has an interpreter."""

from __future__ import annotations

import contextlib
import pickle
import random
from dataclasses import replace

import numpy as np
import pytest

from instsim.emulate.observed import issued_instructions
from instsim.errors import InputError, ModelError, SwapError
from instsim.swap.facts import Drive
from instsim.swap.facts_file import facts_bytes, facts_from_bytes
from instsim.swap.runner import ModelRunner
from tests.emulate.bundled import chip, entry, image_of
from tests.swap.swapping import CORES, RUNNERS, fresh_runner, model, noise, own_run, runner, same

_KWS_SCORES = (-112, -110, -92, -22, -103, -125, -126, -127, -117, -121, -123, -103)
"""Printed by ``kws-*.elf``, which hold that model."""

_KWS_SEED = 20260101
_SMALL_SEED = 4711


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("name", [name for name in RUNNERS if "nested" not in name and "stripped" not in name])
def test_a_firmwares_own_model_runs_as_it_does_by_itself(name: str, core: str) -> None:
    found = runner(name, core).run(model("small"), [noise(_SMALL_SEED, 192)])
    own = own_run(name, core)
    assert same(replace(found.profile, kernels=own.kernels), own)
    assert found.profile.run.arena_used_bytes == own.run.arena_used_bytes
    assert [k.name for k in found.profile.kernels] == [k.name for k in own.kernels]


def test_the_stack_is_as_deep_as_in_a_build_with_that_model() -> None:
    """But for the alignment of where an inference begins."""
    found = runner("dispatch-s28", "cortex-m4").run(model("small"), [noise(_SMALL_SEED, 192)], find_arena_need=True)
    own = own_run("dispatch-s28", "cortex-m4").run.stack_high_water_bytes
    assert own is not None
    assert found.profile.run.stack_high_water_bytes == pytest.approx(own, abs=8)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("name", RUNNERS)
def test_what_was_learned_is_read_as_it_was_kept(name: str, core: str) -> None:
    facts = runner(name, core).facts
    assert facts_from_bytes(facts_bytes(facts)) == facts


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("name", RUNNERS)
def test_another_model_gives_what_a_build_with_it_gives(name: str, core: str) -> None:
    found = runner(name, core).run(model("kws"), [noise(_KWS_SEED, 490)])
    assert tuple(np.frombuffer(found.outputs[0], np.int8).tolist()) == _KWS_SCORES
    assert len(found.profile.kernels) == 13
    assert sum(kernel.macs for kernel in found.profile.kernels) == 2_656_768


@pytest.mark.parametrize("core", CORES)
def test_a_model_with_several_subgraphs_runs(core: str) -> None:
    found = runner("dispatch-s28-nested", core).run(model("control_flow"))
    subgraphs = {kernel.subgraph for kernel in found.profile.kernels}
    assert len(subgraphs) > 2
    assert {"IF", "WHILE"} <= {kernel.name for kernel in found.profile.kernels}


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("name", ["dispatch-s24", "dispatch-s28-nested", "dispatch-s36"])
def test_a_machine_that_ran_other_models_counts_as_a_new_one(name: str, core: str) -> None:
    used = runner(name, core)
    used.run(model("kws"))
    for wanted in ("small", "kws"):
        again, first = used.run(model(wanted), find_arena_need=True), fresh_runner(name, core).run(model(wanted), find_arena_need=True)
        assert same(again.profile, first.profile)
        assert again.profile.run == first.profile.run
        assert (again.outputs, again.arena_need_bytes, again.set_up_instructions) == (
            first.outputs,
            first.arena_need_bytes,
            first.set_up_instructions,
        )


def test_the_arena_it_needs_is_the_smallest_that_does() -> None:
    found = runner("dispatch-s28", "cortex-m4").run(model("kws"), find_arena_need=True)
    assert found.arena_need_bytes == entry("kws", "cortex-m4")["arena_used_bytes"]
    assert found.profile.run.arena_size_bytes == 16 * 1024


def test_a_runner_travels_to_another_process_with_what_it_learned() -> None:
    here = runner("dispatch-s28", "cortex-m4")
    there = pickle.loads(pickle.dumps(here))
    assert there.facts == here.facts
    assert same(there.run(model("small")).profile, here.run(model("small")).profile)


@pytest.mark.parametrize("core", CORES)
def test_a_first_word_that_the_compiler_has_read_is_led_round_by_the_root_table(core: str) -> None:
    facts = runner("dispatch-s28", core).facts
    folded = ModelRunner(image_of("dispatch-s28", core), chip(core), facts=replace(facts, is_folded=True))
    # This firmware does read the word, which stays: only the fields of the root table lead to the other model.
    assert folded.run(model("kws"), [noise(_KWS_SEED, 490)]).outputs == (np.array(_KWS_SCORES, np.int8).tobytes(),)


def test_ways_to_start_an_inference_are_told_apart() -> None:
    assert runner("dispatch-s28", "cortex-m4").facts.drive is Drive.INTERPRETER
    assert runner("dispatch-s36", "cortex-m4").facts.drive is Drive.INVOKE


def test_inputs_are_random_and_the_same_each_time() -> None:
    first, second, other = (runner("dispatch-s28", "cortex-m4").run(model("small"), seed=seed) for seed in (1, 1, 2))
    assert first.inputs == second.inputs != other.inputs
    assert first.outputs == second.outputs != other.outputs


def test_operators_that_the_resolver_has_are_known_without_being_used() -> None:
    assert "LESS" in runner("dispatch-s28-nested", "cortex-m4").facts.operators
    assert "LESS" not in runner("dispatch-s28", "cortex-m4").facts.operators


# -- refusals ------------------------------------------------------------------------------------------------------------------------


def test_a_missing_operator_is_named_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = runner("dispatch-s28", "cortex-m4")
    monkeypatch.setattr(found, "_stage", None)
    with pytest.raises(SwapError, match=r"does not know these operators of the model: IF, LESS, WHILE") as raised:
        found.run(model("control_flow"))
    assert raised.value.reason == "operator"
    assert "CONV_2D" in str(raised.value)


def test_an_input_of_another_size_is_refused() -> None:
    with pytest.raises(SwapError, match=r"int8 of shape .* 192 bytes; 3 bytes were given"):
        runner("dispatch-s28", "cortex-m4").run(model("small"), [b"abc"])
    with pytest.raises(SwapError, match="given was float32"):
        runner("dispatch-s28", "cortex-m4").run(model("small"), [np.zeros(48, np.float32)])
    with pytest.raises(SwapError, match="1 inputs, 2 were given"):
        runner("dispatch-s28", "cortex-m4").run(model("small"), [b"", b""])


@pytest.mark.parametrize("data", [b"", b"hello", model("small")[:1000], bytes(4096), b"\xff" * 4096])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        runner("dispatch-s28", "cortex-m4").run(data)


def test_a_tensor_larger_than_any_memory_is_refused_before_anything_is_allocated() -> None:
    data = bytearray(model("kws"))
    at = data.index(np.array([1, 49, 10, 1], "<i4").tobytes())
    data[at : at + 16] = np.array([1 << 30, 1 << 30, 1 << 30, 1], "<i4").tobytes()
    with pytest.raises(SwapError, match="more than the 67,108,864") as raised:
        runner("dispatch-s28", "cortex-m4").run(bytes(data))
    assert raised.value.reason == "size"


def test_a_firmware_without_an_interpreter_is_refused() -> None:
    with pytest.raises(SwapError, match="ran no operator") as raised:
        fresh_runner("plain-exit", "cortex-m4")
    assert raised.value.reason == "runner"


def test_a_firmware_that_inlined_its_interpreter_is_refused() -> None:
    with pytest.raises(SwapError) as raised:
        fresh_runner("kws", "cortex-m4")
    assert raised.value.reason == "runner"
    assert raised.value.hint


def test_the_runner_goes_on_after_a_failure() -> None:
    found = runner("dispatch-s28", "cortex-m4")
    before = found.run(model("small"))
    broken = bytearray(model("kws"))
    at = broken.index(np.array([1, 49, 10, 1], "<i4").tobytes())
    broken[at : at + 16] = np.array([1, 6710, 10_000, 1], "<i4").tobytes()  # all that there is of spare memory
    with pytest.raises(SwapError, match="AllocateTensors returned status 1") as raised:
        found.run(bytes(broken))
    assert raised.value.reason == "set-up"
    assert same(found.run(model("small")).profile, before.profile)


def test_instructions_of_the_set_up_are_those_of_the_machine() -> None:
    found = fresh_runner("dispatch-s28", "cortex-m4")
    result = found.run(model("small"))
    inference = result.profile.run.total_instructions - result.set_up_instructions
    assert 0 < inference < issued_instructions(found._machine)


@pytest.mark.parametrize("core", CORES)
def test_a_long_boot_is_run_once_and_changes_nothing(core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = runner("dispatch-s28", core).run(model("kws"))
    monkeypatch.setattr("instsim.swap.stage._LONG_BOOT_CYCLES", 0)
    monkeypatch.setattr("instsim.swap.stage._MARGIN_CYCLES", 200)
    monkeypatch.setattr("instsim.swap.learning._TRACED_CYCLES", 15_000)
    late = fresh_runner("dispatch-s28", core)
    assert late._stage._checkpoint._values["_pc"] != late._machine.start
    assert replace(late.facts, boot_cycles=0) == replace(runner("dispatch-s28", core).facts, boot_cycles=0)
    late.run(model("small"))
    again = late.run(model("kws"))
    assert same(again.profile, whole.profile)
    assert (again.profile.run, again.outputs) == (whole.profile.run, whole.outputs)


@pytest.mark.parametrize("seed", range(4))
def test_hostile_models_end_with_a_message_and_harm_nothing(seed: int) -> None:
    """Bytes changed at random: refused by the check, by the firmware, or run; never anything else."""
    generator = random.Random(seed)
    shared = runner("dispatch-s28-nested", "cortex-m4")
    found = ModelRunner(image_of("dispatch-s28-nested", "cortex-m4"), chip("cortex-m4"), facts=shared.facts, budget_cycles=2_000_000)
    before = found.run(model("small"))
    for _ in range(25):
        data = bytearray(model(generator.choice(("small", "control_flow"))))
        for _ in range(generator.choice((1, 2, 8))):
            at = generator.randrange(len(data) - 4)
            data[at : at + 4] = generator.choice((generator.randbytes(4), bytes(4), b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"))
        if generator.random() < 0.1:
            data = data[: generator.randrange(len(data))]
        with contextlib.suppress(InputError):
            found.run(bytes(data))
    assert same(found.run(model("small")).profile, before.profile)
