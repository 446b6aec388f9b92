"""The keyword-spotting network: a depthwise-separable CNN of the shape that MLPerf Tiny uses, with made-up weights."""

from __future__ import annotations

from firmware_samples.drawing import Drawing
from firmware_samples.noise import Noise
from instsim.model.network import Network, Tensor

__all__ = ["draw_kws"]

_INPUT_SHAPE = (1, 49, 10, 1)
_INPUT_SEED = 20260101
_WEIGHT_SEED = 7


def draw_kws() -> Network:
    """Return the network: 10x4 convolution with stride 2, four separable blocks of 64 channels, pool, 12 classes, softmax."""
    drawing = Drawing("main", Noise(_WEIGHT_SEED))
    place = drawing.input(Tensor("spectrogram", _INPUT_SHAPE, "int8", (1 / 64,), 83), Noise(_INPUT_SEED).int8(_INPUT_SHAPE))
    place = drawing.conv_2d(place, 64, (10, 4), (2, 2), "stem")
    for block in range(1, 5):
        place = drawing.depthwise_conv_2d(place, (3, 3), f"block{block}/depthwise")
        place = drawing.conv_2d(place, 64, (1, 1), (1, 1), f"block{block}/pointwise")
    place = drawing.average_pool_2d(place, (25, 5), "pool")
    place = drawing.reshape(place, (1, 64), "flat")
    place = drawing.fully_connected(place, 12, "classes", gain=8)
    place = drawing.softmax(place, "scores")
    return Network("kws", "int8 keyword spotting, DS-CNN of MLPerf Tiny's shape, made-up weights", _INPUT_SEED, (drawing.finish(place),))
