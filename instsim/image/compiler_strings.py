"""Strings by which compilers leave their name in an image."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["find_compilers", "split_comment"]

_SIGNATURE = re.compile(
    rb"GCC: \([^)\0]{0,120}\)[ -~]{0,80}"
    rb"|(?:[ -~]{0,40} )?clang version [ -~]{1,120}"
    rb"|(?:A[Rr][Mm] Compiler|armclang|IAR (?:ANSI )?C/C\+\+ Compiler|rustc version)[ -~]{0,80}"
)
_MAXIMUM_STRINGS = 16
_MAXIMUM_CHARACTERS = 200


def split_comment(comment: bytes) -> tuple[str, ...]:
    """Return the strings of a ``.comment`` section, each once, in the order of the file (at most 16)."""
    return _each_once(comment.split(b"\0"))


def find_compilers(images: Iterable[bytes]) -> tuple[str, ...]:
    """Return compiler names found among the bytes of an image (at most 16), for formats that have no place for them."""
    return _each_once(match.group() for data in images for match in _SIGNATURE.finditer(data))


def _each_once(strings: Iterable[bytes]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for raw in strings:
        text = "".join(character if character.isprintable() else "?" for character in raw[:_MAXIMUM_CHARACTERS].decode("utf-8", "replace")).strip()
        if text:
            found[text] = None
        if len(found) == _MAXIMUM_STRINGS:
            break
    return tuple(found)
