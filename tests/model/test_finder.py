"""Models are found where they lie, and nowhere else."""

from __future__ import annotations

import random

import pytest

from instsim.model import finder
from instsim.model.finder import find_models, operator_at
from instsim.model.reader import read_model

from .model_builder import ModelSpec, build_model, keyword_spotting, two_subgraphs

KEYWORD = build_model(keyword_spotting())
GRAPHS = build_model(two_subgraphs())
BASE = 0x0800_0000


def flash(*parts: tuple[int, bytes], size: int = 1 << 16) -> bytes:
    memory = bytearray(random.Random(1).randbytes(size))
    for offset, data in parts:
        memory[offset : offset + len(data)] = data
    return bytes(memory)


def test_two_models_are_found_at_their_addresses():
    found = find_models(flash((0x1000, KEYWORD), (0x8004, GRAPHS)), BASE)
    assert [model.address for model in found] == [BASE + 0x1000, BASE + 0x8004]
    assert [model.description for model in found] == [read_model(KEYWORD), read_model(GRAPHS)]


def test_what_was_found_is_found_again_without_reading(monkeypatch):
    spec = two_subgraphs()
    memory = b"\xff" * 32 + build_model(spec) + bytes(64) + build_model(keyword_spotting())
    first = find_models(memory, 0x08000000)
    assert len(first) == 2

    def read(*_arguments, **_options):
        raise AssertionError("a model was read again")

    monkeypatch.setattr(finder, "read_model", read)
    assert find_models(memory, 0x08000000) == first
    moved = find_models(memory, 0x10001000)
    assert [model.address - 0x10001000 for model in moved] == [model.address - 0x08000000 for model in first]
    with pytest.raises(AssertionError):
        find_models(memory + b"\0", 0x08000000)


def test_a_model_may_end_with_the_memory():
    memory = flash() + KEYWORD
    assert [model.address for model in find_models(memory, BASE)] == [BASE + (1 << 16)]


def test_alignment_is_that_of_the_address():
    assert find_models(flash((0x1002, KEYWORD)), BASE) == ()
    assert len(find_models(flash((0x1002, KEYWORD)), BASE + 2)) == 1


def test_the_identifier_alone_is_no_model():
    strings = b"\0\0\0\0TFL3" * 200 + b"\x20\0\0\0TFL3 is the identifier of a model"
    assert find_models(flash((0, strings), (0x3000, b"TFL3")), BASE) == ()
    assert find_models(b"TFL3", BASE) == ()
    assert find_models(b"", BASE) == ()


def test_a_truncated_model_is_not_found_and_hides_none_behind_it():
    found = find_models(flash((0x1000, KEYWORD[:200]), (0x2000, GRAPHS)), BASE)
    assert [model.address for model in found] == [BASE + 0x2000]


def test_many_headers_of_one_tree_end_soon(monkeypatch):
    # Every header leads to the same tables, which are refused only at the end: the budget belongs to the scan, not to the header.
    model = build_model(ModelSpec(keyword_spotting().graphs, version=2))
    root = int.from_bytes(model[:4], "little")
    count = 30_000
    headers = b"".join(((count - i) * 8 + root).to_bytes(4, "little") + b"TFL3" for i in range(count))
    tried = []

    def counting(*arguments, **options):
        tried.append(1)
        return read_model(*arguments, **options)

    monkeypatch.setattr(finder, "read_model", counting)
    assert find_models(headers + model, BASE) == ()
    assert 1 < len(tried) < 3000


def test_the_pair_of_addresses_names_the_operator():
    models = find_models(flash((0x1000, KEYWORD), (0x8004, GRAPHS)), BASE)
    for number, model in enumerate(models):
        for operator in model.description.operators:
            if operator.inputs_address >= 0:
                assert operator_at(models, model.address + operator.inputs_address, model.address + operator.outputs_address) == (number, operator)


def test_other_addresses_name_nothing():
    models = find_models(flash((0x1000, KEYWORD)), BASE)
    first, second = models[0].description.operators[:2]
    assert operator_at(models, models[0].address + first.inputs_address, models[0].address + second.outputs_address) is None
    assert operator_at(models, 0, 0) is None
    assert operator_at((), models[0].address + first.inputs_address, models[0].address + first.outputs_address) is None


def test_models_without_identifier_are_read_only_where_they_are_known_to_be():
    bare = build_model(ModelSpec(keyword_spotting().graphs, identifier=None))
    assert find_models(bare, BASE) == ()
    assert read_model(bare).macs == read_model(KEYWORD).macs
