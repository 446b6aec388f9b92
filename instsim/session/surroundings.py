"""What is put around the firmware: a host on the serial wire, and what it must print."""

from __future__ import annotations

import re
from pathlib import Path

from instsim.cost import Board
from instsim.emulate.serial import SerialScript
from instsim.errors import UsageError
from instsim.image import FirmwareImage
from instsim.session.request import Request

__all__ = ["checked_patterns", "find_serial"]


def find_serial(image: FirmwareImage, request: Request, board: Board) -> SerialScript | None:
    """Return the serial dialogue that was asked for; None without one.

    Raises
    ------
    UsageError
        If it does not exist, is not valid, or an option that goes with it is given without it.
    """
    if request.serial is None:
        if request.input_file is not None:
            raise UsageError("--input goes with --serial eembc", hint="to write a file into memory, use --poke SYMBOL=FILE")
        return None
    from instsim.session.serial_script import find_script  # noqa: PLC0415 -- loads pydantic

    return find_script(image, request.serial, read_file(request.input_file, "--input"), tuple(device.name for device in board.models))


def read_file(path: str | None, option: str) -> bytes | None:
    """Return a file's contents; None without a path.

    Raises
    ------
    UsageError
        If it cannot be read.
    """
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror or error}") from error


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
