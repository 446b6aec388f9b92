"""The headers of an ELF file, checked against the file's length before anything is read by them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from instsim.errors import ImageError

__all__ = ["EM_ARM", "EM_RISCV", "ElfFile", "ElfSection", "ProgramHeader", "machine_name", "read_elf"]

EM_ARM = 40
EM_RISCV = 243

_ELF_HEADER_BYTES = 52
_PROGRAM_HEADER_BYTES = 32
_SECTION_HEADER_BYTES = 40
_MAXIMUM_PROGRAM_HEADERS = 256
_MAXIMUM_SECTIONS = 8192
_MAXIMUM_NAME_BYTES = 1024
_SHT_NOBITS = 8
_PT_LOAD = 1

_FILE_TYPES = {
    1: ("is a relocatable object file, not a firmware image", "link it into an executable first"),
    3: ("is a shared object or a position-independent executable", "link it at fixed addresses (without -shared and -pie)"),
    4: ("is a core dump, not a firmware image", "give the executable that was linked"),
}


class _SectionHeader(NamedTuple):
    """``Elf32_Shdr``."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


@dataclass(frozen=True, slots=True)
class ProgramHeader:
    """A loadable segment as its header describes it; its bytes lie inside the file."""

    offset: int
    virtual_address: int
    physical_address: int
    file_size: int
    memory_size: int
    flags: int


@dataclass(frozen=True, slots=True)
class ElfSection:
    """A section as its header describes it; its bytes may lie outside the file if that is damaged."""

    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    entry_size: int


@dataclass(frozen=True, slots=True)
class ElfFile:
    """What the headers of a 32-bit little-endian executable for Arm or RISC-V say.

    Attributes
    ----------
    data : bytes
        The whole file.
    machine : int
        ``e_machine``: `EM_ARM` or `EM_RISCV`.
    flags, entry : int
        ``e_flags`` and ``e_entry`` as they are.
    headers_end : int
        First byte of the file after the ELF header and the program headers.
    loads : tuple of ProgramHeader
        The loadable segments that occupy memory, in file order.
    sections : tuple of ElfSection
        All sections by index; empty if the file has none.
    """

    data: bytes
    machine: int
    flags: int
    entry: int
    headers_end: int
    loads: tuple[ProgramHeader, ...]
    sections: tuple[ElfSection, ...]

    def contents(self, section: ElfSection) -> memoryview | None:
        """Return the bytes of a section; None if it has none, or if they are not all in the file."""
        if section.kind == _SHT_NOBITS or section.offset + section.size > len(self.data):
            return None
        return memoryview(self.data)[section.offset : section.offset + section.size]


def machine_name(number: int) -> str:
    """Return a readable name of an ``e_machine`` number."""
    from elftools.elf.descriptions import describe_e_machine  # noqa: PLC0415 -- only to word an error
    from elftools.elf.enums import ENUM_E_MACHINE  # noqa: PLC0415

    key = next((name for name, value in ENUM_E_MACHINE.items() if value == number and value), None)
    if key is None:
        return f"machine number {number}"
    described = str(describe_e_machine(key))
    return key.removeprefix("EM_") if described.startswith("<unknown") else described


def read_elf(data: bytes, name: str) -> ElfFile:
    """Read and check the headers.

    Parameters
    ----------
    data : bytes
        The file; it starts with the ELF magic.
    name : str
        Its name, for messages.

    Returns
    -------
    ElfFile
        Headers whose segments lie inside the file.

    Raises
    ------
    ImageError
        If it is no 32-bit little-endian executable for Arm or RISC-V, or if it is truncated or damaged.
    """
    phoff, phnum, shoff, shnum = _check_header(data, name)
    (machine,), (entry,), (flags,) = struct.unpack_from("<H", data, 18), struct.unpack_from("<I", data, 24), struct.unpack_from("<I", data, 36)
    (names_section,) = struct.unpack_from("<H", data, 50)
    return ElfFile(
        data=data,
        machine=machine,
        flags=flags,
        entry=entry,
        headers_end=max(_ELF_HEADER_BYTES, phoff + phnum * _PROGRAM_HEADER_BYTES),
        loads=_loads(data, name, phoff, phnum),
        sections=_sections(data, shoff, shnum, names_section) if shoff else (),
    )


