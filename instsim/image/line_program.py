"""DWARF line programs: which source line each address comes from (DWARF 5, section 6.2; versions 2 to 5 are read).

Written out here, because the general readers hang on tables whose entries claim to be empty, and read a whole unit's tree to find a
program; here every step consumes a byte of the section, and the steps are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Budget", "Cursor", "LineProgramError", "Strings", "read_unit", "text_at"]

_CONTENT_PATH, _CONTENT_DIRECTORY = 1, 2
_FORM_STRING, _FORM_LINE_STRP, _FORM_STRP, _FORM_UDATA, _FORM_BLOCK = 0x08, 0x1F, 0x0E, 0x0F, 0x09
_FIXED_FORMS = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
_COPY, _ADVANCE_PC, _ADVANCE_LINE, _SET_FILE, _SET_COLUMN, _CONST_ADD_PC, _FIXED_ADVANCE_PC = 1, 2, 3, 4, 5, 8, 9
_END_SEQUENCE, _SET_ADDRESS, _DEFINE_FILE = 1, 2, 3
_LONGEST_LEB_BYTES = 10
_LONGEST_TEXT_BYTES = 4096
_ADDRESS_MASK = 0xFFFFFFFF


class LineProgramError(Exception):
    """The unit is damaged or of a form that is not read."""


@dataclass
class Budget:
    """Steps that may still be taken, over all units."""

    steps: int

    def spend(self) -> None:
        """Take one step, or raise `LineProgramError` if there is none left."""
        self.steps -= 1
        if self.steps < 0:
            raise LineProgramError("more line information than is read")


@dataclass(frozen=True, slots=True)
class Strings:
    """Contents of ``.debug_line_str`` and ``.debug_str``."""

    line_strings: bytes = b""
    strings: bytes = b""


@dataclass
class Cursor:
    """A place in a section that is read up to an end.

    Attributes
    ----------
    data : bytes
        The section.
    position, end : int
        The place, and where reading has to stop.
    """

    data: bytes
    position: int
    end: int

    def take(self, size: int) -> bytes:
        """Return the next bytes, or raise `LineProgramError` if there are not so many."""
        start = self.position
        if size > self.end - start:
            raise LineProgramError("the unit ends early")
        self.position = start + size
        return self.data[start : start + size]

    def number(self, size: int) -> int:
        """Return an unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def leb(self, *, signed: bool = False) -> int:
        """Return a number of variable length (LEB128)."""
        value = 0
        for index in range(_LONGEST_LEB_BYTES):
            byte = self.number(1)
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return value - (1 << 7 * (index + 1)) if signed and byte & 0x40 else value
        raise LineProgramError("a number is too long")

    def text(self) -> str:
        """Return the text up to the next zero byte."""
        start = self.position
        end = self.data.find(b"\0", start, min(self.end, start + _LONGEST_TEXT_BYTES))
        if end < 0:
            raise LineProgramError("a name that does not end")
        self.position = end + 1
        return self.data[start:end].decode("utf-8", "backslashreplace")


@dataclass
class _Header:
    minimum_length: int
    line_base: int
    line_range: int
    opcode_base: int
    lengths: tuple[int, ...]
    version: int
    folder: str
    directories: list[str] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)

    def path(self, number: int) -> str:
        """Return the path of a file by its number in the program."""
        place = number if self.version >= 5 else number - 1
        if not 0 <= place < len(self.files):
            return ""
        name, directory = self.files[place]
        # Before version 5, directory 0 is the compiler's own, which the line program does not name.
        directories = self.directories if self.version >= 5 else [self.folder, *self.directories]
        folder = directories[directory] if directory < len(directories) else ""
        return _joined(_joined(directories[0], folder) if directory and directories else folder, name)


def read_unit(section: bytes, offset: int, strings: Strings, budget: Budget, folder: str = "") -> Iterator[tuple[int, int, int, str, int]]:
    """Run one unit's line program.

    Parameters
    ----------
    section : bytes
        ``.debug_line``.
    offset : int
        Where the unit starts.
    strings : Strings
        Sections that hold its names.
    budget : Budget
        Counts down by each instruction of the program.
    folder : str
        Where the unit was compiled, which the program itself says from version 5 on.

    Yields
    ------
    tuple of (int, int, int, str, int)
        Start of the sequence, start and end of a stretch of code, path of its file, line (0: of no line).

    Raises
    ------
    LineProgramError
        At the place where the unit cannot be read further.
    """
    cursor = Cursor(section, offset, len(section))
    length, offset_size = cursor.number(4), 4
    if length == 0xFFFFFFFF:
        length, offset_size = cursor.number(8), 8
    cursor.end = min(cursor.end, cursor.position + length)
    header = _header(cursor, offset_size, strings, budget, folder)
    yield from _run(cursor, header, budget)


