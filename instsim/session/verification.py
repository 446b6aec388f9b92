"""The outputs of a swapped model against those of TensorFlow Lite Micro on this computer: PyPI's ``tflite-micro``."""

from __future__ import annotations

import importlib.metadata

import numpy as np

from instsim.errors import InputError, SwapError, UsageError
from instsim.swap.result import SwapResult
from instsim.swap.tensors import tensor_array

__all__ = ["verify_outputs"]

_ARENA_BYTES_PER_BYTE = 4
"""Pointers are twice as wide here, and kernels of another computer may want more."""
_LEAST_ARENA_BYTES = 1 << 20
_SHOWN = 5


def verify_outputs(model: bytes, result: SwapResult) -> str:
    """Compare a result's outputs, bit by bit; return what they were compared with.

    Raises
    ------
    UsageError
        If the package is not installed.
    InputError
        If it cannot run the model.
    SwapError
        If an output differs.
    """
    try:
        from tflite_micro import runtime  # noqa: PLC0415 -- an extra, and slow to load
    except ImportError as error:
        raise UsageError("--verify needs the package tflite-micro, which is not installed", hint="pip install 'instsim[verify]'") from error
    try:
        arena_bytes = _LEAST_ARENA_BYTES + _ARENA_BYTES_PER_BYTE * (result.profile.run.arena_used_bytes or 0)
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        for number, (tensor, data) in enumerate(zip(result.model.inputs, result.inputs, strict=True)):
            interpreter.set_input(tensor_array(tensor, data), number)
        interpreter.invoke()
        wanted = [np.asarray(interpreter.get_output(number)) for number in range(len(result.outputs))]
    except (RuntimeError, ValueError, TypeError) as error:
        raise InputError(f"tflite-micro cannot run the model: {error}", hint="leave --verify out") from error
    for number, (tensor, data, want) in enumerate(zip(result.model.outputs, result.outputs, wanted, strict=True)):
        if want.tobytes() != data:
            found = tensor_array(tensor, data).ravel()
            places = np.flatnonzero(found != want.ravel())
            details = tuple(f"element {place}: {found[place]}, tflite-micro says {want.ravel()[place]}" for place in places[:_SHOWN].tolist())
            raise SwapError(
                "run",
                f"output {number} of the model, {tensor.name!r}, is not what tflite-micro computes: "
                f"{places.size:,} of {found.size:,} elements differ",
                hint="other kernels may round otherwise, floating-point numbers above all; the counts stay those of this firmware",
                details=details,
            )
    return f"tflite-micro {importlib.metadata.version('tflite-micro')}"
