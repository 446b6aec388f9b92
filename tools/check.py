"""Run every check of the project, and say at the end what ran and how it went: ``python tools/check.py``.

Needs what ``pip install -e '.[dev]'`` installs. All checks run, or those that are named (``python tools/check.py mypy "ruff check"``), whatever
fails; the exit code is 1 if one did.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = (
    ("ruff check", ["-m", "ruff", "check", "."]),
    ("ruff format", ["-m", "ruff", "format", "--check", "."]),
    ("mypy", ["-m", "mypy"]),
    ("import-linter", ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]),
    ("pytest", ["-m", "pytest", "-q", "-n", "2"]),
)


def main() -> int:
    """Run the checks and return the exit code."""
    parser = argparse.ArgumentParser(description="Run the checks of the project.")
    parser.add_argument("check", nargs="*", help=f"of {', '.join(name for name, _ in CHECKS)}; all, if none is named")
    chosen = parser.parse_args().check
    unknown = set(chosen) - {name for name, _ in CHECKS}
    if unknown:
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    outcomes = []
    for name, arguments in CHECKS:
        if chosen and name not in chosen:
            continue
        print(f"== {name}: python {' '.join(arguments)}", flush=True)
        started = time.monotonic()
        code = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False).returncode
        outcomes.append((name, code, time.monotonic() - started))
    print(f"== Python {sys.version.split()[0]}, {sys.executable}")
    for name, code, seconds in outcomes:
        print(f"   {name:<14} {'passed' if code == 0 else f'FAILED (exit code {code})':<24} {seconds:6.1f} s")
    return int(any(code for _, code, _ in outcomes))


if __name__ == "__main__":
    sys.exit(main())
