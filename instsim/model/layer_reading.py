"""A ``.tflite`` file to layers, fast: some hundred files a second.

`instsim.model.reader` verifies a whole buffer before it reads it, because a model in flash has no known length. Here the whole file is at hand,
so every access is checked by itself, counts are bounded, and only what prediction needs is read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import NamedTuple

from instsim.errors import ModelError
from instsim.model.layer import ELEMENT_BYTES, ArenaTensor, Layer, LayerNetwork
from instsim.model.layout import MOST_OPERATORS, MOST_TENSORS

__all__ = ["foreign_format", "read_layers"]

_HINT = "Is this a complete TensorFlow Lite model?"
_LARGEST_DIMENSION = 1 << 28
_LARGEST_TENSOR = 1 << 40
_MOST_DIMENSIONS = 8
_CUSTOM = 32
_U8, _I8, _U16, _I32, _U32, _I64 = (struct.Struct(f"<{code}").unpack_from for code in "BbHiIq")
_DTYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "string", 6: "bool", 7: "int16", 8: "complex64", 9: "int8",
    10: "float64", 11: "complex128", 12: "uint64", 13: "resource", 14: "variant", 15: "uint32", 16: "uint16", 17: "int4",
}  # fmt: skip
"""Numbers of ``TensorType`` in the schema."""

_LOWEST = {"int8": -128, "uint8": 0}

_FOREIGN = (
    (b"\x89HDF\r\n\x1a\n", "a Keras model (HDF5)"),
    (b"PK\x03\x04", "a zip archive, such as Keras v3 writes"),
)
_KERAS_HINT = "convert it: tf.lite.TFLiteConverter.from_keras_model(model), with int8 quantization, then .convert() gives the bytes of a .tflite file"
_ONNX_HINT = "convert it: `onnx2tf -i model.onnx -oiqt` writes int8 .tflite files"


def foreign_format(data: bytes | memoryview) -> tuple[str, str] | None:
    """Tell what a file is that is no TensorFlow Lite model, and how to make one of it; None if it is not known."""
    head = bytes(data[:64])
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            return what, _KERAS_HINT
    # A protobuf that starts with field 1 (ir_version) as a small number, then the producer's name: what every ONNX exporter writes.
    if len(head) > 4 and head[0] == 0x08 and head[1] < 32 and head[2] in (0x12, 0x1A, 0x3A):
        return "an ONNX model", _ONNX_HINT
    return None


class _Table:
    """A flatbuffer table; every access is bounded by the buffer."""

    __slots__ = ("_data", "_position", "_slots", "_vtable")

    def __init__(self, data: bytes, position: int) -> None:
        vtable = position - _I32(data, position)[0]
        if vtable < 0:
            raise ModelError(f"the table at offset {position:#x} has its layout outside the file", hint=_HINT)
        self._data, self._position, self._vtable = data, position, vtable
        self._slots = (_U16(data, vtable)[0] - 4) // 2

    def place(self, slot: int) -> int:
        """Return where a field lies, 0 if it is absent."""
        if slot >= self._slots:
            return 0
        offset: int = _U16(self._data, self._vtable + 4 + 2 * slot)[0]
        return self._position + offset if offset else 0

    def scalar(self, slot: int, read: Callable[[bytes, int], tuple[int, ...]], default: int = 0) -> int:
        place = self.place(slot)
        return read(self._data, place)[0] if place else default

    def child(self, slot: int) -> _Table | None:
        place = self.place(slot)
        return _Table(self._data, place + _U32(self._data, place)[0]) if place else None

    def vector(self, slot: int) -> tuple[int, int]:
        """Return the place of a vector's first element and its length; (0, 0) if it is absent."""
        place = self.place(slot)
        if not place:
            return 0, 0
        start = place + _U32(self._data, place)[0]
        return start + 4, _U32(self._data, start)[0]

    def integers(self, slot: int, limit: int) -> tuple[int, ...]:
        start, length = self.vector(slot)
        if length > limit:
            raise ModelError(f"the vector at offset {start:#x} has {length:,} elements, more than the {limit:,} any real model has", hint=_HINT)
        return struct.unpack_from(f"<{length}i", self._data, start) if length else ()

    def first_long(self, slot: int) -> int | None:
        """Return the first element of a vector of 64-bit integers; None if there is none."""
        start, length = self.vector(slot)
        return int(_I64(self._data, start)[0]) if length else None

    def tables(self, slot: int, limit: int) -> list[_Table]:
        start, length = self.vector(slot)
        if length > limit:
            raise ModelError(f"the vector at offset {start:#x} has {length:,} elements, more than the {limit:,} any real model has", hint=_HINT)
        offsets = struct.unpack_from(f"<{length}I", self._data, start)
        return [_Table(self._data, start + 4 * index + offset) for index, offset in enumerate(offsets)]


