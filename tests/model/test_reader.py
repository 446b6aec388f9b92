"""What a model file says reaches the description; damaged files give a ModelError and nothing else."""

from __future__ import annotations

import hashlib
import struct

import pytest
import tflite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instsim.errors import ModelError
from instsim.model.description import ModelDescription
from instsim.model.reader import read_model
from instsim.model.verifier import WorkBudget

from .model_builder import OP, GraphSpec, ModelSpec, OperatorSpec, TensorSpec, build_model, keyword_spotting, two_subgraphs

KEYWORD = build_model(keyword_spotting())
GRAPHS = build_model(two_subgraphs())


def test_keyword_spotting_has_the_multiply_accumulates_of_mlperf_tiny():
    assert read_model(KEYWORD).macs == 2_656_768


def test_operators_come_in_order_with_shapes_and_names():
    operators = read_model(KEYWORD).operators
    assert [operator.index for operator in operators] == list(range(13))
    assert [operator.kind for operator in operators[:3]] == ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"]
    first = operators[0]
    assert [tensor.shape for tensor in first.inputs] == [(1, 49, 10, 1), (64, 10, 4, 1)]
    assert (first.outputs[0].name, first.outputs[0].shape, first.outputs[0].dtype) == ("conv0", (1, 25, 5, 64), "int8")
    assert first.elements == 25 * 5 * 64


def test_an_absent_input_is_none():
    assert read_model(KEYWORD).operators[1].inputs[2] is None


def test_inputs_and_outputs_are_those_of_the_first_subgraph():
    model = read_model(GRAPHS)
    assert [tensor.name for tensor in model.inputs] == ["flag", "x"]
    assert [tensor.name for tensor in model.outputs] == ["y"]
    assert model.subgraphs == 3


def test_custom_operators_carry_their_own_name_and_codes_beyond_127_are_found():
    assert [operator.kind for operator in read_model(GRAPHS).operators] == ["IF", "my_filter", "CALL_ONCE", "ADD"]


def test_files_with_the_one_byte_code_only_are_read():
    graph = GraphSpec([TensorSpec((1, 4)), TensorSpec((1, 4))], [OperatorSpec(OP.SOFTMAX, [0], [1])], outputs=[1])
    assert read_model(build_model(ModelSpec([graph], old_codes=True))).operators[0].kind == "SOFTMAX"


def test_an_operator_newer_than_the_package_is_named_by_its_number():
    graph = GraphSpec([TensorSpec((1, 4)), TensorSpec((1, 4))], [OperatorSpec(5000, [0], [1])], outputs=[1])
    assert read_model(build_model(ModelSpec([graph]))).operators[0].kind == "BUILTIN_5000"


def test_addresses_point_at_the_length_words_of_the_vectors():
    for data in (KEYWORD, GRAPHS):
        for operator in read_model(data).operators:
            if operator.kind == "CALL_ONCE":
                assert (operator.inputs_address, operator.outputs_address) == (-1, -1)
                continue
            for address, tensors in ((operator.inputs_address, operator.inputs), (operator.outputs_address, operator.outputs)):
                length, *indices = struct.unpack_from(f"<{1 + len(tensors)}i", data, address)
                assert length == len(tensors)
                assert indices == [-1 if tensor is None else tensor.index for tensor in tensors]


@pytest.mark.parametrize("data", [KEYWORD, GRAPHS], ids=["keyword", "graphs"])
def test_what_lies_behind_the_model_changes_nothing(data):
    alone = read_model(data)
    assert read_model(data + bytes(range(256)) * 100) == alone
    assert len(data) - 16 < alone.size <= len(data)
    assert alone.sha256 == hashlib.sha256(data[: alone.size]).hexdigest()


def test_one_byte_less_than_the_size_is_no_model():
    size = read_model(KEYWORD).size
    read_model(KEYWORD[:size])
    with pytest.raises(ModelError, match="outside"):
        read_model(KEYWORD[: size - 1])


