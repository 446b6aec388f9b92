"""Networks of layers as models that a runtime takes: weights at random, scales such that values neither vanish nor all saturate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from instsim.model.layer import PAIRED_KINDS, Layer
from instsim.model.network import Array, Network, Operator, Subgraph, Tensor
from instsim.model.tflite_writer import write_tflite

__all__ = ["WRITABLE_KINDS", "layers_network", "layers_tflite"]

_POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
_SAME_SCALE = (*_POOLS, "RESHAPE", "PAD", "CONCATENATION", "RELU", "RELU6", "MAXIMUM", "MINIMUM")
_FIXED_SCALES = {"SOFTMAX": (1 / 256, -128), "LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
WRITABLE_KINDS = (
    "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", *_POOLS, *PAIRED_KINDS, *_FIXED_SCALES, "RESHAPE", "QUANTIZE", "RELU", "RELU6", "MEAN",
    "PAD", "CONCATENATION", "HARD_SWISH", "LEAKY_RELU", "DEQUANTIZE",
)  # fmt: skip
"""Operators that `layers_network` can write."""

_INPUT_SCALE, _INPUT_ZERO = 0.05, -3
_LOWEST = -128
"""Zero point of what is never negative."""

_OUTPUT_SCALE = 0.05
"""Of operators with weights: as in trained networks activations neither grow nor vanish from layer to layer, on which SOFTMAX would depend."""

_INT8_SPREAD = 73.0
"""Standard deviation of evenly distributed int8 values."""

_WEIGHTS = 1
"""Behind the seed: inputs that are drawn from the same one must not follow the weights, or most products would be positive."""

_OUTPUT_SPREAD = 50.0
"""Standard deviation of the outputs of operators with weights: few saturate."""


def layers_tflite(layers: Sequence[Layer], seed: int = 0) -> bytes:
    """Return a ``.tflite`` file of layers, int8, with weights drawn from a seed.

    Parameters
    ----------
    layers : sequence of Layer
        In order of execution; `Layer.inputs` as in `instsim.model.layer.chain`.
    seed : int
        Of the generator.

    Raises
    ------
    ValueError
        For a kind that is not in `WRITABLE_KINDS`, or layers that do not fit each other.
    """
    return write_tflite(layers_network(layers, seed))


def layers_network(layers: Sequence[Layer], seed: int = 0) -> Network:
    """Return layers as a `Network` with values; arguments as for `layers_tflite`."""
    return _Drawing(np.random.default_rng((seed, _WEIGHTS))).network(layers, seed)


class _Drawing:
    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._tensors: list[Tensor] = []
        self._inputs: list[int] = []

    def network(self, layers: Sequence[Layer], seed: int) -> Network:
        operators: list[Operator] = []
        made: list[int] = []
        for place, layer in enumerate(layers):
            if layer.kind not in WRITABLE_KINDS:
                raise ValueError(f"cannot write {layer.kind}")
            sources = layer.inputs or ((place - 1,) * 1 if layer.operands == 1 else (place - 1, *(-1,) * (layer.operands - 1)))
            taken = [
                made[source] if source >= 0 else self._input(layer, _LOWEST if operand < layer.rectified else _INPUT_ZERO)
                for operand, source in enumerate(sources)
            ]
            for tensor in taken[:1]:
                if math.prod(self._tensors[tensor].shape) != layer.input_elements:
                    raise ValueError(f"layer {place} ({layer.kind}) takes {layer.input_elements} elements, and gets {self._tensors[tensor].shape}")
            operators.append(self._operator(layer, taken))
            made.append(operators[-1].outputs[0])
        subgraph = Subgraph("main", tuple(self._tensors), tuple(operators), tuple(self._inputs), (made[-1],))
        return Network("layers", "layers drawn at random by instsim", seed, (subgraph,))

    def _add(
        self, shape: tuple[int, ...], scales: tuple[float, ...], zero_point: int = 0, data: Array | None = None, *, dtype: str = "int8", axis: int = 0
    ) -> int:
        self._tensors.append(Tensor(f"t{len(self._tensors)}", shape, dtype, scales, zero_point, axis, data))
        return len(self._tensors) - 1

    def _input(self, layer: Layer, zero_point: int) -> int:
        shape = (layer.batch, layer.channels) if layer.kind == "FULLY_CONNECTED" else (layer.batch, layer.height, layer.width, layer.channels)
        self._inputs.append(self._add(shape, (_INPUT_SCALE,), zero_point))
        return self._inputs[-1]

    def _operator(self, layer: Layer, taken: list[int]) -> Operator:
        if layer.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            return self._weighted(layer, taken[0])
        source = self._tensors[taken[0]]
        scales, zero_point = source.scales, source.zero_point
        if layer.kind in _FIXED_SCALES:
            scale, zero_point = _FIXED_SCALES[layer.kind]
            scales = (scale,)
        elif layer.kind not in _SAME_SCALE:
            factor = 1.4 if layer.kind in PAIRED_KINDS else 1.3
            zero_point = _LOWEST if self._is_never_negative(layer, taken) else 4
            scales = (max(self._tensors[tensor].scales[0] for tensor in taken) * factor,)
        shape = _output_shape(layer, source)
        options: dict[str, int | float] = {}
        constants: list[int] = []
        if layer.kind in _POOLS:
            options = _window(layer) | {"filter_height": layer.kernel_height, "filter_width": layer.kernel_width}
        elif layer.kind in PAIRED_KINDS:
            options = {"fused_activation": layer.activation}
        elif layer.kind == "SOFTMAX":
            options = {"beta": 1.0}
        elif layer.kind == "LEAKY_RELU":
            options = {"alpha": 0.1}
        elif layer.kind == "CONCATENATION":
            options = {"axis": 3}
        elif layer.kind == "RESHAPE":
            constants = [self._integers(shape)]
        elif layer.kind == "MEAN":
            constants = [self._integers((1, 2))]
            options = {"keep_dims": int(len(shape) == 4)}
        elif layer.kind == "PAD":
            constants = [self._paddings(layer)]
        if layer.kind == "DEQUANTIZE":
            return Operator(layer.kind, (taken[0],), (self._add(shape, (), 0, dtype="float32"),), {})
        return Operator(layer.kind, (*taken, *constants), (self._add(shape, scales, zero_point),), options)

    def _is_never_negative(self, layer: Layer, taken: Sequence[int]) -> bool:
        rectified = all(self._tensors[tensor].zero_point == _LOWEST for tensor in taken)
        return layer.activation != 0 or (layer.kind in ("ADD", "MUL") and rectified)

    def _integers(self, values: Sequence[int]) -> int:
        return self._add((len(values),), (), 0, np.array(values, np.int32), dtype="int32")

    def _paddings(self, layer: Layer) -> int:
        rows, columns = layer.out_height - layer.height, layer.out_width - layer.width
        pairs = np.array(
            [[0, 0], [rows // 2, rows - rows // 2], [columns // 2, columns - columns // 2], [0, layer.out_channels - layer.channels]], np.int32
        )
        return self._add((4, 2), (), 0, pairs, dtype="int32")

    def _weighted(self, layer: Layer, source: int) -> Operator:
        scale = self._tensors[source].scales[0]
        taps = layer.kernel_height * layer.kernel_width
        if layer.kind == "CONV_2D":
            shape: tuple[int, ...] = (layer.out_channels, layer.kernel_height, layer.kernel_width, layer.channels)
            depth, axis = taps * layer.channels, 0
        elif layer.kind == "DEPTHWISE_CONV_2D":
            shape, depth, axis = (1, layer.kernel_height, layer.kernel_width, layer.out_channels), taps, 3
        else:
            shape, depth, axis = (layer.out_channels, layer.channels), layer.channels, 0
        draw = self._generator
        weights = draw.integers(-127, 128, shape, dtype=np.int8)
        several = layer.kind != "FULLY_CONNECTED" or layer.per_channel
        mean_scale = _OUTPUT_SCALE * _OUTPUT_SPREAD / (scale * math.sqrt(depth) * _INT8_SPREAD**2)
        weight_scales = tuple(((0.5 + draw.random(layer.out_channels)) * mean_scale).tolist()) if several else (mean_scale,)
        inputs = [source, self._add(shape, weight_scales, 0, weights, axis=axis)]
        if layer.has_bias:
            bias = draw.integers(-2000, 2000, layer.out_channels).astype(np.int32)
            inputs.append(self._add((layer.out_channels,), tuple(scale * value for value in weight_scales), 0, bias, dtype="int32"))
        zero_point = _LOWEST if layer.activation else int(draw.integers(-20, 20))
        out_shape = (layer.batch, layer.out_channels)
        options: dict[str, int | float] = {"fused_activation": layer.activation}
        if layer.kind != "FULLY_CONNECTED":
            out_shape = (layer.batch, layer.out_height, layer.out_width, layer.out_channels)  # type: ignore[assignment]
            options = _window(layer) | {"dilation_h": layer.dilation_height, "dilation_w": layer.dilation_width}
            if layer.kind == "DEPTHWISE_CONV_2D":
                options["depth_multiplier"] = layer.depth_multiplier
        return Operator(layer.kind, tuple(inputs), (self._add(out_shape, (_OUTPUT_SCALE,), zero_point),), options)


def _window(layer: Layer) -> dict[str, int | float]:
    return {
        "padding": 0 if layer.same_padding else 1,
        "stride_h": layer.stride_height,
        "stride_w": layer.stride_width,
        "fused_activation": layer.activation,
    }


def _output_shape(layer: Layer, source: Tensor) -> tuple[int, ...]:
    """Return the output's shape: as the input's where they are equal, two dimensions behind what flattens, else all four."""
    if layer.kind in ("RESHAPE", "MEAN") and layer.out_height == layer.out_width == 1:
        return (layer.batch, layer.out_channels)
    if layer.output_elements == math.prod(source.shape) and layer.kind != "RESHAPE":
        return source.shape
    return (layer.batch, layer.out_height, layer.out_width, layer.out_channels)
