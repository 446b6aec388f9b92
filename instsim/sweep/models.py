"""Which models a sweep is over: a folder, a list, single files, or whatever a caller generates."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from instsim.errors import InputError, InstsimError, UsageError
from instsim.model.layer import Layer, LayerNetwork, chain, layers_problem
from instsim.model.layer_reading import foreign_format
from instsim.session.model_file import read_model_file
from instsim.small_files import read_bytes

__all__ = ["Given", "SweepModel", "find_models", "read_models"]

SUFFIX = ".tflite"
_LARGEST_LIST_BYTES = 1 << 27
_LIST_HINT = "a list is text, one path on each line"

Given = str | os.PathLike[str] | bytes | LayerNetwork | Sequence[Layer]
"""A file, its bytes, or layers."""


@dataclass(frozen=True, slots=True)
class SweepModel:
    """A model of a sweep.

    Attributes
    ----------
    path : str
        Its file or name.
    content : bytes, LayerNetwork or None
        The file's bytes, or layers; None if it could not be read.
    digest : str
        SHA-256, empty if it could not be read.
    trouble : str
        Why it could not be read, or is no network.
    reason : str
        One word for that.
    """

    path: str
    content: bytes | LayerNetwork | None
    digest: str
    trouble: str = ""
    reason: str = "file"

    @property
    def size_bytes(self) -> int | None:
        """Size of the file."""
        return len(self.content) if isinstance(self.content, bytes) else None


def find_models(place: str | os.PathLike[str]) -> list[Path]:
    """Return the models of a folder (with those below it, sorted), of a list (one path a line, relative to it, ``#`` for remarks), or a single model.

    Raises
    ------
    UsageError
        If there is no such place, or no model in it.
    InputError
        If a list cannot be read.
    """
    path = Path(place)
    if path.is_dir():
        found = sorted(found for found in path.rglob(f"*{SUFFIX}") if found.is_file())
        if not found:
            raise UsageError(f"no {SUFFIX} file in {path}")
        return found
    if not path.exists():
        raise UsageError(f"there is no {path}", hint="give a folder of .tflite files, one .tflite file, or a text file that lists them")
    if path.suffix == SUFFIX:
        return [path]
    contents = read_bytes(path, InputError, what=f"the list of models {path}", most_bytes=_LARGEST_LIST_BYTES)
    other = foreign_format(contents)
    if other is not None:
        raise UsageError(f"{path} is {other[0]}, and instsim reads {SUFFIX} files", hint=other[1])
    if b"\0" in contents:
        raise InputError(f"{path} is neither a {SUFFIX} file nor a list", hint=_LIST_HINT)
    try:
        lines = contents.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read the list of models {path}: {error}", hint=_LIST_HINT) from error
    found = [path.parent / line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not found:
        raise UsageError(f"the list {path} names no model")
    return found


def read_models(models: Iterable[Given | tuple[str, Given]]) -> Iterator[SweepModel]:
    """Read models one by one, as they are asked for; one that cannot be read is told so in its `SweepModel`.

    Parameters
    ----------
    models : iterable
        Paths, bytes, `LayerNetwork` or sequences of `Layer`; or pairs of a name and one of these.
    """
    for number, given in enumerate(models):
        # A pair is told from two layers by its first element.
        if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
            name, model = given
            yield _read(name, model, is_named=True)
        else:
            yield _read(str(number), given, is_named=False)


def _read(name: str, model: Given, *, is_named: bool) -> SweepModel:
    if isinstance(model, (str, os.PathLike)):
        path = os.fspath(model)
        try:
            data = read_model_file(path)
        except InstsimError as error:
            return SweepModel(name if is_named else path, None, "", error.message)
        return SweepModel(name if is_named else path, data, hashlib.sha256(data).hexdigest())
    if isinstance(model, (bytes, bytearray, memoryview)):
        data = bytes(model)
        return SweepModel(name, data, hashlib.sha256(data).hexdigest())
    if not isinstance(model, LayerNetwork):
        layers: tuple[object, ...] = tuple(model) if hasattr(model, "__iter__") else ()
        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            raise UsageError(f"model {name} is a {type(model).__name__}", hint="give paths, bytes, or layers; or pairs of a name and one of these")
        problem = layers_problem(cast("tuple[Layer, ...]", layers))
        if problem:
            return SweepModel(name, None, "", problem, "shape")
        model = chain(cast("tuple[Layer, ...]", layers))
    return SweepModel(name, model, hashlib.sha256(repr(model.layers).encode()).hexdigest())