def _header(cursor: Cursor, offset_size: int, strings: Strings, budget: Budget, folder: str) -> _Header:
    version = cursor.number(2)
    if not 2 <= version <= 5:
        raise LineProgramError(f"version {version}")
    if version >= 5:
        cursor.take(2)
    program = cursor.number(offset_size)
    program += cursor.position
    minimum_length = cursor.number(1)
    if version >= 4:
        cursor.take(1)
    cursor.take(1)
    line_base = (cursor.number(1) ^ 0x80) - 0x80
    line_range, opcode_base = cursor.number(1), cursor.number(1)
    if not line_range or not opcode_base:
        raise LineProgramError("a range of no lines")
    header = _Header(minimum_length, line_base, line_range, opcode_base, tuple(cursor.take(opcode_base - 1)), version, folder)
    if version >= 5:
        header.directories = [text for text, _ in _entries(cursor, offset_size, strings, budget)]
        header.files = list(_entries(cursor, offset_size, strings, budget))
    else:
        while text := cursor.text():
            header.directories.append(text)
            budget.spend()
        while text := cursor.text():
            header.files.append((text, cursor.leb()))
            cursor.leb()
            cursor.leb()
            budget.spend()
    if not cursor.position <= program <= cursor.end:
        raise LineProgramError("the header does not end where it says")
    cursor.position = program
    return header


def _entries(cursor: Cursor, offset_size: int, strings: Strings, budget: Budget) -> Iterator[tuple[str, int]]:
    """Read a table of directories or files of version 5: name and number of the directory."""
    formats = [(cursor.leb(), cursor.leb()) for _ in range(cursor.number(1))]
    count = cursor.leb()
    if count and not formats:
        raise LineProgramError("entries without contents")
    for _ in range(count):
        budget.spend()
        name, directory = "", 0
        for content, form in formats:
            value = _value(cursor, form, offset_size, strings)
            if content == _CONTENT_PATH and isinstance(value, str):
                name = value
            elif content == _CONTENT_DIRECTORY and isinstance(value, int):
                directory = value
        yield name, directory


def _value(cursor: Cursor, form: int, offset_size: int, strings: Strings) -> str | int:
    # Every form that is read occupies at least one byte, so that no count of entries outlasts the section.
    if form == _FORM_STRING:
        return cursor.text()
    if form == _FORM_LINE_STRP:
        return text_at(strings.line_strings, cursor.number(offset_size))
    if form == _FORM_STRP:
        return text_at(strings.strings, cursor.number(offset_size))
    if form == _FORM_UDATA:
        return cursor.leb()
    if form == _FORM_BLOCK:
        cursor.take(cursor.leb())
        return 0
    if form in _FIXED_FORMS:
        return cursor.number(_FIXED_FORMS[form])
    raise LineProgramError(f"form {form:#x}")


def _run(cursor: Cursor, header: _Header, budget: Budget) -> Iterator[tuple[int, int, int, str, int]]:
    paths: dict[int, str] = {}
    address, file, line = 0, 1, 1
    first: int | None = None
    before: tuple[int, int, int] | None = None

    def stretch() -> Iterator[tuple[int, int, int, str, int]]:
        nonlocal before, first
        if first is None:
            first = address
        if before is not None and before[0] < address:
            if before[1] not in paths:
                paths[before[1]] = header.path(before[1])
            yield first, before[0], address, paths[before[1]], before[2]
        before = address, file, line

    while cursor.position < cursor.end:
        budget.spend()
        opcode = cursor.number(1)
        if opcode >= header.opcode_base:
            advance, step = divmod(opcode - header.opcode_base, header.line_range)
            address = address + advance * header.minimum_length & _ADDRESS_MASK
            line += header.line_base + step
            yield from stretch()
        elif opcode == 0:
            size = cursor.leb()
            following = cursor.position + size
            extended = cursor.number(1) if size else 0
            if extended == _END_SEQUENCE:
                yield from stretch()
                address, file, line, first, before = 0, 1, 1, None, None
            elif extended == _SET_ADDRESS:
                address = cursor.number(min(size - 1, 8)) & _ADDRESS_MASK
            elif extended == _DEFINE_FILE and header.version < 5:
                header.files.append((cursor.text(), cursor.leb()))
            if following > cursor.end:
                raise LineProgramError("the unit ends early")
            cursor.position = following
        elif opcode == _COPY:
            yield from stretch()
        elif opcode == _ADVANCE_PC:
            address = address + cursor.leb() * header.minimum_length & _ADDRESS_MASK
        elif opcode == _ADVANCE_LINE:
            line += cursor.leb(signed=True)
        elif opcode == _SET_FILE:
            file = cursor.leb()
        elif opcode == _CONST_ADD_PC:
            address = address + (255 - header.opcode_base) // header.line_range * header.minimum_length & _ADDRESS_MASK
        elif opcode == _FIXED_ADVANCE_PC:
            address = address + cursor.number(2) & _ADDRESS_MASK
        else:
            for _ in range(header.lengths[opcode - 1]):
                cursor.leb()


def text_at(data: bytes, offset: int) -> str:
    """Return the text at a place of a section of strings, or raise `LineProgramError` if it does not end."""
    end = data.find(b"\0", offset, offset + _LONGEST_TEXT_BYTES)
    if end < 0:
        raise LineProgramError("a name that does not end")
    return data[offset:end].decode("utf-8", "backslashreplace")


def _joined(folder: str, name: str) -> str:
    absolute = name.startswith("/") or name[1:3] in {":\\", ":/"}
    return name if absolute or not folder else f"{folder.rstrip('/')}/{name}"
