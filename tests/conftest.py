"""What all tests share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _machines_of_a_module_do_not_outlive_it() -> Iterator[None]:
    """Machines that tests leave open lie in reference cycles, and hold tens of megabytes that the garbage collector does not see."""
    yield
    gc.collect()
