"""The text of source lines, where the files they come from are at hand."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

from instsim.image.source_lines import SourceLine, SourceLines

__all__ = ["with_text"]

_SUFFIXES = frozenset(
    (".c", ".cc", ".cpp", ".cxx", ".c++", ".h", ".hh", ".hpp", ".hxx", ".inc", ".inl", ".ino", ".ipp", ".rs", ".s", ".sx", ".asm", ".zig")
)
"""Files with other endings are not opened: the paths come out of the image, which may name anything."""

_LARGEST_FILE_BYTES = 8 << 20
_LONGEST_LINE = 200
_MOST_FILES = 200


def with_text(lines: SourceLines) -> SourceLines:
    """Return the lines with their text, as far as their files are found under the paths that the compiler recorded."""
    contents: dict[str, list[str]] = {}
    known: dict[SourceLine, SourceLine] = {}
    stretches = []
    for start, stop, line in lines.stretches:
        if line not in known:
            if line.file not in contents:
                contents[line.file] = _read(Path(line.file)) if len(contents) < _MOST_FILES else []
            text = contents[line.file]
            known[line] = replace(line, text=text[line.line - 1].strip()[:_LONGEST_LINE]) if line.line <= len(text) else line
        stretches.append((start, stop, known[line]))
    return SourceLines(tuple(stretches), lines.problem)


def _read(path: Path) -> list[str]:
    if path.suffix.lower() not in _SUFFIXES:
        return []
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE_BYTES:
            return []
        return path.read_text("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return []
