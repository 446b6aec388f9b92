"""The bundled network's answers come from one integer reference, and that reference computes what the real numbers mean."""

import numpy as np
import pytest
from firmware_samples.catalogue import sample_input
from firmware_samples.dispatch_networks import draw_control_flow, draw_small
from firmware_samples.int8_reference import run_operator, run_subgraph
from firmware_samples.kws_network import draw_kws
from firmware_samples.manifest import read_manifest
from kws_reference import kws_scores

from instsim import resources
from instsim.model.network import Network, Operator, Tensor

IMAGES = read_manifest(resources.firmware_elf() / "manifest.toml")
NOTHING = Network("", "", 0, ())


def real(tensor, values):
    axis = [1] * values.ndim
    axis[tensor.channel_axis] = -1
    scales = np.array(tensor.scales).reshape(axis) if len(tensor.scales) > 1 else tensor.scales[0]
    return (values.astype(np.float64) - tensor.zero_point) * scales


@pytest.mark.parametrize("image", [image for image in IMAGES if image["name"] == "kws"], ids=lambda image: image["core"])
def test_manifest_expects_the_scores_of_the_reference(image):
    assert image["expected_stdout"].splitlines()[0] == "scores " + " ".join(map(str, kws_scores()))


def test_kws_is_built_for_five_cores():
    assert {image["core"] for image in IMAGES if image["name"] == "kws"} == {"cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc"}


def test_kws_has_the_shape_of_mlperf_tiny():
    (subgraph,) = draw_kws().subgraphs
    kinds = [operator.kind for operator in subgraph.operators]
    assert kinds == ["CONV_2D", *["DEPTHWISE_CONV_2D", "CONV_2D"] * 4, "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]
    assert subgraph.tensors[subgraph.inputs[0]].shape == (1, 49, 10, 1)
    assert subgraph.tensors[subgraph.operators[0].outputs[0]].shape == (1, 25, 5, 64)
    macs = 0
    for operator in subgraph.operators:
        if len(operator.inputs) == 3:
            weights, out = subgraph.tensors[operator.inputs[1]], subgraph.tensors[operator.outputs[0]]
            per_output = np.prod(weights.shape[1:3]) if operator.kind == "DEPTHWISE_CONV_2D" else np.prod(weights.shape[1:])
            macs += int(np.prod(out.shape) * per_output)
    assert macs == 2_656_768


def test_kws_scores_are_not_saturated():
    scores = kws_scores()
    assert len(scores) == 12
    assert len(set(scores)) > 6
    assert abs(sum(score + 128 for score in scores) - 256) <= 6


def layer_outputs(network):
    """Yield each operator of the first subgraph with the integers that go in and come out."""
    subgraph = network.subgraphs[0]
    values = {index: tensor.data for index, tensor in enumerate(subgraph.tensors) if tensor.data is not None}
    values[subgraph.inputs[0]] = sample_input(network)
    for operator in subgraph.operators:
        results = run_operator(network, operator, subgraph.tensors, [values[index] for index in operator.inputs])
        yield subgraph, operator, [values[index] for index in operator.inputs], results[0]
        values.update(zip(operator.outputs, results, strict=True))


def direct_convolution(image, weights, bias, stride, out_shape, *, depthwise):
    _, out_h, out_w, channels = out_shape
    height, width = weights.shape[1:3]
    result = np.zeros(out_shape)
    pad_h = max((out_h - 1) * stride[0] + height - image.shape[1], 0) // 2
    pad_w = max((out_w - 1) * stride[1] + width - image.shape[2], 0) // 2
    for y in range(out_h):
        for x in range(out_w):
            for dy in range(height):
                for dx in range(width):
                    row, column = y * stride[0] - pad_h + dy, x * stride[1] - pad_w + dx
                    if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                        cell = image[0, row, column]
                        result[0, y, x] += cell * weights[0, dy, dx] if depthwise else weights[:, dy, dx] @ cell
    assert result.shape[3] == channels
    return result + bias


@pytest.mark.parametrize("network", [draw_kws(), draw_small()], ids=lambda network: network.name)
def test_every_convolution_is_within_one_step_of_real_arithmetic(network):
    checked = 0
    for subgraph, operator, inputs, output in layer_outputs(network):
        if operator.kind not in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            continue
        source, weights, bias = (real(subgraph.tensors[index], value) for index, value in zip(operator.inputs, inputs, strict=True))
        out = subgraph.tensors[operator.outputs[0]]
        stride = int(operator.options["stride_h"]), int(operator.options["stride_w"])
        expected = direct_convolution(source, weights, bias, stride, out.shape, depthwise=operator.kind == "DEPTHWISE_CONV_2D")
        if operator.options["fused_activation"]:
            expected = np.maximum(expected, 0)
        assert np.abs(real(out, output) - expected).max() <= out.scales[0] * 1.001
        checked += 1
    assert checked >= 3


def test_add_is_within_one_step_of_real_arithmetic():
    for subgraph, operator, inputs, output in layer_outputs(draw_small()):
        if operator.kind == "ADD":
            sides = [real(subgraph.tensors[index], value) for index, value in zip(operator.inputs, inputs, strict=True)]
            out = subgraph.tensors[operator.outputs[0]]
            assert np.abs(real(out, output) - sum(sides)).max() <= out.scales[0]
            return
    pytest.fail("no ADD in the network")


@pytest.mark.parametrize("scale", [0.001, 0.02, 0.1, 0.5])
def test_softmax_is_within_one_step_of_real_arithmetic(scale):
    logits = np.arange(-128, 128, 11, dtype=np.int8).reshape(1, -1)
    tensors = [Tensor("in", logits.shape, "int8", (scale,), 5), Tensor("out", logits.shape, "int8", (1 / 256,), -128)]
    (output,) = run_operator(NOTHING, Operator("SOFTMAX", (0,), (1,), {"beta": 1.0}), tensors, [logits])
    exponentials = np.exp(logits.astype(float) * scale)
    expected = np.clip(exponentials / exponentials.sum() * 256 - 128, -128, 127)
    assert np.abs(output - expected).max() <= 1


def test_average_pool_rounds_halves_away_from_zero():
    values = np.array([1, 2, -1, -2, 3, 4, -3, -4], np.int8).reshape(1, 2, 2, 2)
    tensors = [Tensor("in", values.shape, "int8", (1.0,)), Tensor("out", (1, 1, 1, 2), "int8", (1.0,))]
    options = {"padding": 1, "stride_h": 2, "stride_w": 2, "filter_height": 2, "filter_width": 2}
    (output,) = run_operator(NOTHING, Operator("AVERAGE_POOL_2D", (0,), (1,), options), tensors, [values])
    assert output.ravel().tolist() == [0, 0]
    halves = np.array([1, -1, 2, -2, 1, -1, 2, -2], np.int8).reshape(1, 2, 2, 2)
    (output,) = run_operator(NOTHING, Operator("AVERAGE_POOL_2D", (0,), (1,), options), tensors, [halves])
    assert output.ravel().tolist() == [2, -2]


def test_control_flow_runs_inner_branch_and_three_turns():
    network = draw_control_flow()
    trace = []
    turns, _ = run_subgraph(network, 0, [sample_input(network)], trace)
    assert turns.tolist() == [3]
    # Outer IF takes subgraph 1, whose own IF takes 4; the condition is asked once more than the body runs.
    visited = [subgraph for subgraph, _ in trace]
    assert set(visited) == {0, 1, 4, 5, 6}
    assert visited.count(5) == 4
    assert visited.count(6) == 3 * len(network.subgraphs[6].operators)
