"""Derived data kept on disk between runs: compiled hooks, decoded code. Losing it costs time, never a result.

A file holds the SHA-256 of its contents and the contents. A file that is missing, cut short or damaged is as good as absent; a folder
that cannot be written is no error. ``INSTSIM_CACHE_DIR`` names another folder.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["ENVIRONMENT_VARIABLE", "FILES_KEPT", "cache_folder", "code_stamp", "load", "package_stamp", "store", "toml_document"]

ENVIRONMENT_VARIABLE = "INSTSIM_CACHE_DIR"
"""Environment variable that names the cache folder."""

FILES_KEPT = 128
"""Files of one kind that stay; the longest unused go first."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_DIGEST_BYTES = 32
_TOML_KIND = "toml"


def cache_folder() -> Path:
    """Return the folder of the cache, which need not exist.

    Returns
    -------
    Path
        The folder named by ``INSTSIM_CACHE_DIR``, else the user's cache folder as the operating system has it.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named)
    import platformdirs  # noqa: PLC0415 -- not needed when the variable is set

    return Path(platformdirs.user_cache_dir("instsim", appauthor=False))


def _path(kind: str, key: str) -> Path:
    if not _NAME.fullmatch(kind) or not _NAME.fullmatch(key):
        raise ValueError(f"not a name for a cache file: {kind!r}, {key!r}")
    return cache_folder() / kind / key


def code_stamp(*rooms: str) -> str:
    """Return a text that changes when the code of these folders of the package does.

    A part of the keys of derived data: in a checkout the code changes while the version stays. It depends on nothing but the files'
    contents, so that a cache outlives an installation, as those of continuous integration must.

    Parameters
    ----------
    *rooms : str
        Folders below the package (``"isa"``).
    """
    return "\n".join(_room_stamp(room) for room in rooms)


@functools.cache
def _room_stamp(room: str) -> str:
    package = Path(__file__).parent
    paths = sorted((package / room).rglob("*.py"))
    return "\n".join(f"{path.relative_to(package).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths)


def package_stamp(*names: str) -> str:
    """Return a text that changes when another version of these installed packages is there; none of them is imported.

    Their metadata would say the same, behind Python's parser for e-mail.

    Parameters
    ----------
    *names : str
        Top-level packages (``"llvmlite"``).

    Raises
    ------
    ModuleNotFoundError
        If one is not installed.
    """
    parts = []
    for name in names:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise ModuleNotFoundError(f"no package {name}", name=name)
        start = Path(found.origin)
        contents = [path.read_bytes() for path in (start, start.with_name("_version.py")) if path.exists()]
        parts.append(f"{name} {hashlib.sha256(b''.join(contents)).hexdigest()}")
    return "\n".join(parts)


def load(kind: str, key: str) -> bytes | None:
    """Read what was stored under a key.

    Parameters
    ----------
    kind : str
        What it is, a folder of the cache (``"hook"``, ``"charges"``).
    key : str
        Digest of everything it was derived from, the version of instsim included.

    Returns
    -------
    bytes or None
        None if nothing usable is there.

    Raises
    ------
    ValueError
        If kind or key hold other characters than letters, digits, ``_`` and ``-``.
    """
    path = _path(kind, key)
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    data = stored[_DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != stored[:_DIGEST_BYTES]:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return data


def store(kind: str, key: str, data: bytes, *, files_kept: int | None = None) -> None:
    """Keep data under a key; readers see the old file or the new one, never a part.

    A folder that cannot be written is silently left alone: the data can always be derived again.

    Parameters
    ----------
    kind, key : str
        As in `load`.
    data : bytes
        What to keep.
    files_kept : int, optional
        Files of this kind that stay; `FILES_KEPT` by default.

    Raises
    ------
    ValueError
        If kind or key hold other characters than letters, digits, ``_`` and ``-``.
    """
    path = _path(kind, key)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(hashlib.sha256(data).digest())
                stream.write(data)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        _prune(path.parent, FILES_KEPT if files_kept is None else files_kept)


def toml_document(contents: bytes) -> dict[str, Any]:
    """Return what a TOML file says; kept as JSON, which is read twenty times faster.

    Parameters
    ----------
    contents : bytes
        Of the file.

    Raises
    ------
    ValueError
        If it is not UTF-8 text (`UnicodeDecodeError`) or not TOML (`tomllib.TOMLDecodeError`).
    RecursionError
        If it is nested too deeply.
    """
    key = hashlib.sha256(contents).hexdigest()
    stored = load(_TOML_KIND, key)
    document: dict[str, Any]
    if stored is not None:
        document = json.loads(stored)
        return document
    import tomllib  # noqa: PLC0415 -- a warm start needs none

    document = tomllib.loads(contents.decode("utf-8"))
    with contextlib.suppress(TypeError):  # dates, which JSON has not
        store(_TOML_KIND, key, json.dumps(document).encode())
    return document


def _prune(folder: Path, files_kept: int) -> None:
    with os.scandir(folder) as entries:
        files = [(entry.stat().st_mtime, entry.path) for entry in entries if entry.is_file() and not entry.name.startswith(".")]
    for _, path in sorted(files)[:-files_kept]:
        Path(path).unlink(missing_ok=True)
