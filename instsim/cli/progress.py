"""Progress of long runs, by virtual cycles, and of many of them, by their number; nothing where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["matrix_progress", "progress"]

_QUIET_S = 1.0
_EVERY_S = 0.2


@contextmanager
def progress(name: str) -> Iterator[Callable[[int], None] | None]:
    """Give a callback that shows how far a run is, on standard error, from the second second on.

    Parameters
    ----------
    name : str
        What runs.

    Yields
    ------
    callable or None
        ``callback(cycles)``; None if standard error is no terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    started = last = time.monotonic()
    shown = False

    def show(cycles: int) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - started < _QUIET_S or now - last < _EVERY_S:
            return
        last, shown = now, True
        rate = cycles / (now - started)
        sys.stderr.write(f"\r{name}: {cycles / 1e6:,.0f} M cycles, {rate / 1e6:,.0f} M cycles/s ")
        sys.stderr.flush()

    try:
        yield show
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def matrix_progress() -> Iterator[Callable[[int, int], None] | None]:
    """Give a callback that draws how many estimates are done, on standard error; nothing where nobody watches.

    Yields
    ------
    callable or None
        ``callback(done, total)``.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 -- only where a terminal is drawn on
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("estimates"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("estimates", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show
