"""Files that a user names, read whole: none is followed further than a limit, and whatever is wrong is an error of instsim."""

from __future__ import annotations

from pathlib import Path

from instsim.errors import InstsimError

__all__ = ["SMALL_FILE_BYTES", "read_bytes", "read_text"]

SMALL_FILE_BYTES = 1 << 20
"""Limit of tables, settings and the like, which people write."""


def read_bytes(path: Path, failure: type[InstsimError], *, what: str = "", hint: str = "", most_bytes: int = SMALL_FILE_BYTES) -> bytes:
    """Return the contents of a file.

    Parameters
    ----------
    path : Path
        The file.
    failure : type of InstsimError
        What is raised.
    what : str
        How messages name it; its path by default.
    hint : str
        What to do if it cannot be read or is too large.
    most_bytes : int
        Its largest size.

    Raises
    ------
    InstsimError
        Of the class given, if the file cannot be read or is larger.
    """
    what = what or str(path)
    try:
        with path.open("rb") as stream:
            contents = stream.read(most_bytes + 1)
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        raise failure(f"{what}: cannot be read: {getattr(error, 'strerror', None) or error}", hint=hint) from error
    if len(contents) > most_bytes:
        raise failure(f"{what}: larger than {most_bytes:,} bytes", hint="is this the right file?")
    return contents


def read_text(
    path: Path, failure: type[InstsimError], *, what: str = "", hint: str = "", text_hint: str = "", most_bytes: int = SMALL_FILE_BYTES
) -> str:
    """Return the text of a file in UTF-8, with a byte order mark or without; parameters and errors as for `read_bytes`.

    `text_hint` is what to do if it is not such text, `hint` by default.
    """
    contents = read_bytes(path, failure, what=what, hint=hint, most_bytes=most_bytes)
    try:
        return contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise failure(f"{what or path}: not UTF-8 text (byte {error.start})", hint=text_hint or hint) from error
