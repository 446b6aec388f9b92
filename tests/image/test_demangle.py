"""C++ names read as c++filt writes them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instsim.image.demangle import demangle, identifiers, short_name, split_clone_suffix


@pytest.mark.parametrize(
    ("mangled", "full", "short"),
    [
        ("_ZN6tflite16MicroInterpreter6InvokeEv", "tflite::MicroInterpreter::Invoke()", "tflite::MicroInterpreter::Invoke"),
        ("_ZNK6tflite12RuntimeShape4DimsEi", "tflite::RuntimeShape::Dims(int) const", "tflite::RuntimeShape::Dims"),
        (
            "_ZN6tflite22MicroMutableOpResolverILj6EED2Ev",
            "tflite::MicroMutableOpResolver<6u>::~MicroMutableOpResolver()",
            "tflite::MicroMutableOpResolver::~MicroMutableOpResolver",
        ),
        ("_ZN1AC2Ev", "A::A()", "A::A"),
        ("_ZN12_GLOBAL__N_13runEv", "(anonymous namespace)::run()", "(anonymous namespace)::run"),
        ("_Z4callPFivE", "call(int (*)())", "call"),
        ("_Z4takeRA3_i", "take(int (&) [3])", "take"),
        ("_ZTVN1a1bE", "vtable for a::b", "vtable for a::b"),
        ("_ZThn8_N1A3runEv", "non-virtual thunk to A::run()", "non-virtual thunk to A::run"),
        ("_ZNK5Table8GetFieldIaEET_tS1_", "signed char Table::GetField<signed char>(unsigned short, signed char) const", "Table::GetField"),
        ("_Z5firstISt6vectorIiSaIiEEEvT_", "void first<std::vector<int, std::allocator<int> > >(std::vector<int, std::allocator<int> >)", "first"),
        ("_ZN3FooIXadL_Z3barvEEE3runEv", "_ZN3FooIXadL_Z3barvEEE3runEv", "Foo::run"),
        ("_ZZ3runiE5table", "run(int)::table", "run::table"),
        ("_ZZ3runvENKUlfE0_clEf", "run()::{lambda(float)#2}::operator()(float) const", "run::{lambda(float)#2}::operator()(float) const"),
        ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write::h0123456789abcdef", "core::fmt::write"),
        ("_Z3addii.constprop.0", "add(int, int) [clone .constprop.0]", "add [clone .constprop.0]"),
        ("_Z3addii.isra.0.part.1", "add(int, int) [clone .isra.0] [clone .part.1]", "add [clone .isra.0] [clone .part.1]"),
        ("memcpy", "memcpy", "memcpy"),
        ("helper.part.0", "helper.part.0", "helper.part.0"),
        ("_Z", "_Z", "_Z"),
        ("_ZN", "_ZN", "_ZN"),
        ("_Znotmangled", "_Znotmangled", "_Znotmangled"),
    ],
)
def test_names(mangled, full, short):
    assert demangle(mangled) == full
    assert short_name(mangled) == short


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("_ZN6tflite16MicroInterpreter6InvokeEv", ("tflite", "MicroInterpreter", "Invoke")),
        ("_ZN1AILi5EN1b1cEE3runEv", ("A", "run")),
        ("_ZN1AIN2ns4EnumELS1_3EE3getEv", ("A", "get")),
        ("_ZN3fooL3barEv", ("foo", "bar")),
        ("_ZN3fooC1Ei", ("foo", "foo")),
        ("_ZN3fooplEi", ()),
        ("_Z3fooB5cxx11v", ()),  # an ABI tag belongs to the name
        ("_ZN99fooE", ()),
        ("main", ()),
    ],
)
def test_identifiers(name, parts):
    assert identifiers(name) == parts


def test_clone_suffixes_are_split_off():
    assert split_clone_suffix("run.constprop.0.isra.1") == ("run", ".constprop.0.isra.1")
    assert split_clone_suffix("run.cold") == ("run", ".cold")
    assert split_clone_suffix("run.other") == ("run.other", "")


def doubling_name(levels):
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "_Z1f1AIiiE" + "".join(f"1AIS{digits[level]}_S{digits[level]}_E" for level in range(levels))


def test_a_name_that_would_double_thirty_times_is_left_as_it_is():
    name = doubling_name(30)
    assert demangle(name) == name
    assert demangle(doubling_name(3)) != doubling_name(3)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="_ZNKSTILEJFXPRO0123456789abcdijstv.", max_size=60))
def test_no_name_raises(tail):
    for name in (tail, "_Z" + tail):
        assert isinstance(demangle(name), str)
        assert isinstance(short_name(name), str)
        assert isinstance(identifiers(name), tuple)
