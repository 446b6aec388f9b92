"""Which version of a core's cost model turned blocks into events: a predictor keeps events, and no code to make them again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from instsim.cost import pipelines
from instsim.cost.core_table import CoreTable

__all__ = ["cost_stamp"]

_APPLIED_BY = ("charge_matrix", "loop_paths", "charges")
_IMPORTED = re.compile(r"^from instsim\.cost\.(\w+) import", re.MULTILINE)


def cost_stamp(core: CoreTable) -> str:
    """Return a digest of what makes events of blocks on a core: its parameters, and the source of its pipeline model and of what applies it.

    Figures of the core's table are not part of it: they are looked up when a predictor is priced.
    """
    digest = hashlib.sha256(_source_digest(core.pipeline))
    digest.update(repr(sorted(core.parameter_values.items())).encode())
    return digest.hexdigest()[:16]


@cache
def _source_digest(pipeline: str) -> bytes:
    folder = Path(pipelines.__file__).resolve().parent
    model = folder / f"{pipeline}.py"
    digest = hashlib.sha256(model.read_bytes())
    for path in sorted({*(folder.parent / f"{name}.py" for name in _APPLIED_BY), *_imports(model, folder.parent)}):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.digest()


def _imports(module: Path, folder: Path) -> Iterator[Path]:
    """Yield the modules of the cost room that a module imports, and what these import."""
    for name in _IMPORTED.findall(module.read_text("utf-8")):
        path = folder / f"{name}.py"
        if path.is_file():
            yield path
            yield from _imports(path, folder)
