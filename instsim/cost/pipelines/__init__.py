"""Static timing models, one module for each family of cores."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from instsim.cost.charges import Pipeline

__all__ = ["load_pipeline", "pipeline_names"]


def pipeline_names() -> tuple[str, ...]:
    """Return the names of all families, sorted; each is a module of this package."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


@functools.cache
def load_pipeline(name: str) -> Pipeline:
    """Return the model of a family.

    Raises
    ------
    KeyError
        If there is no such family.
    """
    if name not in pipeline_names():
        raise KeyError(name)
    pipeline: Pipeline = importlib.import_module(f"{__name__}.{name}").PIPELINE
    return pipeline
