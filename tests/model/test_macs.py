"""Multiply-accumulates follow from each operator's definition."""

from __future__ import annotations

import pytest

from instsim.model.description import Tensor
from instsim.model.macs import element_count, multiply_accumulates


def tensors(*shapes: tuple[int, ...] | None) -> tuple[Tensor | None, ...]:
    return tuple(None if shape is None else Tensor(index, "", shape, "int8") for index, shape in enumerate(shapes))


LSTM = [(1, 5, 3), *[(7, 3)] * 4, *[(7, 2)] * 4]
"""Input of 5 steps and 3 features, 7 cells, 2 outputs."""


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "expected"),
    [
        ("CONV_2D", [(1, 8, 8, 3), (16, 3, 5, 3)], [(1, 4, 4, 16)], 4 * 4 * 16 * 3 * 5 * 3),
        ("CONV_2D", [(1, 8, 8, 4), (16, 3, 3, 2)], [(1, 4, 4, 16)], 4 * 4 * 16 * 3 * 3 * 2),  # two groups
        ("DEPTHWISE_CONV_2D", [(1, 8, 8, 3), (1, 3, 5, 6)], [(1, 4, 4, 6)], 4 * 4 * 6 * 3 * 5),
        ("FULLY_CONNECTED", [(2, 64), (12, 64)], [(2, 12)], 2 * 12 * 64),
        ("BATCH_MATMUL", [(5, 2, 3), (5, 3, 4)], [(5, 2, 4)], 5 * 2 * 3 * 4),
        ("BATCH_MATMUL", [(5, 3, 2), (5, 3, 4)], [(5, 2, 4)], 5 * 2 * 3 * 4),  # left factor transposed
        ("TRANSPOSE_CONV", [(4,), (6, 2, 2, 3), (1, 5, 5, 3)], [(1, 10, 10, 6)], 5 * 5 * 3 * 6 * 2 * 2),
        ("SVDF", [(1, 40), (32, 40), (32, 9)], [(1, 16)], 32 * (40 + 9)),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", LSTM, [(1, 5, 2)], 5 * 4 * 7 * (3 + 2)),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", [LSTM[0], None, *LSTM[2:5], None, *LSTM[6:]], [(1, 5, 2)], 5 * 3 * 7 * (3 + 2)),
        ("LSTM", [(1, 3), *LSTM[1:], *[None] * 7, (2, 7)], [(1, 2)], 4 * 7 * (3 + 2) + 2 * 7),  # with a projection
        ("LSTM", [(1, 3), (1, 2), (8, 5), (8,), (1, 2)], [(1, 2)], 8 * 5),  # basic kernel: all gates in one matrix
        ("AVERAGE_POOL_2D", [(1, 25, 5, 64)], [(1, 1, 1, 64)], 0),
        ("my_filter", [(1, 4)], [(1, 4)], 0),
    ],
)
def test_definition(kind, inputs, outputs, expected):
    assert multiply_accumulates(kind, tensors(*inputs), tensors(*outputs)) == expected


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "TRANSPOSE_CONV", "SVDF", "LSTM"])
@pytest.mark.parametrize("inputs", [[], [None, None, None, None, None, None, None], [()] * 8], ids=["none", "absent", "scalars"])
@pytest.mark.parametrize("outputs", [[], [()]], ids=["no output", "scalar"])
def test_operators_that_lack_tensors_count_nothing(kind, inputs, outputs):
    assert multiply_accumulates(kind, tensors(*inputs), tensors(*outputs)) == 0


def test_an_open_dimension_counts_once():
    assert element_count((-1, 3, 4)) == 12
    assert element_count(()) == 1
