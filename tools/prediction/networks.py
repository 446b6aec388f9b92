"""Networks to predict: the four of MLPerf Tiny by their layers, and ones drawn at random from a small search space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from instsim.model.layer import Layer, same_padding

__all__ = ["KNOWN_NETWORKS", "draw_network"]

_RELU = 1


class _Stack:
    """Layers one on the other; `last` is the number of the newest one."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        self.layers: list[Layer] = []
        self.shape = (height, width, channels)

    @property
    def last(self) -> int:
        return len(self.layers) - 1

    def conv(self, outputs: int, kernel: tuple[int, int], stride: int = 1, activation: int = _RELU, source: int | None = None) -> int:
        height, width, channels = self.shape if source is None else self._shape_of(source)
        shape = (same_padding(height, kernel[0], stride, same=True), same_padding(width, kernel[1], stride, same=True), outputs)
        self._add(Layer("CONV_2D", height, width, channels, *shape, **_window(kernel, stride, activation)), shape, source)
        return self.last

    def depthwise(self, kernel: tuple[int, int], stride: int = 1) -> None:
        height, width, channels = self.shape
        shape = (same_padding(height, kernel[0], stride, same=True), same_padding(width, kernel[1], stride, same=True), channels)
        self._add(Layer("DEPTHWISE_CONV_2D", height, width, channels, *shape, **_window(kernel, stride, _RELU)), shape)

    def add(self, first: int, second: int, activation: int = _RELU) -> None:
        shape = self._shape_of(first)
        self._add(Layer("ADD", *shape, *shape, operands=2, activation=activation, inputs=(first, second)), shape)

    def head(self, classes: int, *, softmax: bool = True) -> list[Layer]:
        height, width, channels = self.shape
        pool = Layer("AVERAGE_POOL_2D", height, width, channels, 1, 1, channels, kernel_height=height, kernel_width=width)
        self._add(pool._replace(stride_height=height, stride_width=width), (1, 1, channels))
        self._add(Layer("RESHAPE", 1, 1, channels, 1, 1, channels), (1, 1, channels))
        self.dense(classes, 0)
        if softmax:
            self._add(Layer("SOFTMAX", 1, 1, classes, 1, 1, classes), (1, 1, classes))
        return self.layers

    def dense(self, outputs: int, activation: int = _RELU) -> None:
        self._add(Layer("FULLY_CONNECTED", channels=self.shape[2], out_channels=outputs, activation=activation), (1, 1, outputs))

    def _shape_of(self, number: int) -> tuple[int, int, int]:
        layer = self.layers[number]
        return layer.out_height, layer.out_width, layer.out_channels

    def _add(self, layer: Layer, shape: tuple[int, int, int], source: int | None = None) -> None:
        if not layer.inputs:
            layer = layer._replace(inputs=(self.last if source is None else source,))
        self.layers.append(layer)
        self.shape = shape


def _window(kernel: tuple[int, int], stride: int, activation: int) -> dict[str, Any]:
    return {
        "kernel_height": kernel[0],
        "kernel_width": kernel[1],
        "stride_height": stride,
        "stride_width": stride,
        "same_padding": True,
        "activation": activation,
        "per_channel": True,
    }


def _ds_cnn() -> list[Layer]:
    stack = _Stack(49, 10, 1)
    stack.conv(64, (10, 4), 2)
    for _ in range(4):
        stack.depthwise((3, 3))
        stack.conv(64, (1, 1))
    return stack.head(12)


def _resnet_8() -> list[Layer]:
    stack = _Stack(32, 32, 3)
    entry = stack.conv(16, (3, 3))
    for outputs, stride in ((16, 1), (32, 2), (64, 2)):
        stack.conv(outputs, (3, 3), stride, source=entry)
        inner = stack.conv(outputs, (3, 3), activation=0)
        shortcut = entry if stride == 1 else stack.conv(outputs, (1, 1), stride, 0, source=entry)
        stack.add(inner, shortcut)
        entry = stack.last
    return stack.head(10)


def _mobilenet() -> list[Layer]:
    stack = _Stack(96, 96, 3)
    stack.conv(8, (3, 3), 2)
    for outputs, stride in ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *((128, 1),) * 5, (256, 2), (256, 1)):
        stack.depthwise((3, 3), stride)
        stack.conv(outputs, (1, 1))
    return stack.head(2)


def _autoencoder() -> list[Layer]:
    stack = _Stack(1, 1, 640)
    for outputs in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        stack.dense(outputs)
    stack.dense(640, 0)
    return stack.layers


KNOWN_NETWORKS: Mapping[str, Callable[[], list[Layer]]] = {
    "DS-CNN": _ds_cnn,
    "ResNet-8": _resnet_8,
    "MobileNet v1 0.25": _mobilenet,
    "autoencoder": _autoencoder,
}
"""By name: networks with the layers of MLPerf Tiny's, weights at random."""


def draw_network(generator: np.random.Generator) -> list[Layer]:
    """Draw a convolutional network of 0.2 to about 8 million multiply-accumulates."""
    while True:
        stack = _Stack(int(generator.integers(10, 50)), int(generator.integers(8, 50)), int(generator.choice([1, 1, 3])))
        width = int(generator.integers(1, 9)) * 4
        stack.conv(width, (int(generator.integers(2, 9)), int(generator.integers(2, 6))), int(generator.integers(1, 3)))
        for _ in range(int(generator.integers(1, 6))):
            stride = 2 if generator.random() < 0.3 and min(stack.shape[:2]) > 3 else 1
            size = int(generator.choice([3, 3, 3, 5]))
            width = min(160, int(width * generator.choice([1, 1, 1.5, 2])))
            if generator.random() < 0.65:
                stack.depthwise((size, size), stride)
                stack.conv(width, (1, 1))
            elif stride == 1 and stack.shape[2] == width and generator.random() < 0.5:
                entry = stack.last
                stack.add(stack.conv(width, (size, size)), entry)
            else:
                stack.conv(width, (size, size), stride)
        layers = stack.head(int(generator.integers(2, 21)))
        macs = sum(layer.macs for layer in layers)
        if 200_000 <= macs <= 8_000_000 and max(layer.input_elements + layer.output_elements for layer in layers) < 120_000:
            return layers
