"""The folder that each source file was compiled in: what line programs before DWARF 5 leave to the tree of entries.

Only the first entry of each unit is read (DWARF 5, sections 7.5.1 to 7.5.6; versions 2 to 5), and only as far as the folder and the place of the
unit's line program.
"""

from __future__ import annotations

from instsim.image.line_program import Budget, Cursor, LineProgramError, Strings, text_at

__all__ = ["compile_folders"]

_STATEMENTS, _FOLDER = 0x10, 0x1B
"""Attributes: place of the line program, folder of the compilation."""

_ADDRESS, _STRING, _BLOCK, _SIGNED, _STRP, _UNSIGNED, _OFFSET, _EXPRESSION, _LINE_STRP, _CONSTANT = (
    0x01,
    0x08,
    0x09,
    0x0D,
    0x0E,
    0x0F,
    0x17,
    0x18,
    0x1F,
    0x21,
)
_REFERENCE_ADDRESS, _PRESENT = 0x10, 0x19
_FIXED = {0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x1E: 16, 0x20: 8}
_FIXED |= {0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4}
"""Bytes of forms that have so many: numbers, flags, references, indices of strings and addresses."""
_NUMBERS = frozenset((0x15, 0x1A, 0x1B, 0x22, 0x23))
"""Forms that are one number of variable length, beside `_UNSIGNED` and `_SIGNED`."""
_BLOCKS = {0x03: 2, 0x04: 4, 0x0A: 1}
"""Forms of bytes behind their number, and how long that is."""
_COMPILE_UNITS = frozenset((1, 3))


def compile_folders(info: bytes, abbreviations: bytes, strings: Strings, budget: Budget) -> dict[int, str]:
    """Return the folders of the units that have one, by the place of their line programs.

    Parameters
    ----------
    info, abbreviations : bytes
        ``.debug_info`` and ``.debug_abbrev``.
    strings : Strings
        Sections that hold the names.
    budget : Budget
        Counts down by each unit and each attribute. What lies behind its end, or behind damage, is left out.
    """
    folders: dict[int, str] = {}
    position = 0
    try:
        while position < len(info):
            budget.spend()
            cursor = Cursor(info, position, len(info))
            length, offset_size = cursor.number(4), 4
            if length == 0xFFFFFFFF:
                length, offset_size = cursor.number(8), 8
            position = cursor.position + length
            cursor.end = min(cursor.end, position)
            place, folder = _first_entry(cursor, abbreviations, offset_size, strings, budget)
            if place >= 0 and folder:
                folders[place] = folder
    except LineProgramError:
        pass
    return folders


def _first_entry(cursor: Cursor, abbreviations: bytes, offset_size: int, strings: Strings, budget: Budget) -> tuple[int, str]:
    """Return place of the line program (-1: none) and folder ('': none) of a unit, from behind its length."""
    version = cursor.number(2)
    kind = cursor.number(1) if version >= 5 else 1
    address_size = cursor.number(1) if version >= 5 else 0
    table = cursor.number(offset_size)
    address_size = address_size or cursor.number(1)
    if kind not in _COMPILE_UNITS:
        return -1, ""
    place, folder = -1, ""
    for attribute, form in _attributes(Cursor(abbreviations, table, len(abbreviations)), cursor.leb(), budget):
        if attribute == _STATEMENTS and form in {_OFFSET, 0x06, 0x07}:
            place = cursor.number(offset_size if form == _OFFSET else _FIXED[form])
        elif attribute == _FOLDER and form in {_STRING, _STRP, _LINE_STRP}:
            folder = cursor.text() if form == _STRING else _text(cursor.number(offset_size), form, strings)
        else:
            _skip(cursor, form, offset_size, address_size, version)
    return place, folder


def _attributes(cursor: Cursor, wanted: int, budget: Budget) -> list[tuple[int, int]]:
    """Return attributes and forms of one abbreviation."""
    while code := cursor.leb():
        cursor.leb()
        cursor.take(1)
        found = []
        while True:
            budget.spend()
            attribute, form = cursor.leb(), cursor.leb()
            if form == _CONSTANT:
                cursor.leb(signed=True)
            if not attribute and not form:
                break
            found.append((attribute, form))
        if code == wanted:
            return found
    return []


def _text(offset: int, form: int, strings: Strings) -> str:
    return text_at(strings.line_strings if form == _LINE_STRP else strings.strings, offset)


def _skip(cursor: Cursor, form: int, offset_size: int, address_size: int, version: int) -> None:
    if form in _FIXED:
        cursor.take(_FIXED[form])
    elif form in _NUMBERS or form in {_UNSIGNED, _SIGNED}:
        cursor.leb()
    elif form == _STRING:
        cursor.text()
    elif form in {_STRP, _LINE_STRP, _OFFSET}:
        cursor.take(offset_size)
    elif form == _ADDRESS or (form == _REFERENCE_ADDRESS and version == 2):
        cursor.take(address_size)
    elif form == _REFERENCE_ADDRESS:
        cursor.take(offset_size)
    elif form in {_BLOCK, _EXPRESSION}:
        cursor.take(cursor.leb())
    elif form in _BLOCKS:
        cursor.take(cursor.number(_BLOCKS[form]))
    elif form not in {_PRESENT, _CONSTANT}:
        raise LineProgramError(f"form {form:#x}")