def test_the_end_of_an_operators_options_counts():
    # Whatever a writer puts last, here the shape inside the options: it must be inside the model.
    graph = GraphSpec([TensorSpec((1, 4)), TensorSpec((4,))], [OperatorSpec(OP.RESHAPE, [0], [1], new_shape=(4,))], outputs=[1])
    model = build_model(ModelSpec([graph]))
    table = tflite.Model.GetRootAs(model).Subgraphs(0).Operators(0).BuiltinOptions()
    vector = table.Vector(table.Offset(4))
    assert read_model(model).size >= vector + 4


def test_root_may_be_given_when_the_first_word_is_something_else():
    root = int.from_bytes(KEYWORD[:4], "little")
    damaged = b"\xff" * 8 + KEYWORD[8:]
    with pytest.raises(ModelError):
        read_model(damaged)
    assert read_model(damaged, root).operators == read_model(KEYWORD).operators


def test_other_schema_versions_are_refused():
    graph = GraphSpec([TensorSpec((1,))], [])
    with pytest.raises(ModelError, match="version is 2"):
        read_model(build_model(ModelSpec([graph], version=2)))


def test_tensor_and_code_indices_are_checked():
    with pytest.raises(ModelError, match="does not have"):
        read_model(build_model(ModelSpec([GraphSpec([TensorSpec((1,))], [OperatorSpec(OP.ADD, [7], [0])])])))


def test_a_rank_no_kernel_takes_is_refused():
    with pytest.raises(ModelError, match="9 elements"):
        read_model(build_model(ModelSpec([GraphSpec([TensorSpec((1,) * 9)], [])])))


def test_a_tree_of_shared_objects_uses_up_the_budget():
    # 9,000 times one operator of 1,000 inputs: 40 kB that describe nine million.
    graph = GraphSpec([TensorSpec((1,))], [OperatorSpec(OP.ADD_N, [0] * 1000, [0])], repeat=9000)
    with pytest.raises(ModelError, match="over and over"):
        read_model(build_model(ModelSpec([graph])))


def test_too_many_operators_are_refused():
    graph = GraphSpec([TensorSpec((1,))], [OperatorSpec(OP.ADD, [0], [0])], repeat=10_001)
    with pytest.raises(ModelError, match="10,001 elements"):
        read_model(build_model(ModelSpec([graph])))


def test_a_budget_can_be_shared_between_models():
    budget = WorkBudget(600)
    read_model(KEYWORD, budget=budget)
    with pytest.raises(ModelError, match="over and over"):
        read_model(KEYWORD, budget=budget)


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 64, b"\xff" * 64, struct.pack("<I", 8) + b"TFL3" + b"\0" * 64], ids=repr)
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(ModelError):
        read_model(data)


def _read_or_refuse(data: bytes) -> ModelDescription | None:
    try:
        return read_model(data)
    except ModelError:
        return None


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from([KEYWORD, GRAPHS]), st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 7)), min_size=1, max_size=12))
def test_flipped_bits_are_read_or_refused(data, flips):
    damaged = bytearray(data)
    for place, bit in flips:
        damaged[place % len(damaged)] ^= 1 << bit
    _read_or_refuse(bytes(damaged))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([KEYWORD, GRAPHS]), st.integers(0, 1 << 16), st.integers(0, 1 << 32), st.integers(0, 3))
def test_replaced_words_and_truncations_are_read_or_refused(data, place, word, shift):
    damaged = bytearray(data)
    place = place % (len(data) // 4) * 4
    damaged[place : place + 4] = struct.pack("<I", (word >> (8 * shift)) & 0xFFFFFFFF)
    _read_or_refuse(bytes(damaged))
    _read_or_refuse(data[:place])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(-8, 400))
def test_random_bytes_are_refused(data, root):
    with pytest.raises(ModelError):
        read_model(data)
    with pytest.raises(ModelError):
        read_model(data, root)
