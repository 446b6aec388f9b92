"""A network as a TensorFlow Lite model file (schema version 3, identifier TFL3)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from instsim.model.network import Network, Operator, Subgraph, Tensor
from instsim.model.operator_names import operator_number

__all__ = ["write_tflite"]

_DTYPE_CODES = {"float32": 0, "int32": 2, "bool": 6, "int8": 9}
_OPTION_TABLES = {
    "ADD": "AddOptions", "AVERAGE_POOL_2D": "Pool2DOptions", "CONCATENATION": "ConcatenationOptions", "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions", "DEQUANTIZE": "DequantizeOptions", "FULLY_CONNECTED": "FullyConnectedOptions",
    "HARD_SWISH": "HardSwishOptions", "IF": "IfOptions", "LEAKY_RELU": "LeakyReluOptions", "LESS": "LessOptions", "LOGISTIC": None,
    "MAX_POOL_2D": "Pool2DOptions", "MEAN": "ReducerOptions", "MUL": "MulOptions", "PAD": "PadOptions", "QUANTIZE": "QuantizeOptions",
    "RELU": None, "RELU6": None, "RESHAPE": "ReshapeOptions", "SOFTMAX": "SoftmaxOptions", "SUB": "SubOptions", "TANH": None,
    "WHILE": "WhileOptions",
}  # fmt: skip
"""The table of each operator's options; None for those that have none."""

_OPTION_FIELDS = {
    "padding": "Padding", "stride_h": "StrideH", "stride_w": "StrideW", "fused_activation": "FusedActivationFunction",
    "depth_multiplier": "DepthMultiplier", "filter_height": "FilterHeight", "filter_width": "FilterWidth", "beta": "Beta",
    "dilation_h": "DilationHFactor", "dilation_w": "DilationWFactor", "axis": "Axis", "keep_dims": "KeepDims", "alpha": "Alpha",
    "then_subgraph_index": "ThenSubgraphIndex", "else_subgraph_index": "ElseSubgraphIndex",
    "cond_subgraph_index": "CondSubgraphIndex", "body_subgraph_index": "BodySubgraphIndex",
}  # fmt: skip

#: Where no newer code exists, both fields of an operator code hold it; above, the old 8-bit one stops.
_DEPRECATED_LIMIT = 127


class _Writer:
    """One file being written; tables are written after what they refer to."""

    def __init__(self, network: Network) -> None:
        import flatbuffers  # noqa: PLC0415 -- loads NumPy helpers that readers of models do not need

        self._network = network
        # Vectors of a buffer's bytes are written by moving memory: room for the whole file from the start.
        self._builder = flatbuffers.Builder(1 << 20)
        self._buffers: list[bytes] = [b""]
        kinds = {operator.kind for subgraph in network.subgraphs for operator in subgraph.operators}
        self._kinds = sorted(kinds, key=operator_number)

    def _table(self, name: str, fields: dict[str, Any]) -> int:
        module = importlib.import_module(f"tflite.{name}")
        getattr(module, f"{name}Start")(self._builder)
        for field, value in fields.items():
            if value is not None:
                getattr(module, f"{name}Add{field}")(self._builder, value)
        offset: int = getattr(module, f"{name}End")(self._builder)
        return offset

    def _vector(self, values: Sequence[Any], size: int, prepend: Callable[[Any], None]) -> int:
        self._builder.StartVector(size, len(values), size)
        for value in reversed(values):
            prepend(value)
        return int(self._builder.EndVector())

    def _integers(self, values: Sequence[int]) -> int:
        return self._vector([int(value) for value in values], 4, self._builder.PrependInt32)

    def _references(self, offsets: Sequence[int]) -> int:
        return self._vector(offsets, 4, self._builder.PrependUOffsetTRelative)

    def _bytes(self, data: bytes) -> int:
        # Aligned to 16, as TensorFlow Lite's own converter aligns them.
        self._builder.StartVector(1, len(data), 16)
        # One move of all bytes, where the builder's own way is one call for each.
        self._builder.head -= len(data)
        self._builder.Bytes[self._builder.head : self._builder.head + len(data)] = data
        return int(self._builder.EndVector())

    def _tensor(self, tensor: Tensor) -> int:
        buffer = 0
        if tensor.data is not None:
            self._buffers.append(np.ascontiguousarray(tensor.data).tobytes())
            buffer = len(self._buffers) - 1
        quantization = None
        if tensor.scales:
            scales = self._vector(tensor.scales, 4, self._builder.PrependFloat32)
            zero_points = self._vector([tensor.zero_point] * len(tensor.scales), 8, self._builder.PrependInt64)
            quantization = self._table(
                "QuantizationParameters", {"Scale": scales, "ZeroPoint": zero_points, "QuantizedDimension": tensor.channel_axis}
            )
        name = self._builder.CreateString(tensor.name)
        shape = self._integers(tensor.shape)
        fields = {"Shape": shape, "Type": _DTYPE_CODES[tensor.dtype], "Buffer": buffer, "Name": name, "Quantization": quantization}
        return self._table("Tensor", fields)

    def _operator(self, operator: Operator) -> int:
        table = _OPTION_TABLES[operator.kind]
        fields: dict[str, Any] = {_OPTION_FIELDS[name]: value for name, value in operator.options.items()}
        if operator.kind in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            fields |= {name: 1 for name in ("DilationWFactor", "DilationHFactor") if name not in fields}
        options = self._table(table, fields) if table is not None else None
        inputs, outputs = self._integers(operator.inputs), self._integers(operator.outputs)
        kinds: Any = importlib.import_module("tflite.BuiltinOptions").BuiltinOptions
        return self._table(
            "Operator",
            {
                "OpcodeIndex": self._kinds.index(operator.kind),
                "Inputs": inputs,
                "Outputs": outputs,
                "BuiltinOptionsType": getattr(kinds, table) if table is not None else None,
                "BuiltinOptions": options,
            },
        )

    def _subgraph(self, subgraph: Subgraph) -> int:
        tensors = self._references([self._tensor(tensor) for tensor in subgraph.tensors])
        operators = self._references([self._operator(operator) for operator in subgraph.operators])
        inputs, outputs = self._integers(subgraph.inputs), self._integers(subgraph.outputs)
        name = self._builder.CreateString(subgraph.name)
        return self._table("SubGraph", {"Tensors": tensors, "Inputs": inputs, "Outputs": outputs, "Operators": operators, "Name": name})

    def _operator_code(self, kind: str) -> int:
        code = operator_number(kind)
        return self._table("OperatorCode", {"DeprecatedBuiltinCode": min(code, _DEPRECATED_LIMIT), "BuiltinCode": code, "Version": 1})

    def _buffer(self, data: bytes) -> int:
        return self._table("Buffer", {"Data": self._bytes(data) if data else None})

    def write(self) -> bytes:
        """Return the file."""
        subgraphs = self._references([self._subgraph(subgraph) for subgraph in self._network.subgraphs])
        codes = self._references([self._operator_code(kind) for kind in self._kinds])
        buffers = self._references([self._buffer(data) for data in self._buffers])
        description = self._builder.CreateString(self._network.description)
        fields = {"Version": 3, "OperatorCodes": codes, "Subgraphs": subgraphs, "Description": description, "Buffers": buffers}
        model = self._table("Model", fields)
        self._builder.Finish(model, b"TFL3")
        return bytes(self._builder.Output())


def write_tflite(network: Network) -> bytes:
    """Return a network as the bytes of a ``.tflite`` file."""
    return _Writer(network).write()
