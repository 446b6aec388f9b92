"""TensorFlow Lite's 8-bit integer operators in NumPy: the independent answer that the firmware is compared with.

Rules: "TensorFlow Lite 8-bit quantization specification", and for the softmax the fixed-point algorithm of Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference" (2018), appendix A.
All arithmetic is exact in 64-bit integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from instsim.model.network import Array, Network, Operator, Tensor

__all__ = ["accumulate", "run_operator", "run_subgraph"]

Integers = npt.NDArray[np.int64]

_INT32_MAX = 2**31 - 1


def _doubling_high_product(a: Integers | int, b: Integers | int) -> Integers:
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    # Truncates toward zero, as C divides.
    return np.asarray(np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31)), np.int64)


def _rounding_shift_right(value: Integers, exponent: Integers | int) -> Integers:
    exponent = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (value < 0)
    shifted: Integers = (value >> exponent) + ((value & mask) > threshold)
    return shifted


def _saturating_shift_left(value: Integers, exponent: int) -> Integers:
    shifted: Integers = np.clip(value << exponent, -(2**31), _INT32_MAX)
    return shifted


def _scale(factor: float) -> tuple[int, int]:
    fraction, shift = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    return (multiplier, shift) if shift >= -31 else (0, 0)


def _rescale(value: Integers, factors: Sequence[float]) -> Integers:
    """Multiply by real factors, one for all or one for each place of the last axis."""
    scales = [_scale(factor) for factor in factors]
    multiplier = np.array([multiplier for multiplier, _ in scales], np.int64)
    shift = np.array([shift for _, shift in scales], np.int64)
    return _rounding_shift_right(_doubling_high_product(value << np.maximum(shift, 0), multiplier), np.maximum(-shift, 0))


def _to_int8(value: Integers, minimum: int = -128) -> npt.NDArray[np.int8]:
    return np.clip(value, minimum, 127).astype(np.int8)


def _windows(values: Integers, operator: Operator, window: tuple[int, int], out: Tensor) -> Integers:
    """Return all windows: shape (out_h, out_w, channels, window_h, window_w); beyond the border lie real zeros."""
    strides = int(operator.options["stride_h"]), int(operator.options["stride_w"])
    pads = []
    for size, steps, stride, width in zip(values.shape[1:3], out.shape[1:3], strides, window, strict=True):
        # Padding 0 is 'same': windows are centred, the odd cell comes last.
        needed = max((steps - 1) * stride + width - size, 0) if operator.options["padding"] == 0 else 0
        pads.append((needed // 2, needed - needed // 2))
    padded = np.pad(values[0], (*pads, (0, 0)))
    views: Integers = np.lib.stride_tricks.sliding_window_view(padded, window, axis=(0, 1))
    return views[:: strides[0], :: strides[1]][: out.shape[1], : out.shape[2]]


def accumulate(operator: Operator, tensors: Sequence[Tensor], values: Sequence[Array]) -> Integers:
    """Return the sums of products of a convolution or a fully connected layer, bias included.

    Parameters
    ----------
    operator : Operator
        CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
    tensors : sequence of Tensor
        Tensors of the subgraph.
    values : sequence of ndarray
        The operator's inputs: activations, weights, bias.

    Returns
    -------
    ndarray of int64
        In the shape of the output.
    """
    centred = values[0].astype(np.int64) - tensors[operator.inputs[0]].zero_point
    weights, bias = values[1].astype(np.int64), values[2].astype(np.int64)
    out = tensors[operator.outputs[0]]
    if operator.kind == "FULLY_CONNECTED":
        dense: Integers = centred.reshape(-1, weights.shape[1]) @ weights.T + bias
        return dense.reshape(out.shape)
    windows = _windows(centred, operator, (weights.shape[1], weights.shape[2]), out)
    equation = "yxihw,ohwi->yxo" if operator.kind == "CONV_2D" else "yxihw,ahwi->yxi"
    sums: Integers = np.einsum(equation, windows, weights) + bias
    return sums.reshape(out.shape)


def _weighted(operator: Operator, tensors: Sequence[Tensor], values: Sequence[Array]) -> npt.NDArray[np.int8]:
    source, weights, out = tensors[operator.inputs[0]], tensors[operator.inputs[1]], tensors[operator.outputs[0]]
    factors = [source.scales[0] * scale / out.scales[0] for scale in weights.scales]
    minimum = max(-128, out.zero_point) if operator.options["fused_activation"] == 1 else -128
    return _to_int8(_rescale(accumulate(operator, tensors, values), factors) + out.zero_point, minimum)


def _average_pool(operator: Operator, tensors: Sequence[Tensor], values: Sequence[Array]) -> npt.NDArray[np.int8]:
    window = int(operator.options["filter_height"]), int(operator.options["filter_width"])
    out = tensors[operator.outputs[0]]
    sums = _windows(values[0].astype(np.int64), operator, window, out).sum(axis=(3, 4))
    ones = np.ones_like(values[0], np.int64)
    counts = _windows(ones, operator, window, out).sum(axis=(3, 4))
    means = np.where(sums > 0, (sums + counts // 2) // counts, -((-sums + counts // 2) // counts))
    return _to_int8(means).reshape(out.shape)


def _add(operator: Operator, tensors: Sequence[Tensor], values: Sequence[Array]) -> Array:
    out = tensors[operator.outputs[0]]
    if out.dtype == "int32":
        return (values[0].astype(np.int32) + values[1].astype(np.int32)).astype(np.int32)
    sides = [tensors[index] for index in operator.inputs]
    twice_larger = 2 * max(side.scales[0] for side in sides)
    total = np.zeros(out.shape, np.int64)
    for side, value in zip(sides, values, strict=True):
        total += _rescale((value.astype(np.int64) - side.zero_point) << 20, [side.scales[0] / twice_larger])
    return _to_int8(_rescale(total, [twice_larger / (2**20 * out.scales[0])]) + out.zero_point)


def _exp_of_negative(value: Integers) -> Integers:
    """Return exp(x) as Q0.31 for x <= 0 in Q5.26."""
    quarter = 1 << 24
    small = (value & (quarter - 1)) - quarter
    remainder = small - value
    x = _saturating_shift_left(small, 5) + (1 << 28)
    x2 = _doubling_high_product(x, x)
    x3 = _doubling_high_product(x2, x)
    x4_over_4 = _rounding_shift_right(_doubling_high_product(x2, x2), 2)
    third, exp_of_minus_eighth = round(2**31 / 3), round(2**31 * math.exp(-1 / 8))
    rest = _rounding_shift_right(_doubling_high_product(x4_over_4 + x3, third) + x2, 1)
    result = exp_of_minus_eighth + _doubling_high_product(exp_of_minus_eighth, x + rest)
    for power in range(7):
        factor = round(2**31 * math.exp(-(2.0 ** (power - 2))))
        result = np.where(remainder & (quarter << power), _doubling_high_product(result, factor), result)
    return np.where(value == 0, _INT32_MAX, result)


def _reciprocal_of_one_plus(value: int) -> Integers:
    """Return 1 / (1 + x) as Q0.31 for x in [0, 1] in Q0.31, by three steps of Newton's iteration."""
    half_denominator = (value + _INT32_MAX + 1) // 2
    x = round(48 / 17 * 2**29) + _doubling_high_product(half_denominator, -round(32 / 17 * 2**29))
    for _ in range(3):
        error = (1 << 29) - _doubling_high_product(half_denominator, x)
        x = x + _saturating_shift_left(_doubling_high_product(x, error), 2)
    return _saturating_shift_left(x, 1)


