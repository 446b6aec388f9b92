"""Source lines of a stretch of code, from the DWARF of an ELF file; bounded work whatever the file holds."""

from __future__ import annotations

import hashlib
import struct
import zlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from instsim.errors import ImageError
from instsim.image.compile_folders import compile_folders
from instsim.image.elf_headers import read_elf
from instsim.image.line_program import Budget, LineProgramError, Strings, read_unit

__all__ = ["SourceLine", "SourceLines", "read_source_lines"]

_SECTIONS = frozenset((".debug_line", ".debug_line_str", ".debug_str", ".debug_info", ".debug_abbrev"))
_SHF_COMPRESSED = 0x800
_COMPRESSION_ZLIB = 1
_COMPRESSION_HEADER = struct.Struct("<III")
_LARGEST_SECTION_BYTES = 64 << 20
_MOST_UNITS = 1 << 16
_UNITS_TRIED = 64
_NEAREST_SEQUENCES = 8
_MOST_STEPS = 2_000_000


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of a source file.

    Attributes
    ----------
    file : str
        Path, as the compiler recorded it.
    line : int
        From 1.
    text : str
        The line itself, where the file was at hand.
    """

    file: str
    line: int
    text: str = ""


@dataclass(frozen=True)
class SourceLines:
    """Source lines by address.

    Attributes
    ----------
    stretches : tuple of (int, int, SourceLine)
        Start, end and line of stretches of code, by start.
    problem : str
        Why there are none, or not all.
    """

    stretches: tuple[tuple[int, int, SourceLine], ...] = ()
    problem: str = ""

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _, _ in self.stretches]

    def at(self, address: int) -> SourceLine | None:
        """Return the line that the code at an address comes from."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self.stretches[index][1]:
            return None
        return self.stretches[index][2]


def read_source_lines(path: Path, sha256: str, start: int, stop: int) -> SourceLines:
    """Read the source lines of the code from one address to another.

    Parameters
    ----------
    path : Path
        An ELF file.
    sha256 : str
        Digest of the file that was loaded: one that has changed since gives no lines.
    start, stop : int
        Run-time addresses.

    Returns
    -------
    SourceLines
        Empty, with the reason, for a file without line information or with damaged one; nothing is raised.
    """
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            return SourceLines(problem="the file has changed since it was run")
        if not data.startswith(b"\x7fELF"):
            return SourceLines(problem="only ELF files have source lines")
        elf = read_elf(data, path.name)
        found = {}
        for section in elf.sections:
            if section.name not in _SECTIONS:
                continue
            contents = elf.contents(section)
            if contents is not None:
                found[section.name] = _plain(bytes(contents), compressed=bool(section.flags & _SHF_COMPRESSED))
    except (OSError, ImageError, LineProgramError, ValueError, LookupError, struct.error, zlib.error) as error:
        return SourceLines(problem=f"the debug information cannot be read ({error})")
    lines = found.get(".debug_line", b"")
    if not lines:
        return SourceLines(problem="the image has no debug information (build with -g for source lines)")
    strings = Strings(found.get(".debug_line_str", b""), found.get(".debug_str", b""))
    folders = compile_folders(found.get(".debug_info", b""), found.get(".debug_abbrev", b""), strings, Budget(_MOST_STEPS))
    return _collect(lines, strings, folders, start, stop)


def _plain(contents: bytes, *, compressed: bool) -> bytes:
    if not compressed:
        return contents[:_LARGEST_SECTION_BYTES]
    kind, size, _ = _COMPRESSION_HEADER.unpack_from(contents)
    if kind != _COMPRESSION_ZLIB or size > _LARGEST_SECTION_BYTES:
        raise LineProgramError("compressed in a way that is not read, or too large")
    return zlib.decompressobj().decompress(contents[_COMPRESSION_HEADER.size :], size)


def _collect(lines: bytes, strings: Strings, folders: Mapping[int, str], start: int, stop: int) -> SourceLines:
    budget = Budget(_MOST_STEPS)
    found: dict[int, tuple[int, int, SourceLine]] = {}
    known: dict[tuple[str, int], SourceLine] = {}
    problem = ""
    for offset in _units(lines, start, stop):
        try:
            for sequence, low, high, file, line in read_unit(lines, offset, strings, budget, folders.get(offset, "")):
                # The linker moves the lines of functions that it throws away to address 0.
                if high <= start or low >= stop or (sequence == 0 and start) or not line or not file:
                    continue
                found[low] = (low, high, known.setdefault((file, line), SourceLine(file, line)))
        except LineProgramError as error:
            problem = f"part of the debug information cannot be read ({error})"
    stretches = tuple(found[low] for low in sorted(found))
    if not stretches and not problem:
        problem = "the debug information has no lines of this function"
    return SourceLines(stretches, problem)


def _units(lines: bytes, start: int, stop: int) -> list[int]:
    """Return the units that may hold lines of a stretch, without running the others.

    A sequence begins with an instruction that sets its address: those inside the stretch are wanted, and the nearest before it. Bytes
    that only look like one cost a unit run in vain.
    """
    import numpy as np  # noqa: PLC0415 -- only where there is something to search

    offsets: list[int] = []
    offset = 0
    while offset + 4 <= len(lines) and len(offsets) < _MOST_UNITS:
        offsets.append(offset)
        length = int.from_bytes(lines[offset : offset + 4], "little")
        offset += 12 + int.from_bytes(lines[offset + 4 : offset + 12], "little") if length == 0xFFFFFFFF else 4 + length
    data = np.frombuffer(lines, dtype=np.uint8)
    if data.size < 7 or not offsets:
        return []
    places = np.flatnonzero((data[:-6] == 0) & (data[1:-5] == 5) & (data[2:-4] == 2))
    addresses = np.stack([data[places + 3 + byte].astype(np.int64) << 8 * byte for byte in range(4)]).sum(axis=0)
    inside = places[(addresses >= start) & (addresses < stop)]
    before = np.flatnonzero(addresses < start)
    nearest = places[before[np.argsort(-addresses[before], kind="stable")[:_NEAREST_SEQUENCES]]]
    units = np.searchsorted(np.array(offsets), np.concatenate([inside[:_UNITS_TRIED], nearest]), side="right") - 1
    return [offsets[unit] for unit in np.unique(units[units >= 0]).tolist()]
