"""One layer of a network by its dimensions, and a network as layers: what prediction needs to know of a model, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, SupportsIndex

__all__ = [
    "ELEMENT_BYTES",
    "PAIRED_KINDS",
    "PARAMETRIC_KINDS",
    "ArenaTensor",
    "Layer",
    "LayerNetwork",
    "chain",
    "layers_problem",
    "output_bytes",
    "same_padding",
]

ELEMENT_BYTES = {
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "int4": 1,
    "int16": 2,
    "float16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
    "float64": 8,
}
"""Bytes of one element in the arena, by type. TensorFlow Lite Micro unpacks four-bit values to bytes."""

PARAMETRIC_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""Operators with weights."""

PAIRED_KINDS = ("ADD", "SUB", "MUL")
"""Element-wise operators of two operands."""

_WITH_ARGUMENT = ("RESHAPE", "PAD", "MEAN")
"""Operators that take a shape, paddings or axes as a constant."""

_LARGEST_DIMENSION = 1 << 28

_RECTIFYING = (1, 3)
"""Activations whose outputs are never negative."""

_RECTIFIERS = ("RELU", "RELU6", "SOFTMAX", "LOGISTIC")
_PASSING = ("MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE")
"""Operators whose output has the zero point of their input."""


class Layer(NamedTuple):
    """One operator by its dimensions. A named tuple, so that hundred thousands of them a second can be made, hashed and put into arrays.

    Attributes
    ----------
    kind : str
        Built-in operator name (``CONV_2D``).
    height, width, channels : int
        Of the first input: shapes of fewer than four dimensions are filled with ones in front. For FULLY_CONNECTED `channels` is the length
        of one row and `batch` the number of rows; height and width are 1.
    out_height, out_width, out_channels : int
        Of the first output, the same way.
    batch : int
        Outermost dimension of the first input.
    kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width : int
        Of the window, 1 for operators that have none.
    same_padding : bool
        Padding ``SAME`` instead of ``VALID``.
    depth_multiplier : int
        Of DEPTHWISE_CONV_2D.
    activation : int
        Fused activation as in TensorFlow Lite's schema: 0 none, 1 ReLU, 3 ReLU6.
    has_bias : bool
        Whether the optional bias is there.
    per_channel : bool
        Whether the weights of a FULLY_CONNECTED have one scale for each output channel (those of convolutions are taken to).
    operands : int
        Number of inputs that are no constants.
    is_broadcast : bool
        Whether two operands of an element-wise operator differ in shape.
    rectified : int
        How many operands of an element-wise operator of two are never negative, as behind a ReLU: their zero point is the lowest value.
    dtype, weights_dtype : str
        Element type of the first input and of the weights.
    inputs : tuple of int
        Which earlier layers' outputs it reads, -1 for the network's input; empty for the layer before. Matters for the arena, and `chain` counts
        `rectified` from it.
    """

    kind: str
    height: int = 1
    width: int = 1
    channels: int = 1
    out_height: int = 1
    out_width: int = 1
    out_channels: int = 1
    batch: int = 1
    kernel_height: int = 1
    kernel_width: int = 1
    stride_height: int = 1
    stride_width: int = 1
    dilation_height: int = 1
    dilation_width: int = 1
    same_padding: bool = False
    depth_multiplier: int = 1
    activation: int = 0
    has_bias: bool = True
    per_channel: bool = False
    operands: int = 1
    is_broadcast: bool = False
    rectified: int = 0
    dtype: str = "int8"
    weights_dtype: str = "int8"
    inputs: tuple[int, ...] = ()

    @property
    def macs(self) -> int:
        """Multiply-accumulates without padding skipped, by the rules of `instsim.model.macs`."""
        if self.kind == "CONV_2D":
            return self.output_elements * self.kernel_height * self.kernel_width * self.channels
        if self.kind == "DEPTHWISE_CONV_2D":
            return self.output_elements * self.kernel_height * self.kernel_width
        return self.output_elements * self.channels if self.kind == "FULLY_CONNECTED" else 0

    @property
    def constant_count(self) -> int:
        """How many of its inputs are constants: weights, bias, a shape, an operand."""
        if self.kind in PARAMETRIC_KINDS:
            return 1 + self.has_bias
        return 2 - self.operands if self.kind in PAIRED_KINDS and self.operands < 2 else int(self.kind in _WITH_ARGUMENT)

    @property
    def output_elements(self) -> int:
        """Elements of the output."""
        return self.batch * self.out_height * self.out_width * self.out_channels

    @property
    def input_elements(self) -> int:
        """Elements of the first input."""
        return self.batch * self.height * self.width * self.channels

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights and bias in flash; 32-bit biases beside 8-bit activations, 64-bit ones beside 16-bit activations."""
        if self.kind not in PARAMETRIC_KINDS:
            return 0
        taps = self.kernel_height * self.kernel_width * (1 if self.kind == "DEPTHWISE_CONV_2D" else self.channels)
        count = taps * self.out_channels
        weights = -(-count // 2) if self.weights_dtype == "int4" else count * ELEMENT_BYTES.get(self.weights_dtype, 1)
        return weights + (self.out_channels * (8 if self.dtype == "int16" else 4) if self.has_bias else 0)


_DIMENSIONS = Layer._fields[1 : Layer._fields.index("same_padding")]


class ArenaTensor(NamedTuple):
    """A tensor that needs room in the arena. A named tuple for the same reasons.

    Attributes
    ----------
    size_bytes : int
        Without alignment.
    first, last : int
        Operators (from 1; 0 is the start of the inference) during which it lives, both included.
    """

    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class LayerNetwork:
    """A network as layers.

    Attributes
    ----------
    layers : tuple of Layer
        In order of execution.
    tensors : tuple of ArenaTensor
        What the arena's planner places, in the file's order.
    constant_bytes : int or None
        Bytes of all constants: what the weights take in flash; None: those of the layers' own, and no others.
    file_bytes : int or None
        Size of the model's file, which is what lies in flash when it is compiled in as it is; None if there is no file.
    name : str
        Where it came from.
    remarks : tuple of str
        What of the file the layers do not show.
    tensor_count : int or None
        Tensors of the file, constants included; None: those that the layers are known to have.
    """

    layers: tuple[Layer, ...]
    tensors: tuple[ArenaTensor, ...]
    constant_bytes: int | None
    file_bytes: int | None = None
    name: str = ""
    remarks: tuple[str, ...] = ()
    tensor_count: int | None = None


def layers_problem(layers: Sequence[Layer]) -> str:
    """Return what makes layers no network, such as a dimension that is no whole number; empty if nothing."""
    for place, layer in enumerate(layers):
        where = f"layer {place} ({layer.kind})"
        for name in _DIMENSIONS:
            value = getattr(layer, name)
            if not isinstance(value, SupportsIndex) or not 0 < int(value) <= _LARGEST_DIMENSION:
                return f"{where}: {name} is {value!r}, and not a whole number from 1 to {_LARGEST_DIMENSION:,}"
        sources: tuple[object, ...] = layer.inputs
        if not all(isinstance(source, SupportsIndex) and -1 <= int(source) < place for source in sources):
            return f"{where}: inputs are {layer.inputs!r}, and not numbers of earlier layers (-1: the input of the network)"
    return ""


def output_bytes(layer: Layer) -> int:
    """Return the bytes of a layer's output."""
    elements = layer.batch * layer.out_height * layer.out_width * layer.out_channels
    return elements * (4 if layer.kind == "DEQUANTIZE" else ELEMENT_BYTES.get(layer.dtype, 1))


