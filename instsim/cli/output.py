"""What commands print, and the files they write."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instsim.errors import InputError, UsageError
from instsim.report.parts import Part

__all__ = ["print_text", "write_document", "write_file", "write_output", "write_parts"]


def print_text(text: str) -> None:
    """Print on standard output, all of it at once; a reader that has gone (``| head -1``) is no error.

    Raises
    ------
    InputError
        If standard output cannot be written.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(_encodable(text))
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
    except OSError as error:
        _forget_output()
        raise InputError(f"cannot write to standard output: {error.strerror or error}") from error


def write_output(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file as `write_file` does."""
    if not text.endswith("\n"):
        text += "\n"
    if output is None:
        print_text(text)
    else:
        write_file(text.encode("utf-8", "backslashreplace"), output)


def write_file(contents: bytes, output: Path) -> None:
    """Write a file: readers see the old one or the new one, never a part.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    temporary = None
    try:
        if output.exists() and not output.is_file():
            # A device or a pipe is written to; a file put in its place would remove it.
            output.write_bytes(contents)
            return
        target = output.resolve()
        temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
        temporary.write_bytes(contents)
        if target.exists():
            temporary.chmod(target.stat().st_mode)
        temporary.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_document(document: Any, output: Path | None = None) -> None:
    """Print or write a JSON document: two spaces deep, ASCII only."""
    write_output(json.dumps(document, indent=2, allow_nan=False), output)


def write_parts(parts: Sequence[Part], output: Path | None = None) -> None:
    """Print the parts of a report, drawn for a terminal and plain for a pipe, or write them to a file."""
    if output is None and sys.stdout is not None and sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 -- only where a terminal is drawn on

        from instsim.report.tables import show  # noqa: PLC0415

        show(parts, Console())
        return
    from instsim.report.tables import render  # noqa: PLC0415

    write_output(render(parts), output)


def _encodable(text: str) -> str:
    """Escape what the output's encoding lacks."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _forget_output() -> None:
    """Send what is still buffered nowhere, so that Python does not complain when it flushes at the end."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
