"""A function is found by any name a user may know."""

import pytest

from instsim.errors import ImageError
from instsim.image import FirmwareImage, Segment, Symbol, resolve_function, suggest_symbols
from instsim.isa.instruction import Isa

BASE = 0x0800_0000


def image_of(*names, kind="function"):
    symbols = tuple(Symbol(name, BASE + 0x100 * index, 0x80, kind) for index, name in enumerate(names))
    segment = Segment(BASE, BASE, bytes(0x1000), 0x1000)
    return FirmwareImage(name="x.elf", format="elf", sha256="", isa=Isa.THUMB, segments=(segment,), symbols=symbols)


TFLM = image_of(
    "main",
    "_ZN6tflite16MicroInterpreter6InvokeEv",
    "_ZN6tflite10MicroGraph14InvokeSubgraphEi",
    "_ZN6tflite3addEii",
    "_ZN6tflite3addEff",
    "_ZN2nn4convEv.constprop.0",
    "_ZN2nn4convEv.cold",
    "arm_convolve_s8",
)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("main", 0),
        ("_ZN6tflite16MicroInterpreter6InvokeEv", 1),
        ("tflite::MicroInterpreter::Invoke()", 1),
        ("tflite::MicroInterpreter::Invoke", 1),
        ("MicroInterpreter::Invoke", 1),
        (" Invoke ", 1),
        ("tflite::add(float, float)", 4),
        ("nn::conv", 5),
        ("0x08000100", 1),
        ("0x08000101", 1),
    ],
)
def test_ways_to_name_a_function(text, index):
    assert resolve_function(TFLM, text) == TFLM.symbols[index]


def test_an_address_without_a_symbol_is_a_function_too():
    assert resolve_function(TFLM, "0x08000F01") == Symbol("0x08000f00", 0x0800_0F00, 0, "function")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tflite::add", "may mean 2 functions"),
        ("0x08000104", "lies inside tflite::MicroInterpreter::Invoke"),
        ("0x20000000", "outside the image"),
        ("tflite::MicroInterpreter::Invok", "did you mean tflite::MicroInterpreter::Invoke"),
        ("arm_convolv_s8", "did you mean arm_convolve_s8"),
        ("qqqqqq", "no function named 'qqqqqq'"),
        ("", "no function named"),
    ],
)
def test_names_that_lead_nowhere(text, said):
    with pytest.raises(ImageError) as caught:
        resolve_function(TFLM, text)
    assert said in str(caught.value)


def test_both_signatures_are_shown_when_a_name_is_ambiguous():
    with pytest.raises(ImageError) as caught:
        resolve_function(TFLM, "add")
    assert caught.value.details == ("0x08000300  tflite::add(int, int)", "0x08000400  tflite::add(float, float)")


def test_data_is_no_function():
    with pytest.raises(ImageError, match="is data"):
        resolve_function(image_of("g_model", kind="object"), "g_model")


def test_a_stripped_image_says_so():
    with pytest.raises(ImageError, match="stripped"):
        resolve_function(image_of(), "main")


def test_suggestions_are_readable_and_limited():
    assert suggest_symbols(TFLM, "invoke", limit=1) == ("tflite::MicroInterpreter::Invoke",)
    assert suggest_symbols(TFLM, "Invoke") == ("tflite::MicroInterpreter::Invoke", "tflite::MicroGraph::InvokeSubgraph")
    assert suggest_symbols(TFLM, "zzzzzz") == ()


def test_every_suggestion_can_be_typed_back():
    for text in ("Invok", "convolve", "mian"):
        for near in suggest_symbols(TFLM, text):
            assert resolve_function(TFLM, near).kind == "function"
