"""Models inside a memory, and the operator that two addresses name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from instsim.errors import ModelError
from instsim.model.description import ModelDescription, Operator
from instsim.model.kept_models import keep_models, kept_models, key_of
from instsim.model.reader import read_model
from instsim.model.verifier import WorkBudget

__all__ = ["FoundModel", "find_models", "operator_at"]

_IDENTIFIER = b"TFL3"
_IDENTIFIER_OFFSET = 4
_ALIGNMENT = 4
"""What the runtime asks for itself is 16, but models aligned to 8 and 4 are in use."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model and the absolute address of its first byte."""

    address: int
    description: ModelDescription


def find_models(memory: bytes | memoryview, base: int) -> tuple[FoundModel, ...]:
    """Find every model in a memory.

    Parameters
    ----------
    memory : bytes
        Contents of a flash or RAM.
    base : int
        Address of its first byte.

    Returns
    -------
    tuple of FoundModel
        By address. Models without the file identifier are not found (some are built in RAM that way), models inside another's
        constants neither.
    """
    contents = memory if isinstance(memory, bytes) else bytes(memory)
    if contents.find(_IDENTIFIER, _IDENTIFIER_OFFSET) < 0:
        return ()
    key = key_of(contents, base % _ALIGNMENT)
    found = kept_models(key)
    if found is None:
        found = _find(contents, base % _ALIGNMENT)
        if found:
            keep_models(key, found)
    return tuple(FoundModel(base + offset, description) for offset, description in found)


def _find(contents: bytes, base: int) -> list[tuple[int, ModelDescription]]:
    view = memoryview(contents)
    budget = WorkBudget.for_bytes(len(contents))
    found: list[tuple[int, ModelDescription]] = []
    hit = contents.find(_IDENTIFIER, _IDENTIFIER_OFFSET)
    while hit >= 0 and budget.steps_left > 0:
        start = hit - _IDENTIFIER_OFFSET
        end = hit + 1
        if (base + start) % _ALIGNMENT == 0:
            # The identifier is also a constant of the programs that compare with it; there the bytes around it make no model.
            try:
                description = read_model(view[start:], budget=budget)
            except ModelError:
                pass
            else:
                found.append((start, description))
                end = start + description.size
        hit = contents.find(_IDENTIFIER, end)
    return found


def operator_at(models: Sequence[FoundModel], inputs_address: int, outputs_address: int) -> tuple[int, Operator] | None:
    """Tell which operator a running node is.

    A node of TensorFlow Lite Micro points at the vectors of its inputs and outputs inside the model itself; the pair names model,
    subgraph and operator at once.

    Parameters
    ----------
    models : sequence of FoundModel
        The models that may run.
    inputs_address, outputs_address : int
        Absolute addresses of the two vectors' length words.

    Returns
    -------
    tuple of int and Operator, or None
        Index in `models`, and the operator.
    """
    for number, model in enumerate(models):
        inputs, outputs = inputs_address - model.address, outputs_address - model.address
        if not (0 <= inputs < model.description.size or 0 <= outputs < model.description.size):
            continue
        for operator in model.description.operators:
            if operator.inputs_address == inputs and operator.outputs_address == outputs:
                return number, operator
    return None
