"""Symbols and mapping symbols of an ELF file.

The table is decoded with NumPy: firmware of ten thousand symbols takes milliseconds, where an object for each entry takes a good part of a
second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from instsim.image.elf_headers import EM_ARM, ElfFile, ElfSection
from instsim.image.firmware import CodeRange, Symbol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SymbolTable", "read_symbols"]

_SHT_SYMTAB = 2
_SHF_ALLOC = 2
_SHN_ABS = 0xFFF1
_ENTRY_BYTES = 16
_STT_NOTYPE, _STT_OBJECT, _STT_FUNC, _STT_IFUNC, _STT_ARM_TFUNC = 0, 1, 2, 10, 13
_KINDS = {_STT_NOTYPE: "none", _STT_OBJECT: "object", _STT_FUNC: "function", _STT_IFUNC: "function", _STT_ARM_TFUNC: "function"}
_MAXIMUM_SYMBOLS = 1 << 18
_MAXIMUM_NAME_BYTES = 1 << 15


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """What the symbol table says; `notes` holds what was wrong with it."""

    symbols: tuple[Symbol, ...] = ()
    code_ranges: tuple[CodeRange, ...] = ()
    notes: tuple[str, ...] = ()


def read_symbols(elf: ElfFile) -> SymbolTable:
    """Read functions, objects and global labels, and the ranges of code and data that mapping symbols mark.

    Section names, file names, undefined symbols and local labels are left out. A damaged table costs its symbols, not the image.

    Parameters
    ----------
    elf : ElfFile
        Checked headers.
    """
    section = next((section for section in elf.sections if section.kind == _SHT_SYMTAB and section.size >= _ENTRY_BYTES), None)
    if section is None:
        return SymbolTable()
    contents = elf.contents(section)
    strings = elf.contents(elf.sections[section.link]) if section.link < len(elf.sections) else None
    if contents is None or strings is None or section.entry_size != _ENTRY_BYTES:
        return SymbolTable(notes=("the symbol table is damaged: names are missing",))
    count = len(contents) // _ENTRY_BYTES
    notes: tuple[str, ...] = ()
    if count > _MAXIMUM_SYMBOLS:
        notes = (f"the symbol table has {count:,} entries: only the first {_MAXIMUM_SYMBOLS:,} were read",)
        count = _MAXIMUM_SYMBOLS
    return _decode(elf, contents[: count * _ENTRY_BYTES], bytes(strings), notes)


def _decode(elf: ElfFile, contents: memoryview, strings: bytes, notes: tuple[str, ...]) -> SymbolTable:
    import numpy as np  # noqa: PLC0415 -- heavy, and not needed by other formats

    fields: list[Any] = [("name", "<u4"), ("value", "<u4"), ("size", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2")]
    table = np.frombuffer(contents, dtype=np.dtype(fields))
    kind = table["info"] & 15
    has_name = (table["name"] > 0) & (table["name"] < len(strings))
    if np.any(table["name"] >= max(len(strings), 1)):
        notes = (*notes, "the symbol table is damaged: some names are missing")
    first = np.frombuffer(strings, dtype=np.uint8)[np.where(has_name, table["name"], 0)] if strings else np.zeros(len(table), np.uint8)
    marker = has_name & (kind == _STT_NOTYPE) & (first == ord("$"))
    known_kind = np.isin(kind, list(_KINDS))
    defined = ((table["section"] > 0) & (table["section"] < len(elf.sections))) | (table["section"] == _SHN_ABS)
    wanted = has_name & known_kind & defined & ~marker & ((kind != _STT_NOTYPE) | (table["info"] >= 16))
    symbols, complete = _symbols(table[wanted], strings, arm=elf.machine == EM_ARM)
    if not complete:
        notes = (*notes, "the symbol table is damaged: names run into each other, some are missing")
    return SymbolTable(symbols, _code_ranges(elf.sections, table[marker & defined], strings), notes)


def _symbols(table: NDArray[np.void], strings: bytes, *, arm: bool) -> tuple[tuple[Symbol, ...], bool]:
    # Names may share their tails, so together they can be longer than the strings, but not without end: a table without
    # terminators would otherwise give every symbol a name of 32 KB.
    budget = 8 * len(strings) + 65536
    found = []
    columns = (table[field].tolist() for field in ("name", "value", "size", "info"))
    for offset, value, size, info in zip(*columns, strict=True):
        end = strings.find(b"\0", offset, offset + _MAXIMUM_NAME_BYTES)
        raw = strings[offset : end if end >= 0 else offset + _MAXIMUM_NAME_BYTES]
        budget -= len(raw)
        if budget < 0:
            break
        kind = _KINDS[info & 15]
        address = value & ~1 if arm and kind == "function" else value
        if raw:
            found.append(Symbol(raw.decode("utf-8", "backslashreplace"), address, size, kind, info >= 16))
    found.sort(key=lambda symbol: (symbol.address, not symbol.is_global, symbol.name))
    return tuple(found), budget >= 0


def _code_ranges(sections: tuple[ElfSection, ...], table: NDArray[np.void], strings: bytes) -> tuple[CodeRange, ...]:
    marks: list[tuple[int, int, bool]] = []
    for offset, value, index in zip(table["name"].tolist(), table["value"].tolist(), table["section"].tolist(), strict=True):
        name = strings[offset : offset + 5]
        if name[1:2] not in (b"a", b"t", b"x", b"d") or (name[2:3] not in (b"", b"\0", b".") and name[1:4] != b"xrv"):
            continue
        if index < len(sections) and sections[index].flags & _SHF_ALLOC:
            marks.append((index, value & ~1, name[1:2] != b"d"))
    marks.sort(key=lambda mark: mark[:2])
    ranges = []
    for number, (index, start, is_code) in enumerate(marks):
        section = sections[index]
        same_section = number + 1 < len(marks) and marks[number + 1][0] == index
        stop = min(marks[number + 1][1] if same_section else section.address + section.size, section.address + section.size)
        if section.address <= start < stop:
            ranges.append(CodeRange(start, stop, is_code))
    return _merged(sorted(ranges, key=lambda code: (code.start, code.stop)))


def _merged(ranges: list[CodeRange]) -> tuple[CodeRange, ...]:
    merged: list[CodeRange] = []
    for code in ranges:
        if merged and merged[-1].stop == code.start and merged[-1].is_code == code.is_code:
            merged[-1] = CodeRange(merged[-1].start, code.stop, code.is_code)
        elif not merged or merged[-1].stop <= code.start:
            merged.append(code)
    return tuple(merged)
