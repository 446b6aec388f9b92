"""``printf`` as ROM libraries have it: what boot messages need."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

__all__ = ["format_text"]

_DIRECTIVE = re.compile(rb"%([-+ 0#]*)(\d*)(?:\.(\d+))?(?:hh|h|ll|l|z|t|j)?([diuxXcspo%])")


def format_text(pattern: bytes, arguments: Sequence[int], string_at: Callable[[int], bytes]) -> bytes:
    """Return formatted text.

    Parameters
    ----------
    pattern : bytes
        The format.
    arguments : sequence of int
        Words that follow it; missing ones count as 0.
    string_at : callable
        ``string_at(address)`` gives the text of ``%s``.
    """
    values = iter(arguments)

    def convert(match: re.Match[bytes]) -> bytes:
        flags, width, precision, kind = match[1], int(match[2] or 0), match[3], match[4]
        if kind == b"%":
            return b"%"
        value = next(values, 0)
        if kind == b"s":
            text = string_at(value)[: int(precision) if precision else None]
        elif kind == b"c":
            text = bytes([value & 0xFF])
        elif kind in b"di":
            text = str(value - (value >> 31 << 32)).encode()
        else:
            text = {b"u": f"{value}", b"x": f"{value:x}", b"X": f"{value:X}", b"o": f"{value:o}", b"p": f"{value:#x}"}[kind].encode()
        if b"-" in flags:
            return text.ljust(width)
        return text.rjust(width, b"0" if b"0" in flags and kind not in b"sc" else b" ")

    return _DIRECTIVE.sub(convert, pattern)
