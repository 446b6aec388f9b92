"""A ``.tflite`` flatbuffer to a `ModelDescription`."""

from __future__ import annotations

import hashlib
from typing import Any

from instsim.errors import ModelError
from instsim.model.description import ModelDescription, Operator, Tensor
from instsim.model.layout import MODEL, MOST_OPERATORS, MOST_TENSORS
from instsim.model.macs import element_count, multiply_accumulates
from instsim.model.verifier import Verifier, WorkBudget

__all__ = ["SCHEMA_VERSION", "builtin_operator_names", "read_model"]

SCHEMA_VERSION = 3
"""The only version of TensorFlow Lite's schema there is in the field (file identifier ``TFL3``)."""

_HINT = "Is this a complete TensorFlow Lite model?"
_HASHED_BYTES_PER_STEP = 256

# Fields whose addresses matter, as the accessors count them in a table's index: 4 + 2 * slot.
_MODEL_SUBGRAPHS = 8
_SUBGRAPH_OPERATORS = 10
_OPERATOR_INPUTS = 6
_OPERATOR_OUTPUTS = 8


def builtin_operator_names() -> dict[int, str]:
    """Return the names of built-in operators by their codes."""
    import tflite  # noqa: PLC0415 - hundreds of small modules

    return {value: name for name, value in vars(tflite.BuiltinOperator).items() if name.isupper()}


def read_model(buffer: bytes | memoryview, root: int | None = None, *, budget: WorkBudget | None = None) -> ModelDescription:
    """Read a model from the start of a buffer.

    Parameters
    ----------
    buffer : bytes
        Starts with the model; what lies behind it does not matter (a model in flash says nowhere how long it is).
    root : int, optional
        Offset of the root table; by default as the buffer's first word says.
    budget : WorkBudget, optional
        Bounds the work, for a caller that tries many places of one memory.

    Raises
    ------
    ModelError
        The bytes are not a model, or it is damaged or absurdly large.
    """
    view = memoryview(buffer)
    if root is None:
        if len(view) < 8:
            raise ModelError(f"{len(view)} bytes are too few for a model", hint=_HINT)
        root = int.from_bytes(view[:4], "little")
    if budget is None:
        budget = WorkBudget.for_bytes(len(view))
    verifier = Verifier(view, budget)
    verifier.table(root, MODEL)
    return _Reader(view, root, verifier, budget).model()


