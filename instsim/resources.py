"""Where the data files live: in a checkout, an editable install and a wheel alike."""

from __future__ import annotations

from pathlib import Path

__all__ = ["cost_tables", "firmware_elf"]

_PACKAGE = Path(__file__).resolve().parent


def _locate(folder: str) -> Path:
    installed = _PACKAGE / folder
    return installed if installed.is_dir() else _PACKAGE.parent / folder


def cost_tables() -> Path:
    """Return the folder of cores, memories, boards and their sources."""
    return _locate("cost_tables")


def firmware_elf() -> Path:
    """Return the folder of the bundled sample firmware."""
    return _locate("firmware_elf")