def _check_header(data: bytes, name: str) -> tuple[int, int, int, int]:
    if len(data) < _ELF_HEADER_BYTES:
        raise ImageError(f"{name}: truncated ELF file: {len(data)} bytes do not hold the ELF header", hint="copy or build the file again")
    order = ">" if data[5] == 2 else "<"
    file_type, machine = struct.unpack_from(order + "HH", data, 16)
    if machine not in (EM_ARM, EM_RISCV):
        raise ImageError(
            f"{name}: ELF file for {machine_name(machine)}; instsim runs Arm Cortex-M (Thumb) and 32-bit RISC-V",
            hint="give the firmware that was built for the microcontroller, not a host program",
        )
    if data[4] == 2:
        raise ImageError(f"{name}: 64-bit ELF file ({'RV64' if machine == EM_RISCV else 'Arm'})", hint="instsim runs 32-bit firmware only")
    if data[4] != 1:
        raise ImageError(f"{name}: damaged ELF file: class {data[4]} is neither 32-bit nor 64-bit")
    if data[5] != 1:
        raise ImageError(
            f"{name}: big-endian ELF file" if data[5] == 2 else f"{name}: damaged ELF file: byte order {data[5]}", hint="build for little-endian"
        )
    if file_type in _FILE_TYPES:
        problem, hint = _FILE_TYPES[file_type]
        raise ImageError(f"{name}: {problem}", hint=hint)
    if file_type != 2:
        raise ImageError(f"{name}: damaged ELF file: type {file_type} is not an executable")

    phoff, shoff = struct.unpack_from("<II", data, 28)
    phentsize, phnum, shentsize, shnum = struct.unpack_from("<HHHH", data, 42)
    if phoff == 0 or phnum == 0:
        raise ImageError(f"{name}: no loadable segments: the file has no program headers", hint="link it into an executable first")
    if phentsize != _PROGRAM_HEADER_BYTES:
        raise ImageError(f"{name}: damaged ELF file: program headers of {phentsize} bytes instead of {_PROGRAM_HEADER_BYTES}")
    if phnum > _MAXIMUM_PROGRAM_HEADERS:
        raise ImageError(f"{name}: damaged ELF file: {phnum} program headers (at most {_MAXIMUM_PROGRAM_HEADERS} are accepted)")
    _check_inside(data, name, "the program headers", phoff, phnum * _PROGRAM_HEADER_BYTES)
    if shoff:
        if shentsize != _SECTION_HEADER_BYTES:
            raise ImageError(f"{name}: damaged ELF file: section headers of {shentsize} bytes instead of {_SECTION_HEADER_BYTES}")
        _check_inside(data, name, "the section headers", shoff, max(shnum, 1) * _SECTION_HEADER_BYTES)
        if shnum == 0:
            shnum = struct.unpack_from("<I", data, shoff + 20)[0]
        if shnum > _MAXIMUM_SECTIONS:
            raise ImageError(f"{name}: damaged ELF file: {shnum} section headers (at most {_MAXIMUM_SECTIONS} are accepted)")
        _check_inside(data, name, "the section headers", shoff, shnum * _SECTION_HEADER_BYTES)
    return phoff, phnum, shoff, shnum


def _check_inside(data: bytes, name: str, what: str, offset: int, size: int) -> None:
    if offset + size > len(data):
        raise ImageError(
            f"{name}: truncated or damaged ELF file: {what} end at byte {offset + size:,}, the file has {len(data):,}",
            hint="copy or build the file again",
        )


def _loads(data: bytes, name: str, phoff: int, phnum: int) -> tuple[ProgramHeader, ...]:
    loads = []
    for index in range(phnum):
        kind, offset, vaddr, paddr, filesz, memsz, flags, _align = struct.unpack_from("<8I", data, phoff + index * _PROGRAM_HEADER_BYTES)
        if kind != _PT_LOAD or memsz == filesz == 0:
            continue
        if memsz < filesz:
            raise ImageError(f"{name}: damaged ELF file: segment {index} has {filesz:,} bytes in the file but {memsz:,} in memory")
        _check_inside(data, name, f"the bytes of segment {index}", offset, filesz)
        loads.append(ProgramHeader(offset, vaddr, paddr, filesz, memsz, flags))
    return tuple(loads)


def _sections(data: bytes, shoff: int, shnum: int, names_section: int) -> tuple[ElfSection, ...]:
    headers = [_SectionHeader._make(struct.unpack_from("<10I", data, shoff + index * _SECTION_HEADER_BYTES)) for index in range(shnum)]
    names = b""
    if names_section < shnum:
        start = headers[names_section].offset
        names = data[start : start + headers[names_section].size]
    return tuple(
        ElfSection(
            name=_name(names, header.name),
            kind=header.kind,
            flags=header.flags,
            address=header.address,
            offset=header.offset,
            size=header.size,
            link=header.link,
            entry_size=header.entry_size,
        )
        for header in headers
    )


def _name(names: bytes, offset: int) -> str:
    end = names.find(b"\0", offset, offset + _MAXIMUM_NAME_BYTES)
    return names[offset : end if end >= 0 else offset].decode("utf-8", "backslashreplace")