class _Operand(NamedTuple):
    shape: tuple[int, ...]
    dtype: str
    buffer: int
    is_variable: bool
    quantization: _Table | None
    is_constant: bool

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def scales(self) -> int:
        """How many scales there are."""
        return self.quantization.vector(2)[1] if self.quantization is not None else 0

    @property
    def is_rectified(self) -> bool:
        """Whether the zero point is the lowest value of the type, so that no value is negative."""
        lowest = _LOWEST.get(self.dtype)
        return lowest is not None and self.quantization is not None and self.quantization.first_long(3) == lowest


def read_layers(data: bytes | memoryview, name: str = "") -> LayerNetwork:
    """Read the layers of a model's first subgraph.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        For messages and reports.

    Returns
    -------
    LayerNetwork
        Layers in order of execution, what the arena must hold, and the size of the constants.

    Raises
    ------
    ModelError
        The bytes are not a TensorFlow Lite model, are damaged, or leave a shape open.
    """
    contents = bytes(data)
    where = f"{name}: " if name else ""
    other = foreign_format(contents)
    if other is not None:
        raise ModelError(f"{where}this is {other[0]}, and instsim reads .tflite files", hint=other[1])
    if len(contents) < 8 or contents[4:8] != b"TFL3":
        raise ModelError(f"{where}no TensorFlow Lite model: the identifier TFL3 is missing", hint=_HINT)
    try:
        return _Reader(contents, name).network()
    except (struct.error, IndexError, ValueError) as error:
        raise ModelError(f"{where}the model is damaged: something in it lies outside the file", hint=_HINT) from error
    except ModelError as error:
        raise ModelError(f"{where}{error.message}", hint=error.hint) from error


