"""The manifest of the bundled firmware: one TOML table for each image."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["KEPT_FIELDS", "read_manifest", "write_manifest"]

#: Measured elsewhere; a rebuild keeps them as long as the image's digest stays.
KEPT_FIELDS = ("issued_instructions", "region_issued_instructions")

_HEADER = """\
# Written by tools/build_firmware.py. Every image is built from the sources named, by the compiler named, and links nothing
# else but the compiler's own support library (libgcc, under the GCC Runtime Library Exception).
"""


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    # A JSON string, number or boolean is also one of TOML.
    return json.dumps(value, ensure_ascii=True)


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """Return the images of a manifest, none if there is no such file."""
    return list(tomllib.loads(path.read_text(encoding="utf-8")).get("image", [])) if path.is_file() else []


def write_manifest(path: Path, images: list[dict[str, Any]]) -> None:
    """Write a manifest."""
    tables = ["\n".join(["[[image]]", *(f"{name} = {_value(value)}" for name, value in image.items())]) for image in images]
    path.write_text(_HEADER + "\n" + "\n\n".join(tables) + "\n", encoding="utf-8")
