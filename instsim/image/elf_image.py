"""An ELF file as a firmware image."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable

from instsim.errors import ImageError
from instsim.image.compiler_strings import split_comment
from instsim.image.elf_attributes import AttributesDamagedError, read_attributes
from instsim.image.elf_headers import EM_ARM, ElfFile, ElfSection, ProgramHeader, read_elf
from instsim.image.elf_symbols import read_symbols
from instsim.image.firmware import FirmwareImage, Section, Segment, Symbol
from instsim.image.memory_limits import check_segments
from instsim.image.vector_table import find_vector_table, load_address_of
from instsim.isa.instruction import Isa

__all__ = ["load_elf"]

_SHT_NOBITS = 8
_SHF_WRITE, _SHF_ALLOC, _SHF_EXECINSTR, _SHF_TLS = 1, 2, 4, 0x400
_PF_X, _PF_W = 1, 2
_EF_RISCV_RVE = 8

_M_PROFILE_ARCHITECTURES = ("v6-M", "v6S-M", "v7E-M", "v8-M.baseline", "v8-M.mainline", "v8.1-M.mainline")
_VECTOR_SECTION = re.compile(r"\.?_*(isr_vectors?|vectors?|vector_table|vectab|vtable|intvecs?|interrupts|exceptions?_vectors|vect)", re.IGNORECASE)
_VECTOR_SYMBOL = re.compile(
    r"_*(isr_vectors?|isr_vector_table|vectors|vector_table|vectortable|vector_start|Vectors|VECTOR_TABLE|VectorTable)|g_pfnVectors|g_pfn_?vectors"
    r"|exception_table|interruptVectors|vector_table_core0|Vectors_Cm4",
)
_NAMED_TABLES_TRIED = 64
_START_UP_ARRAYS = (".init_array", ".fini_array", ".preinit_array")

_DAMAGE = (
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a damaged file makes parsers raise (UnicodeDecodeError is a ValueError, OverflowError an ArithmeticError)."""


def load_elf(data: bytes, name: str) -> FirmwareImage:
    """Read a 32-bit little-endian executable for Arm Cortex-M or RISC-V.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name, for messages and the result.

    Raises
    ------
    ImageError
        If it is none, or damaged: nothing else is raised whatever the bytes are.
    """
    try:
        return _image(read_elf(data, name), name)
    except _DAMAGE as error:
        raise ImageError(f"{name}: damaged ELF file ({type(error).__name__}: {error})", hint="copy or build the file again") from error


def _image(elf: ElfFile, name: str) -> FirmwareImage:
    notes: list[str] = []
    try:
        attributes = read_attributes(elf)
    except AttributesDamagedError as damage:
        attributes = {}
        notes.append(f"build attributes are missing: {damage}")
    is_arm = elf.machine == EM_ARM
    if is_arm:
        _check_arm(elf, attributes, name, notes)
    else:
        _check_riscv(elf, attributes, name)

    segments = _segments(elf, name, notes)
    sections = _sections(elf)
    table = read_symbols(elf)
    notes.extend(table.notes)
    vector_table = None
    if is_arm:
        vector_table = find_vector_table(segments, named=_named_tables(segments, sections, table.symbols))
        if vector_table is None:
            raise ImageError(
                f"{name}: no vector table found in this Cortex-M image",
                hint="link the start-up file with the vector table (section .isr_vector or .vectors) to the start of the flash",
            )
    ram = [section for section in sections if _is_in_ram(section)]
    return FirmwareImage(
        name=name,
        format="elf",
        sha256=hashlib.sha256(elf.data).hexdigest(),
        isa=Isa.THUMB if is_arm else Isa.RV32,
        segments=segments,
        entry=elf.entry & ~1 if is_arm else elf.entry,
        vector_table=vector_table,
        symbols=table.symbols,
        code_ranges=table.code_ranges,
        attributes=attributes,
        compilers=_compilers(elf),
        flash_bytes=sum(len(segment.data) for segment in segments),
        static_ram_bytes=sum(section.size for section in ram) if sections else _ram_of_segments(segments),
        sections=sections,
        ram_sections=tuple(section.name for section in ram),
        notes=tuple(notes),
        contents=elf.data,
    )


def _check_arm(elf: ElfFile, attributes: dict[str, str], name: str, notes: list[str]) -> None:
    architecture = attributes.get("Tag_CPU_arch", "")
    profile = attributes.get("Tag_CPU_arch_profile", "None")
    if profile == "Microcontroller" or (profile == "None" and architecture in _M_PROFILE_ARCHITECTURES):
        return
    if profile != "None" or (architecture and architecture != "v7"):
        described = f"{profile} profile" if profile != "None" else f"architecture {architecture}, which no Cortex-M has"
        raise ImageError(
            f"{name}: built for another Arm than a Cortex-M ({described})", hint="build with -mthumb and -mcpu= of a Cortex-M, such as cortex-m4"
        )
    if elf.entry and not elf.entry & 1:
        raise ImageError(
            f"{name}: the entry point {elf.entry:#x} is Arm code, not Thumb: this is no firmware of a Cortex-M",
            hint="build with -mthumb and -mcpu= of a Cortex-M, such as cortex-m4",
        )
    notes.append("the file does not name its processor profile: taken for a Cortex-M because its entry point is Thumb code")


