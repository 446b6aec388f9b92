"""The native hooks' machine code: compiled once for a host (`instsim.dynamics.native_compiler`), then loaded from the cache.

The object code has no undefined symbols, so llvmlite links it in a few milliseconds.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from instsim import artifacts
from instsim.errors import InstsimError
from instsim.isa import Isa

if TYPE_CHECKING:
    from instsim.dynamics.native_compiler import EntryPoint

__all__ = ["BlockHook", "ExtensionHooks", "NativeHooks", "load_block_hook", "load_extension_hooks", "load_hooks"]

_KIND, _BLOCK_KIND, _EXTENSION_KIND = "hooks", "block-hook", "extension-hooks"
_SOURCES = (
    "../dynamics/native_compiler.py",
    "../dynamics/native_expressions.py",
    "../dynamics/native_values.py",
    "hooks.py",
    "layout.py",
    "extension_hooks.py",
    "extension_instructions.py",
    "extension_layout.py",
    "call_hooks.py",
    "last_instruction.py",
    "kernel_hooks.py",
    "kernels.py",
    "../dynamics/native_words.py",
    "../dynamics/address_computation.py",
    "../dynamics/address_operations.py",
    "../dynamics/memory_system.py",
    "../dynamics/memory_layout.py",
    "../dynamics/memory_simulation.py",
    "../dynamics/cache_accesses.py",
    "../dynamics/block_repeats.py",
    "../dynamics/repeat_code.py",
    "../dynamics/x86_instructions.py",
    "../dynamics/passage_layout.py",
    "../dynamics/passages.py",
    "../dynamics/situations.py",
    "../dynamics/step_records.py",
)


@dataclass(frozen=True)
class NativeHooks:
    """Addresses of the C entry points of hooks on instructions, ``void(engine *, uint64_t address, uint32_t size, uint64_t *state)``.

    Attributes
    ----------
    divide : int
        To be called before one divide instruction, with a `DivideState`.
    hooked : int
        To be called before all hooked instructions, in place of Unicorn's own function (`instsim.emulate.direct_divides`).
    unmask : int
        To be called before an instruction that may unmask interrupts, with a `BlockState`.
    """

    divide: int
    hooked: int
    unmask: int
    _engine: Any = field(repr=False, default=None)


@dataclass(frozen=True)
class ExtensionHooks:
    """Addresses of the functions that carry out RISC-V instructions unknown to Unicorn (`instsim.emulate.riscv_extensions`).

    Attributes
    ----------
    step : int
        ``step(registers, encoding, address, state)`` carries out one instruction that Unicorn does not decode; `state` is an `ExtensionState`
        (`instsim.emulate.extension_layout`) here and below.
    site, trap : int
        To be called before such 16-bit instructions, and at exceptions.
    fetch, trace, rare_trace : int
        To be called in place of Unicorn's own functions (`instsim.emulate.short_way`).
    """

    step: int
    site: int
    trap: int
    fetch: int
    trace: int
    rare_trace: int
    _engine: Any = field(repr=False, default=None)


@dataclass(frozen=True)
class BlockHook:
    """Addresses of the hook to be called at every translation block, with a `BlockState`, and of what goes with it.

    Attributes
    ----------
    block : int
        The hook.
    settle : int
        ``settle(trace)`` brings up to date what the simulation of memories counted; `trace` is an `instsim.dynamics.memory_layout.TraceWord` state.
    go_on : int
        `instsim.dynamics.memory_simulation.go_on`.
    """

    block: int
    settle: int
    go_on: int
    _engine: Any = field(repr=False, default=None)


_Hooks = TypeVar("_Hooks", NativeHooks, ExtensionHooks, BlockHook)


def _source_digest() -> bytes:
    folder = Path(__file__).parent
    return hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in _SOURCES)).digest()


@functools.cache
def load_hooks() -> NativeHooks:
    """Return the hooks on single instructions, compiling them on the first use on this host.

    Raises
    ------
    InstsimError
        If llvmlite cannot compile for this host.
    """

    def entries() -> dict[str, EntryPoint]:
        from instsim.emulate.hooks import hook_entries  # noqa: PLC0415 -- cold start only

        return hook_entries()

    return _load(NativeHooks, _KIND, entries)


@functools.cache
def load_extension_hooks() -> ExtensionHooks:
    """Return the functions for RISC-V extensions, as `load_hooks` does the hooks that every machine needs."""

    def entries() -> dict[str, EntryPoint]:
        from instsim.emulate.extension_hooks import extension_entries  # noqa: PLC0415 -- as above

        return extension_entries()

    return _load(ExtensionHooks, _EXTENSION_KIND, entries)


@functools.cache
def load_block_hook(isa: Isa, *, branches: bool, stacks: bool, memory: bool) -> BlockHook:
    """Return the hook on blocks, as `load_hooks` does the others.

    Parameters
    ----------
    isa : Isa
        What the machine runs.
    branches : bool
        Follow the backward branches of RV32 code (`instsim.dynamics.target_buffer`); nothing on other code.
    stacks : bool
        Keep a shadow stack (`instsim.emulate.layout.CallState`).
    memory : bool
        Simulate memories (`instsim.dynamics.memory_layout.TraceWord`).
    """

    def entries() -> dict[str, EntryPoint]:
        from instsim.emulate.hooks import block_hook_entries  # noqa: PLC0415 -- as above

        return block_hook_entries(isa, branches=branches, stacks=stacks, memory=memory)

    chosen = {"plain": not branches, "calls": stacks, "memory": memory}
    return _load(BlockHook, "-".join([_BLOCK_KIND, str(isa), *(name for name, is_so in chosen.items() if is_so)]), entries)


def _load(form: type[_Hooks], kind: str, entries: Callable[[], dict[str, EntryPoint]]) -> _Hooks:
    """Return the functions that the fields of a form are named after."""
    import llvmlite.binding as llvm  # noqa: PLC0415 -- 40 ms, and only needed to run firmware

    try:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
        machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)
        facts = "\0".join([machine.triple, cpu, features, artifacts.package_stamp("llvmlite")]).encode()
        key = hashlib.sha256(_source_digest() + facts).hexdigest()
        code = artifacts.load(kind, key)
        if code is None:
            from instsim.dynamics.native_compiler import compile_to_object  # noqa: PLC0415 -- as above

            code = compile_to_object(entries(), machine)
            artifacts.store(kind, key, code)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        names = [field.name for field in fields(form) if not field.name.startswith("_")]
        return form(**{name: engine.get_function_address(name) for name in names}, _engine=engine)
    except (RuntimeError, OSError, ImportError) as error:
        hint = "reinstall instsim with its llvmlite"
        raise InstsimError(f"cannot compile the counting hooks for this machine: {error}", hint=hint) from error