def _softmax(operator: Operator, tensors: Sequence[Tensor], values: Sequence[Array]) -> npt.NDArray[np.int8]:
    factor = min(float(operator.options["beta"]) * tensors[operator.inputs[0]].scales[0] * 2**26, 2.0**31 - 1)
    smallest = -((31 << 26) >> _scale(factor)[1])
    rows = []
    for row in values[0].astype(np.int64).reshape(-1, values[0].shape[-1]):
        difference = row - row.max()
        exponentials = np.where(difference >= smallest, _exp_of_negative(_rescale(np.maximum(difference, smallest), [factor])), 0)
        total = int(_rounding_shift_right(exponentials, 12).sum())
        headroom = 32 - total.bit_length()
        reciprocal = _reciprocal_of_one_plus((total << headroom) - 2**31)
        shares = _rounding_shift_right(_doubling_high_product(reciprocal, exponentials), 12 - headroom + 31 - 8)
        rows.append(np.where(difference >= smallest, shares - 128, -128))
    return _to_int8(np.array(rows)).reshape(values[0].shape)


def run_operator(
    network: Network, operator: Operator, tensors: Sequence[Tensor], values: Sequence[Array], trace: list[tuple[int, int]] | None = None
) -> list[Array]:
    """Return the outputs of one operator for the values of its inputs; subgraphs it runs append to `trace`."""
    kind = operator.kind
    if kind in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}:
        return [_weighted(operator, tensors, values)]
    if kind == "AVERAGE_POOL_2D":
        return [_average_pool(operator, tensors, values)]
    if kind == "ADD":
        return [_add(operator, tensors, values)]
    if kind == "SOFTMAX":
        return [_softmax(operator, tensors, values)]
    if kind == "RESHAPE":
        return [values[0].reshape(tensors[operator.outputs[0]].shape)]
    if kind == "LESS":
        return [np.less(values[0], values[1])]
    if kind == "IF":
        branch = "then_subgraph_index" if values[0].item() else "else_subgraph_index"
        return run_subgraph(network, int(operator.options[branch]), values[1:], trace)
    if kind == "WHILE":
        state = list(values)
        while run_subgraph(network, int(operator.options["cond_subgraph_index"]), state, trace)[0].item():
            state = run_subgraph(network, int(operator.options["body_subgraph_index"]), state, trace)
        return state
    raise ValueError(f"no reference for {kind}")


def run_subgraph(network: Network, index: int, inputs: Sequence[Array], trace: list[tuple[int, int]] | None = None) -> list[Array]:
    """Return the outputs of one subgraph.

    Parameters
    ----------
    network : Network
        The network.
    index : int
        Which of its subgraphs.
    inputs : sequence of ndarray
        One for each input of the subgraph.
    trace : list or None
        Receives (subgraph, operator) for each operator as it starts.

    Returns
    -------
    list of ndarray
        One for each output of the subgraph.

    Raises
    ------
    ValueError
        For an operator without a reference.
    """
    subgraph = network.subgraphs[index]
    values: dict[int, Array] = {place: tensor.data for place, tensor in enumerate(subgraph.tensors) if tensor.data is not None}
    values.update(zip(subgraph.inputs, inputs, strict=True))
    for place, operator in enumerate(subgraph.operators):
        if trace is not None:
            trace.append((index, place))
        results = run_operator(network, operator, subgraph.tensors, [values[tensor] for tensor in operator.inputs], trace)
        values.update(zip(operator.outputs, results, strict=True))
    return [values[tensor] for tensor in subgraph.outputs]