def _check_riscv(elf: ElfFile, attributes: dict[str, str], name: str) -> None:
    architecture = attributes.get("Tag_RISCV_arch", "")
    if elf.flags & _EF_RISCV_RVE or architecture.startswith("rv32e"):
        raise ImageError(f"{name}: built for RV32E (16 registers), which instsim does not run", hint="build with -march=rv32imc -mabi=ilp32")
    if architecture and not architecture.startswith("rv32"):
        raise ImageError(f"{name}: built for {architecture[:32]!r}; instsim runs 32-bit RISC-V only", hint="build with -march=rv32imc -mabi=ilp32")


def _segments(elf: ElfFile, name: str, notes: list[str]) -> tuple[Segment, ...]:
    loads = [_without_headers(elf, load, notes) for load in elf.loads]
    # The linker gives a segment without bytes the load address that follows the one before, where a flasher writes nothing.
    placed = [(load.physical_address if load.file_size else load.virtual_address, load) for load in loads]
    placed.sort(key=lambda pair: (pair[0], pair[1].file_size, pair[1].virtual_address))
    check_segments([(address, load.file_size, load.virtual_address, load.memory_size) for address, load in placed], name)
    return tuple(
        Segment(
            address=address,
            virtual_address=load.virtual_address,
            data=elf.data[load.offset : load.offset + load.file_size],
            memory_size=load.memory_size,
            executable=bool(load.flags & _PF_X),
            writable=bool(load.flags & _PF_W),
        )
        for address, load in placed
    )


def _without_headers(elf: ElfFile, load: ProgramHeader, notes: list[str]) -> ProgramHeader:
    """Cut the ELF headers off a segment that the linker began at the start of the file: no flasher writes them."""
    if load.offset >= elf.headers_end or load.file_size == 0:
        return load
    inside = [
        section.offset
        for section in elf.sections
        if section.flags & _SHF_ALLOC
        and section.kind != _SHT_NOBITS
        and section.size
        and elf.headers_end <= section.offset < load.offset + load.file_size
        and section.address - section.offset == load.virtual_address - load.offset
    ]
    if not inside:
        return load
    cut = min(inside) - load.offset
    notes.append(f"{cut} bytes of ELF headers before {load.physical_address + cut:#x} were left out of the image")
    return ProgramHeader(
        load.offset + cut, load.virtual_address + cut, load.physical_address + cut, load.file_size - cut, load.memory_size - cut, load.flags
    )


def _sections(elf: ElfFile) -> tuple[Section, ...]:
    found = []
    for section in elf.sections:
        if not section.flags & _SHF_ALLOC or section.size == 0 or (section.kind == _SHT_NOBITS and section.flags & _SHF_TLS):
            continue
        has_bytes = section.kind != _SHT_NOBITS
        found.append(
            Section(
                name=section.name,
                address=section.address,
                load_address=_section_load_address(elf, section) if has_bytes else section.address,
                size=section.size,
                has_bytes=has_bytes,
                executable=bool(section.flags & _SHF_EXECINSTR),
                writable=bool(section.flags & _SHF_WRITE),
            )
        )
    return tuple(sorted(found, key=lambda section: (section.address, section.size, section.name)))


def _section_load_address(elf: ElfFile, section: ElfSection) -> int:
    for load in elf.loads:
        if load.offset <= section.offset < load.offset + load.file_size:
            return load.physical_address + section.offset - load.offset
    return section.address


def _is_in_ram(section: Section) -> bool:
    if not section.has_bytes:
        # ESP32 linker scripts keep address space free by sections of this name, which occupy nothing.
        return "dummy" not in section.name
    return section.address != section.load_address or (section.writable and not section.name.startswith(_START_UP_ARRAYS))


def _ram_of_segments(segments: Iterable[Segment]) -> int:
    return sum(
        segment.memory_size if segment.address != segment.virtual_address or not segment.data else segment.memory_size - len(segment.data)
        for segment in segments
    )


def _named_tables(segments: tuple[Segment, ...], sections: Iterable[Section], symbols: Iterable[Symbol]) -> list[int]:
    named = [section.address for section in sections if section.has_bytes and _VECTOR_SECTION.fullmatch(section.name)]
    named += [symbol.address for symbol in symbols if symbol.kind != "function" and _VECTOR_SYMBOL.fullmatch(symbol.name)]
    placed = [(load_address_of(segments, address), address) for address in named[:_NAMED_TABLES_TRIED]]
    # A table that is copied to RAM is not the one the core boots from, unless it is the only one.
    placed.sort(key=lambda pair: pair[0] != pair[1])
    return [load_address for load_address, _ in placed if load_address is not None]


def _compilers(elf: ElfFile) -> tuple[str, ...]:
    comment = next((section for section in elf.sections if section.name == ".comment"), None)
    contents = elf.contents(comment) if comment is not None else None
    return split_comment(bytes(contents[:65536])) if contents is not None else ()
