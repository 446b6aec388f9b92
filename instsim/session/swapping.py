"""Profiles of another model in a firmware: the run, its inputs and outputs, and whether the model would fit the chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from instsim.cost import BlockPrices, CostModel
from instsim.cost.memory_resolution import Placement
from instsim.emulate.spec import MemoryTiming
from instsim.errors import InputError, ModelError
from instsim.image import FirmwareImage
from instsim.model import ModelDescription
from instsim.profile import BlockProfile, SwapFacts
from instsim.session.choose import Target
from instsim.session.machines import machine_spec
from instsim.session.memories import MemorySimulation, memory_simulation
from instsim.session.model_file import check_model_options, model_name, read_model_file
from instsim.session.remembered import run_key
from instsim.session.request import Request
from instsim.session.surroundings import find_register_resets
from instsim.session.verification import verify_outputs
from instsim.small_files import read_bytes
from instsim.swap.checks import ARENA_ROOM_BYTES, tensor_bytes
from instsim.swap.facts import RunnerFacts
from instsim.swap.facts_file import keep_facts, kept_facts
from instsim.swap.fitting import fit_warnings
from instsim.swap.result import SwapResult
from instsim.swap.runner import ModelRunner
from instsim.swap.spare import Spare
from instsim.swap.tensors import tensor_array
from instsim.units import format_bytes

__all__ = ["make_runner", "swapped_profile"]


def make_runner(
    image: FirmwareImage,
    target: Target,
    request: Request,
    facts: RunnerFacts | None = None,
    on_memory: Callable[[MemorySimulation], None] | None = None,
) -> ModelRunner:
    """Return a runner of many models: the firmware on the target's chip.

    Parameters
    ----------
    image : FirmwareImage
        A firmware with TensorFlow Lite Micro's interpreter.
    target : Target
        The chip and the prices that its timers tell the time by.
    request : Request
        Budget and reset values.
    facts : RunnerFacts, optional
        What was learned of this image before. Without them what was learned of it on this machine is kept for the next time.
    on_memory : callable, optional
        ``on_memory(simulation)`` is called before each model with the memory systems that its profile counts, unless the request wants ideal
        memories. Without it memories are ideal: a machine with caches is slower by a factor of ten, and a new one for each model.

    Raises
    ------
    SwapError
        If the firmware cannot be a runner.
    """

    def timing(spare: Spare) -> MemoryTiming:
        places = ((spare.model, spare.model_stands_for), (spare.arena, spare.arena_stands_for))
        placement = [Placement(memory.address, memory.address + memory.size, name) for memory, name in places]
        simulation = memory_simulation(target, request, placement=placement)
        assert simulation is not None
        assert on_memory is not None
        on_memory(simulation)
        return simulation.timing

    key = run_key(image, target, request, "learned") if facts is None and request.is_kept else None
    known = facts if key is None else kept_facts(key)
    prices = BlockPrices(CostModel(target.core), image.sha256)
    runner = ModelRunner(
        image,
        machine_spec(target.machine_board, target.core, target.clock_hz),
        facts=known,
        block_cycles=prices,
        register_resets=find_register_resets(request),
        budget_cycles=request.budget_cycles,
        on_progress=request.on_progress,
        memory_timing=None if on_memory is None or memory_simulation(target, request) is None else timing,
    )
    if key is not None and known is None:
        keep_facts(key, runner.facts)
        # Most blocks that models will run ran while it was learned.
        prices.keep()
    return runner


def swapped_profile(image: FirmwareImage, target: Target, request: Request) -> BlockProfile:
    """Run the request's model in a firmware and return the profile of one inference.

    Raises
    ------
    UsageError
        If an option does not go with a model.
    ModelError, SwapError
        If the model cannot be read, or cannot run in this firmware.
    InputError
        If an input cannot be read, an output cannot be written, or the outputs are not those of ``tflite-micro``.
    """
    check_model_options(request)
    assert request.model is not None
    if request.save_outputs is not None:
        _check_output_folder(Path(request.save_outputs))
    model = read_model_file(request.model)
    simulations: list[MemorySimulation] = []
    runner = make_runner(image, target, request, on_memory=simulations.append)
    try:
        description = runner.check(model, allow_float=request.allow_float)
    except ModelError as error:
        raise ModelError(f"{model_name(request.model)}: {error.message}", hint=error.hint, details=error.details) from error
    inputs = None if request.input_file is None else _read_inputs(Path(request.input_file), description)
    result = runner.run(model, inputs, name=model_name(request.model), allow_float=request.allow_float, find_arena_need=True)
    swap = result.profile.run.swap
    assert swap is not None
    if request.input_file is not None:
        swap = replace(swap, inputs=Path(request.input_file).name)
    if request.verify:
        swap = replace(swap, verified_by=verify_outputs(model, result))
    if request.save_outputs is not None:
        _save_outputs(Path(request.save_outputs), result)
    warnings = (*result.profile.run.warnings, *_warnings(swap, result), *fit_warnings(image, runner, swap))
    profile = simulations[-1].attach(result.profile) if simulations else result.profile
    return replace(profile, run=replace(profile.run, swap=swap, warnings=warnings))


def _read_inputs(path: Path, description: ModelDescription) -> list[Any]:
    """Return one value for each input: arrays of a NumPy file, or parts of the bytes of another."""
    hint = "give a .npy or .npz file of NumPy, or raw bytes"
    data = read_bytes(path, InputError, what=f"the input {path}", hint=hint, most_bytes=ARENA_ROOM_BYTES)
    try:
        if path.suffix == ".npy":
            return [np.load(BytesIO(data), allow_pickle=False)]
        if path.suffix == ".npz":
            with np.load(BytesIO(data), allow_pickle=False) as arrays:
                return [arrays[name] for name in arrays.files]
    except (OSError, ValueError, EOFError, BadZipFile, KeyError) as error:
        raise InputError(f"the input {path}: cannot be read as a NumPy file: {error}", hint=hint) from error
    sizes = [tensor_bytes(tensor) for tensor in description.inputs]
    if len(data) != sum(sizes):
        raise InputError(
            f"{path} has {len(data):,} bytes, the inputs of the model have {sum(sizes):,}",
            details=tuple(f"{tensor.name}: {tensor.dtype} of shape {list(tensor.shape)}" for tensor in description.inputs),
        )
    return [data[sum(sizes[:index]) : sum(sizes[: index + 1])] for index in range(len(sizes))]


def _check_output_folder(folder: Path) -> None:
    """Refuse before the run what cannot become a folder."""
    nearest = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    if not nearest.is_dir():
        raise InputError(
            f"cannot write the outputs to {folder}: {nearest} is not a folder", hint="give --save-outputs a folder; it is made if need be"
        )


def _save_outputs(folder: Path, result: SwapResult) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (tensor, data) in enumerate(zip(result.model.outputs, result.outputs, strict=True)):
            np.save(folder / f"output_{number}.npy", tensor_array(tensor, data), allow_pickle=False)
    except OSError as error:
        raise InputError(f"cannot write the outputs to {folder}: {error.strerror or error}") from error


def _warnings(swap: SwapFacts, result: SwapResult) -> list[str]:
    own, need = result.profile.run.arena_size_bytes, swap.arena_need_bytes
    if own is None or need is None or need <= own:
        return []
    return [
        f"the model needs a tensor arena of {format_bytes(need)}, and the firmware has one of {format_bytes(own)}: it must be built with a larger one"
    ]
