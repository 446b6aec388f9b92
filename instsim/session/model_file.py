"""The model that a request names, and the options that go with it."""

from __future__ import annotations

from pathlib import Path

from instsim.errors import ModelError, UsageError
from instsim.session.request import Request
from instsim.small_files import read_bytes

__all__ = ["check_model_options", "model_name", "read_model_file"]

_LARGEST_FILE_BYTES = 1 << 28
"""More than the flash of any microcontroller."""

_ONLY_WITH_MODEL = (("save_outputs", "--save-outputs"), ("verify", "--verify"), ("allow_float", "--allow-float"))
_NEVER_WITH_MODEL = ("region", "start", "end", "dispatchers", "kernels", "serial", "expect", "entry", "stubs", "pokes", "peeks", "call_stacks")
_OPTION_NAMES = {"start": "--from", "end": "--to", "dispatchers": "--dispatcher", "stubs": "--stub", "pokes": "--poke", "peeks": "--peek"}


def check_model_options(request: Request) -> None:
    """Refuse options that go only with another model, or never.

    Raises
    ------
    UsageError
        Naming the option.
    """
    if request.model is None:
        for name, option in _ONLY_WITH_MODEL:
            if getattr(request, name):
                raise UsageError(f"{option} is for another model than the firmware's own", hint="give one with --model FILE")
        return
    for name in _NEVER_WITH_MODEL:
        if getattr(request, name):
            option = _OPTION_NAMES.get(name, "--" + name.replace("_", "-"))
            raise UsageError(f"{option} and --model exclude each other", hint="with --model one inference of that model is measured")
    if request.call != 1:
        raise UsageError("--call and --model exclude each other", hint="with --model one inference of that model is measured")


def model_name(model: str | bytes) -> str:
    """Return what a report calls a model: its file's name."""
    return Path(model).name if isinstance(model, str) else "model"


def read_model_file(model: str | bytes) -> bytes:
    """Return the bytes of a model given by its path or by its contents.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    if isinstance(model, bytes):
        return model
    return read_bytes(Path(model), ModelError, what=f"the model {model}", most_bytes=_LARGEST_FILE_BYTES)
