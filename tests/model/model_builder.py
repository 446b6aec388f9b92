"""Small models made with the generated builders, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers
import tflite


@dataclass(frozen=True)
class TensorSpec:
    shape: tuple[int, ...]
    name: str = "t"
    dtype: int = tflite.TensorType.INT8
    data: bytes = b""


@dataclass(frozen=True)
class OperatorSpec:
    code: int | str
    inputs: Sequence[int] | None
    outputs: Sequence[int] | None
    new_shape: tuple[int, ...] = ()
    """Makes the operator carry ``ReshapeOptions``."""
    custom_options: bytes = b""


@dataclass(frozen=True)
class GraphSpec:
    tensors: Sequence[TensorSpec]
    operators: Sequence[OperatorSpec]
    inputs: Sequence[int] = (0,)
    outputs: Sequence[int] = ()
    repeat: int = 1
    """How often the vector of operators names each of them."""


@dataclass(frozen=True)
class ModelSpec:
    graphs: Sequence[GraphSpec]
    description: str = "made for a test"
    version: int = 3
    identifier: bytes | None = b"TFL3"
    old_codes: bool = False
    """Leave out the 32-bit operator code, as files from before 2020 do."""


def _ints(builder: flatbuffers.Builder, values: Sequence[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependInt32(value)
    return builder.EndVector()


def _bytes(builder: flatbuffers.Builder, data: bytes) -> int:
    builder.StartVector(1, len(data), 16)
    for value in reversed(data):
        builder.PrependByte(value)
    return builder.EndVector()


def _tables(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _tensor(builder: flatbuffers.Builder, spec: TensorSpec, buffer: int) -> int:
    name, shape = builder.CreateString(spec.name), _ints(builder, spec.shape)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, spec.dtype)
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    return tflite.TensorEnd(builder)


def _operator(builder: flatbuffers.Builder, spec: OperatorSpec, code_index: int) -> int:
    inputs = _ints(builder, spec.inputs) if spec.inputs is not None else 0
    outputs = _ints(builder, spec.outputs) if spec.outputs is not None else 0
    options = custom = 0
    if spec.new_shape:
        new_shape = _ints(builder, spec.new_shape)
        tflite.ReshapeOptionsStart(builder)
        tflite.ReshapeOptionsAddNewShape(builder, new_shape)
        options = tflite.ReshapeOptionsEnd(builder)
    if spec.custom_options:
        custom = _bytes(builder, spec.custom_options)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code_index)
    if inputs:
        tflite.OperatorAddInputs(builder, inputs)
    if outputs:
        tflite.OperatorAddOutputs(builder, outputs)
    if options:
        tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.ReshapeOptions)
        tflite.OperatorAddBuiltinOptions(builder, options)
    if custom:
        tflite.OperatorAddCustomOptions(builder, custom)
    return tflite.OperatorEnd(builder)


def _code(builder: flatbuffers.Builder, code: int | str, old: bool) -> int:
    custom = builder.CreateString(code) if isinstance(code, str) else 0
    number = tflite.BuiltinOperator.CUSTOM if isinstance(code, str) else code
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, tflite.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES))
    if not old:
        tflite.OperatorCodeAddBuiltinCode(builder, number)
    if custom:
        tflite.OperatorCodeAddCustomCode(builder, custom)
    return tflite.OperatorCodeEnd(builder)


def _graph(builder: flatbuffers.Builder, spec: GraphSpec, codes: list[int | str], buffers: list[bytes]) -> int:
    tensors = []
    for tensor in spec.tensors:
        buffers.append(tensor.data)
        tensors.append(_tensor(builder, tensor, len(buffers) - 1))
    operators = []
    for operator in spec.operators:
        if operator.code not in codes:
            codes.append(operator.code)
        operators.append(_operator(builder, operator, codes.index(operator.code)))
    parts = [_tables(builder, tensors), _ints(builder, spec.inputs), _ints(builder, spec.outputs), _tables(builder, operators * spec.repeat)]
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, parts[0])
    tflite.SubGraphAddInputs(builder, parts[1])
    tflite.SubGraphAddOutputs(builder, parts[2])
    tflite.SubGraphAddOperators(builder, parts[3])
    return tflite.SubGraphEnd(builder)


def build_model(spec: ModelSpec) -> bytes:
    """Write a model as a file's bytes."""
    builder = flatbuffers.Builder(1024)
    codes: list[int | str] = []
    contents: list[bytes] = [b""]
    graphs = [_graph(builder, graph, codes, contents) for graph in spec.graphs]
    buffers = []
    for content in contents:
        data = _bytes(builder, content) if content else 0
        tflite.BufferStart(builder)
        if data:
            tflite.BufferAddData(builder, data)
        buffers.append(tflite.BufferEnd(builder))
    description = builder.CreateString(spec.description)
    parts = [_tables(builder, [_code(builder, code, spec.old_codes) for code in codes]), _tables(builder, graphs), _tables(builder, buffers)]
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, spec.version)
    tflite.ModelAddOperatorCodes(builder, parts[0])
    tflite.ModelAddSubgraphs(builder, parts[1])
    tflite.ModelAddDescription(builder, description)
    tflite.ModelAddBuffers(builder, parts[2])
    builder.Finish(tflite.ModelEnd(builder), spec.identifier)
    return bytes(builder.Output())


