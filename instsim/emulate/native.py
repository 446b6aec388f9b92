"""The native hooks' machine code: compiled once for a host by numba, then loaded from the cache by llvmlite alone.

A warm start needs no numba (0.3 s to import): the object code has no undefined symbols, so llvmlite links it in a few milliseconds.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instsim import artifacts
from instsim.errors import InstsimError
from instsim.isa import Isa

__all__ = ["BlockHook", "ExtensionHooks", "NativeHooks", "load_block_hook", "load_extension_hooks", "load_hooks"]

_KIND, _BLOCK_KIND, _EXTENSION_KIND = "hooks", "block-hook", "extension-hooks"
_SOURCES = (
    "hooks.py",
    "layout.py",
    "extension_hooks.py",
    "extension_instructions.py",
    "extension_layout.py",
    "call_hooks.py",
    "kernel_hooks.py",
    "kernels.py",
    "../dynamics/native_words.py",
    "../dynamics/address_computation.py",
    "../dynamics/address_operations.py",
    "../dynamics/memory_system.py",
    "../dynamics/memory_layout.py",
    "../dynamics/memory_simulation.py",
)


@dataclass(frozen=True)
class NativeHooks:
    """Addresses of the C entry points of hooks on instructions, ``void(engine *, uint64_t address, uint32_t size, uint64_t *state)``.

    Attributes
    ----------
    divide : int
        To be called before one divide instruction, with a `DivideState`.
    unmask : int
        To be called before an instruction that may unmask interrupts, with a `BlockState`.
    """

    divide: int
    unmask: int
    _engines: tuple[Any, ...] = field(repr=False, default=())


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
    _engines: tuple[Any, ...] = field(repr=False, default=())


@dataclass(frozen=True)
class BlockHook:
    """Address of the hook to be called at every translation block, with a `BlockState`.

    RV32's follows backward branches (`instsim.dynamics.target_buffer`).
    """

    block: int
    _engines: tuple[Any, ...] = field(repr=False, default=())


def _source_digest() -> bytes:
    folder = Path(__file__).parent
    return hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in _SOURCES)).digest()


def _pack(objects: dict[str, tuple[str, bytes]]) -> bytes:
    parts = []
    for name, (entry, code) in sorted(objects.items()):
        for part in (name.encode(), entry.encode(), code):
            parts += [struct.pack("<I", len(part)), part]
    return b"".join(parts)


def _unpack(data: bytes) -> dict[str, tuple[str, bytes]]:
    parts = []
    position = 0
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position)
        parts.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    return {parts[i].decode(): (parts[i + 1].decode(), parts[i + 2]) for i in range(0, len(parts), 3)}


@functools.cache
def load_hooks() -> NativeHooks:
    """Return the hooks on single instructions, compiling them on the first use on this host.

    Raises
    ------
    InstsimError
        If llvmlite or numba cannot compile for this host.
    """

    def compile_hooks(machine: Any) -> dict[str, tuple[str, bytes]]:
        from instsim.emulate import hooks  # noqa: PLC0415 -- imports numba, cold start only

        return hooks.compile_hooks(machine)

    addresses, engines = _load(_KIND, compile_hooks)
    return NativeHooks(**addresses, _engines=engines)


@functools.cache
def load_extension_hooks() -> ExtensionHooks:
    """Return the functions for RISC-V extensions, as `load_hooks` does the hooks that every machine needs."""

    def compile_hooks(machine: Any) -> dict[str, tuple[str, bytes]]:
        from instsim.emulate import hooks  # noqa: PLC0415 -- imports numba, cold start only

        return hooks.compile_extension_hooks(machine)

    addresses, engines = _load(_EXTENSION_KIND, compile_hooks)
    return ExtensionHooks(**addresses, _engines=engines)


@functools.cache
def load_block_hook(isa: Isa, *, stacks: bool, memory: bool) -> BlockHook:
    """Return the hook on blocks, as `load_hooks` does the others.

    Parameters
    ----------
    isa : Isa
        What the machine runs.
    stacks : bool
        Keep a shadow stack (`instsim.emulate.layout.CallState`).
    memory : bool
        Simulate memories (`instsim.dynamics.memory_layout.TraceWord`).
    """

    def compile_hooks(machine: Any) -> dict[str, tuple[str, bytes]]:
        from instsim.emulate import hooks  # noqa: PLC0415 -- imports numba, cold start only

        return hooks.compile_block_hook(machine, isa, stacks=stacks, memory=memory)

    kind = "-".join([_BLOCK_KIND, str(isa), *(["calls"] if stacks else []), *(["memory"] if memory else [])])
    addresses, engines = _load(kind, compile_hooks)
    return BlockHook(**addresses, _engines=engines)


def _load(kind: str, compile_hooks: Callable[[Any], dict[str, tuple[str, bytes]]]) -> tuple[dict[str, int], tuple[Any, ...]]:
    import llvmlite.binding as llvm  # noqa: PLC0415 -- 40 ms, and only needed to run firmware

    try:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
        machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)
        facts = "\0".join([machine.triple, cpu, features, artifacts.package_stamp("numba", "llvmlite")]).encode()
        key = hashlib.sha256(_source_digest() + facts).hexdigest()
        stored = artifacts.load(kind, key)
        if stored is None:
            stored = _pack(compile_hooks(machine))
            artifacts.store(kind, key, stored)
        engines: list[Any] = []
        addresses: dict[str, int] = {}
        for name, (entry, code) in _unpack(stored).items():
            engine = llvm.create_mcjit_compiler(
                llvm.parse_assembly(""),
                llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True),
            )
            engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            engine.finalize_object()
            addresses[name] = engine.get_function_address(entry)
            engines.append(engine)
        return addresses, tuple(engines)
    except (RuntimeError, OSError, ImportError) as error:
        hint = "reinstall instsim with its numba and llvmlite"
        raise InstsimError(f"cannot compile the counting hooks for this machine: {error}", hint=hint) from error
