"""A progress line for long runs: virtual cycles and speed; nothing where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]

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
