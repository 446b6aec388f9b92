"""One model's result."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from instsim.units import round_figure

__all__ = ["COLUMNS", "Outcome", "SweepRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one model, whatever it is called.

    Attributes
    ----------
    status : {'ok', 'failed'}
        Whether there are figures.
    reason : str
        Of a failure, one word: ``model`` (not a model), ``operator``, ``type``, ``shape``, ``size``, ``input``, ``set-up``, ``run``, ``runner`` (see
        `instsim.errors.SwapError`), ``unpriced``, ``file`` (cannot be read), ``crash`` (the process died), ``other``.
    message : str
        Of a failure, a sentence.
    cycles : float or None
        Of one inference.
    latency_s, latency_low_s, latency_high_s : float or None
        Latency and its interval, in seconds.
    energy_j, energy_low_j, energy_high_j : float or None
        Energy and its interval, in joules.
    macs : int or None
        Multiply-accumulates, padding included.
    arena_bytes : int or None
        Tensor arena: the smallest in which the model sets up (swap), or by the planner's rule (predictor).
    flash_bytes : int or None
        Constants of the model: weights, biases, shapes.
    domain : str
        By predictor, how the model lies to what was taught: ``inside``, ``beyond``, ``outside``; empty by swap.
    """

    status: str = "ok"
    reason: str = ""
    message: str = ""
    cycles: float | None = None
    latency_s: float | None = None
    latency_low_s: float | None = None
    latency_high_s: float | None = None
    energy_j: float | None = None
    energy_low_j: float | None = None
    energy_high_j: float | None = None
    macs: int | None = None
    arena_bytes: int | None = None
    flash_bytes: int | None = None
    domain: str = ""

    def __post_init__(self) -> None:
        for name in _FLOATS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, round_figure(float(value)) if math.isfinite(value) else None)

    @classmethod
    def failure(cls, reason: str, message: str) -> Outcome:
        """Return a failure."""
        return cls(status="failed", reason=reason, message=message)

    def document(self) -> dict[str, Any]:
        """Return what differs from a default, as JSON takes it."""
        return {field.name: value for field in fields(Outcome) if (value := getattr(self, field.name)) != field.default}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Outcome:
        """Return the outcome of a `document`; names that are not known are passed over.

        Raises
        ------
        TypeError
            If a figure is no number.
        """
        known = {field.name for field in fields(Outcome)}
        return cls(**{name: value for name, value in document.items() if name in known})


_FLOATS = ("cycles", "latency_s", "latency_low_s", "latency_high_s", "energy_j", "energy_low_j", "energy_high_j")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow(Outcome):
    """One model and what came of it.

    Attributes
    ----------
    path : str
        The model's file, or the name that a generator gave it, or its number.
    digest : str
        SHA-256 of the file, or of the layers; empty if it could not be read.
    model_bytes : int or None
        Size of the file, which lies in flash as a whole; None for layers.
    """

    path: str
    digest: str
    model_bytes: int | None = None

    @classmethod
    def of(cls, path: str, digest: str, model_bytes: int | None, outcome: Outcome) -> SweepRow:
        """Return the row of an outcome."""
        return cls(path=path, digest=digest, model_bytes=model_bytes, **{field.name: getattr(outcome, field.name) for field in fields(Outcome)})

    @property
    def is_ok(self) -> bool:
        """Whether there are figures."""
        return self.status == "ok"

    def cells(self) -> dict[str, Any]:
        """Return its values by the names of `COLUMNS`, in their order."""
        values = asdict(self)
        return {name: values[name] for name in COLUMNS}


COLUMNS: dict[str, type] = {
    "path": str, "digest": str, "status": str, "reason": str, "message": str, "cycles": float,
    "latency_s": float, "latency_low_s": float, "latency_high_s": float, "energy_j": float, "energy_low_j": float, "energy_high_j": float,
    "macs": int, "arena_bytes": int, "flash_bytes": int, "model_bytes": int, "domain": str,
}  # fmt: skip
"""Columns of the result files and their types."""
