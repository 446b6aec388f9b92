"""What all tests share."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

_STATM = Path("/proc/self/statm")
_GROWTH_BYTES = 1 << 30
_COLLECTED = pytest.StashKey[int]()


def _resident_bytes() -> int:
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if _STATM.exists() else 0


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Free machines that tests left open: they lie in reference cycles, and hold memory that the garbage collector does not see."""
    is_last_of_module = nextitem is None or nextitem.path != item.path
    if is_last_of_module or _resident_bytes() > item.config.stash.get(_COLLECTED, 0) + _GROWTH_BYTES:
        gc.collect()
        item.config.stash[_COLLECTED] = _resident_bytes()
