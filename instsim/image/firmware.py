"""A firmware image as a value: what a flasher would write, and what the file says about it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from instsim.isa.instruction import Isa

__all__ = ["CodeRange", "ExternalFlash", "FirmwareImage", "Section", "Segment", "Symbol"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of bytes of the image.

    Attributes
    ----------
    address : int
        Physical (load) address: where a flasher puts `data`. A segment without data has its virtual address here,
        because a flasher does nothing with it.
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


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the image that the linker named; only those that occupy memory at run time.

    Attributes
    ----------
    name : str
        ``.text``, ``.data`` ...
    address : int
        Run-time (virtual) address.
    load_address : int
        Where a flasher puts its bytes; equal to `address` for a section without bytes.
    size : int
        In bytes.
    has_bytes : bool
        False for memory that is only reserved or cleared (``.bss``, stack, heap).
    executable, writable : bool
        The file's flags.
    """

    name: str
    address: int
    load_address: int
    size: int
    has_bytes: bool = True
    executable: bool = False
    writable: bool = False


@dataclass(frozen=True, slots=True)
class ExternalFlash:
    """What a flash behind a controller holds, and what of it the processor sees when the image starts.

    Attributes
    ----------
    contents : bytes
        From its first byte on; the rest is erased.
    size_bytes : int
        The chip's size.
    mapped : tuple of (int, int, int)
        Address, offset in the flash and bytes of each stretch that a boot loader has mapped.
    """

    contents: bytes
    size_bytes: int
    mapped: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class FirmwareImage:
    """A loaded firmware file.

    Attributes
    ----------
    name : str
        The file's name without its folder.
    format : {'elf', 'hex', 'bin', 'uf2', 'esp'}
        What it was read from.
    sha256 : str
        Digest of the file.
    isa : Isa or None
        None when the format does not say (hex, bin) and the contents did not tell.
    segments : tuple of Segment
        Sorted by address, not overlapping, only those with bytes or memory.
    entry : int or None
        ELF entry point, or what another format says in its place (else the reset vector); Thumb bit removed.
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
        when the file has them as sections), 0 when the format does not tell.
    sections : tuple of Section
        Sorted by address; empty for hex, bin and uf2.
    ram_sections : tuple of str
        Names of the sections that `static_ram_bytes` counts.
    notes : tuple of str
        What was guessed, left out or found damaged while loading, one sentence each.
    contents : bytes
        The whole file, where it holds more than the segments (ELF: names, debugging information); not part of the value.
    external_flash : ExternalFlash or None
        The flash that an ESP32-C3's firmware finds around itself, if the file tells; not part of the value.
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
    sections: tuple[Section, ...] = ()
    ram_sections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    contents: bytes = field(default=b"", repr=False, compare=False)
    external_flash: ExternalFlash | None = field(default=None, repr=False, compare=False)

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
        """Return `size` bytes at a load address, or None if one segment does not hold all of them."""
        if size < 0:
            return None
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        segment = self.segments[index]
        offset = address - segment.address
        return segment.data[offset : offset + size] if offset + size <= len(segment.data) else None

    def _vector(self, index: int) -> int | None:
        if self.vector_table is None:
            return None
        word = self.read(self.vector_table + 4 * index, 4)
        return None if word is None else int.from_bytes(word, "little")

    @property
    def initial_stack_pointer(self) -> int | None:
        """First word of the vector table; None without one."""
        return self._vector(0)

    @property
    def reset_vector(self) -> int | None:
        """Second word of the vector table as stored, Thumb bit included; None without one."""
        return self._vector(1)

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
