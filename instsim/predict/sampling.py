"""Layers drawn at random from the domain that a predictor is taught on."""

from __future__ import annotations

import numpy as np

from instsim.model.layer import PAIRED_KINDS, Layer, same_padding

__all__ = ["MOST_MACS", "draw_layer"]

MOST_MACS = 1_500_000
"""Larger layers teach nothing that smaller ones do not, and take longer to run."""

_MOST_ELEMENTS = 60_000
_MOST_WEIGHTS = 120_000
_LARGEST_SIDE = 96
_POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")


def draw_layer(kind: str, generator: np.random.Generator) -> Layer:
    """Draw one layer of a kind.

    Sizes are drawn evenly on a logarithmic scale, with the round numbers that networks are made of (multiples of four and eight, square
    inputs, 1x1 and 3x3 windows) more often than chance would have them.

    Parameters
    ----------
    kind : str
        Operator; one of `instsim.model.layer_models.WRITABLE_KINDS`.
    generator : Generator
        Source of randomness.
    """
    while True:
        layer = _draw(kind, generator)
        if (
            layer.macs <= MOST_MACS
            and layer.weight_bytes <= _MOST_WEIGHTS
            and layer.input_elements + layer.output_elements <= _MOST_ELEMENTS
            and layer.out_height > 0
            and layer.out_width > 0
        ):
            return layer


def _draw(kind: str, generator: np.random.Generator) -> Layer:
    if kind == "FULLY_CONNECTED":
        rows = 1 if generator.random() < 0.8 else int(generator.integers(2, 9))
        outputs = _count(generator, 256)
        return Layer(
            kind,
            channels=_count(generator, 1024),
            out_channels=outputs,
            batch=rows,
            activation=_activation(generator),
            has_bias=bool(generator.random() < 0.85),
            per_channel=outputs > 1 and bool(generator.random() < 0.25),
        )
    height, width = _sides(generator)
    channels = _count(generator, 256)
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", *_POOLS):
        return _windowed(kind, (height, width, channels), generator)
    if kind == "SOFTMAX":
        classes = _count(generator, 256)
        rows = 1 if generator.random() < 0.7 else int(generator.integers(2, 33))
        return Layer(kind, width=rows, channels=classes, out_width=rows, out_channels=classes)
    if kind == "RESHAPE":
        return Layer(kind, height, width, channels, 1, 1, height * width * channels)
    if kind == "MEAN":
        return Layer(kind, height, width, channels, 1, 1, channels)
    if kind == "PAD":
        rows, columns = int(generator.integers(0, 5)), int(generator.integers(0, 5))
        return Layer(kind, height, width, channels, height + rows, width + columns, channels)
    if kind == "CONCATENATION":
        operands = int(generator.integers(2, 5))
        return Layer(kind, height, width, channels, height, width, channels * operands, operands=operands)
    if kind in PAIRED_KINDS:
        activation, rectified = _activation(generator), int(generator.integers(0, 3))
        return Layer(kind, height, width, channels, height, width, channels, activation=activation, operands=2, rectified=rectified)
    return Layer(kind, height, width, channels, height, width, channels)


def _windowed(kind: str, shape: tuple[int, int, int], generator: np.random.Generator) -> Layer:
    height, width, channels = shape
    same = bool(generator.random() < 0.6)
    form = generator.random()
    stride = int(generator.choice([1, 1, 1, 2, 2, 3]))
    strides = (stride, stride) if generator.random() < 0.8 else (int(generator.integers(1, 4)), int(generator.integers(1, 4)))
    if kind in _POOLS:
        kernel = (height, width) if form < 0.2 else (2, 2) if form < 0.4 else (3, 3) if form < 0.5 else _window(generator)
        if generator.random() < 0.5:
            strides = kernel
    elif kind == "CONV_2D":
        kernel = (1, 1) if form < 0.35 else (3, 3) if form < 0.6 else (1, int(generator.integers(2, 11))) if form < 0.7 else _window(generator)
        if kernel[0] == 1 and kernel[1] > 1 and generator.random() < 0.8:
            height = 1
    else:
        kernel = (3, 3) if form < 0.5 else (1, 1) if form < 0.55 else _window(generator)
    if not same:
        kernel = (min(kernel[0], height), min(kernel[1], width))
        if kind in _POOLS and strides != kernel and generator.random() < 0.5:
            strides = kernel
    multiplier = 1
    out_channels = channels
    if kind == "CONV_2D":
        out_channels = _count(generator, 256)
    elif kind == "DEPTHWISE_CONV_2D" and generator.random() < 0.3:
        multiplier = int(generator.choice([2, 3, 4, 8]))
        if generator.random() < 0.4:
            channels = 1
            multiplier = _count(generator, 32)
        out_channels = channels * multiplier
    return Layer(
        kind,
        height,
        width,
        channels,
        same_padding(height, kernel[0], strides[0], same=same),
        same_padding(width, kernel[1], strides[1], same=same),
        out_channels,
        kernel_height=kernel[0],
        kernel_width=kernel[1],
        stride_height=strides[0],
        stride_width=strides[1],
        same_padding=same,
        depth_multiplier=multiplier,
        activation=_activation(generator) if kind not in _POOLS else 0,
        has_bias=kind in _POOLS or bool(generator.random() < 0.85),
        per_channel=kind not in _POOLS and out_channels > 1,
    )


def _count(generator: np.random.Generator, largest: int) -> int:
    value = int(np.exp(generator.uniform(0.0, np.log(largest + 1))))
    step = int(generator.choice([1, 1, 4, 8]))
    return max(1, min(largest, -(-value // step) * step))


def _sides(generator: np.random.Generator) -> tuple[int, int]:
    height, width = (max(1, int(np.exp(generator.uniform(0.0, np.log(_LARGEST_SIDE + 1))))) for _ in range(2))
    return (height, height) if generator.random() < 0.4 else (height, width)


def _window(generator: np.random.Generator) -> tuple[int, int]:
    return int(generator.integers(1, 11)), int(generator.integers(1, 11))


def _activation(generator: np.random.Generator) -> int:
    return int(generator.choice([0, 1, 3]))
