"""Fixtures for tests that hold firmware against limits; pytest loads this where instsim is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from instsim.session.estimate import Estimate

__all__ = ["instsim_estimate", "instsim_run", "pytest_configure"]

_MARKER = "instsim"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{_MARKER}(firmware, **options): what the fixture instsim_estimate estimates, as instsim.estimate takes it")


@pytest.fixture(scope="session")
def instsim_run(pytestconfig: pytest.Config) -> Callable[..., Estimate]:
    """Return a function that estimates a firmware, with the arguments of `instsim.estimate`; its path is relative to pytest's root folder."""

    def run(firmware: str | Path, **options: Any) -> Estimate:
        from instsim import estimate  # noqa: PLC0415 -- loaded by tests that use it only

        return estimate(pytestconfig.rootpath / firmware, **options)

    return run


@pytest.fixture
def instsim_estimate(request: pytest.FixtureRequest, instsim_run: Callable[..., Estimate]) -> Estimate:
    """Return the estimate that the test's marker ``instsim`` asks for.

    Raises
    ------
    pytest.UsageError
        If the test has no such marker, or it names no firmware.
    """
    marker = request.node.get_closest_marker(_MARKER)
    if marker is None or not (marker.args or "firmware" in marker.kwargs):
        raise pytest.UsageError(f'{request.node.nodeid}: say what to estimate: @pytest.mark.{_MARKER}(firmware="build/firmware.elf", board="...")')
    return instsim_run(*marker.args, **marker.kwargs)
