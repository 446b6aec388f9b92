"""The JSON document holds all of the estimate, keeps to its published schema and comes back unchanged."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from instsim.errors import InputError
from instsim.report.json_report import SCHEMA_VERSION, from_document, read_json, render_json, schema_path, to_document
from instsim.report.json_schema import estimate_schema
from instsim.session.estimate import Estimate

from . import example_estimate as example

ESTIMATES = {
    "keyword": example.keyword_estimate(),
    "waiting": example.waiting_estimate(),
    "guessed": example.guessed_estimate(),
    "nested": example.nested_estimate(),
    "bare": example.bare_estimate(),
}
PUBLISHED = json.loads(schema_path().read_text(encoding="utf-8"))


def validate(document: object) -> None:
    Draft202012Validator(PUBLISHED).validate(document)


def test_the_published_schema_is_current():
    assert estimate_schema() == PUBLISHED, "run python tools/export_schemas.py"


def test_the_published_schema_is_a_schema_of_this_version():
    Draft202012Validator.check_schema(PUBLISHED)
    assert PUBLISHED["$id"].endswith(f":{SCHEMA_VERSION}")


@pytest.mark.parametrize("name", ESTIMATES)
def test_documents_keep_to_the_schema(name):
    validate(json.loads(render_json(ESTIMATES[name])))


def _objects(schema: object) -> list[dict[str, object]]:
    if isinstance(schema, dict):
        return [schema, *(inner for value in schema.values() for inner in _objects(value))]
    return [inner for value in schema for inner in _objects(value)] if isinstance(schema, list) else []


def test_no_object_of_the_schema_takes_unknown_keys():
    with_keys = [item for item in _objects(PUBLISHED) if "properties" in item and item.get("type") == "object"]
    assert len(with_keys) >= 10
    for item in with_keys:
        assert item["additionalProperties"] is False
        assert item["required"] == list(item["properties"])


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(extra=1),
        lambda document: document["latency"].update(extra=1),
        lambda document: document["operators"][0].update(extra=1),
        lambda document: document["latency"].update(basis="certain"),
        lambda document: document["board"].update(chosen_by="chance"),
        lambda document: document.pop("warnings"),
        lambda document: document.update(schema_version="0.9"),
        lambda document: document.update(cycles="many"),
    ],
)
def test_the_schema_refuses_other_documents(change):
    document = json.loads(render_json(ESTIMATES["keyword"]))
    change(document)
    with pytest.raises(ValidationError):
        validate(document)


@pytest.mark.parametrize("name", ESTIMATES)
def test_an_estimate_comes_back(name):
    document = json.loads(render_json(ESTIMATES[name]))
    estimate = from_document(document)
    assert isinstance(estimate, Estimate)
    assert to_document(estimate) == document
    assert estimate.operators[:1] == from_document(to_document(ESTIMATES[name])).operators[:1]
    assert isinstance(estimate.operators, tuple)


def test_figures_that_need_no_rounding_come_back_exactly():
    estimate = ESTIMATES["keyword"]
    back = from_document(to_document(estimate))
    assert (back.board, back.run, back.provenance, back.firmware) == (estimate.board, estimate.run, estimate.provenance, estimate.firmware)
    assert (back.cycles, back.instructions, back.warnings) == (estimate.cycles, estimate.instructions, estimate.warnings)
    assert [row.inputs for row in back.operators] == [row.inputs for row in estimate.operators]


def test_equal_estimates_give_equal_bytes():
    one, other = example.keyword_estimate(), example.keyword_estimate()
    attributes = dict(reversed(list(other.firmware.attributes.items())))
    other = replace(other, firmware=replace(other.firmware, attributes=attributes))
    assert render_json(one) == render_json(other)
    assert render_json(one).isascii()
    assert render_json(one).endswith("}\n")


def test_the_last_bits_of_a_figure_do_not_reach_the_file():
    estimate = ESTIMATES["keyword"]
    nudged = replace(
        estimate, cycles=math.nextafter(estimate.cycles, math.inf), latency=replace(estimate.latency, value=estimate.latency.value * (1 + 1e-13))
    )
    assert nudged != estimate
    assert render_json(nudged) == render_json(estimate)


def test_numpy_numbers_are_written_as_numbers():
    document = to_document(replace(ESTIMATES["keyword"], instructions=np.int64(12), cycles=np.float64(1.5)))
    assert (document["instructions"], type(document["instructions"])) == (12, int)
    assert (document["cycles"], type(document["cycles"])) == (1.5, float)


def test_the_document_marks_a_guess_and_carries_the_digests():
    document = to_document(ESTIMATES["guessed"])
    assert document["board"]["chosen_by"] == "guess"
    assert document["board"]["candidates"] == ["nucleo-f446re", "nano-33-ble"]
    assert document["firmware"]["sha256"] == "3f1c" * 16
    assert document["provenance"]["core_digest"] == "ab12" * 16
    assert document["provenance"]["board_digest"] == "cd34" * 16
    assert document["provenance"]["instsim_version"] == "0.1.0"
    assert document["schema_version"] == SCHEMA_VERSION
    assert next(iter(document)) == "schema_version"


def test_figures_json_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        render_json(replace(ESTIMATES["keyword"], cycles=math.nan))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "no estimate"),
        ({"cycles": 1}, "no estimate"),
        ({"schema_version": "9.0"}, "schema version 9.0"),
        ({"schema_version": SCHEMA_VERSION, "cycles": 1}, "no valid estimate"),
    ],
)
def test_other_documents_are_refused(document, message):
    with pytest.raises(InputError, match=message) as caught:
        from_document(document)
    assert caught.value.hint


def test_a_newer_minor_version_is_read():
    document = to_document(ESTIMATES["keyword"])
    document["schema_version"] = SCHEMA_VERSION.partition(".")[0] + ".99"
    document["something_new"] = 1
    assert from_document(document).cycles == ESTIMATES["keyword"].cycles


def test_all_problems_of_a_document_are_listed():
    document = to_document(ESTIMATES["keyword"])
    document["cycles"] = "many"
    del document["board"]["name"]
    with pytest.raises(InputError) as caught:
        from_document(document)
    assert any(line.startswith("cycles:") for line in caught.value.details)
    assert any(line.startswith("board.name:") for line in caught.value.details)


def test_files(tmp_path):
    path = tmp_path / "estimate.json"
    with pytest.raises(InputError, match="cannot be read"):
        read_json(path)
    for damage in (b"{", b"\xff\xfe", b"[" * 100_000):
        path.write_bytes(damage)
        with pytest.raises(InputError, match="not JSON"):
            read_json(path)
    path.write_text(render_json(ESTIMATES["keyword"]), encoding="utf-8")
    assert read_json(path).board == ESTIMATES["keyword"].board
