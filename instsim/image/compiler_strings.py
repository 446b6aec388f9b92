"""Strings by which compilers leave their name in an image."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["find_compilers", "split_comment"]

# Literal alternatives only: a pattern that begins with any printable byte takes seconds for a few megabytes.
_SIGNATURE = re.compile(rb"GCC: \(|clang version |A[Rr][Mm] Compiler|armclang|IAR (?:ANSI )?C/C\+\+ Compiler|rustc version ")
_PRINTABLE_BEFORE = re.compile(rb"[ -~]*\Z")
_PRINTABLE = re.compile(rb"[ -~]*")
_CHARACTERS_BEFORE = 40
_MAXIMUM_STRINGS = 16
_MAXIMUM_CHARACTERS = 200


def split_comment(comment: bytes) -> tuple[str, ...]:
    """Return the strings of a ``.comment`` section, each once, in the order of the file (at most 16)."""
    return _each_once(comment.split(b"\0"))


def find_compilers(images: Iterable[bytes]) -> tuple[str, ...]:
    """Return compiler names found among the bytes of an image (at most 16), for formats that have no place for them."""
    return _each_once(_printable_around(data, match.start()) for data in images for match in _SIGNATURE.finditer(data))


def _printable_around(data: bytes, position: int) -> bytes:
    """Return the text around a position; vendors write their name before ``clang version``."""
    before = _PRINTABLE_BEFORE.search(data[max(0, position - _CHARACTERS_BEFORE) : position])
    after = _PRINTABLE.match(data, position, position + _MAXIMUM_CHARACTERS)
    return (before.group() if before else b"") + (after.group() if after else b"")


def _each_once(strings: Iterable[bytes]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for raw in strings:
        text = "".join(character if character.isprintable() else "?" for character in raw[:_MAXIMUM_CHARACTERS].decode("utf-8", "replace")).strip()
        if text:
            found[text] = None
        if len(found) == _MAXIMUM_STRINGS:
            break
    return tuple(found)