OP = tflite.BuiltinOperator


def keyword_spotting() -> ModelSpec:
    """Return the DS-CNN of MLPerf Tiny's keyword spotting: shapes only, constants of a few bytes."""
    tensors = [TensorSpec((1, 49, 10, 1), "input"), TensorSpec((64, 10, 4, 1), "w0", data=b"w" * 64), TensorSpec((1, 25, 5, 64), "conv0")]
    operators = [OperatorSpec(OP.CONV_2D, [0, 1], [2])]
    last = 2
    for block in range(4):
        tensors += [
            TensorSpec((1, 3, 3, 64), f"dw{block}"),
            TensorSpec((1, 25, 5, 64), f"depthwise{block}"),
            TensorSpec((64, 1, 1, 64), f"pw{block}"),
            TensorSpec((1, 25, 5, 64), f"pointwise{block}"),
        ]
        operators += [
            OperatorSpec(OP.DEPTHWISE_CONV_2D, [last, last + 1, -1], [last + 2]),
            OperatorSpec(OP.CONV_2D, [last + 2, last + 3], [last + 4]),
        ]
        last += 4
    tensors += [
        TensorSpec((1, 1, 1, 64), "pool"),
        TensorSpec((1, 64), "flat"),
        TensorSpec((12, 64), "fc"),
        TensorSpec((1, 12), "logits"),
        TensorSpec((1, 12), "scores"),
    ]
    operators += [
        OperatorSpec(OP.AVERAGE_POOL_2D, [last], [last + 1]),
        OperatorSpec(OP.RESHAPE, [last + 1], [last + 2], new_shape=(-1, 64)),
        OperatorSpec(OP.FULLY_CONNECTED, [last + 2, last + 3], [last + 4]),
        OperatorSpec(OP.SOFTMAX, [last + 4], [last + 5]),
    ]
    return ModelSpec([GraphSpec(tensors, operators, inputs=[0], outputs=[last + 5])])


def two_subgraphs() -> ModelSpec:
    """Return a model whose IF calls one of two graphs, with a custom operator and a code above 127."""
    small = [TensorSpec((1, 4), "x"), TensorSpec((1, 4), "y")]
    return ModelSpec(
        [
            GraphSpec([TensorSpec((), "flag", tflite.TensorType.BOOL), *small], [OperatorSpec(OP.IF, [0, 1], [2])], inputs=[0, 1], outputs=[2]),
            GraphSpec(small, [OperatorSpec("my_filter", [0], [1], custom_options=b"\x01\x02\x03")], inputs=[0], outputs=[1]),
            GraphSpec(small, [OperatorSpec(OP.CALL_ONCE, None, None), OperatorSpec(OP.ADD, [0, 0], [1])], inputs=[0], outputs=[1]),
        ]
    )
