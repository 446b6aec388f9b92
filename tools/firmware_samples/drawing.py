"""Drawing networks: layers with seeded weights whose output scales suit the sample input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from firmware_samples.int8_reference import accumulate, run_operator
from firmware_samples.noise import Noise
from instsim.model.network import Array, Network, Operator, Subgraph, Tensor

__all__ = ["Drawing"]

_RELU = 1


def _short(value: float) -> float:
    """Return `value` with 12 significant bits: products of two such scales are exact in single precision."""
    fraction, exponent = math.frexp(value)
    return math.ldexp(round(fraction * 4096) / 4096, exponent)


def _range(real: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Return scale and zero point by which the values, and zero, just fill the 8 bits."""
    low, high = min(float(real.min()), 0.0), max(float(real.max()), 0.0)
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)


class Drawing:
    """A subgraph being drawn layer by layer; it carries the sample input along, to choose scales by what really occurs.

    Parameters
    ----------
    name : str
        Name of the subgraph.
    noise : Noise
        Where weights come from.
    """

    def __init__(self, name: str, noise: Noise) -> None:
        self._name = name
        self._noise = noise
        self._tensors: list[Tensor] = []
        self._operators: list[Operator] = []
        self._values: dict[int, Array] = {}
        self._inputs: list[int] = []

    def input(self, tensor: Tensor, sample: Array) -> int:
        """Add an input of the subgraph with the value it has in the sample; return its index."""
        index = self._add(tensor)
        self._values[index] = sample.reshape(tensor.shape)
        self._inputs.append(index)
        return index

    def constant(self, name: str, data: Array, scales: tuple[float, ...] = (), channel_axis: int = 0) -> int:
        """Add a constant; return its index."""
        index = self._add(Tensor(name, data.shape, str(data.dtype), scales, 0, channel_axis, data))
        self._values[index] = data
        return index

    def _add(self, tensor: Tensor) -> int:
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _real(self, index: int) -> npt.NDArray[np.float64]:
        tensor = self._tensors[index]
        return (self._values[index].astype(np.float64) - tensor.zero_point) * tensor.scales[0]

    def _run(self, operator: Operator, network: Network | None = None) -> int:
        self._operators.append(operator)
        nothing = Network("", "", 0, ())
        results = run_operator(network or nothing, operator, self._tensors, [self._values[index] for index in operator.inputs])
        self._values.update(zip(operator.outputs, results, strict=True))
        return operator.outputs[0]

    def _weighted(self, operator: Operator, shape: tuple[int, ...], name: str, *, like: Tensor | None = None) -> int:
        """Add a layer of weights; its output scale lets the sample's largest output fill the 8 bits, unless it is to be that of `like`."""
        source, weights = operator.inputs
        scales = [self._tensors[source].scales[0] * scale for scale in self._tensors[weights].scales]
        bias = self.constant(f"{name}/bias", self._noise.integers(shape[-1], 2000), tuple(scales))
        out = self._add(Tensor(name, shape, "int8", (1.0,)))
        operator = replace(operator, inputs=(source, weights, bias), outputs=(out,))
        sums = accumulate(operator, self._tensors, [self._values[index] for index in operator.inputs])
        real = sums * np.array(scales if len(scales) > 1 else scales * shape[-1])
        if like is not None:
            scale, zero_point = like.scales[0], like.zero_point
        elif operator.options["fused_activation"] == _RELU:
            scale, zero_point = float(real.max()) / 255, -128
        else:
            scale, zero_point = _range(real)
        self._tensors[out] = replace(self._tensors[out], scales=(_short(scale),), zero_point=zero_point)
        return self._run(operator)

    def _channel_scales(self, count: int, products: int) -> tuple[float, ...]:
        """Return scales by which sums of so many products stay about as large as what goes in."""
        return tuple(_short((0.5 + fraction) / 64 / math.sqrt(products)) for fraction in self._noise.fractions(count))

    def conv_2d(self, source: int, channels: int, window: tuple[int, int], stride: tuple[int, int], name: str, *, relu: bool = True) -> int:
        """Add a convolution with padding 'same'; return its output."""
        _, height, width, depth = self._tensors[source].shape
        data = self._noise.weights((channels, *window, depth))
        weights = self.constant(f"{name}/weights", data, self._channel_scales(channels, data[0].size))
        shape = (1, -(-height // stride[0]), -(-width // stride[1]), channels)
        options: dict[str, int | float] = {"padding": 0, "stride_h": stride[0], "stride_w": stride[1], "fused_activation": int(relu)}
        return self._weighted(Operator("CONV_2D", (source, weights), (), options), shape, name)

    def depthwise_conv_2d(self, source: int, window: tuple[int, int], name: str) -> int:
        """Add a depthwise convolution with stride 1, padding 'same' and ReLU; return its output."""
        shape = self._tensors[source].shape
        data = self._noise.weights((1, *window, shape[3]))
        weights = self.constant(f"{name}/weights", data, self._channel_scales(shape[3], math.prod(window)), channel_axis=3)
        options: dict[str, int | float] = {"padding": 0, "stride_h": 1, "stride_w": 1, "depth_multiplier": 1, "fused_activation": _RELU}
        return self._weighted(Operator("DEPTHWISE_CONV_2D", (source, weights), (), options), shape, name)

    def fully_connected(self, source: int, units: int, name: str, *, gain: float = 1.0, relu: bool = False, like: Tensor | None = None) -> int:
        """Add a fully connected layer, if asked with the quantisation of `like`; return its output.

        `gain` tells how much larger the outputs are than the inputs, about.
        """
        depth = self._tensors[source].shape[-1]
        weights = self.constant(f"{name}/weights", self._noise.weights((units, depth)), (_short(gain / 64 / math.sqrt(depth)),))
        return self._weighted(Operator("FULLY_CONNECTED", (source, weights), (), {"fused_activation": int(relu)}), (1, units), name, like=like)

    def average_pool_2d(self, source: int, window: tuple[int, int], name: str) -> int:
        """Add an average over windows that neither overlap nor reach over the border; return its output."""
        tensor = self._tensors[source]
        shape = (1, tensor.shape[1] // window[0], tensor.shape[2] // window[1], tensor.shape[3])
        out = self._add(replace(tensor, name=name, shape=shape))
        options: dict[str, int | float] = {
            "padding": 1, "stride_h": window[0], "stride_w": window[1], "filter_height": window[0], "filter_width": window[1],
        }  # fmt: skip
        return self._run(Operator("AVERAGE_POOL_2D", (source,), (out,), options))

    def reshape(self, source: int, shape: tuple[int, ...], name: str) -> int:
        """Add a change of shape; return its output."""
        wanted = self.constant(f"{name}/shape", np.array(shape, np.int32))
        out = self._add(replace(self._tensors[source], name=name, shape=shape))
        return self._run(Operator("RESHAPE", (source, wanted), (out,)))

    def softmax(self, source: int, name: str) -> int:
        """Add a softmax; return its output, whose scale is 1/256."""
        out = self._add(replace(self._tensors[source], name=name, scales=(1 / 256,), zero_point=-128))
        return self._run(Operator("SOFTMAX", (source,), (out,), {"beta": 1.0}))

    def add(self, first: int, second: int, name: str) -> int:
        """Add a sum of two tensors of one shape; return its output."""
        tensor = self._tensors[first]
        if tensor.dtype == "int8":
            scale, zero_point = _range(self._real(first) + self._real(second))
            tensor = replace(tensor, scales=(_short(scale),), zero_point=zero_point)
        out = self._add(replace(tensor, name=name, data=None))
        return self._run(Operator("ADD", (first, second), (out,), {"fused_activation": 0}))

    def less(self, first: int, second: int, name: str) -> int:
        """Add a comparison of integers; return its output."""
        out = self._add(Tensor(name, self._tensors[first].shape, "bool"))
        return self._run(Operator("LESS", (first, second), (out,)))

    def control(
        self, kind: str, inputs: tuple[int, ...], outputs: tuple[Tensor, ...], options: dict[str, int | float], inner: Network
    ) -> tuple[int, ...]:
        """Add an IF or a WHILE over subgraphs of `inner`; return its outputs."""
        places = tuple(self._add(tensor) for tensor in outputs)
        self._run(Operator(kind, inputs, places, options), inner)
        return places

    def finish(self, *outputs: int) -> Subgraph:
        """Return the subgraph drawn."""
        return Subgraph(self._name, tuple(self._tensors), tuple(self._operators), tuple(self._inputs), outputs)
