"""Which version of the cost models turned blocks into events: a predictor keeps events, and no code to make them again."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from instsim.cost import pipelines

__all__ = ["cost_stamp"]


@cache
def cost_stamp() -> str:
    """Return a digest of the source of the pipeline models and of what applies them."""
    folder = Path(pipelines.__file__).resolve().parent
    digest = hashlib.sha256()
    for path in (*sorted(folder.glob("*.py")), folder.parent / "charge_matrix.py", folder.parent / "loop_paths.py"):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
