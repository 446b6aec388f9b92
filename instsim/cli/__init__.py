"""The command ``instsim``."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import threading
from typing import NoReturn

from instsim.threads import ONE_THREAD

__all__ = ["console", "main"]

_INTERRUPTED = 130
_COLLECTED = (200_000, 2, 2)
"""Thresholds of the garbage collection: with Python's own a command's start spends a tenth of its time in it, and finds nothing.

Machines that are done with lie in reference cycles; with these they still go after a few more of them.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        Without the program's name; those of the process by default.

    Returns
    -------
    int
        0 done, 1 input that cannot be used, 2 wrong usage, 3 an incomplete answer, 4 a broken budget, 130 interrupted.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        # While modules were still loading; click turns later ones into Abort.
        return _interrupted()


def console() -> NoReturn:
    """Run the command line of this process, and leave it with the exit code of `main`."""
    # Not in `main`: a process that goes on afterwards, with machines of hundreds of megabytes in reference cycles, needs its collections.
    gc.set_threshold(*_COLLECTED)
    for closed in [name for name in ("stdout", "stderr") if getattr(sys, name) is None]:
        # By whoever started the command. The lowest free descriptor is the stream's own, which no other file may get.
        setattr(sys, closed, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 -- for as long as the process lives
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    code = main()
    if code != _INTERRUPTED:
        _leave(code)
    # Where the interrupt fell into an `exec` of a string (`dataclasses` has them), CPython remembers it as unhandled whoever caught it since, and
    # ends the process by the signal instead of by its exit code.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _leave(code: int) -> NoReturn:
    """End the process without taking the interpreter apart, which takes a tenth of a short command, unless somebody else still works in it."""
    processes = sys.modules.get("multiprocessing")
    if threading.active_count() > 1 or (processes is not None and processes.active_children()):
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 -- what `sys.exit` would run first; there is no other name for it
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)  # says what is wrong with the stream
    os._exit(code)


def _run(arguments: list[str] | None) -> int:
    import click  # noqa: PLC0415 -- keeps `import instsim.cli` free

    from instsim.cli.app import app  # noqa: PLC0415
    from instsim.errors import InstsimError  # noqa: PLC0415

    try:
        app.main(args=arguments, prog_name="instsim", standalone_mode=False)
    except InstsimError as error:
        from instsim.report.parts import printable  # noqa: PLC0415 -- names out of a firmware may hold anything

        print("\n".join(printable(line) for line in f"instsim: error: {error}".split("\n")), file=sys.stderr)
        return error.exit_code
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _interrupted()
    return 0


def _interrupted() -> int:
    print("instsim: interrupted", file=sys.stderr)
    return _INTERRUPTED
