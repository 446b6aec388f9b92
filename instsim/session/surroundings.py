"""What is put around the firmware: a host on the serial wire, what it must print, memory written and read, functions stubbed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from instsim.cost import Board
from instsim.emulate.region_access import Peek, Poke
from instsim.emulate.serial import SerialScript
from instsim.errors import UsageError
from instsim.image import FirmwareImage
from instsim.session.regions import place_address
from instsim.session.request import Request
from instsim.small_files import read_bytes

__all__ = ["PeekFiles", "checked_patterns", "find_entry", "find_peeks", "find_pokes", "find_register_resets", "find_serial", "find_stubs"]

_LARGEST_FILE_BYTES = 1 << 28
"""More than the memory of any microcontroller."""


def find_serial(image: FirmwareImage, request: Request, board: Board) -> SerialScript | None:
    """Return the serial dialogue that was asked for; None without one.

    Raises
    ------
    UsageError
        If it does not exist, is not valid, or an option that goes with it is given without it.
    """
    if request.serial is None:
        if request.input_file is not None:
            raise UsageError("--input goes with --model or --serial eembc", hint="to write a file into memory, use --poke SYMBOL=FILE")
        return None
    from instsim.session.serial_script import find_script  # noqa: PLC0415 -- loads pydantic

    return find_script(image, request.serial, read_file(request.input_file, "--input"), tuple(device.name for device in board.models))


def find_register_resets(request: Request) -> dict[int, int]:
    """Return the reset values of registers, by address, that ``--svd`` gives; empty without it.

    Raises
    ------
    InputError
        If the file cannot be read or is no CMSIS-SVD file.
    """
    if request.svd is None:
        return {}
    from instsim.session.svd import register_resets  # noqa: PLC0415 -- loads a parser of XML

    return register_resets(Path(request.svd))


def read_file(path: str | None, option: str) -> bytes | None:
    """Return a file's contents; None without a path.

    Raises
    ------
    UsageError
        If it cannot be read.
    """
    return None if path is None else read_bytes(Path(path), UsageError, what=f"{option} {path}", most_bytes=_LARGEST_FILE_BYTES)


def checked_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return regular expressions of ``--expect``.

    Raises
    ------
    UsageError
        If one of them is not a regular expression.
    """
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(f"--expect {pattern!r}: not a regular expression: {error}") from error
    return patterns


def find_entry(image: FirmwareImage, request: Request) -> int | None:
    """Return where to start instead of at reset; None to start there."""
    return None if request.entry is None else place_address(image, request.entry)


def find_stubs(request: Request) -> dict[str, int]:
    """Return the functions to stub and their values.

    Raises
    ------
    UsageError
        If one of them is not ``SYMBOL=VALUE``.
    """
    stubs = {}
    for text in request.stubs:
        name, equals, value = text.partition("=")
        try:
            stubs[name] = int(value, 0) if equals else 0
        except ValueError:
            raise UsageError(f"--stub {text}: {value!r} is not a whole number", hint="as in --stub rtc_get_reset_reason=1") from None
        if not name:
            raise UsageError(f"--stub {text}: no symbol", hint="as in --stub rtc_get_reset_reason=1")
    return stubs


def find_pokes(image: FirmwareImage, request: Request) -> tuple[Poke, ...]:
    """Return what to write before the region.

    Raises
    ------
    UsageError
        If an option is not ``PLACE=FILE``, the file cannot be read, there is no such symbol, or the file is longer than it.
    """
    pokes = []
    for text in request.pokes:
        place, equals, path = text.partition("=")
        if not equals or not place or not path:
            raise UsageError(f"--poke {text}: not PLACE=FILE", hint="as in --poke g_input=sample.bin or --poke 0x20001000=sample.bin")
        data = read_file(path, f"--poke {place}") or b""
        address, size = _data_place(image, place, "--poke")
        if size and len(data) > size:
            raise UsageError(f"--poke {text}: the file has {len(data):,} bytes, {place} {size:,}", hint="give its address instead to write beyond it")
        pokes.append(Poke(place, address, data))
    return tuple(pokes)


@dataclass(frozen=True)
class PeekFiles:
    """Memory to read behind the region, and the file for each."""

    places: tuple[Peek, ...]
    paths: tuple[str, ...]

    def write(self, peek: Peek, data: bytes) -> None:
        """Write what was found to its file.

        Raises
        ------
        UsageError
            If it cannot be written.
        """
        for place, path in zip(self.places, self.paths, strict=True):
            if place == peek:
                try:
                    Path(path).write_bytes(data)
                except OSError as error:
                    raise UsageError(f"--peek {peek.name}={path}: {error.strerror or error}") from error


def find_peeks(image: FirmwareImage, request: Request) -> PeekFiles:
    """Return what to read behind the region.

    Raises
    ------
    UsageError
        If an option is not ``PLACE:BYTES=FILE``, there is no such symbol, or no such folder for the file.
    """
    places, paths = [], []
    for text in request.peeks:
        where, equals, path = text.partition("=")
        place, _, length = where.partition(":")
        if not equals or not place or not path:
            raise UsageError(f"--peek {text}: not PLACE:BYTES=FILE", hint="as in --peek g_output:12=scores.bin")
        address, size = _data_place(image, place, "--peek")
        try:
            wanted = int(length, 0) if length else size
        except ValueError:
            raise UsageError(f"--peek {text}: {length!r} is not a number of bytes") from None
        if wanted <= 0:
            raise UsageError(f"--peek {text}: how many bytes?", hint=f"as in --peek {place}:12={path}")
        if Path(path).is_dir() or not Path(path).parent.is_dir():
            raise UsageError(f"--peek {text}: {path!r} is a folder, or in a folder that there is not", hint=f"as in --peek {place}:12=scores.bin")
        places.append(Peek(place, address, wanted))
        paths.append(path)
    return PeekFiles(tuple(places), tuple(paths))


def _data_place(image: FirmwareImage, place: str, option: str) -> tuple[int, int]:
    """Return address and size of what a symbol names; a size of 0 for an address."""
    try:
        return int(place, 0), 0
    except ValueError:
        symbol = image.symbol(place)
    if symbol is None:
        near = get_close_matches(place, [s.name for s in image.symbols if s.kind != "function"], n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "give its address in hexadecimal (0x...)"
        raise UsageError(f"{option} {place}: {image.name} has no such symbol", hint=hint)
    return symbol.address, symbol.size
