"""Inputs and outputs of a swapped model: where the firmware keeps them, and what is put into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from instsim.emulate.memory import Memory
from instsim.emulate.spec import MemoryKind
from instsim.errors import SwapError
from instsim.model import Tensor
from instsim.swap.checks import tensor_bytes
from instsim.swap.guest import Guest

__all__ = ["DEFAULT_SEED", "InputData", "find_eval_tensor_function", "input_bytes", "seeded_inputs", "tensor_array", "tensor_data"]

DEFAULT_SEED = 1

InputData = bytes | npt.NDArray[np.generic]

_GET_EVAL_TENSOR = (84, 80)
"""Offset in ``TfLiteContext`` of the function; Edge Impulse's context lacks a field before it."""
_RANGES = {"int8": (-128, 128), "uint8": (0, 256), "int16": (-(1 << 15), 1 << 15), "uint16": (0, 1 << 16), "bool": (0, 2)}
_TYPE_CODES = {"float32": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9}


def seeded_inputs(tensors: Sequence[Tensor], seed: int = DEFAULT_SEED) -> tuple[bytes, ...]:
    """Return random inputs, the same for the same seed.

    Integers of 8 and 16 bits take all values, floating-point numbers lie in -1 ... 1; wider integers, which are mostly indices, are 0.

    Parameters
    ----------
    tensors : sequence of Tensor
        The model's inputs.
    seed : int
        Of NumPy's default generator.
    """
    generator = np.random.default_rng(seed)
    data = []
    for tensor in tensors:
        shape = tuple(tensor.shape)
        if tensor.dtype in _RANGES:
            low, high = _RANGES[tensor.dtype]
            data.append(generator.integers(low, high, shape, tensor.dtype).tobytes())
        elif tensor.dtype == "float32":
            data.append(generator.uniform(-1, 1, shape).astype(np.float32).tobytes())
        else:
            data.append(bytes(tensor_bytes(tensor)))
    return tuple(data)


def input_bytes(tensors: Sequence[Tensor], inputs: Sequence[InputData]) -> tuple[bytes, ...]:
    """Return the bytes of given inputs, checked against the model's.

    Raises
    ------
    SwapError
        If there are too many or too few, or one has another size or type.
    """
    if len(inputs) != len(tensors):
        raise SwapError("input", f"the model has {len(tensors)} inputs, {len(inputs)} were given")
    data = []
    for number, (tensor, given) in enumerate(zip(tensors, inputs, strict=True)):
        wanted = f"input {number} of the model, {tensor.name!r}, is {tensor.dtype} of shape {list(tensor.shape)}, {tensor_bytes(tensor):,} bytes"
        if not isinstance(given, bytes) and (given.dtype.name != tensor.dtype or given.size * given.itemsize != tensor_bytes(tensor)):
            raise SwapError("input", f"{wanted}; given was {given.dtype.name} of shape {list(given.shape)}")
        data.append(given if isinstance(given, bytes) else np.ascontiguousarray(given).tobytes())
        if len(data[-1]) != tensor_bytes(tensor):
            raise SwapError("input", f"{wanted}; {len(data[-1]):,} bytes were given")
    return tuple(data)


def find_eval_tensor_function(memory: Memory, guest: Guest, context: int, tensor: Tensor) -> int:
    """Return the firmware's ``GetEvalTensor``, tried on a tensor.

    Raises
    ------
    SwapError
        If the interpreter has none.
    """
    for offset in _GET_EVAL_TENSOR:
        function = memory.word(context + offset) or 0
        found = memory.find(function)
        if found is None or found[0].spec.kind is not MemoryKind.FLASH:
            continue
        try:
            place = guest.call(function, context, tensor.index)
        except SwapError:
            continue
        if memory.read(place + 8, 1) == bytes([_TYPE_CODES.get(tensor.dtype, 0)]):
            return function
    raise SwapError(
        "runner",
        "the interpreter has no function GetEvalTensor where it has been since TensorFlow 2.4",
        hint="build the runner with a newer TensorFlow Lite Micro",
    )


def tensor_data(memory: Memory, guest: Guest, function: int, context: int, tensor: Tensor) -> int:
    """Return the address of a tensor's data."""
    place = guest.call(function, context, tensor.index)
    address = memory.word(place) or 0
    if not address or memory.read(address, tensor_bytes(tensor)) is None:
        raise SwapError("set-up", f"the firmware has planned no memory for the tensor {tensor.name!r}")
    return address


def tensor_array(tensor: Tensor, data: bytes) -> npt.NDArray[np.generic]:
    """Return the contents of a tensor as an array of its shape and type."""
    return np.frombuffer(data, np.dtype(tensor.dtype)).reshape(tensor.shape)
