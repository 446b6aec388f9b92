"""All images of the bundled firmware."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware_samples.int8_reference import run_network
from firmware_samples.kws_network import draw_kws
from firmware_samples.network import Network
from firmware_samples.noise import INCREMENT, MULTIPLIER, Noise
from firmware_samples.recipe import CORES, Recipe

__all__ = ["all_recipes", "sample_input"]

_RUNTIME = (
    "runtime/arena.c", "runtime/graph.c", "runtime/fixed_point.c", "runtime/convolution.c", "runtime/dense.c", "runtime/softmax.c",
    "runtime/model.S",
)  # fmt: skip


def sample_input(network: Network) -> npt.NDArray[np.int8]:
    """Return the input that the firmware makes for itself."""
    subgraph = network.subgraphs[0]
    return Noise(network.seed).int8(subgraph.tensors[subgraph.inputs[0]].shape)


def _input_defines(network: Network) -> tuple[str, ...]:
    return (f"INPUT_SEED={network.seed}u", f"LCG_MULTIPLIER={MULTIPLIER}u", f"LCG_INCREMENT={INCREMENT}u")


def _kws() -> Recipe:
    network = draw_kws()
    (scores,) = run_network(network, [sample_input(network)])
    arena_used_bytes = 22320
    return Recipe(
        name="kws",
        purpose="int8 keyword spotting, one inference",
        cores=tuple(CORES),
        sources=(*_RUNTIME, "kws/kws_invoke.c", "kws/main.c"),
        include=("runtime", "kws"),
        defines=(*_input_defines(network), "NODE_REGISTRATION_OFFSET=28"),
        network=network,
        region="kws_invoke",
        expected_stdout=f"scores {' '.join(str(int(score)) for score in scores.ravel())}\narena {arena_used_bytes}\n",
        facts={"node_registration_offset": 28, "operators": len(network.subgraphs[0].operators), "arena_used_bytes": arena_used_bytes},
    )


def all_recipes() -> tuple[Recipe, ...]:
    """Return every recipe, in the manifest's order."""
    return (_kws(),)
