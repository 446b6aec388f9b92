"""A firmware image as a value: what a flasher would write, and what the file says about it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from instsim.isa.instruction import Isa

__all__ = ["CodeRange", "FirmwareImage", "Segment", "Symbol"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of bytes of the image.

    Attributes
    ----------
    address : int
        Physical (load) address: where a flasher puts `data`.
    virtual_address : int
        Where the firmware expects it at run time (differs for ``.data`` and code copied to RAM).
    data : bytes
        The bytes held by the file.
    memory_size : int
        Bytes occupied at run time, at least ``len(data)`` (the rest is zero-initialised).
    executable, writable : bool
        The file's flags.
    """

    address: int
    virtual_address: int
    data: bytes
    memory_size: int
    executable: bool = True
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named address.

    Attributes
    ----------
    name : str
        As in the file (mangled).
    address : int
        Without the Thumb bit.
    size : int
        In bytes; 0 if unknown.
    kind : {'function', 'object', 'none'}
        What it names.
    is_global : bool
        Global or weak binding.
    """

    name: str
    address: int
    size: int
    kind: str
    is_global: bool = True


@dataclass(frozen=True, slots=True)
class CodeRange:
    """Addresses that mapping symbols call code (``is_code``) or data."""

    start: int
    stop: int
    is_code: bool


@dataclass(frozen=True)
class FirmwareImage:
    """A loaded firmware file.

    Attributes
    ----------
    name : str
        The file's name without its folder.
    format : {'elf', 'hex', 'bin', 'uf2'}
        What it was read from.
    sha256 : str
        Digest of the file.
    isa : Isa or None
        None when the format does not say (hex, bin) and the contents did not tell.
    segments : tuple of Segment
        Sorted by address, not overlapping, only those with bytes or memory.
    entry : int or None
        ELF entry point, Thumb bit removed.
    vector_table : int or None
        Address of the M-profile vector table; None for RISC-V or when none was found.
    symbols : tuple of Symbol
        Sorted by address; empty for a stripped image.
    code_ranges : tuple of CodeRange
        From mapping symbols; empty if there are none.
    attributes : mapping of str to str
        Build attributes by their standard names (``Tag_CPU_arch``, ``Tag_CPU_arch_profile``, ``Tag_FP_arch``,
        ``Tag_RISCV_arch`` ...) in readable form.
    compilers : tuple of str
        Compiler strings found (``.comment``, or strings of the image).
    flash_bytes, static_ram_bytes : int
        What the image occupies: bytes a flasher writes; ``.data`` and ``.bss`` (stack and heap reservations counted
        when the file has them as sections).
    """

    name: str
    format: str
    sha256: str
    isa: Isa | None
    segments: tuple[Segment, ...]
    entry: int | None = None
    vector_table: int | None = None
    symbols: tuple[Symbol, ...] = ()
    code_ranges: tuple[CodeRange, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    compilers: tuple[str, ...] = ()
    flash_bytes: int = 0
    static_ram_bytes: int = 0

    @cached_property
    def _starts(self) -> list[int]:
        return [segment.address for segment in self.segments]

    @cached_property
    def _by_name(self) -> dict[str, Symbol]:
        found: dict[str, Symbol] = {}
        for symbol in self.symbols:
            if symbol.name not in found or symbol.is_global:
                found[symbol.name] = symbol
        return found

    def read(self, address: int, size: int) -> bytes | None:
        """Return `size` bytes at a load address, or None if the image does not hold all of them."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        segment = self.segments[index]
        offset = address - segment.address
        return segment.data[offset : offset + size] if offset + size <= len(segment.data) else None

    def symbol(self, name: str) -> Symbol | None:
        """Return the symbol of that (mangled) name, a global one before a local one."""
        return self._by_name.get(name)

    @cached_property
    def functions(self) -> tuple[Symbol, ...]:
        """The function symbols, sorted by address, one for each address."""
        seen: dict[int, Symbol] = {}
        for symbol in self.symbols:
            if symbol.kind == "function" and (symbol.address not in seen or symbol.size > seen[symbol.address].size):
                seen[symbol.address] = symbol
        return tuple(seen[address] for address in sorted(seen))
