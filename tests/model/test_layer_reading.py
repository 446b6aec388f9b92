"""Layers read from files are those that were written; what is no model, or damaged, is refused."""

import random

import flatbuffers
import pytest

from instsim.errors import ModelError
from instsim.model.layer import Layer, chain, same_padding
from instsim.model.layer_models import layers_network, layers_tflite
from instsim.model.layer_reading import foreign_format, read_layers
from instsim.model.reader import read_model
from instsim.resources import firmware_elf

LAYERS = (
    Layer(
        "CONV_2D",
        9,
        7,
        3,
        5,
        4,
        8,
        kernel_height=3,
        kernel_width=5,
        stride_height=2,
        stride_width=2,
        same_padding=True,
        activation=1,
        per_channel=True,
    ),
    Layer("CONV_2D", 9, 7, 3, 7, 3, 8, kernel_height=3, kernel_width=5, per_channel=True, has_bias=False),
    Layer("CONV_2D", 9, 9, 2, 5, 5, 4, kernel_height=3, kernel_width=3, dilation_height=2, dilation_width=2, per_channel=True),
    Layer(
        "DEPTHWISE_CONV_2D", 6, 6, 4, 6, 6, 8, kernel_height=3, kernel_width=3, same_padding=True, depth_multiplier=2, activation=3, per_channel=True
    ),
    Layer("FULLY_CONNECTED", channels=13, out_channels=5, batch=3, per_channel=True),
    Layer("MAX_POOL_2D", 8, 6, 5, 4, 3, 5, kernel_height=2, kernel_width=2, stride_height=2, stride_width=2),
    Layer("ADD", 4, 5, 6, 4, 5, 6, operands=2, activation=1),
    Layer("MUL", 4, 5, 6, 4, 5, 6, operands=2, rectified=1),
    Layer("PAD", 4, 5, 6, 7, 6, 6),
    Layer("CONCATENATION", 2, 3, 4, 2, 3, 12, operands=3),
    Layer("MEAN", 4, 5, 6, 1, 1, 6),
    Layer("SOFTMAX", width=2, channels=7, out_width=2, out_channels=7),
    Layer("RESHAPE", 2, 3, 4, 1, 1, 24),
)


def _without_inputs(layer):
    return (
        layer._replace(inputs=(), has_bias=True)
        if layer.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
        else layer._replace(inputs=())
    )


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.kind)
def test_what_is_written_is_read(layer):
    (read,) = read_layers(layers_tflite([layer], 3)).layers
    assert _without_inputs(read) == _without_inputs(layer)


def test_macs_weights_and_elements_agree_with_the_reader_of_firmware_models():
    for layer in LAYERS:
        data = layers_tflite([layer], 1)
        (operator,) = read_model(data).operators
        (read,) = read_layers(data).layers
        assert (read.macs, read.output_elements) == (operator.macs, operator.elements)
        constants = sum(t.data.nbytes for t in layers_network([layer], 1).subgraphs[0].tensors if t.data is not None)
        if layer.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            assert read_layers(data).constant_bytes == constants == layer.weight_bytes


def test_the_bundled_models_are_read():
    for path in sorted((firmware_elf() / "models").glob("*.tflite")):
        network, full = read_layers(path.read_bytes(), path.name), read_model(path.read_bytes())
        own = [operator for operator in full.operators if operator.subgraph == 0]
        assert [layer.kind for layer in network.layers] == [operator.kind for operator in own]
        assert sum(layer.macs for layer in network.layers) == sum(operator.macs for operator in own)


def test_lifetimes_of_a_shortcut_reach_to_its_use():
    layers = [
        Layer("RELU", 2, 2, 4, 2, 2, 4),
        Layer("RELU", 2, 2, 4, 2, 2, 4),
        Layer("ADD", 2, 2, 4, 2, 2, 4, operands=2, inputs=(1, 0)),
    ]
    read, made = read_layers(layers_tflite(layers)), chain(layers)
    assert [(t.first, t.last) for t in made.tensors] == [(0, 1), (1, 3), (2, 3), (3, 3)]
    assert sorted((t.size_bytes, t.first, t.last) for t in read.tensors) == sorted((t.size_bytes, t.first, t.last) for t in made.tensors)
    assert read.layers[2].inputs == (1, 0)


