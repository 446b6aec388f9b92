"""Layout of the tables of TensorFlow Lite's schema, version 3, as the verifier needs it.

Slots are the positions of the fields in ``tensorflow/compiler/mlir/lite/schema/schema.fbs``; fields added by later schemas are ignored.
Options of StableHLO operators are taken as tables without vectors: no microcontroller runtime has those operators.
"""

from __future__ import annotations

from collections.abc import Mapping

from instsim.model.verifier import Child, Layout, Scalar, Tables, Union, Vector

__all__ = ["MODEL", "MOST_OPERATORS", "MOST_TENSORS"]

MOST_OPERATORS = 10_000
MOST_TENSORS = 100_000
_MOST_DIMENSIONS = 8
_MOST_OPERANDS = 10_000
_MOST_CHARACTERS = 1 << 16

_TEXT = Vector(1, _MOST_CHARACTERS, is_read=True)
_SHAPE = Vector(4, _MOST_DIMENSIONS, is_read=True)
_OPERANDS = Vector(4, _MOST_OPERANDS, is_read=True)

_INDICES: Mapping[int, Layout] = {1: {0: Vector(4)}, 2: {0: Vector(2)}, 3: {0: Vector(1)}}
"""``SparseIndexVector``: of 32, 16 and 8 bits."""

_DIMENSION_METADATA: Layout = {0: Scalar(1), 1: Scalar(4), 2: Scalar(1), 3: Union(_INDICES), 4: Scalar(1), 5: Union(_INDICES)}

_SPARSITY: Layout = {0: Vector(4), 1: Vector(4), 2: Tables(_DIMENSION_METADATA, 64)}

_QUANTIZATION: Layout = {
    0: Vector(4),  # min
    1: Vector(4),  # max
    2: Vector(4),  # scale
    3: Vector(8),  # zero_point
    4: Scalar(1),
    5: Union({1: {0: Vector(1)}}),  # details: CustomQuantization
    6: Scalar(4),
}

_TENSOR: Layout = {
    0: _SHAPE,
    1: Scalar(1),  # type
    2: Scalar(4),  # buffer
    3: _TEXT,  # name
    4: Child(_QUANTIZATION),
    5: Scalar(1),  # is_variable
    6: Child(_SPARSITY),
    7: _SHAPE,  # shape_signature
    8: Scalar(1),  # has_rank
    9: Tables({0: _SHAPE, 1: Scalar(1), 2: Scalar(1)}, 64),  # variant_tensors
}

_OPTIONS: Mapping[int, Layout] = {
    3: {0: Scalar(4), 1: Vector(4), 2: Vector(4)},  # ConcatEmbeddingsOptions
    17: {0: _SHAPE},  # ReshapeOptions
    30: {0: _SHAPE},  # SqueezeOptions
    101: {0: Scalar(1), 1: Scalar(1), 2: Scalar(1)},  # BatchMatMulOptions
    115: {0: Vector(4)},  # BucketizeOptions
}
"""By the number in ``BuiltinOptions``; only tables with vectors, or with fields that are read."""

_OPERATOR: Layout = {
    0: Scalar(4),  # opcode_index
    1: _OPERANDS,  # inputs
    2: _OPERANDS,  # outputs
    3: Scalar(1),
    4: Union(_OPTIONS),  # builtin_options
    5: Vector(1),  # custom_options
    6: Scalar(1),
    7: Vector(1),  # mutating_variable_inputs
    8: Vector(4),  # intermediates
    9: Scalar(8),  # large_custom_options_offset
    10: Scalar(8),  # large_custom_options_size
    11: Scalar(1),
    12: Union(),  # builtin_options_2
}

_SUBGRAPH: Layout = {
    0: Tables(_TENSOR, MOST_TENSORS),
    1: _OPERANDS,  # inputs
    2: _OPERANDS,  # outputs
    3: Tables(_OPERATOR, MOST_OPERATORS),
    4: _TEXT,
}

_TENSOR_MAP: Layout = {0: _TEXT, 1: Scalar(4)}

MODEL: Layout = {
    0: Scalar(4),  # version
    1: Tables({0: Scalar(1), 1: _TEXT, 2: Scalar(4), 3: Scalar(4)}, 1_000),  # operator_codes
    2: Tables(_SUBGRAPH, 1_000),
    3: _TEXT,  # description
    4: Tables({0: Vector(1), 1: Scalar(8), 2: Scalar(8)}, MOST_TENSORS),  # buffers
    5: Vector(4),  # metadata_buffer
    6: Tables({0: _TEXT, 1: Scalar(4)}, 1_000),  # metadata
    7: Tables({0: Tables(_TENSOR_MAP, 10_000), 1: Tables(_TENSOR_MAP, 10_000), 2: _TEXT, 4: Scalar(4)}, 1_000),  # signature_defs
}
