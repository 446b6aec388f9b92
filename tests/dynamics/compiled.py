"""Functions of the native hooks' language as functions to be called from tests."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding

from instsim.dynamics.memory_layout import TraceWord
from instsim.dynamics.memory_simulation import call_own_code, go_on, own_code, simulate_block
from instsim.dynamics.native_compiler import EntryPoint, compile_to_object
from instsim.dynamics.native_words import words
from instsim.emulate.sparse import code_room

__all__ = ["Simulation", "compile_function"]


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


def _run_block(program: Any, trace: Any, time: Any, sequential: Any) -> None:
    """Do what the block hook does."""
    code = own_code(program)
    if code != 0:
        call_own_code(code, time, sequential)
    else:
        words(time)[0] += simulate_block(program, trace, sequential == 0)


class Simulation:
    """The native simulation of memories as the block hook runs it.

    Parameters
    ----------
    trace : ndarray of uint64
        `TraceWord`, but for what blocks' own code needs.
    looks : int
        After how many looks at its records a block gets code of its own, 0 for never.
    """

    def __init__(self, trace: Any, looks: int) -> None:
        self.trace = trace
        self.code = code_room(1 << 18)
        self.time = np.zeros(1, np.uint64)
        self._run = compile_function(_run_block, (64, 64, 64, 64), 0)
        trace[TraceWord.CODE], trace[TraceWord.CODE_END] = self.code.ctypes.data, self.code.ctypes.data + self.code.size
        trace[TraceWord.LOOKS] = looks if self.code.size else 0
        self._go_on = compile_function(go_on, (64, 64, 64, 64), 0)
        trace[TraceWord.GO_ON_FUNCTION] = ctypes.cast(self._go_on, ctypes.c_void_p).value

    def run(self, program: Any, *, jumped: bool) -> int:
        """Let one execution of a block happen; return its stall in ticks on the first system."""
        before = int(self.time[0])
        self._run(program.ctypes.data, self.trace.ctypes.data, self.time.ctypes.data, not jumped)
        return int(self.time[0]) - before
