"""Whether a model can run in a runner, told before anything runs."""

from __future__ import annotations

from difflib import get_close_matches

from instsim.errors import ModelError, SwapError
from instsim.model import ModelDescription, Tensor, read_model
from instsim.model.layer_reading import foreign_format
from instsim.model.macs import element_count

__all__ = ["ARENA_ROOM_BYTES", "ELEMENT_BYTES", "LARGEST_MODEL_BYTES", "check_model", "tensor_bytes"]

LARGEST_MODEL_BYTES = ARENA_ROOM_BYTES = 1 << 26
"""Room for a model in spare flash, and for an arena in spare RAM."""

ELEMENT_BYTES = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "float32": 4, "int64": 8}
_BETWEEN_NUMBERS = frozenset({"QUANTIZE", "DEQUANTIZE"})
_FLOATS = frozenset({"float16", "float32", "float64", "bfloat16"})
_RESOURCE_TYPES = frozenset({"resource", "variant", "string"})


def tensor_bytes(tensor: Tensor) -> int:
    """Return the size of a tensor of known type in bytes."""
    return element_count(tensor.shape) * ELEMENT_BYTES[tensor.dtype]


def check_model(model: bytes, operators: frozenset[str], runner: str, *, allow_float: bool = False) -> ModelDescription:
    """Read a model and refuse what the runner is known not to run.

    Parameters
    ----------
    model : bytes
        A ``.tflite`` file.
    operators : frozenset of str
        Kinds that the runner knows; empty if that is not known.
    runner : str
        Its name, for messages.
    allow_float : bool
        Let operators compute with floating-point numbers.

    Raises
    ------
    ModelError
        If it is not a model, or damaged.
    SwapError
        If the runner has no such operator, or a tensor has a type or a shape that it cannot have.
    """
    if len(model) > LARGEST_MODEL_BYTES:
        raise SwapError(
            "size",
            f"the model has {len(model):,} bytes: more than the {LARGEST_MODEL_BYTES:,} that are mapped for one",
            hint="no microcontroller has a flash of that size",
        )
    other = foreign_format(model)
    if other is not None:
        raise ModelError(f"this is {other[0]}, and instsim reads .tflite files", hint=other[1])
    description = read_model(model)
    missing = sorted({operator.kind for operator in description.operators} - operators) if operators else []
    if missing:
        near = {kind: get_close_matches(kind, sorted(operators), 1, 0.8) for kind in missing}
        details = tuple(f"{kind}: it has {near[kind][0]}" for kind in missing if near[kind])
        raise SwapError(
            "operator",
            f"{runner} does not know {'this operator' if len(missing) == 1 else 'these operators'} of the model: {', '.join(missing)}",
            hint="register the operators in the firmware's resolver and build it again, or choose another runner",
            details=(*details, f"it knows {', '.join(sorted(operators))}"),
        )
    for operator in description.operators:
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor is not None:
                _check_tensor(tensor, operator.kind, f"operator {operator.index} ({operator.kind})", allow_float=allow_float)
    for tensor in (*description.inputs, *description.outputs):
        _check_tensor(tensor, "QUANTIZE", "the model", allow_float=allow_float)
        if tensor.dtype not in ELEMENT_BYTES:
            raise SwapError("type", f"the model has an input or output of type {tensor.dtype}", hint="use int8 or int16")
    if not description.operators:
        raise SwapError("shape", "the model has no operators")
    return description


def _check_tensor(tensor: Tensor, kind: str, where: str, *, allow_float: bool) -> None:
    if any(dimension < 0 for dimension in tensor.shape):
        raise SwapError(
            "shape",
            f"{where} has a tensor of unknown shape: {tensor.name!r} is {list(tensor.shape)}",
            hint="microcontroller runtimes need fixed shapes: convert the model with a fixed batch and input size",
        )
    if tensor.dtype in ELEMENT_BYTES and tensor_bytes(tensor) > ARENA_ROOM_BYTES:
        raise SwapError(
            "size",
            f"{where} has a tensor of {tensor_bytes(tensor):,} bytes, {tensor.name!r}: more than the {ARENA_ROOM_BYTES:,} that are mapped for all",
            hint="no microcontroller has a memory of that size",
        )
    if tensor.dtype in _FLOATS and kind not in _BETWEEN_NUMBERS and not allow_float:
        raise SwapError(
            "type",
            f"{where} computes with floating-point numbers: {tensor.name!r} is {tensor.dtype}",
            hint="quantize the model to int8 or int16; --allow-float runs it all the same, with results that depend on the firmware's compiler",
        )
    if tensor.dtype in _RESOURCE_TYPES and kind not in {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"}:
        raise SwapError("type", f"{where} has a tensor of type {tensor.dtype}, which no microcontroller runtime has")
