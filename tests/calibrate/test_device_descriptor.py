"""Vectors of devices: how far apart, and their file."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instsim.calibrate.device_descriptor import DeviceDescriptor, UnitCost, descriptor_toml, distance, load_descriptor, parse_descriptor
from instsim.errors import TableError

ROWS = ("alu", "load", "divide-long", "branch-taken")
VECTORS = st.fixed_dictionaries({row: st.floats(0.25, 50) for row in ROWS})
DESCRIPTOR = DeviceDescriptor(
    "my-board",
    "cortex-m4",
    "cyccnt",
    "ab" * 32,
    "cortex-m4",
    "cortex-m4",
    0.012,
    {"alu": UnitCost(1.0, 0.0, 1.0), "memory-read-flash": UnitCost(5.5, 0.01, 5.0)},
    "0.1.0",
)


@given(VECTORS, VECTORS, st.floats(0.5, 4))
def test_a_distance_is_symmetric_bounded_and_blind_to_scale(one, other, factor) -> None:
    apart = distance(one, other)
    assert apart == pytest.approx(distance(other, one))
    assert 0 <= apart <= 2
    assert distance({row: factor * cycles for row, cycles in one.items()}, other) == pytest.approx(apart, abs=1e-9)
    assert distance(one, one) == 0


def test_a_distance_is_the_root_mean_square_of_relative_differences() -> None:
    # A load takes three instead of one: 2 * 2 / 4 = 1 in one of two rows.
    assert distance({"alu": 1.0, "load": 3.0}, {"alu": 1.0, "load": 1.0, "divide-long": 9.0}) == pytest.approx(math.sqrt(0.5))


def test_memory_is_no_part_of_a_core() -> None:
    core = {"alu": 1.0, "load": 2.0}
    assert distance({**core, "memory-read-flash": 50.0}, {**core, "memory-read-flash": 5.0}) == 0


@pytest.mark.parametrize(("one", "other"), [({}, {"alu": 1.0}), ({"alu": 0.0}, {"alu": 1.0}), ({"load": 1.0}, {"alu": 1.0})])
def test_vectors_that_cannot_be_compared_are_an_error(one, other) -> None:
    with pytest.raises(ValueError, match="in common"):
        distance(one, other)


def test_a_descriptor_comes_back_from_its_file(tmp_path) -> None:
    path = tmp_path / "d.toml"
    path.write_text(descriptor_toml(DESCRIPTOR), "utf-8")
    assert load_descriptor(path) == DESCRIPTOR
    assert DESCRIPTOR.cycles == {"alu": 1.0, "memory-read-flash": 5.5}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: "not toml =", "not TOML"),
        (lambda text: text.replace("schema_version = 1", "schema_version = 2"), "schema version 1"),
        (lambda text: text.replace('counter = "cyccnt"\n', ""), "counter: missing"),
        (lambda text: text.replace("cycles = 1.0", "cycles = -1.0", 1), "cost.alu.cycles: -1.0 is out of range"),
        (lambda text: text.replace("cycles = 1.0", "cycles = 0.0", 1), "cost.alu.cycles: not positive"),
        (lambda text: text.replace("[cost.alu]", "[cost.alt]"), "without alu"),
        (lambda text: text.replace("[cost.alu]", "[cost.alu]\ncolour = 3"), "cost.alu.colour: not known here"),
    ],
)
def test_a_descriptor_that_is_not_valid_is_refused_with_its_key(change, told) -> None:
    with pytest.raises(TableError) as caught:
        parse_descriptor(change(descriptor_toml(DESCRIPTOR)), "d.toml")
    assert told in "\n".join((caught.value.message, *caught.value.details))
