"""Multiply-accumulates of one operator, from the shapes of its tensors.

Every figure is that of the operator's definition without the padding skipped: an upper bound of what a kernel really multiplies.
Weight shapes are those of TensorFlow Lite: ``[out, height, width, in]`` for convolutions, ``[1, height, width, out]`` for depthwise ones.
Element-wise products beside the matrix products (peepholes, gates, normalization) are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from instsim.model.description import Tensor

__all__ = ["element_count", "multiply_accumulates"]

Inputs = Sequence[Tensor | None]
Outputs = Sequence[Tensor]


def element_count(shape: Sequence[int]) -> int:
    """Return the elements of a shape; a dimension left open (negative) counts as 1."""
    return math.prod(1 if dimension < 0 else dimension for dimension in shape)


def _shape(tensors: Inputs, index: int, rank: int) -> tuple[int, ...]:
    """Return the shape of one input, which must be there with at least `rank` dimensions."""
    tensor = tensors[index]
    if tensor is None or len(tensor.shape) < rank:
        raise LookupError
    return tensor.shape


def _convolution(inputs: Inputs, outputs: Outputs) -> int:
    return element_count(outputs[0].shape) * element_count(_shape(inputs, 1, 4)[1:4])


def _depthwise(inputs: Inputs, outputs: Outputs) -> int:
    return element_count(outputs[0].shape) * element_count(_shape(inputs, 1, 4)[1:3])


def _fully_connected(inputs: Inputs, outputs: Outputs) -> int:
    return element_count(outputs[0].shape) * element_count(_shape(inputs, 1, 1)[-1:])


def _batch_matmul(inputs: Inputs, outputs: Outputs) -> int:
    # Rows and columns of the product are the free dimensions; the left factor's elements per row of the product are the summed ones,
    # whichever way round the factor is stored.
    left = element_count(_shape(inputs, 0, 2)[-2:])
    rows = outputs[0].shape[-2] if len(outputs[0].shape) >= 2 else 1
    return element_count(outputs[0].shape) * left // rows if rows > 0 else 0


def _transpose_convolution(inputs: Inputs, _: Outputs) -> int:
    return element_count(_shape(inputs, 2, 4)) * element_count(_shape(inputs, 1, 4)[0:3])


def _svdf(inputs: Inputs, _: Outputs) -> int:
    batch = _shape(inputs, 0, 2)[0]
    filters, features = _shape(inputs, 1, 2)[:2]
    memory = _shape(inputs, 2, 2)[1]
    return element_count((batch, filters)) * (features + memory)


def _lstm(inputs: Inputs, _: Outputs) -> int:
    if len(inputs) == 5:  # the basic kernel: one matrix for all four gates
        return _shape(inputs, 0, 2)[0] * element_count(_shape(inputs, 2, 2))
    steps = element_count(_shape(inputs, 0, 2)[:-1])
    forget, recurrent = _shape(inputs, 2, 2), _shape(inputs, 6, 2)
    gates = 4 if inputs[1] is not None else 3  # the input gate may be coupled to the forget gate
    projection = inputs[16] if len(inputs) > 16 else None
    products = gates * (element_count(forget) + element_count(recurrent))
    return steps * (products + (element_count(projection.shape) if projection is not None else 0))


_RULES: Mapping[str, Callable[[Inputs, Outputs], int]] = MappingProxyType(
    {
        "CONV_2D": _convolution,
        "DEPTHWISE_CONV_2D": _depthwise,
        "FULLY_CONNECTED": _fully_connected,
        "BATCH_MATMUL": _batch_matmul,
        "TRANSPOSE_CONV": _transpose_convolution,
        "SVDF": _svdf,
        "LSTM": _lstm,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    }
)


def multiply_accumulates(kind: str, inputs: Inputs, outputs: Outputs) -> int:
    """Return the multiply-accumulates of one execution of an operator.

    Parameters
    ----------
    kind : str
        Built-in operator name.
    inputs, outputs : sequence of Tensor
        In the file's order; None for an absent input.

    Returns
    -------
    int
        0 for operators without a rule, and where tensors that the rule needs are absent or have too few dimensions.
    """
    rule = _RULES.get(kind)
    if rule is None:
        return 0
    try:
        return max(0, rule(inputs, outputs))
    except LookupError:
        return 0
