"""Functions of the native hooks' language as functions to be called from tests."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from llvmlite import binding

from instsim.dynamics.native_compiler import EntryPoint, compile_to_object

__all__ = ["compile_function"]


@functools.cache
def compile_function(function: Callable[..., Any], parameters: tuple[int, ...], result: int = 64) -> Any:
    """Return a function compiled, for parameters and a result of so many bits."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(opt=3, jit=True)
    code = compile_to_object({"tested": EntryPoint(function, parameters, result)}, machine)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(ctypes.c_uint64 if result else None, *[ctypes.c_uint64] * len(parameters))
    compiled: Any = kind(engine.get_function_address("tested"))
    compiled.engine = engine
    return compiled