def same_padding(size: int, kernel: int, stride: int, *, same: bool, dilation: int = 1) -> int:
    """Return the output size of a window along one axis, as TensorFlow defines ``SAME`` and ``VALID``."""
    if same:
        return -(-size // stride)
    return max(0, (size - ((kernel - 1) * dilation + 1)) // stride + 1)


def chain(layers: Sequence[Layer], name: str = "") -> LayerNetwork:
    """Make a network of layers that nobody has written to a file.

    Parameters
    ----------
    layers : sequence of Layer
        In order of execution. A layer without `Layer.inputs` reads the output of the one before it.
    name : str
        For reports.
    """
    if not layers:
        return LayerNetwork((), (), 0, None, name)
    count = len(layers)
    last_use = [*range(1, count + 1), count]
    if any(layer.inputs for layer in layers):
        last_use = [0] * (count + 1)
        for place, layer in enumerate(layers):
            for source in layer.inputs or (place - 1,):
                last_use[source + 1] = place + 1
        last_use = [*map(max, last_use[:-1], range(count)), count]
    first = layers[0]
    sizes = [first.input_elements * ELEMENT_BYTES.get(first.dtype, 1), *map(output_bytes, layers)]
    tensors = tuple(map(ArenaTensor._make, zip(sizes, range(count + 1), last_use, strict=True)))
    if any(layer.kind in PAIRED_KINDS for layer in layers):
        layers = _with_rectified(layers)
    return LayerNetwork(tuple(layers), tensors, None, None, name)


def _with_rectified(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers whose `Layer.rectified` is told from what they read, where nobody has set it."""
    never_negative: list[bool] = []
    told = []
    for place, layer in enumerate(layers):
        sources = [source >= 0 and never_negative[source] for source in layer.inputs or (place - 1,)]
        if layer.kind in PAIRED_KINDS and not layer.rectified and any(sources):
            told.append(layer._replace(rectified=sum(sources)))
        else:
            told.append(layer)
        never_negative.append(layer.activation in _RECTIFYING or layer.kind in _RECTIFIERS or (layer.kind in _PASSING and all(sources)))
    return told