def test_operands_behind_a_relu_are_counted_in_files_and_in_layers():
    convolution = Layer("CONV_2D", 4, 4, 2, 4, 4, 2, per_channel=True, inputs=(-1,))
    for activations, rectified in (((0, 0), 0), ((1, 0), 1), ((3, 1), 2)):
        layers = [convolution._replace(activation=activation) for activation in activations]
        layers += [Layer("ADD", 4, 4, 2, 4, 4, 2, operands=2, inputs=(0, 1))]
        assert chain(layers).layers[2].rectified == rectified
        assert read_layers(layers_tflite(layers)).layers[2].rectified == rectified
    pooled = Layer("MAX_POOL_2D", 4, 4, 2, 4, 4, 2, kernel_height=1, kernel_width=1)
    layers = [convolution._replace(activation=1), pooled, Layer("ADD", 4, 4, 2, 4, 4, 2, operands=2, inputs=(1, -1))]
    assert chain(layers).layers[2].rectified == 1


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "same", "out"), [(10, 3, 1, False, 8), (10, 3, 2, True, 5), (10, 3, 2, False, 4), (2, 3, 1, False, 0)]
)
def test_padding_as_tensorflow_defines_it(size, kernel, stride, same, out):
    assert same_padding(size, kernel, stride, same=same) == out


def test_other_formats_are_told_with_the_way_to_convert():
    assert "Keras" in foreign_format(b"\x89HDF\r\n\x1a\n" + bytes(50))[0]
    for data, word in (
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "TFLiteConverter"),
        (b"\x08\x07\x12\x07pytorch" + bytes(40), "onnx2tf"),
        (b"PK\x03\x04", "Keras v3"),
    ):
        with pytest.raises(ModelError) as caught:
            read_layers(data, "model")
        assert word in str(caught.value)


def test_damaged_files_are_refused_and_never_crash():
    data = layers_tflite(LAYERS[:1], 1)
    generator = random.Random(5)
    refused = 0
    for _ in range(3000):
        damaged = bytearray(data[: generator.randrange(8, len(data) + 1)] if generator.random() < 0.5 else data)
        for _ in range(generator.randrange(1, 6)):
            damaged[generator.randrange(len(damaged))] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))
        try:
            read_layers(bytes(damaged))
        except ModelError:
            refused += 1
    assert refused > 500


def test_many_references_to_one_vector_are_refused():
    # 5,000 operators share one vector of 5,000 operands: small in the file, 25 million reads.
    builder = flatbuffers.Builder(1 << 16)
    builder.StartVector(4, 5000, 4)
    for _ in range(5000):
        builder.PrependInt32(0)
    operands = builder.EndVector()
    builder.StartObject(13)
    builder.PrependUOffsetTRelativeSlot(1, operands, 0)
    operator = builder.EndObject()

    def tables(offsets):
        builder.StartVector(4, len(offsets), 4)
        for offset in offsets:
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    operators = tables([operator] * 5000)
    builder.StartObject(10)
    tensor = builder.EndObject()
    tensors = tables([tensor])
    builder.StartObject(5)
    builder.PrependUOffsetTRelativeSlot(0, tensors, 0)
    builder.PrependUOffsetTRelativeSlot(3, operators, 0)
    graph = tables([builder.EndObject()])
    builder.StartObject(8)
    builder.PrependUint32Slot(0, 3, 0)
    builder.PrependUOffsetTRelativeSlot(2, graph, 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    with pytest.raises(ModelError):
        read_layers(bytes(builder.Output()))


def test_a_dynamic_shape_is_refused():
    data = layers_tflite([Layer("RELU", 2, 2, 3, 2, 2, 3)])
    shape = (1).to_bytes(4, "little") + b"\x02\0\0\0\x02\0\0\0\x03\0\0\0"
    place = data.index(shape)
    with pytest.raises(ModelError, match="open"):
        read_layers(data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :])


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.kind)
def test_layers_know_how_many_constants_they_take(layer):
    assert read_layers(layers_tflite([layer])).tensor_count == layer.operands + 1 + layer.constant_count
