"""What models were found in a memory, kept on disk: importing the readers and reading takes longer than many a firmware runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from instsim import artifacts
from instsim.model.description import ModelDescription, Operator, Tensor

__all__ = ["keep_models", "kept_models", "key_of"]

_KIND = "models"


def key_of(contents: bytes, alignment: int) -> str:
    """Return the key of what a memory holds: `alignment` tells at which of its offsets models are looked for."""
    digest = hashlib.sha256(f"{artifacts.code_stamp('model')} {artifacts.package_stamp('tflite', 'flatbuffers')} {alignment}".encode())
    digest.update(contents)
    return digest.hexdigest()


def kept_models(key: str) -> list[tuple[int, ModelDescription]] | None:
    """Return offset and description of the models that were kept under a key, None if nothing was."""
    stored = artifacts.load(_KIND, key)
    return None if stored is None else [(offset, _model(fields)) for offset, fields in json.loads(stored)]


def keep_models(key: str, models: Sequence[tuple[int, ModelDescription]]) -> None:
    """Keep models for `kept_models`."""
    artifacts.store(_KIND, key, json.dumps([(offset, _fields(model)) for offset, model in models]).encode())


def _fields(model: ModelDescription) -> list[Any]:
    operators = [
        (o.subgraph, o.index, o.kind, _rows(o.inputs), _rows(o.outputs), o.macs, o.elements, o.inputs_address, o.outputs_address)
        for o in model.operators
    ]
    return [model.description, operators, model.subgraphs, model.size, model.sha256, _rows(model.inputs), _rows(model.outputs)]


def _rows(tensors: Sequence[Tensor | None]) -> list[Any]:
    return [None if t is None else (t.index, t.name, t.shape, t.dtype) for t in tensors]


def _model(fields: list[Any]) -> ModelDescription:
    text, operators, subgraphs, size, sha256, inputs, outputs = fields
    return ModelDescription(text, tuple(_operator(each) for each in operators), subgraphs, size, sha256, _tensors(inputs), _tensors(outputs))


def _operator(fields: list[Any]) -> Operator:
    subgraph, index, kind, inputs, outputs, *rest = fields
    return Operator(subgraph, index, kind, tuple(None if row is None else _tensor(*row) for row in inputs), _tensors(outputs), *rest)


def _tensors(rows: list[Any]) -> tuple[Tensor, ...]:
    return tuple(_tensor(*row) for row in rows)


def _tensor(index: int, name: str, shape: list[int], dtype: str) -> Tensor:
    return Tensor(index, name, tuple(shape), dtype)
