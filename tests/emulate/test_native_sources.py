"""Compiled hooks are kept under a digest of all they were compiled from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from instsim import artifacts
from instsim.dynamics import native_compiler
from instsim.emulate import native
from instsim.isa import Isa


def test_every_file_that_was_compiled_is_in_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = []

    class Watched(native_compiler._Module):
        def __init__(self) -> None:
            super().__init__()
            modules.append(self)

    monkeypatch.setattr(native_compiler, "_Module", Watched)
    monkeypatch.setenv(artifacts.ENVIRONMENT_VARIABLE, str(tmp_path))
    loaders: list[Any] = [native.load_hooks.__wrapped__, native.load_extension_hooks.__wrapped__]
    loaders += [lambda isa=isa: native.load_block_hook.__wrapped__(isa, branches=True, stacks=True, memory=True) for isa in Isa]
    for load in loaders:
        load()
    compiled = {Path(path).resolve() for module in modules for path in module._sources}
    listed = {(Path(native.__file__).parent / name).resolve() for name in native._SOURCES}
    assert len(compiled) > 5
    assert compiled <= listed