class _Reader:
    """Reads a flatbuffer whose tables and vectors have been verified."""

    def __init__(self, view: memoryview, root: int, verifier: Verifier, budget: WorkBudget) -> None:
        import tflite  # noqa: PLC0415 - hundreds of small modules
        from flatbuffers import table  # noqa: PLC0415

        self._view = view
        self._root = root
        self._verifier = verifier
        self._budget = budget
        self._tflite = tflite
        self._table = table.Table
        self._type_names: dict[int, str] = {value: name.lower() for name, value in vars(tflite.TensorType).items() if name.isupper()}
        self._operator_names = builtin_operator_names()

    def model(self) -> ModelDescription:
        model = self._tflite.Model()
        model.Init(self._view, self._root)
        if model.Version() != SCHEMA_VERSION:
            raise ModelError(f"the model's schema version is {model.Version()}, not {SCHEMA_VERSION}", hint=_HINT)
        if model.SubgraphsLength() == 0:
            raise ModelError("the model has no subgraph", hint=_HINT)
        kinds = [self._kind(model.OperatorCodes(index)) for index in range(model.OperatorCodesLength())]
        operators: list[Operator] = []
        inputs: tuple[Tensor, ...] = ()
        outputs: tuple[Tensor, ...] = ()
        tensors_read = 0
        for index, position in enumerate(self._positions(self._root, _MODEL_SUBGRAPHS)):
            subgraph = self._tflite.SubGraph()
            subgraph.Init(self._view, position)
            tensors = [self._tensor(subgraph.Tensors(number), number) for number in range(subgraph.TensorsLength())]
            tensors_read += len(tensors)
            for number, place in enumerate(self._positions(position, _SUBGRAPH_OPERATORS)):
                operators.append(self._operator(place, (index, number), tensors, kinds))
            if tensors_read > MOST_TENSORS or len(operators) > MOST_OPERATORS:
                raise ModelError(f"the model has more than {MOST_TENSORS:,} tensors or {MOST_OPERATORS:,} operators", hint=_HINT)
            if index == 0:
                inputs = _present(_pick(tensors, [subgraph.Inputs(j) for j in range(subgraph.InputsLength())]))
                outputs = _present(_pick(tensors, [subgraph.Outputs(j) for j in range(subgraph.OutputsLength())]))
        return ModelDescription(
            description=_text(model.Description()),
            operators=tuple(operators),
            subgraphs=model.SubgraphsLength(),
            size=self._size(model),
            sha256=self._digest(),
            inputs=inputs,
            outputs=outputs,
        )

    def _positions(self, position: int, field: int) -> list[int]:
        """Return the positions of the tables in one of a table's vectors."""
        owner = self._table(self._view, position)
        offset = owner.Offset(field)
        if offset == 0:
            return []
        first = owner.Vector(offset)
        return [owner.Indirect(first + 4 * index) for index in range(owner.VectorLen(offset))]

    def _kind(self, code: Any) -> str:
        # The first field is one byte, and 127 in newer files whose operator needs the second; old files have only the first.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number == self._tflite.BuiltinOperator.CUSTOM:
            return _text(code.CustomCode()) or "CUSTOM"
        return self._operator_names.get(number, f"BUILTIN_{number}")

    def _tensor(self, tensor: Any, index: int) -> Tensor:
        shape = tuple(tensor.Shape(axis) for axis in range(tensor.ShapeLength()))
        if any(dimension < -1 for dimension in shape):
            raise ModelError(f"tensor {index} has a negative dimension", hint=_HINT)
        return Tensor(index, _text(tensor.Name()), shape, self._type_names.get(tensor.Type(), f"type{tensor.Type()}"))

    def _operator(self, position: int, place: tuple[int, int], tensors: list[Tensor], kinds: list[str]) -> Operator:
        operator = self._tflite.Operator()
        operator.Init(self._view, position)
        if operator.OpcodeIndex() >= len(kinds):
            raise ModelError(f"operator {place[1]} of subgraph {place[0]} has no operator code", hint=_HINT)
        kind = kinds[operator.OpcodeIndex()]
        inputs = _pick(tensors, [operator.Inputs(j) for j in range(operator.InputsLength())])
        outputs = _present(_pick(tensors, [operator.Outputs(j) for j in range(operator.OutputsLength())]))
        return Operator(
            subgraph=place[0],
            index=place[1],
            kind=kind,
            inputs=inputs,
            outputs=outputs,
            macs=multiply_accumulates(kind, inputs, outputs),
            elements=sum(element_count(tensor.shape) for tensor in outputs),
            inputs_address=self._vector_address(position, _OPERATOR_INPUTS),
            outputs_address=self._vector_address(position, _OPERATOR_OUTPUTS),
        )

    def _vector_address(self, position: int, field: int) -> int:
        """Return where a vector's length word lies, -1 if there is no vector."""
        owner = self._table(self._view, position)
        offset = owner.Offset(field)
        return int(owner.Vector(offset)) - 4 if offset else -1

    def _size(self, model: Any) -> int:
        for index in range(model.BuffersLength()):
            # Only files beyond 2 GB keep constants behind the flatbuffer; other writers leave 0 or 1 in the offset.
            content = model.Buffers(index)
            if content.Offset() > 1:
                self._verifier.extend(content.Offset(), content.Size(), "buffer")
        return self._verifier.end

    def _digest(self) -> str:
        size = self._verifier.end
        self._budget.spend(size // _HASHED_BYTES_PER_STEP)
        return hashlib.sha256(self._view[:size]).hexdigest()


def _text(name: bytes | None) -> str:
    return name.decode("utf-8", errors="replace") if name else ""


def _pick(tensors: list[Tensor], indices: list[int]) -> tuple[Tensor | None, ...]:
    if any(index >= len(tensors) for index in indices):
        raise ModelError("an operator refers to a tensor that its subgraph does not have", hint=_HINT)
    return tuple(tensors[index] if index >= 0 else None for index in indices)


def _present(tensors: tuple[Tensor | None, ...]) -> tuple[Tensor, ...]:
    return tuple(tensor for tensor in tensors if tensor is not None)
