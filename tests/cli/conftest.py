from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from instsim.cli import main
from instsim.resources import firmware_elf


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def instsim(capsys, tmp_path, monkeypatch):
    """Run a command inside this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def python(tmp_path):
    """Start a process of its own, for what a shell does to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in a job in the background of a shell: processes started here would ignore interrupts too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))

    def start(*arguments: str | Path, stdout=subprocess.PIPE, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )

    return start


@pytest.fixture(scope="session")
def images() -> Path:
    """Return the folder of the bundled ELF files."""
    return firmware_elf() / "elf"
