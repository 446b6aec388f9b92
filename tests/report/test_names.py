"""Long names and shapes stay recognizable when they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.profile.block_profile import TensorShape
from instsim.report.names import cut_name, cut_shapes, operator_shapes, shape_text, short_title

CONVOLUTION = "tflite::reference_integer_ops::ConvPerChannel(tflite::ConvParams const&, int const*)"


def tensors(*shapes):
    return tuple(None if shape is None else TensorShape(shape, "int8") for shape in shapes)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (100, CONVOLUTION),
        (60, "tflite::reference_integer_ops::ConvPerChannel(..)"),
        (45, "..::reference_integer_ops::ConvPerChannel(..)"),
        (30, "..::ConvPerChannel(..)"),
        (15, "ConvPerChannel"),
        (10, "ConvPerC.."),
    ],
)
def test_names_lose_parameters_then_namespaces_then_their_end(width, expected):
    assert cut_name(CONVOLUTION, width) == expected


def test_template_arguments_are_cut_after_parameters():
    assert cut_name("a::Fixed<int, 4> a::convert<unsigned char>(a::Fixed<int, 0> const&)", 50) == "a::Fixed<int, 4> a::convert<unsigned char>(..)"
    assert cut_name("a::Fixed<int, 4> a::convert<unsigned char>(a::Fixed<int, 0> const&)", 34) == "a::Fixed<..> a::convert<..>(..)"


def test_empty_brackets_and_operators_are_left_alone():
    assert cut_name("very_long_function_name_of_somebody()", 30) == "very_long_function_name_of_s.."
    assert cut_name("a::Functor::operator()(int, int) const", 30) == "a::Functor::operator()(int, .."


@given(st.text(alphabet="ab:<>(), ", max_size=60), st.integers(4, 60))
def test_names_never_exceed_the_width(name, width):
    assert len(cut_name(name, width)) <= width


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 49, 10, 1), "49x10x1"), ((2, 49), "2x49"), ((1,), "1"), ((), "scalar"), ((1, -1, 4), "?x4"), ((1, 1), "1")],
)
def test_shapes_leave_a_batch_of_one_out(shape, expected):
    assert shape_text(shape) == expected


def test_shapes_with_their_batch():
    assert shape_text((1, 49, 10, 1), batch=True) == "1x49x10x1"


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "expected"),
    [
        ("CONV_2D", tensors((1, 49, 10, 1), (64, 10, 4, 1)), tensors((1, 25, 5, 64)), "49x10x1 -> 25x5x64"),
        ("TRANSPOSE_CONV", tensors((4,), (6, 2, 2, 3), (1, 5, 5, 3)), tensors((1, 10, 10, 6)), "5x5x3 -> 10x10x6"),
        ("SPLIT", tensors((1, 8, 8)), tensors((1, 4, 8), (1, 4, 8)), "8x8 -> 4x8 +1"),
        ("VAR_HANDLE", (), tensors(()), "-> scalar"),
        ("ASSIGN_VARIABLE", tensors((1, 4)), (), "4"),
        ("(dispatch)", (), (), ""),
        ("ADD", (None,), tensors((4,)), "-> 4"),
    ],
)
def test_operators_show_what_goes_through_them(name, inputs, outputs, expected):
    assert operator_shapes(name, inputs, outputs) == expected


def test_wide_shapes_lose_their_inner_dimensions():
    assert cut_shapes("1024x1024x512 -> 1024x1024x1024", 40) == "1024x1024x512 -> 1024x1024x1024"
    assert cut_shapes("1024x1024x512 -> 1024x1024x1024", 26) == "1024x..x512 -> 1024x..x1024"[:24] + ".."
    assert cut_shapes("1024x1024x512 -> 1024x1024x1024", 28) == "1024x..x512 -> 1024x..x1024"


def test_titles_of_boards_lose_what_is_in_brackets():
    assert short_title("ST NUCLEO-L4R5ZI (STM32L4R5ZI, Cortex-M4F)") == "ST NUCLEO-L4R5ZI"
    assert short_title("My board") == "My board"