class _Reader:
    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name = data, name
        model = _Table(data, _U32(data, 0)[0])
        if model.scalar(0, _U32) != 3:
            raise ModelError(f"the model's schema version is {model.scalar(0, _U32)}, not 3", hint=_HINT)
        self._kinds = [self._kind(code) for code in model.tables(1, 1_000)]
        subgraphs = model.tables(2, 1_000)
        if not subgraphs:
            raise ModelError("the model has no subgraph", hint=_HINT)
        self._subgraphs = len(subgraphs)
        self._graph = subgraphs[0]
        self._buffers = [buffer.vector(0)[1] for buffer in model.tables(4, MOST_TENSORS)]
        if sum(self._buffers) > 16 * len(data) + 1024:
            raise ModelError("the model's constants are larger than the file", hint=_HINT)
        self._operands = [self._operand(table, index) for index, table in enumerate(self._graph.tables(0, MOST_TENSORS))]

    def _kind(self, code: _Table) -> str:
        from instsim.model.operator_names import operator_name  # noqa: PLC0415 -- loads the schema's names once

        number = max(code.scalar(3, _I32), code.scalar(0, _I8))
        if number != _CUSTOM:
            return operator_name(number)
        start, length = code.vector(1)
        return self._data[start : start + min(length, 128)].decode("utf-8", "replace") or "CUSTOM"

    def _operand(self, tensor: _Table, index: int) -> _Operand:
        shape = tensor.integers(0, _MOST_DIMENSIONS)
        if any(not 0 <= size <= _LARGEST_DIMENSION for size in shape) or math.prod(shape) > _LARGEST_TENSOR:
            open_ = any(size < 0 for size in shape)
            why = "leaves a dimension open: convert the model with a fixed input shape" if open_ else "has an impossible shape"
            raise ModelError(f"tensor {index} {why}", hint="" if open_ else _HINT)
        if any(size < 0 for size in tensor.integers(7, _MOST_DIMENSIONS)[1:]):
            raise ModelError(f"tensor {index} has a dynamic shape", hint="convert the model with a fixed input shape")
        quantization = tensor.child(4)
        buffer = tensor.scalar(2, _U32)
        is_constant = 0 < buffer < len(self._buffers) and self._buffers[buffer] > 0
        number = tensor.scalar(1, _I8)
        return _Operand(shape, _DTYPES.get(number, f"type{number}"), buffer, bool(tensor.scalar(5, _U8)), quantization, is_constant)

    def network(self) -> LayerNetwork:
        operators = self._graph.tables(3, MOST_OPERATORS)
        inputs, outputs = self._graph.integers(1, 10_000), self._graph.integers(2, 10_000)
        created = dict.fromkeys(inputs, 0)
        used = dict.fromkeys(inputs, 0)
        maker = dict.fromkeys(inputs, -1)
        layers = []
        operands = 0
        for place, operator in enumerate(operators):
            taken = operator.integers(1, 10_000)
            made = operator.integers(2, 10_000)
            operands += len(taken) + len(made)
            if operands > MOST_TENSORS:
                raise ModelError(f"the operators have more than {MOST_TENSORS:,} operands", hint=_HINT)
            for tensor in made:
                created.setdefault(tensor, place + 1)
            for tensor in (*taken, *made):
                used[tensor] = place + 1
            layers.append(self._layer(operator, taken, made, maker))
            maker.update(dict.fromkeys(made, place))
        for tensor in outputs:
            used[tensor] = len(operators)
        return LayerNetwork(
            tuple(layers),
            tuple(
                ArenaTensor(operand.elements * ELEMENT_BYTES.get(operand.dtype, 4), created[index], used.get(index, created[index]))
                for index, operand in enumerate(self._operands)
                if index in created and not operand.is_constant and not operand.is_variable and operand.elements
            ),
            sum(self._buffers),
            len(self._data),
            self._name,
            (f"{self._subgraphs - 1} further subgraphs are not predicted",) if self._subgraphs > 1 else (),
            len(self._operands),
        )

    def _at(self, indices: tuple[int, ...], place: int) -> _Operand | None:
        if place >= len(indices) or indices[place] < 0:
            return None
        return self._operands[indices[place]]

    def _layer(self, operator: _Table, taken: tuple[int, ...], made: tuple[int, ...], maker: dict[int, int]) -> Layer:
        kind = self._kinds[operator.scalar(0, _U32)]
        first, weights, bias, output = self._at(taken, 0), self._at(taken, 1), self._at(taken, 2), self._at(made, 0)
        if first is None or output is None:
            return Layer(kind, dtype="none", weights_dtype="none", inputs=(-1,))
        sources = tuple(maker.get(index, -1) for index in taken if index >= 0 and not self._operands[index].is_constant)
        options = operator.child(4)
        in_batch, height, width, channels = _four(first.shape)
        _, out_height, out_width, out_channels = _four(output.shape)
        fields = {"operands": len(sources), "dtype": first.dtype, "inputs": sources, "batch": in_batch}
        dims = (height, width, channels, out_height, out_width, out_channels)
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D") and weights is not None and len(weights.shape) == 4:
            deep = kind == "DEPTHWISE_CONV_2D"
            slots = (4, 5, 6) if deep else (3, 4, 5)  # activation and dilation; a depth multiplier stands in front of them
            fields |= _window(options, (weights.shape[1], weights.shape[2]), slots)
            fields |= {"has_bias": bias is not None, "weights_dtype": weights.dtype, "per_channel": weights.scales > 1}
            if deep:
                fields["depth_multiplier"] = out_channels // channels if channels else 1
        elif kind == "FULLY_CONNECTED" and weights is not None and len(weights.shape) == 2:
            rows = output.elements // weights.shape[0] if weights.shape[0] else 0
            dims = (1, 1, weights.shape[1], 1, 1, weights.shape[0])
            fields |= {"batch": rows, "has_bias": bias is not None, "weights_dtype": weights.dtype, "per_channel": weights.scales > 1}
            fields["activation"] = options.scalar(0, _I8) if options is not None else 0
        elif kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D") and options is not None:
            fields |= _window(options, (options.scalar(4, _I32), options.scalar(3, _I32)), (5, 0, 0))
        elif kind in ("ADD", "SUB", "MUL", "DIV") and weights is not None:
            fields |= {"is_broadcast": weights.shape != first.shape, "activation": options.scalar(0, _I8) if options is not None else 0}
            fields["rectified"] = first.is_rectified + weights.is_rectified
        return Layer(kind, *dims, **fields)  # type: ignore[arg-type]


def _window(options: _Table | None, kernel: tuple[int, int], slots: tuple[int, int, int]) -> dict[str, int | bool]:
    """Return the fields of a sliding window; `slots` are those of activation and dilation (width, height; 0 for none) in the options."""
    if options is None:
        return {"kernel_height": kernel[0], "kernel_width": kernel[1]}
    activation, dilation_width, dilation_height = slots
    return {
        "kernel_height": kernel[0],
        "kernel_width": kernel[1],
        "same_padding": options.scalar(0, _I8) == 0,
        "stride_width": max(options.scalar(1, _I32), 1),
        "stride_height": max(options.scalar(2, _I32), 1),
        "activation": options.scalar(activation, _I8),
        "dilation_width": max(options.scalar(dilation_width, _I32, 1), 1) if dilation_width else 1,
        "dilation_height": max(options.scalar(dilation_height, _I32, 1), 1) if dilation_height else 1,
    }


def _four(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return a shape as batch, height, width, channels: ones in front of fewer dimensions, further ones in front multiplied together."""
    if len(shape) <= 4:
        filled = (1,) * (4 - len(shape)) + shape
        return filled[0], filled[1], filled[2], filled[3]
    return math.prod(shape[:-3]), shape[-3], shape[-2], shape[-1]
