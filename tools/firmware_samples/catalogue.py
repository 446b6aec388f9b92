"""All images of the bundled firmware."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware_samples.device_programs import device_recipes
from firmware_samples.dispatch_networks import draw_control_flow, draw_small
from firmware_samples.exception_programs import exception_recipes
from firmware_samples.int8_reference import run_subgraph
from firmware_samples.kws_network import draw_kws
from firmware_samples.machine_programs import machine_recipes
from firmware_samples.microbenchmark import microbenchmark_recipes
from firmware_samples.noise import INCREMENT, MULTIPLIER, Noise
from firmware_samples.recipe import Recipe
from instsim.model.network import Network

__all__ = ["all_recipes", "kernels_executed", "sample_input"]

_RUNTIME = (
    "runtime/arena.c", "runtime/graph.c", "runtime/fixed_point.c", "runtime/convolution.c", "runtime/dense.c", "runtime/softmax.c",
    "runtime/model.S",
)  # fmt: skip


_SAMPLE_CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc")


def sample_input(network: Network) -> npt.NDArray[np.int8]:
    """Return the input that the firmware makes for itself."""
    subgraph = network.subgraphs[0]
    return Noise(network.seed).int8(subgraph.tensors[subgraph.inputs[0]].shape)


def _input_defines(network: Network) -> tuple[str, ...]:
    return (f"INPUT_SEED={network.seed}u", f"LCG_MULTIPLIER={MULTIPLIER}u", f"LCG_INCREMENT={INCREMENT}u")


def _kws(
    name: str = "kws",
    purpose: str = "int8 keyword spotting, one inference",
    cores: tuple[str, ...] = _SAMPLE_CORES,
    flags: tuple[str, ...] = (),
    extra: tuple[str, ...] = (),
) -> Recipe:
    network = draw_kws()
    (scores,) = run_subgraph(network, 0, [sample_input(network)])
    arena_used_bytes = 22320
    return Recipe(
        name=name,
        purpose=purpose,
        cores=cores,
        sources=(*_RUNTIME, "kws/kws_invoke.c", "kws/main.c"),
        include=("runtime", "kws"),
        defines=(*_input_defines(network), "NODE_REGISTRATION_OFFSET=28", *extra),
        flags=flags,
        network=network,
        region="kws_invoke",
        expected_stdout=f"scores {' '.join(str(int(score)) for score in scores.ravel())}\narena {arena_used_bytes}\n",
        facts={
            "node_registration_offset": 28,
            "kernels_per_inference": len(kernels_executed(network)),
            "inferences": 1,
            "arena_used_bytes": arena_used_bytes,
        },
    )


def _kws_versions() -> tuple[Recipe, ...]:
    """Return versions of the sample: one operator slower by 1 % on purpose, all of it by another optimisation, built for more instructions."""
    return (
        _kws("kws-pool-delay", "the sample with its average pooling 1 % slower", ("cortex-m4",), extra=("POOL_DELAY_ROUNDS=226",)),
        _kws("kws-bitmanip", "the sample with the bit-manipulation instructions that Zba and Zbb add", ("rv32imc_zba_zbb",)),
        _kws("kws-small", "the sample optimised for size: clearly slower, less flash", ("cortex-m4",), flags=("-Os",)),
    )


#: Name, offset of the registration, generation of the loop, arena's use, extra macros.
_DISPATCH = (
    ("dispatch-s36", 36, "LOOP_IN_INVOKE", 2664, ("FIRST_INVOKE_ALLOCATES",)),
    ("dispatch-s24", 24, "LOOP_IN_INVOKE", 2576, ()),
    ("dispatch-s24-graph", 24, "LOOP_IN_MICRO_GRAPH", 2576, ()),
    ("dispatch-s28", 28, "LOOP_IN_MICRO_GRAPH", 2616, ()),
    ("dispatch-s28-virtual", 28, "LOOP_IN_VIRTUAL", 2616, ()),
    ("dispatch-s28-stripped", 28, "LOOP_IN_VIRTUAL", 2616, ()),
    ("dispatch-s28-profiler", 28, "LOOP_IN_VIRTUAL", 2616, ("WITH_PROFILER",)),
    ("dispatch-s40", 40, "LOOP_IN_VIRTUAL", 2712, ()),
    ("dispatch-s28-ram", 28, "LOOP_IN_VIRTUAL", 2616, ("MODEL_IN_RAM",)),
    ("dispatch-s28-nested", 28, "LOOP_IN_VIRTUAL", 1408, ("WITH_CONTROL_FLOW",)),
)
_LOOPS = {
    "LOOP_IN_INVOKE": "_ZN6tflite16MicroInterpreter6InvokeEv",
    "LOOP_IN_MICRO_GRAPH": "_ZN6tflite10MicroGraph14InvokeSubgraphEi",
    "LOOP_IN_VIRTUAL": "_ZN6tflite21MicroInterpreterGraph14InvokeSubgraphEi",
}


def kernels_executed(network: Network) -> list[tuple[int, int]]:
    """Return (subgraph, operator) of each kernel that one inference of the sample input executes, in order of their start."""
    trace: list[tuple[int, int]] = []
    run_subgraph(network, 0, [sample_input(network)], trace)
    return trace


def _checksum(network: Network) -> int:
    """Return the checksum that the dispatch samples print: a polynomial of the outputs' bytes, modulo 2**32."""
    total = 0
    for output in run_subgraph(network, 0, [sample_input(network)]):
        for byte in output.tobytes():
            total = (total * 31 + byte) & 0xFFFFFFFF
    return total


def _dispatch() -> tuple[Recipe, ...]:
    networks = {"small": draw_small(), "control_flow": draw_control_flow()}
    recipes = []
    for name, offset, loop, arena_used_bytes, extra in _DISPATCH:
        network = networks["control_flow" if "WITH_CONTROL_FLOW" in extra else "small"]
        stripped = name.endswith("stripped")
        recipes.append(
            Recipe(
                name=name,
                purpose=f"{network.description}; registration at {offset}, {loop.replace('_', ' ').lower()}{', no symbols' if stripped else ''}",
                cores=("cortex-m4", "rv32imc"),
                sources=(*_RUNTIME, "runtime/control_flow.c", "dispatch/interpreter.cc", "dispatch/main.cc"),
                include=("runtime", "dispatch"),
                defines=(*_input_defines(network), f"NODE_REGISTRATION_OFFSET={offset}", f"DISPATCH_LOOP={loop}", *extra),
                network=network,
                region="" if stripped else _LOOPS["LOOP_IN_INVOKE"],
                expected_stdout=f"checksum {_checksum(network):08x}\narena {arena_used_bytes}\n",
                stripped=stripped,
                facts={
                    "node_registration_offset": offset,
                    "kernels_per_inference": len(kernels_executed(network)),
                    "inferences": 2 if "FIRST_INVOKE_ALLOCATES" in extra else 1,
                    "arena_used_bytes": arena_used_bytes,
                    **({} if stripped else {"loop_symbol": _LOOPS[loop]}),
                },
            )
        )
    return tuple(recipes)


def all_recipes() -> tuple[Recipe, ...]:
    """Return every recipe, in the manifest's order."""
    return (_kws(), *_kws_versions(), *_dispatch(), *machine_recipes(), *exception_recipes(), *device_recipes(), *microbenchmark_recipes())
