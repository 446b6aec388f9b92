"""What a sweep has found so far, on disk behind every model, so that a killed sweep goes on where it was."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from instsim.errors import InputError, UsageError
from instsim.sweep.row import Outcome

__all__ = ["Journal"]

_VERSION = 1


class Journal:
    """An append-only file of JSON lines, one for each model that is done, under the digests of model and setting.

    Lines of other settings (another runner, board, table or version) stay and are passed over. A line that a crash left half written is cut off.

    Parameters
    ----------
    path : Path
        The file; made if it is missing. The sweep that holds it has it alone.
    setting : str
        Digest of everything but the model that decides the figures.

    Raises
    ------
    UsageError
        If another sweep writes to it.
    InputError
        If it cannot be read or written, or is something else.
    """

    def __init__(self, path: Path, setting: str) -> None:
        self.path, self._setting = path, setting
        self._outcomes: dict[str, Outcome] = {}
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise self._trouble("open", error) from error
        try:
            self._lock()
            self._read()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def find(self, model: str) -> Outcome | None:
        """Return what was found for the model of that digest."""
        return self._outcomes.get(model)

    def append(self, found: Iterable[tuple[str, Outcome]]) -> None:
        """Add outcomes by their model's digest; they are on the disk when this returns.

        Raises
        ------
        InputError
            If they cannot be written. The file holds what it held before.
        """
        found = tuple(found)
        lines = [{"v": _VERSION, "setting": self._setting, "model": model, "outcome": outcome.document()} for model, outcome in found]
        data = "".join(json.dumps(line, allow_nan=False, separators=(",", ":")) + "\n" for line in lines).encode()
        before = os.fstat(self._file).st_size
        try:
            _write_all(self._file, data)
            os.fsync(self._file)
        except OSError as error:
            # A full disk takes part of a line; the next sweep would cut it off as well.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, before)
            raise self._trouble("write", error) from error
        self._outcomes.update(found)

    def _lock(self) -> None:
        try:
            import fcntl  # noqa: PLC0415 -- not on Windows, which instsim does not support, but does not break on import either
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another sweep is writing to {self.path}", hint="wait for it, or name another output") from error
        except OSError:
            # Some network file systems have no locks.
            return

    def _read(self) -> None:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise self._trouble("read", error) from error
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].splitlines()
        understood = 0
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                entry = json.loads(line)
                setting, model, outcome = str(entry["setting"]), str(entry["model"]), Outcome.read(entry["outcome"])
                understood += 1
                if setting == self._setting and entry["v"] == _VERSION:
                    self._outcomes[model] = outcome
        if data and not understood and (lines or not data.startswith(b"{")):
            raise InputError(f"{self.path} is not the journal of a sweep", hint="move it away, or name another output")
        if whole < len(data):
            os.ftruncate(self._file, whole)

    def _trouble(self, what: str, error: OSError) -> InputError:
        return InputError(
            f"cannot {what} the journal {self.path}: {error.strerror or error}",
            hint="what was found so far is kept: make room, and the same command goes on where it was",
        )


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
